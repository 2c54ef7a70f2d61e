import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { lintSite } from '../../../cli/lint-site.ts';
import { onlyProblem, specOf } from '../spec/specs.ts';
import { prepareHello } from './hello.ts';

const set = {
  'databases.database': {
    engine: 'postgres',
    name: 'shop',
    external: { host: 'db.corp.example', port: 6432, user: 'shop@corp', tls: 'verify' },
  },
  'caches.cache': { engine: 'valkey', external: { host: '10.9.8.7', tls: 'off' } },
  'stores.files': { engine: 'minio', external: { host: 's3.corp.example', accessKey: 'AK1' }, buckets: { notes: {} } },
  'services.web.secrets': { API_KEY: { supplied: true } },
};
const supplied = { 'database-app': 'p@ss', 'cache-app': 'plain', 'files-app': 'S/K+1', 'web-API_KEY': 'sk-1 $HOME\n' };
const made = (site: PreparedSite | undefined): PreparedSite => site ?? expect.unreachable('not made');

describe('a site whose database, cache and store stand elsewhere', () => {
  let [compose, kubernetes]: [PreparedSite | undefined, PreparedSite | undefined] = [undefined, undefined];
  beforeAll(async () => {
    [compose, kubernetes] = [await prepareHello({ set, supplied }), await prepareHello({ set, supplied, target: 'kubernetes' })];
  });
  const services = () =>
    parse(made(compose).decision.merged.get('compose.yaml') ?? '') as {
      services: Record<string, { networks: string[] }>;
      volumes?: object;
    };
  const objects = () =>
    [parseAllDocuments(made(kubernetes).decision.merged.get('k8s/generated/web.yaml') ?? '')]
      .flat()
      .map((document) => document.toJS() as Record<string, unknown>);

  test('runs nothing of them, and keeps no volume', () => {
    expect(Object.keys(services().services)).toEqual(['edge', 'web-blue', 'web-green']);
    expect(services().volumes).toBeUndefined();
    expect(made(compose).plan.services.map(({ name }) => name)).toEqual(['edge', 'web']);
  });

  test('hands their addresses over under the same names, passwords as a URL has them', () => {
    const env = made(compose).decision.merged.get('secrets/web.env') ?? '';
    expect(env).toContain('DATABASE_URL=postgres://shop%40corp:p%40ss@db.corp.example:6432/shop?sslmode=verify-full\n');
    expect(env).toContain('REDIS_URL=redis://default:plain@10.9.8.7:6379/0\n');
    expect(env).toContain('S3_SECRET_KEY=S/K+1\n');
    expect(env).toContain("API_KEY='sk-1 $HOME'\n");
    expect(made(compose).decision.merged.get('compose.yaml')).toMatch(/S3_ENDPOINT: "https:\/\/s3\.corp\.example"/);
  });

  test('lets the application out, on one host to any address, in a cluster to their ports alone', () => {
    expect(services().services['web-blue']?.networks).toEqual(['app', 'egress']);
    const policy = objects().find(({ kind }) => kind === 'NetworkPolicy') as {
      spec: { egress: readonly { to: unknown; ports?: readonly { port: number }[] }[] };
    };
    const rules = policy.spec.egress.map(({ to, ports }) => [JSON.stringify(to), ports?.map(({ port }) => port)]);
    expect(rules).toContainEqual(['[{"ipBlock":{"cidr":"10.9.8.7/32"}}]', [6379]]);
    expect(rules).toContainEqual(['[{"ipBlock":{"cidr":"0.0.0.0/0"}},{"ipBlock":{"cidr":"::/0"}}]', [6432]]);
    expect(rules.some(([, ports]) => ports === undefined)).toBe(false);
  });

  test('has nothing open, and waits in the cluster for the database with its client', () => {
    for (const site of [made(compose), made(kubernetes)]) expect(lintSite(site.plan, site.decision.merged).findings).toEqual([]);
    expect(JSON.stringify(objects())).toContain('"name":"PGSSLMODE","value":"verify-full"');
  });

  test('says what is still to be supplied, and is written all the same', async () => {
    const site = await prepareHello({ set });
    expect(site.awaited).toEqual([
      'secrets/supplied/database-app',
      'secrets/supplied/cache-app',
      'secrets/supplied/files-app',
      'secrets/supplied/web-API_KEY',
    ]);
    expect(site.decision.merged.get('secrets/web.env')).toBe('');
    expect(made(compose).awaited).toEqual([]);
  });
});

test('an external Memcached is reached by its address alone: no secret is asked for', async () => {
  const external = { 'caches.cache': { engine: 'memcached', external: { host: 'cache.corp.example', port: 11_311 } } };
  const site = await prepareHello({ set: external });
  expect(site.awaited).toEqual([]);
  expect(site.decision.merged.get('compose.yaml')).toContain('MEMCACHED_URL: "memcached://cache.corp.example:11311"');
});

describe('an external server', () => {
  const spec = (database: string) =>
    `apiVersion: berth/v1\nname: hello\nprofile: minimum\nservices: { web: { image: "r/a:1", port: 1, uses: [db] } }\ndatabases: { db: ${database} }\n`;

  test('has the port of its engine, an account called like the database, and TLS', () => {
    expect(specOf(spec('{ engine: postgres, external: { host: db.example } }')).externals).toMatchObject([
      { name: 'db', kind: 'database', host: 'db.example', port: 5432, user: 'hello', database: 'hello', tls: 'require' },
    ]);
  });

  test.each([
    [
      '{ engine: postgres, memory: 8Gi, external: { host: db.example } }',
      'databases.db.memory: means nothing for a server that stands elsewhere',
    ],
    ['{ engine: postgres, external: {} }', 'databases.db.external.host: missing: expected a host name or an address'],
    ['{ engine: postgres, external: { host: "a b" } }', 'databases.db.external.host: expected a host name or an address'],
    ['{ engine: postgres, external: { host: "x:1" } }', 'databases.db.external.host: expected a host name or an address'],
    ['{ engine: postgres, external: { host: db.example, user: "a b" } }', 'databases.db.external.user: expected an account'],
    ['{ engine: postgres, external: { host: db.example, tls: maybe } }', 'databases.db.external.tls: expected off, require or verify'],
  ])('is refused as %s', (database, problem) => {
    expect(onlyProblem(spec(database))).toContain(problem);
  });
});
