import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { listExamples } from '../../../generator/io/examples.ts';
import { parseDocumentAs } from '../../../generator/spec/parse-spec.ts';
import { runtimeConfig } from '../../../model/runtime-config.ts';
import { currentSecret } from '../../../generator/io/ledger.ts';
import { checkComposeSchema } from '../../../generator/render/check-compose-schema.ts';
import { bigHost, databaseOf, elsewhere, prepareHello, smallHost, suppliedElsewhere, toBucket } from './hello.ts';

const golden = join(import.meta.dirname, '../../golden');
/** Same for every site, so they are no part of a golden tree. The schema has a golden file of its own. */
const constant = /\/(errors\.conf|(?:berth|certificate)\.js|maintenance\.html)$|^\.berth\//;

const goldenFiles = ({ decision }: PreparedSite) =>
  decision.changes.filter(({ path, secret }) => !secret && !constant.test(path)).map(({ path, content = '' }) => ({ path, content }));
const fileOf = (site: PreparedSite, path: string): string => site.decision.merged.get(path) ?? '';
const secretsIn = ({ ledger }: PreparedSite) =>
  [
    ...[...ledger.secrets.keys()].map((name) => currentSecret(ledger, name)),
    ...[ledger.authority, ledger.leaf].flatMap((pair) => (pair ? [pair.key] : [])),
  ].map((secret) => secret.reveal());

/** Everything that can be said about backups. */
const backups = {
  backups: {
    bucket: { endpoint: 'https://s3.corp.example:9000', name: 'hello-backups', accessKey: 'hello-agent', ca: './certs/store.pem' },
    offsite: {
      bucket: {
        endpoint: 'https://s3.branch.example',
        name: 'hello-offsite',
        accessKey: 'hello-second',
        ca: './certs/store.pem',
        lock: { days: 30 },
      },
    },
    timeZone: 'Europe/Berlin',
    configuration: { schedule: '*/15 * * * *', keep: { days: 90, monthly: 24 } },
    secrets: { recipients: ['security', 'escrow'] },
    databases: { schedule: '30 1 * * 0', increments: '30 1 * * *' },
  },
};

const seaweedfs = {
  engine: 'seaweedfs',
  publicHost: 'files.example.com',
  buckets: {
    notes: { lifecycle: [{ prefix: 'tmp/', expireAfter: '1d' }, { expireVersionsAfter: '30d' }] },
    exports: { versioning: false },
  },
};

/** Six nodes of a cache. */
const divided = { 'caches.cache.client': 'cluster' };

/** Each of examples/ but the sample, for both targets. */
const ofExamples = listExamples(join(import.meta.dirname, '../../..')).flatMap((example) =>
  example === 'hello'
    ? []
    : [
        { row: example, example, profile: 'recommended', host: bigHost } as const,
        { row: `${example}-kubernetes`, example, profile: 'recommended', target: 'kubernetes' } as const,
      ],
);

