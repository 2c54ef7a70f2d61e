import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { lintSite } from '../../../cli/lint-site.ts';
import type { PreparedSite } from '../../../cli/site.ts';
import { checkComposeSchema } from '../../../generator/render/check-compose-schema.ts';
import { checkKubernetesSchema } from '../../../generator/render/check-kubernetes-schema.ts';
import { prepareHello, toBucket } from './hello.ts';

const ca = '/run/secrets/site-ca';
const { supplied, files } = toBucket;
/** Servers of all kinds that know each other; the application runs on what `runtime` says. */
const setOf = (runtime: string, cache: object) => ({
  ...toBucket.set,
  'backups.databases': {},
  'backups.caches': {},
  'internalTls': true,
  'databases.database': { engine: 'mysql', topology: 'primary-replica' },
  'databases.books': { engine: 'mariadb', topology: 'primary-replica' },
  'services.web.runtime': runtime,
  'services.web.migrate': { command: ['node', 'migrate.js'] },
  'services.web.uses': { database: 'DATABASE_URL', books: 'BOOKS_URL', cache: 'REDIS_URL', files: 'S3' },
  'caches.cache': cache,
});
const behindProxy = { engine: 'valkey', use: 'sessions', topology: 'sentinel' };
const cluster = { engine: 'redis', use: 'sessions', client: 'cluster' };
const prepare = (set: ReturnType<typeof setOf>, target: 'compose' | 'kubernetes' = 'compose') =>
  prepareHello({ set, supplied, files, target, profile: 'recommended', host: { cpus: 400, memory: '4Ti', disk: '40Ti' } });
const of = (site: PreparedSite, path: string): string => site.decision.merged.get(path) ?? expect.unreachable(`no ${path}`);
const certificate = (site: PreparedSite, name: string) => new X509Certificate(of(site, `secrets/${name}-certificate`));

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly (string | { readonly source: string })[];
  readonly healthcheck?: { readonly test: readonly string[] };
}
const serviceOf = (site: PreparedSite, name: string): Service =>
  (parse(of(site, 'compose.yaml')) as { readonly services: Readonly<Record<string, Service>> }).services[name] ??
  expect.unreachable(`no ${name}`);
const secretsOf = (service: Service): readonly string[] =>
  (service.secrets ?? []).map((one) => (typeof one === 'string' ? one : one.source));
const testOf = (service: Service): string => service.healthcheck?.test.join(' ') ?? '';

let watched: PreparedSite;
let [divided, inCluster]: PreparedSite[] = [];
const cutUp = (): PreparedSite => divided ?? expect.unreachable();

beforeAll(async () => {
  watched = await prepare(setOf('node', behindProxy));
  divided = await prepare(setOf('java', cluster));
  inCluster = await prepare(setOf('python', behindProxy), 'kubernetes');
});

test('certificates carry no name that is longer than the standard lets it be, however long that of the site is', async () => {
  const namespace = { 'kubernetes.namespace': 'restaurant-reservation-of-a-chain-in-production' };
  const long = await prepare(Object.assign(setOf('node', cluster), namespace), 'kubernetes');
  const names = [...(long.ledger.servers ?? [])].map(
    ([, pair]) => /CN=(.*)/.exec(new X509Certificate(pair.certificate).subject)?.[1] ?? '',
  );
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => name === '' || name.length > 64)).toEqual([]);
});

