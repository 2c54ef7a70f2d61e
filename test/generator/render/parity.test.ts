import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { listExamples } from '../../../generator/io/examples.ts';
import { suppliedPath } from '../../../generator/io/supplied-secrets.ts';
import { profileNames } from '../../../model/profile.ts';
import { fromCompose, fromKubernetes, objectsOf, sorted } from './facts.ts';
import type { Facts } from './facts.ts';
import type { Hello } from './hello.ts';
import { databaseOf, elsewhere, everyKind, helloPlan, prepareHello, toBucket } from './hello.ts';

/** More than every profile wishes for, so that both targets give the same. */
const host = { cpus: 400, memory: '4Ti', disk: '40Ti' };
/** A cache whose keys are divided, beside the one whose topology the profile chooses. */
const divided = {
  'caches.sessions': { engine: 'redis', use: 'sessions', client: 'cluster', memory: '256Mi' },
  'services.mail': { ...everyKind['services.mail'], uses: { sessions: 'SESSIONS_URL' } },
};
/** Backups to a bucket, so that agents are compared as well. Volumes are copied on one host alone. */
const copied = { ...toBucket.set, 'backups.volumes': 'none' };

interface Row extends Hello {
  readonly what: string;
  /** Services that are compared here, among others. */
  readonly has: readonly string[];
}

const engines: readonly Row[] = (
  [
    ['minimum', 'postgres', []],
    ['recommended', 'postgres', ['database-replica']],
    ['high-performance', 'postgres', ['database-replica', 'database-replica-2']],
    ['minimum', 'mysql', []],
    ['recommended', 'mysql', ['database-replica']],
    ['minimum', 'mariadb', []],
    ['recommended', 'mariadb', ['database-replica']],
    ['high-performance', 'mariadb', ['database-replica', 'database-replica-2']],
    ['minimum', 'mongodb', []],
    ['high-performance', 'mongodb', ['database-member-2', 'database-member-3']],
    ['minimum', 'sqlserver', []],
    ['high-performance', 'sqlserver', []],
  ] as const
).map(([profile, engine, copies]) => ({
  what: `hello at ${profile} with ${engine}`,
  profile,
  env: { ODD: `$HOME $$ $(PORT) $$(PORT) " ' # : {{x}} \n é` },
  set: { ...everyKind, ...databaseOf(engine), ...divided },
  has: [
    'edge',
    'web-blue',
    'web-green',
    'web-migrate-blue',
    'jobs',
    'mail',
    'report',
    'pages-blue',
    'pages-green',
    'database',
    'database-accounts',
    'files',
    'files-buckets',
    `agent-${engine}`,
    ...['0-0', '0-1', '1-0', '1-1', '2-0', '2-1'].map((node) => `sessions-shard-${node}`),
    ...(profile === 'minimum' ? ['cache'] : [0, 1, 2].flatMap((node) => [`cache-node-${node}`, `cache-sentinel-${node}`])),
    // The images of MongoDB and SQL Server are none for buckets and caches.
    ...(engine === 'sqlserver' || engine === 'mongodb' ? [] : ['agent-files']),
    ...copies,
  ],
}));

const more: readonly Row[] = [
  {
    what: 'hello with TLS between its services',
    set: { ...divided, 'internalTls': true, 'databases.database': { engine: 'mysql', topology: 'primary-replica' } },
    has: ['database-replica', 'sessions-shard-2-1'],
  },
  {
    what: 'hello with databases that stand elsewhere and are copied',
    set: elsewhere,
    has: ['agent-postgres', 'agent-orders', 'agent-mysql'],
  },
  {
    what: 'hello with SeaweedFS, a memory without files and every runtime',
    set: {
      'stores.files': { engine: 'seaweedfs', publicHost: 'files.example.com', buckets: { notes: {} } },
      'caches.cache': { engine: 'memcached', use: 'cache' },
      'services.books': { kind: 'api', image: 'registry.example/books:1', port: 8081, runtime: 'java', uses: ['database'] },
      'services.books.routes': [{ path: '/books/' }],
      'services.tills': { kind: 'api', image: 'registry.example/tills:1', port: 8082, runtime: 'go', uses: ['database', 'files'] },
      'services.tills.routes': [{ path: '/tills/' }],
      'services.forms': { kind: 'api', image: 'registry.example/forms:1', port: 8083, runtime: 'other', uses: ['cache'] },
      'services.forms.routes': [{ path: '/forms/' }],
    },
    has: ['books-blue', 'tills-green', 'forms-blue', 'files', 'cache'],
  },
];