const rows = [
  { row: 'hello-minimum', profile: 'minimum', host: smallHost },
  { row: 'hello-mysql', profile: 'minimum', host: smallHost, set: { 'databases.database.engine': 'mysql' } },
  { row: 'hello-mariadb', profile: 'minimum', host: smallHost, set: { 'databases.database.engine': 'mariadb' } },
  {
    row: 'hello-cloudnative-pg',
    profile: 'recommended',
    target: 'kubernetes',
    set: { 'databases.database.operator': 'cloudnative-pg', 'databases.database.topology': 'primary-replica' },
  },
  { row: 'hello-mysql-kubernetes', profile: 'minimum', target: 'kubernetes', set: { 'databases.database.engine': 'mysql' } },
  { row: 'hello-mariadb-kubernetes', profile: 'minimum', target: 'kubernetes', set: { 'databases.database.engine': 'mariadb' } },
  { row: 'hello-mysql-replica', profile: 'recommended', host: smallHost, set: { 'databases.database.engine': 'mysql' } },
  {
    row: 'hello-mariadb-replica-kubernetes',
    profile: 'recommended',
    target: 'kubernetes',
    set: { 'databases.database.engine': 'mariadb' },
  },
  { row: 'hello-mongodb', profile: 'minimum', host: smallHost, set: { 'databases.database.engine': 'mongodb' } },
  { row: 'hello-mongodb-kubernetes', profile: 'minimum', target: 'kubernetes', set: { 'databases.database.engine': 'mongodb' } },
  { row: 'hello-mongodb-set', profile: 'recommended', host: bigHost, set: { 'databases.database.engine': 'mongodb' } },
  { row: 'hello-mongodb-set-kubernetes', profile: 'recommended', target: 'kubernetes', set: { 'databases.database.engine': 'mongodb' } },
  { row: 'hello-sqlserver', profile: 'minimum', host: smallHost, set: databaseOf('sqlserver') },
  { row: 'hello-sqlserver-kubernetes', profile: 'minimum', target: 'kubernetes', set: databaseOf('sqlserver') },
  { row: 'hello-seaweedfs', profile: 'minimum', host: smallHost, set: { 'stores.files': seaweedfs, 'backups.folder': '/srv/backups' } },
  {
    row: 'hello-seaweedfs-kubernetes',
    profile: 'recommended',
    target: 'kubernetes',
    set: { 'internalTls': true, 'stores.files': { engine: 'seaweedfs', buckets: { notes: {} } } },
  },
  {
    row: 'hello-backups',
    profile: 'minimum',
    host: smallHost,
    set: backups,
    supplied: { 'backup-store': 'key-of-the-store', 'backup-offsite': 'key-of-the-copy' },
  },
  {
    row: 'hello-internal-tls',
    profile: 'minimum',
    host: smallHost,
    set: {
      'internalTls': true,
      'backups.folder': '/srv/backups',
      'caches.cache.use': 'sessions',
      'databases.database.analytics': { memory: '1Gi' },
    },
  },
  {
    // What the profile gives several nodes: MySQL with a replica, sessions with Sentinel and a proxy.
    row: 'hello-internal-tls-mysql',
    profile: 'recommended',
    host: smallHost,
    set: { 'internalTls': true, 'backups.folder': '/srv/backups', 'caches.cache.use': 'sessions', 'databases.database.engine': 'mysql' },
  },
  {
    row: 'hello-internal-tls-kubernetes',
    profile: 'minimum',
    target: 'kubernetes',
    set: {
      ...divided,
      'internalTls': true,
      'caches.cache.engine': 'redis',
      'databases.database': { engine: 'mariadb', topology: 'primary-replica' },
    },
  },
  {
    row: 'hello-backups-mysql',
    profile: 'minimum',
    host: bigHost,
    set: {
      'backups.folder': '/srv/backups',
      'backups.drill': { key: '/home/shop/keys/hello-operator.key' },
      'databases.database': { engine: 'mysql' },
      'databases.books': { engine: 'mariadb' },
    },
  },
  {
    row: 'hello-backups-mongodb',
    profile: 'minimum',
    host: bigHost,
    set: { 'backups.folder': '/srv/backups', 'backups.buckets': 'none', 'databases.database.engine': 'mongodb' },
  },
  {
    row: 'hello-backups-sqlserver',
    profile: 'minimum',
    host: bigHost,
    set: {
      'backups.folder': '/srv/backups',
      'backups.buckets': 'none',
      'backups.databases': { schedule: '30 1 * * 0', increments: '30 1 * * *' },
      ...databaseOf('sqlserver'),
    },
  },
  {
    ...toBucket,
    row: 'hello-backups-kubernetes',
    profile: 'minimum',
    target: 'kubernetes',
    set: { ...toBucket.set, 'databases.books': { engine: 'mariadb' }, 'caches.cache.use': 'sessions' },
  },
  // What stands elsewhere and is copied: with its log and without, in the agent of the site's own databases and in one of its own.
  {
    ...toBucket,
    row: 'hello-elsewhere',
    profile: 'minimum',
    host: smallHost,
    set: { ...toBucket.set, ...elsewhere },
    supplied: { ...toBucket.supplied, ...suppliedElsewhere },
  },
  {
    ...toBucket,
    row: 'hello-elsewhere-kubernetes',
    profile: 'minimum',
    target: 'kubernetes',
    set: { ...toBucket.set, ...elsewhere },
    supplied: { ...toBucket.supplied, ...suppliedElsewhere },
  },
  { row: 'hello-recommended', profile: 'recommended', host: smallHost },
  {
    row: 'hello-postgres-extras',
    profile: 'recommended',
    host: smallHost,
    set: {
      'databases.database.analytics': { memory: '2Gi', queryTimeout: '1h' },
      'databases.database.pgbouncer': {},
      'databases.database.extensions': ['pg_stat_statements', 'pg_trgm'],
      'databases.database.maintenance': { vacuum: '30 3 * * 0' },
    },
  },
  { row: 'hello-high-performance', profile: 'high-performance', host: smallHost },
  { row: 'hello-high-performance-big', profile: 'high-performance', host: bigHost },
  { row: 'hello-cache-cluster', profile: 'high-performance', host: bigHost, set: divided },
  {
    row: 'hello-cache-cluster-kubernetes',
    profile: 'minimum',
    target: 'kubernetes',
    set: { ...divided, 'caches.cache.engine': 'redis', 'caches.cache.use': 'queue' },
  },
  { row: 'hello-minimum-kubernetes', profile: 'minimum', target: 'kubernetes' },
  { row: 'hello-recommended-kubernetes', profile: 'recommended', target: 'kubernetes' },
  { row: 'hello-high-performance-kubernetes', profile: 'high-performance', target: 'kubernetes' },
  ...ofExamples,
] as const;

