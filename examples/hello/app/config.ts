import { databaseSchemes } from './database-dialect.ts';

/** One address, or the nodes of a cluster, any of which tells of the others. */
export type CacheAddress =
  | { readonly url: string }
  | {
      readonly nodes: readonly { readonly host: string; readonly port: number }[];
      readonly username: string;
      readonly password: string;
      readonly tls: boolean;
    };

/** What the site tells the application, read once at start. Values of variables marked secret never appear in a message. */
export interface Config {
  readonly port: number;
  readonly version: string;
  readonly slot: 'blue' | 'green';
  readonly domain: string;
  readonly database: { readonly url: string; readonly poolSize: number };
  readonly redis: CacheAddress;
  readonly s3: {
    readonly endpoint: URL;
    readonly region: string;
    readonly accessKey: string;
    readonly secretKey: string;
    readonly bucket: string;
  };
}

/** Every problem at once, each naming its variable: `sysexits.h` calls a start that fails for this reason EX_CONFIG, 78. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {@link ConfigError} with one line for each variable that is missing or cannot be used; no line repeats a value. */
export function readConfig(environment: Environment): Config {
  const problems: string[] = [];
  const complain = (name: string, what: string): void => void problems.push(`${name} ${what}`);

  const text = (name: string): string => {
    const value = environment[name]?.trim() ?? '';
    if (value === '') complain(name, 'is missing');
    return value;
  };
  const whole = (name: string, least: number, most: number, fallback?: number): number => {
    const value = fallback !== undefined && !environment[name]?.trim() ? String(fallback) : text(name);
    const number = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
    if (value !== '' && !(number >= least && number <= most)) complain(name, `must be a whole number from ${least} to ${most}`);
    return number;
  };
  const url = (name: string, schemes: readonly string[]): string => {
    const value = text(name);
    const scheme = URL.canParse(value) ? new URL(value).protocol.slice(0, -1) : '';
    if (value !== '' && !schemes.includes(scheme))
      complain(name, `must be a URL that starts with ${schemes.map((s) => `${s}://`).join(' or ')}`);
    return value;
  };

  const cache = (): CacheAddress => {
    const name = 'REDIS_CLUSTER_NODES';
    if (!environment[name]?.trim()) return { url: url('REDIS_URL', ['redis', 'rediss']) };
    const nodes = text(name)
      .split(',')
      .map((one) => /^([^\s:,]+):(\d{1,5})$/.exec(one));
    if (nodes.includes(null)) complain(name, 'must be a list of host:port, with commas between them');
    return {
      nodes: nodes.map((node) => ({ host: node?.[1] ?? '', port: Number(node?.[2]) })),
      username: text('REDIS_USERNAME'),
      password: text('REDIS_PASSWORD'),
      tls: environment['REDIS_TLS'] === 'verify',
    };
  };

  const slot = text('BERTH_SLOT');
  if (slot !== '' && slot !== 'blue' && slot !== 'green') complain('BERTH_SLOT', 'must be blue or green');

  const endpoint = url('S3_ENDPOINT', ['http', 'https']);
  const rest: Omit<Config, 's3'> = {
    port: whole('PORT', 0, 65_535, 3000), // 0 lets the system choose, which tests use
    version: text('APP_VERSION'),
    slot: slot === 'green' ? 'green' : 'blue',
    domain: text('BERTH_DOMAIN'),
    database: { url: url('DATABASE_URL', databaseSchemes), poolSize: whole('DATABASE_POOL_SIZE', 1, 1000) },
    redis: cache(),
  };
  const s3 = { region: text('S3_REGION'), accessKey: text('S3_ACCESS_KEY'), secretKey: text('S3_SECRET_KEY'), bucket: text('S3_BUCKET') };
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...rest, s3: { ...s3, endpoint: new URL(endpoint) } };
}