const root = join(import.meta.dirname, '../../..');
/** By name, with what they change so that both targets have the same: nobody copies a volume in a cluster. */
const environmentsOf = (example: string): readonly (readonly [string, NonNullable<Row['set']>])[] => {
  const spec = parse(readFileSync(join(root, 'examples', example, 'berth.yaml'), 'utf8')) as {
    readonly environments?: Readonly<Record<string, { readonly backups?: { readonly volumes?: unknown } } | null>>;
  };
  return Object.entries(spec.environments ?? {}).map(([name, changes]) => [
    name,
    changes?.backups?.volumes === undefined ? {} : { [`environments.${name}.backups.volumes`]: 'none' },
  ]);
};
const ofExamples = listExamples(root).flatMap((example): readonly Row[] => [
  ...profileNames.map((profile): Row => ({ what: `the example ${example} at ${profile}`, example, profile, has: ['edge'] })),
  ...environmentsOf(example).map(([environment, alike]): Row => ({
    what: `the example ${example} in its environment ${environment}`,
    example,
    profile: 'recommended',
    set: { environment, ...alike },
    has: ['edge'],
  })),
]);

/** The same spec for both targets. */
async function prepareBoth(row: Row): Promise<readonly [compose: PreparedSite, kubernetes: PreparedSite]> {
  const hello = { ...toBucket, ...row, host, set: { ...copied, ...row.set } };
  const { secrets } = helloPlan(hello);
  const brought = secrets.flatMap((secret) => (secret.supplied ? [[suppliedPath(secret), `supplied-${secret.name}`] as const] : []));
  const files = { ...toBucket.files, ...Object.fromEntries(brought) };
  const kubernetes = await prepareHello({ ...hello, files, supplied: {}, target: 'kubernetes' });
  // An autoscaler may have more replicas run than one host has. Whatever counts connections is sized for the most, so the host is given as many.
  const scaled = objectsOf(kubernetes, 'generated').flatMap(({ kind, metadata, spec }) =>
    kind === 'HorizontalPodAutoscaler'
      ? [[`services.${metadata.labels['app.kubernetes.io/name'] ?? '?'}.replicas`, spec.maxReplicas] as const]
      : [],
  );
  const { environment } = row.set ?? {};
  const over = scaled.map(([key, replicas]) => [`environments.${String(environment)}.${key}`, replicas] as const);
  const replicas = Object.fromEntries([...scaled, ...(environment === undefined ? [] : over)]);
  return [await prepareHello({ ...hello, files, supplied: {}, set: { ...hello.set, ...replicas } }), kubernetes];
}

/** A cluster has one StatefulSet where Compose has a service for each node of a cache. */
const setOf = (name: string): string => name.replace(/-(node|sentinel|shard-[012])-[012]$/, '-$1');
/** Each pod of such a set has a volume of the one claim, and shards have claims of one name. */
const claimOf = (volume: string): string => volume.replace(/-(?:(node|sentinel)-[012]|(shard)-[012](?:-[012])?)-data$/, '-$1$2-data');

/** What follows the name of each of several nodes in a cluster. */
const divider = /\.[a-z0-9-]+-nodes\.[a-z0-9-]+\.svc\.cluster\.local/g;
/** A member of a set of MongoDB by the name of its pod. */
const member = /\b([a-z][a-z0-9-]*)-0\.\1-nodes(?=:)/g;