/** Each of {@link rows} once: nothing that looks at it changes it. */
const prepared = new Map<object, Promise<PreparedSite>>();
const prepareOnce = (hello: (typeof rows)[number]): Promise<PreparedSite> => {
  const site = prepared.get(hello) ?? prepareHello(hello);
  prepared.set(hello, site);
  return site;
};

describe.each(rows)('the site $row', (hello) => {
  const { row } = hello;
  test('is written as its golden files have it, and no file of them is left over', async () => {
    const files = goldenFiles(await prepareOnce(hello));
    for (const { path, content } of files) await expect(content).toMatchFileSnapshot(join(golden, row, path));
    expect(
      readdirSync(join(golden, row), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort(),
    ).toEqual(files.map(({ path }) => join(golden, row, path)).sort());
  });

  test('has YAML that parses without a warning, twice the same key nowhere', async () => {
    const files = goldenFiles(await prepareOnce(hello)).filter(({ path }) => path.endsWith('.yaml'));
    expect(files.length).toBeGreaterThan(2);
    for (const { path, content } of files)
      for (const { errors, warnings } of [parseAllDocuments(content, { uniqueKeys: true })].flat())
        expect([...errors, ...warnings].map(({ message }) => `${path}: ${message}`)).toEqual([]);
  });

  test('says in runtime.yaml what was planned, all of it', async () => {
    const site = await prepareOnce(hello);
    const read = (path: string): unknown => {
      const parsed = parseDocumentAs(Buffer.from(fileOf(site, path)), path, runtimeConfig, () => []);
      return parsed.ok ? parsed.value : parsed.problems;
    };
    expect(read('runtime.yaml')).toEqual(site.plan.runtime);
    for (const { service, config } of site.plan.agents) {
      const [path = ''] = [...site.decision.merged.keys()].filter((each) => each.endsWith(`config/${service}/runtime.yaml`));
      expect([path, read(path)]).toEqual([path, config]);
    }
  });

  test('shows no secret outside secrets/, in no form', async () => {
    const site = await prepareOnce(hello);
    const secrets = secretsIn(site);
    expect(secrets.length).toBeGreaterThanOrEqual(7);
    const open = site.decision.changes.filter(({ path }) => !/^(?:k8s\/)?secrets\//.test(path));
    expect(open.some(({ secret }) => secret)).toBe(false);
    for (const secret of secrets)
      for (const form of [
        secret,
        Buffer.from(secret).toString('base64').replace(/=+$/, ''),
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
      ])
        expect(open.filter(({ content = '' }) => content.includes(form)).map(({ path }) => path)).toEqual([]);
    // The search would find one: the files that hold them do.
    expect(site.decision.changes.filter(({ content = '' }) => content.includes(secrets[0] ?? '?')).map(({ path }) => path)).toContain(
      'secrets/ledger.json',
    );
  });
});

test.each(rows.filter((row) => !('target' in row)))('the compose.yaml of $row fits the Compose specification', async (hello) => {
  expect(checkComposeSchema(fileOf(await prepareOnce(hello), 'compose.yaml'))).toEqual([]);
});

test.each([
  { what: 'a key of a service', from: '    read_only: true', to: '    readonly: true' },
  { what: 'a key of a health check', from: '      retries:', to: '      retires:' },
  { what: 'a key at the top', from: '\nnetworks:\n', to: '\nnetwork:\n' },
])('the schema sees that $what is mistyped', async ({ from, to }) => {
  const compose = fileOf(await prepareHello(), 'compose.yaml');
  expect(compose).toContain(from);
  expect(checkComposeSchema(compose.replace(from, to)).join()).toContain('additionalProperty');
});

test('the same spec gives the same bytes, whatever was rendered before', async () => {
  const [first, , again] = [await prepareHello(), await prepareHello({ profile: 'recommended' }), await prepareHello()];
  expect(goldenFiles(again)).toEqual(goldenFiles(first));
});
