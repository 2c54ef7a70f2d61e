import { minio } from '../../../model/engines/minio.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import type { Dependency, Gate, PlannedService, SecretText, Size } from '../../../model/plan.ts';
import type { ExternalSpec, StackSpec, Use } from '../../../model/stack-spec.ts';
import { accountOf } from './minio.ts';

/** Runs `try` until it succeeds, three minutes at most. */
const waiting = (service: string, attempt: string): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `tries=0; until ${attempt} >/dev/null 2>/tmp/why; do tries=$((tries+1)); if [ $tries -ge 90 ]; then echo "${service} is not ready after three minutes; the application starts without: $(cat /tmp/why)" >&2; exit 0; fi; sleep 2; done`,
];

/** What a gate is made of: the size of a task, and the accounts that the images of the engines are made for. */
export interface ForGates {
  readonly task: Size;
  readonly images: { readonly postgres: string; readonly minio: string };
}

export interface Connection {
  readonly connects: PlannedService['connects'];
  readonly outside: NonNullable<PlannedService['outside']>;
  readonly gates: readonly Gate[];
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, SecretText>>;
  readonly after: readonly Dependency[];
}

/** Where a database answers, as whom, and under which name; its own or somebody else's. */
function databaseAt(
  service: string,
  spec: StackSpec,
): { readonly host: string; readonly port: number; readonly user: string; readonly database: string; readonly sslmode?: string } {
  const elsewhere = spec.externals.find(({ name }) => name === service);
  if (elsewhere) return { ...elsewhere, sslmode: sslmodes[elsewhere.tls] };
  const database = spec.databases.find(({ name }) => name === service)?.database ?? spec.name;
  return { host: service, port: postgres.port, user: database, database };
}

const sslmodes = { off: 'disable', require: 'require', verify: 'verify-full' } as const;

/** A client of a database that logs in as the application does. */
export const clientOf = (service: string, spec: StackSpec, { task, images }: ForGates): Omit<Gate, 'name' | 'argv'> => {
  const { host, port, user, database, sslmode } = databaseAt(service, spec);
  return {
    image: 'postgres',
    user: images.postgres,
    env: {
      PGHOST: host.replaceAll(/[[\]]/g, ''),
      PGPORT: String(port),
      PGUSER: user,
      PGDATABASE: database,
      PGCONNECT_TIMEOUT: '5',
      ...(sslmode === undefined ? {} : { PGSSLMODE: sslmode, ...(sslmode === 'verify-full' ? { PGSSLROOTCERT: 'system' } : {}) }),
    },
    secretEnv: { PGPASSWORD: [{ secret: `${service}-app` }] },
    size: task,
  };
};

interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly account: string;
  readonly buckets: readonly { readonly name: string }[];
}

/** The parts of an S3 connection that are no secret. */
const s3Variables = (prefix: string, { endpoint, region, account, buckets }: S3Access): Readonly<Record<string, string>> => ({
  [`${prefix}_ENDPOINT`]: endpoint,
  [`${prefix}_REGION`]: region,
  [`${prefix}_ACCESS_KEY`]: account,
  ...Object.fromEntries(
    buckets.length === 1
      ? buckets.map(({ name }) => [`${prefix}_BUCKET`, name])
      : buckets.map(({ name }) => [`${prefix}_BUCKET_${name.toUpperCase().replaceAll('-', '_')}`, name]),
  ),
});

/** What stands elsewhere: the same variables, and a way out to exactly that port. */
function connectElsewhere(
  use: Use,
  { kind, host, port, tls, user, database, buckets, region }: ExternalSpec,
  spec: StackSpec,
  forGates: ForGates,
): Connection {
  const password = { secret: `${use.service}-app`, encoded: 'url' } as const;
  const base = { after: [], connects: [], outside: [{ host, port }], gates: [] };
  const account = encodeURIComponent(user);
  if (kind === 'database')
    return {
      ...base,
      env: {},
      secretEnv: { [use.variable]: [`postgres://${account}:`, password, `@${host}:${port}/${database}?sslmode=${sslmodes[tls]}`] },
      gates: [
        {
          name: `wait-for-${use.service}`,
          ...clientOf(use.service, spec, forGates),
          argv: waiting(use.service, "psql --no-psqlrc --quiet --command='SELECT 1'"),
        },
      ],
    };
  if (kind === 'cache')
    return {
      ...base,
      env: {},
      secretEnv: { [use.variable]: [`redis${tls === 'off' ? '' : 's'}://${account}:`, password, `@${host}:${port}/${database}`] },
    };
  const endpoint = new URL(`${tls === 'off' ? 'http' : 'https'}://${host}:${port}`).origin;
  return {
    ...base,
    env: s3Variables(use.variable, { endpoint, region, account: user, buckets }),
    secretEnv: { [`${use.variable}_SECRET_KEY`]: [{ secret: `${use.service}-app` }] },
  };
}

/** What an application needs to know of one thing it uses: whole URLs, and for S3 its parts. */
export function connect(use: Use, spec: StackSpec, forGates: ForGates): Connection {
  const { task, images } = forGates;
  const done = (service: string): Dependency => ({ service, condition: 'service_completed_successfully', required: true });
  const elsewhere = spec.externals.find(({ name }) => name === use.service);
  if (elsewhere) return connectElsewhere(use, elsewhere, spec, forGates);
  if (use.kind === 'database') {
    const { user, database } = databaseAt(use.service, spec);
    return {
      env: {},
      secretEnv: {
        [use.variable]: [`postgres://${user}:`, { secret: `${use.service}-app` }, `@${use.service}:${postgres.port}/${database}`],
      },
      after: [done(`${use.service}-accounts`)],
      connects: [{ service: use.service, port: postgres.port }],
      outside: [],
      gates: [
        {
          name: `wait-for-${use.service}`,
          ...clientOf(use.service, spec, forGates),
          argv: waiting(use.service, "psql --no-psqlrc --quiet --command='SELECT 1'"),
        },
      ],
    };
  }
  // It comes up, degraded, while its cache is down.
  if (use.kind === 'cache')
    return {
      env: {},
      secretEnv: { [use.variable]: ['redis://app:', { secret: `${use.service}-app` }, `@${use.service}:${valkey.port}/0`] },
      after: [],
      connects: [{ service: use.service, port: valkey.port }],
      outside: [],
      gates: [],
    };
  const buckets = spec.stores.find((store) => store.name === use.service)?.buckets ?? [];
  return {
    env: s3Variables(use.variable, {
      endpoint: `http://${use.service}:${minio.port}`,
      region: minio.region,
      account: accountOf(spec),
      buckets,
    }),
    secretEnv: { [`${use.variable}_SECRET_KEY`]: [{ secret: `${use.service}-app` }] },
    after: [done(`${use.service}-buckets`)],
    connects: [{ service: use.service, port: minio.port }],
    outside: [],
    gates: [
      {
        name: `wait-for-${use.service}`,
        image: 'minio',
        user: images.minio,
        argv: waiting(use.service, buckets.map((bucket) => `mc --quiet ls app/${bucket.name}`).join(' && ')),
        env: { MC_CONFIG_DIR: '/tmp/.mc', HOME: '/tmp', GOMAXPROCS: '1' },
        secretEnv: { MC_HOST_app: [`http://${accountOf(spec)}:`, { secret: `${use.service}-app` }, `@${use.service}:${minio.port}`] },
        size: task,
      },
    ],
  };
}