/** Differences of a service that are right, taken out of both. */
const neutral = (facts: Facts): Facts => ({
  ...facts,
  env: Object.fromEntries(
    // Names of a cluster end in one more way that leads around a proxy.
    Object.entries(facts.env).map(([key, value]) => [key, value.replace(',.svc,.svc.cluster.local,', ',').replaceAll(divider, '')]),
  ),
  volumes: Object.fromEntries(Object.entries(facts.volumes).map(([name, path]) => [claimOf(name), path])),
  // The client of MinIO asks in one place, the kubelet itself in the other: the same path of the same server.
  asks: facts.asks === 'mc --quiet ready local' ? '9000 /minio/health/ready' : facts.asks,
});
/** What the kubelet makes of a text: it takes $(NAME) for a variable and $$ for one $. */
const unescaped = (facts: Facts): Facts => ({
  ...facts,
  env: Object.fromEntries(Object.entries(facts.env).map(([key, value]) => [key, value.replaceAll('$$', '$')])),
});

/** Differences of what is mounted that are right: where, what, and why. */
const differences: readonly (readonly [path: RegExp, text: RegExp, is: string, because: string])[] = [
  [/nginx\.conf$/, / +# (?:Docker's DNS|The DNS of the cluster).*\n.*\n/, '', 'the address of the DNS'],
  [/nginx\.conf$/, /\.[a-z0-9-]+\.svc\.cluster\.local/g, '', 'its search path is none of nginx'],
  [/nginx\.conf$/, / +# Who may ask[^}]*/, '', 'a cluster asks the edge from a node, whose address nobody knows'],
  [/nginx\.conf$/, / +(?:\d+\.){3}1\/32 1;\n/g, '', 'a cluster has no gateway that hides visitors'],
  [
    /pg_hba\.conf$/,
    / {2}(?:all|[\d.]+\/\d+) {2}scram/g,
    '  CLIENTS  scram',
    'the subnets are those of Docker; in a cluster its policies choose clients',
  ],
  [/./, divider, '', 'a node of several is known by the name of its pod'],
  [/\.js$/, member, '$1', 'a member of a set is known by the name of its pod'],
  [/\.sh$/, /(?<=_SUFFIX=|hostname\)").*/g, '', 'a node of several is known by the name of its pod'],
  [
    /accounts\.sh$/,
    /(?<=MAXSIZE = |max_size <> )\d+/g,
    'N',
    'a part of the disk, which a cluster has to share with the logs of second proxies',
  ],
  [/^agent-.*yaml$/, /target: "(?:compose|kubernetes)"\n(?:namespace: .*\n)?/, '', 'the agent is told where it is'],
];
const podsOf = (site: PreparedSite, service: string): number =>
  objectsOf(site, 'generated').find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === service)?.spec.replicas ?? 1;
const configsOf = (site: PreparedSite, prefix: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...site.decision.merged].flatMap(([path, whole]) => {
      if (!path.startsWith(prefix)) return [];
      const name = path.slice(prefix.length);
      // Of two pools of connections each opens half of what the one on a host does.
      const text = whole.replace(/(?<=^default_pool_size = )\d+/m, (each) => String(Number(each) * podsOf(site, name.split('/')[0] ?? '')));
      return [[name, differences.reduce((rest, [place, pattern, is]) => (place.test(name) ? rest.replace(pattern, is) : rest), text)]];
    }),
  );

/** Keys and certificates are drawn by each site anew, whatever its seed. */
const undrawn = (text: string): string => text.replaceAll(/(?<=-----BEGIN (?:CERTIFICATE|PRIVATE KEY)-----)[^-]+/g, '\n');

const compared = new Set<string>();

describe.each([...engines, ...more, ...ofExamples])('$what, for both targets,', (row) => {
  let [compose, kubernetes]: [PreparedSite | undefined, PreparedSite | undefined] = [undefined, undefined];
  const site = (made: PreparedSite | undefined): PreparedSite => made ?? expect.unreachable('not made');
  beforeAll(async () => {
    [compose, kubernetes] = await prepareBoth(row);
  });

  test('runs the same services', () => {
    const names = [...fromCompose(site(compose)).keys()];
    expect(names).toEqual(expect.arrayContaining([...row.has]));
    const here = names.filter(
      (name) =>
        // A cluster has no Job for the slot that migrates nothing, where Compose has a service of no replicas.
        !name.endsWith('-migrate-green') &&
        // The network of a cluster keeps services to the places of their lists.
        name !== site(compose).plan.relay?.service &&
        // The kubelet gives a claim to the group of its pods, where Compose has a task for it.
        !site(compose).plan.volumes.some((volume) => volume.name === name),
    );
    // Replicas by the clock are the work of an autoscaler, and one host has none.
    const there = [...fromKubernetes(site(kubernetes)).keys()].filter((name) => !/-scale(?:-\d+)?$/.test(name));
    expect(sorted(there)).toEqual(sorted([...new Set(here.map(setOf))]));
  });

  test('gives each service the same', () => {
    const there = fromKubernetes(site(kubernetes));
    const both = [...fromCompose(site(compose))].flatMap(([name, facts]) => {
      const other = there.get(setOf(name));
      return other ? [{ name, facts: neutral(facts), other: neutral(unescaped(other)) }] : [];
    });
    for (const { name } of both) compared.add(name);
    const record = (side: 'facts' | 'other') =>
      Object.fromEntries(
        // The edge finds the DNS of its cluster at its start.
        both.map((each) => [each.name, { ...each[side], ...(each.name === 'edge' ? { command: [] } : {}) }]),
      );
    expect(record('other')).toEqual(record('facts'));
    expect(there.get('edge')?.command.at(-1)).toContain(fromCompose(site(compose)).get('edge')?.command.slice(0, 3).join(' '));
  });

  test('mounts the same configurations, but for addresses', () => {
    const { 'egress/nginx.conf': relay, ...here } = configsOf(site(compose), 'config/');
    expect(Object.keys(here).length).toBeGreaterThan(8);
    expect(relay !== undefined).toBe(site(compose).plan.relay !== undefined);
    expect(configsOf(site(kubernetes), 'k8s/generated/config/')).toEqual(here);
  });

  test('hands over the same secrets', () => {
    const manifests = new Map(
      objectsOf(site(kubernetes), 'secrets')
        .filter(({ kind }) => kind === 'Secret')
        .map((secret) => [secret.metadata.name, (secret as unknown as { data: Record<string, string> }).data] as const),
    );
    const value = (name: string, key: string) => Buffer.from(manifests.get(name)?.[key] ?? '', 'base64').toString();
    const written = site(compose).decision.merged;
    for (const [name, { secretFiles, secretEnv }] of fromCompose(site(compose))) {
      const service = setOf(name.replace(/-(blue|green)$/, ''));
      for (const file of secretFiles) {
        expect(manifests.get(`${service}-secrets`)).toHaveProperty([file]);
        expect(undrawn(value(`${service}-secrets`, file))).toBe(undrawn(written.get(`secrets/${file}`) ?? ''));
      }
      for (const variable of secretEnv)
        expect(`${variable}=${value(`${service}-secrets`, variable).replaceAll(member, '$1')}`).toBe(
          (written.get(`secrets/${service}.env`) ?? '').split('\n').find((line) => line.startsWith(`${variable}=`)),
        );
    }
    const { leaf, authority } = site(kubernetes).ledger;
    expect(value('tls', 'tls.crt')).toBe(`${leaf?.certificate ?? '?'}${authority?.certificate ?? '?'}`);
    expect(value('tls', 'tls.key')).toBe(leaf?.key.reveal());
  });
});

test('services of every kind that an example has were compared', () => {
  expect([...compared]).toEqual(
    expect.arrayContaining([
      'database-pgbouncer',
      'database-analytics',
      'database-vacuum',
      'database-member-3',
      'jobs-node-2',
      'redis-sentinel-1',
      'generator',
      'temporary-files',
      'night-audit',
      'reminders',
      'exports',
      'recommender-green',
      'studio-blue',
      'agent-sqlserver',
    ]),
  );
});