describe('MySQL and MariaDB that speak TLS', () => {
  test.each(['database', 'database-replica', 'books', 'books-replica'])('take nobody in without it: %s', (name) => {
    const settings = of(watched, `config/${name}/berth.cnf`);
    expect(settings).toMatch(/^require_secure_transport = ON$/m);
    expect(settings).toContain(`\nssl_cert = /run/secrets/${name}-certificate\n`);
    expect(settings).toContain(`\nssl_key = /run/secrets/${name}-key\n`);
    expect(certificate(watched, name).checkHost(name)).toBe(name);
    expect(secretsOf(serviceOf(watched, name))).toEqual(expect.arrayContaining([`${name}-certificate`, `${name}-key`, 'site-ca']));
    expect(testOf(serviceOf(watched, name))).not.toContain('--skip-ssl');
  });

  test('are asked by nobody who does not check them', () => {
    for (const [path, words] of [
      ['database', `ssl-ca=${ca}\nssl-mode=VERIFY_IDENTITY\n`],
      ['books', `ssl-ca=${ca}\nssl-verify-server-cert\n`],
    ] as const)
      for (const account of ['admin', 'health', 'replication'])
        expect(of(watched, `secrets/${path}-${account}-client`).endsWith(`\n${words}`)).toBe(true);
    for (const name of ['database', 'books']) {
      expect(secretsOf(serviceOf(watched, `${name}-accounts`))).toContain('site-ca');
      const scripts = [...watched.decision.merged].filter(([path]) => path.startsWith(`config/${name}`) && path.endsWith('.sh'));
      expect(scripts.filter(([, text]) => text.includes('--skip-ssl')).map(([path]) => path)).toEqual([]);
    }
    expect(of(watched, 'SITE.md')).not.toContain('--skip-ssl');
  });

  test('are copied and followed by whoever checks them', () => {
    expect(of(watched, 'config/database-replica/replica.sh')).toContain(
      `SOURCE_SSL = 1, SOURCE_SSL_CA = '${ca}', SOURCE_SSL_VERIFY_SERVER_CERT = 1`,
    );
    expect(of(watched, 'config/database-replica/copy.sh')).toMatch(/SET GLOBAL clone_ssl_ca = '.*';\nCLONE INSTANCE .* REQUIRE SSL;/);
    expect(of(watched, 'config/books-replica/replica.sh')).toContain(
      `MASTER_SSL = 1, MASTER_SSL_CA = '${ca}', MASTER_SSL_VERIFY_SERVER_CERT = 1`,
    );
  });

  test.each([
    ['node', () => watched, 'ssl=%7B%22rejectUnauthorized%22%3Atrue%2C%22verifyIdentity%22%3Atrue%7D'],
    ['java', () => cutUp(), `sslMode=VERIFY_IDENTITY&serverSslCert=${ca}`],
  ] as const)('are told to an application by words that drivers of its language read: %s', (_, site, words) => {
    const lines = of(site(), 'secrets/web.env').split('\n');
    for (const name of ['DATABASE_URL', 'DATABASE_READ_URL', 'BOOKS_URL', 'BOOKS_READ_URL'])
      expect(lines.find((line) => line.startsWith(`${name}=`))).toMatch(/mysql:\/\/\w+:\w+@[\w-]+:3306\/\w+\?/);
    expect(lines.filter((line) => line.includes(`?${words}`))).toHaveLength(4);
    expect(serviceOf(site(), 'web-blue').environment).toMatchObject({ DATABASE_URL_TLS: 'verify', BOOKS_URL_CA: ca });
  });

  test('are waited for by gates that check them, and backed up by agents that do', () => {
    const gates = inCluster?.plan.services.find(({ name }) => name === 'web')?.gates ?? [];
    const argv = (name: string): string => gates.find((gate) => gate.name === name)?.argv.join(' ') ?? '';
    expect(argv('wait-for-database')).toContain(`--ssl-mode=VERIFY_IDENTITY --ssl-ca=${ca}`);
    expect(argv('wait-for-books')).toContain(`--ssl-verify-server-cert --ssl-ca=${ca}`);
    const jobs = watched.plan.agents.flatMap(({ config }) => config.backups?.jobs ?? []);
    expect(jobs.filter(({ database }) => database !== undefined).map(({ name, database }) => [name, database?.ca])).toEqual([
      ['database', ca],
      ['books', ca],
    ]);
  });
});

describe('a cache of several nodes that speaks TLS', () => {
  test('has a certificate for all nodes that are alike, by each name that leads there, that of the proxy among them', () => {
    expect(certificate(watched, 'cache-node').subjectAltName).toBe(
      'DNS:cache-node-0, DNS:cache-node-1, DNS:cache-node-2, DNS:cache, DNS:localhost, IP Address:127.0.0.1',
    );
    expect(certificate(watched, 'cache-sentinel').checkHost('cache-sentinel-2')).toBe('cache-sentinel-2');
    const names = inCluster?.plan.servers.find(({ service }) => service === 'cache-node')?.names;
    expect(names).toEqual(expect.arrayContaining(['cache-node-1.cache-node-nodes.hello.svc.cluster.local', 'cache.hello.svc']));
    // On the bus of a cluster each shows its certificate to the other, as a client as well.
    expect(certificate(cutUp(), 'cache-shard').keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate(cutUp(), 'cache-shard').checkHost('cache-shard-2-1')).toBe('cache-shard-2-1');
    expect(certificate(watched, 'cache-node').keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  test('has no port without it, and its nodes ask each other by it', () => {
    for (const [site, path, port] of [
      [watched, 'cache-node/valkey.conf', '6379'],
      [watched, 'cache-sentinel/sentinel.conf', '26379'],
      [cutUp(), 'cache-shard/redis.conf', '6379'],
    ] as const) {
      const settings = of(site, `config/${path}`);
      expect(settings).toMatch(/^port 0$/m);
      expect(settings).toMatch(new RegExp(`^tls-port "${port}"$`, 'm'));
      expect(settings).toMatch(/^tls-replication "yes"$/m);
    }
    expect(of(cutUp(), 'config/cache-shard/redis.conf')).toMatch(/^tls-cluster "yes"$/m);
    expect(of(watched, 'config/cache-node/valkey.conf')).not.toContain('tls-cluster');
    const asking = /timeout 3 (?:valkey|redis)-cli .*--tls --cacert \/run\/secrets\/site-ca/;
    for (const script of ['cache-node/node.sh', 'cache-sentinel/sentinel.sh']) expect(of(watched, `config/${script}`)).toMatch(asking);
    expect(of(cutUp(), 'config/cache-shard/cluster.sh')).toMatch(asking);
    for (const name of ['cache-node-0', 'cache-sentinel-1']) {
      expect(testOf(serviceOf(watched, name))).toContain(`--tls --cacert ${ca}`);
      const own = name.replace(/-\d$/, '');
      expect(secretsOf(serviceOf(watched, name))).toEqual(expect.arrayContaining([`${own}-certificate`, `${own}-key`, 'site-ca']));
    }
  });

  test('is led to by a proxy that hands TLS on, and checks by it who is the primary', () => {
    const proxy = of(watched, 'config/cache/haproxy.cfg');
    expect(proxy).toContain(`default-server check check-ssl verify required ca-file '${ca}' `);
    expect(proxy).toContain(`server node_1 'cache-node-1':6379 verifyhost 'cache-node-1'`);
    expect(proxy).toContain(`server sentinel_2 'cache-sentinel-2':26379 verifyhost 'cache-sentinel-2'`);
    expect(proxy).not.toMatch(/bind .* ssl/);
    expect(secretsOf(serviceOf(watched, 'cache'))).toEqual(['site-ca']);
    expect(testOf(serviceOf(watched, 'cache'))).toContain('/dev/tcp/127.0.0.1/8404');
    expect(of(watched, 'secrets/web.env')).toMatch(/^REDIS_URL='?rediss:/m);
  });

  test('is told to applications that find the nodes themselves, as no URL says it', () => {
    expect(serviceOf(cutUp(), 'web-blue').environment).toMatchObject({ REDIS_TLS: 'verify', REDIS_CA: ca });
    expect(serviceOf(watched, 'web-blue').environment).not.toHaveProperty('REDIS_TLS');
  });
});

test('such sites are sound by lint and schema, and start alike in both targets', async () => {
  for (const site of [watched, cutUp(), inCluster]) expect(site && lintSite(site.plan, site.decision.merged).findings).toEqual([]);
  expect(checkComposeSchema(of(watched, 'compose.yaml'))).toEqual([]);
  const broken = [...(inCluster?.decision.merged ?? [])]
    .filter(([path]) => /^k8s\/(?:generated|site|secrets)\/[^/]+\.yaml$/.test(path))
    .flatMap(([path, text]) => checkKubernetesSchema(text).map((complaint) => `${path}: ${complaint}`));
  expect(broken).toEqual([]);
  for (const path of ['database/berth.cnf', 'database-replica/copy.sh', 'cache-node/valkey.conf', 'database-accounts/accounts.sh'])
    expect(of(inCluster ?? expect.unreachable(), `k8s/generated/config/${path}`)).toBe(of(watched, `config/${path}`));
});
