import { X509Certificate, createPrivateKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { lintSite } from '../../../cli/lint-site.ts';
import type { PreparedSite } from '../../../cli/site.ts';
import { checkComposeSchema } from '../../../generator/render/check-compose-schema.ts';
import { checkKubernetesSchema } from '../../../generator/render/check-kubernetes-schema.ts';
import { corpAuthority, prepareHello, toBucket } from './hello.ts';

/** All that can have it, in one site; agents copy of each what they can. */
const set = {
  ...toBucket.set,
  'backups.databases': {},
  'backups.buckets': {},
  'backups.caches': {},
  'internalTls': true,
  'trust': { corp: corpAuthority },
  'databases.database': { engine: 'postgres', topology: 'primary-replica', pgbouncer: {}, maintenance: { vacuum: '30 3 * * 0' } },
  'caches.cache': { engine: 'valkey', use: 'sessions', topology: 'single' },
  'stores.files.publicHost': 'files.example.com',
  'services.web.migrate': { command: ['node', 'migrate.js'] },
  'services.jobs': { kind: 'worker', image: 'registry.example/jobs:1', runtime: 'other', uses: ['database'] },
};
const { supplied, files } = toBucket;
const ca = '/run/secrets/site-ca';
const bundle = '/run/secrets/site-trust';
const verified = `sslmode=verify-full&sslrootcert=${ca}`;
const servers = ['cache', 'database', 'database-pgbouncer', 'database-replica', 'files'];
let [compose, cluster]: PreparedSite[] = [];
const of = (site: PreparedSite | undefined, path: string): string => site?.decision.merged.get(path) ?? expect.unreachable(`no ${path}`);

beforeAll(async () => {
  const hello = { set, supplied, files, profile: 'recommended', host: { cpus: 400, memory: '4Ti', disk: '40Ti' } } as const;
  [compose, cluster] = [await prepareHello(hello), await prepareHello({ ...hello, target: 'kubernetes' })];
});

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly (string | { readonly source: string })[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}
const servicesOf = (site: PreparedSite | undefined) =>
  (parse(of(site, 'compose.yaml')) as { readonly services: Readonly<Record<string, Service>> }).services;
const secretsOf = (service: Service | undefined): readonly string[] =>
  (service?.secrets ?? []).map((one) => (typeof one === 'string' ? one : one.source));

describe('a site whose services speak TLS to each other', () => {
  test('gives each server a certificate of its own authority, for the names it has, and the key that fits', () => {
    const root = new X509Certificate(of(compose, 'secrets/site-ca'));
    expect(compose?.plan.servers.map(({ service }) => service).sort()).toEqual(servers);
    for (const name of servers) {
      const text = of(compose, `secrets/${name}-certificate`);
      const leaf = new X509Certificate(text);
      expect(leaf.verify(root.publicKey)).toBe(true);
      expect(leaf.subjectAltName).toBe(`DNS:${name}, DNS:localhost, IP Address:127.0.0.1`);
      expect(leaf.checkPrivateKey(createPrivateKey(of(compose, `secrets/${name}-key`)))).toBe(true);
      expect([leaf.publicKey.asymmetricKeyDetails?.namedCurve, leaf.validTo]).toEqual(['prime256v1', root.validTo]);
      expect(secretsOf(servicesOf(compose)[name])).toEqual(expect.arrayContaining([`${name}-certificate`, `${name}-key`, 'site-ca']));
    }
    // Whom the spec trusts may pose as none of them, nor join a bus; he stands behind it for programs that read one file.
    expect(of(compose, 'secrets/site-ca').match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    expect(of(compose, 'secrets/site-trust')).toBe(`${of(compose, 'secrets/site-ca')}${corpAuthority}`);
    expect(servers.filter((name) => secretsOf(servicesOf(compose)[name]).includes('site-trust'))).toEqual([]);
  });

  test('names them in a cluster by every name that leads there', () => {
    const [, names] = cluster?.plan.servers.map(({ names: all }) => all) ?? [];
    expect(names).toEqual([
      'database-replica',
      'database-replica.hello',
      'database-replica.hello.svc',
      'database-replica.hello.svc.cluster.local',
      // Once it was promoted, the service of the primary leads to it.
      'database',
      'database.hello',
      'database.hello.svc',
      'database.hello.svc.cluster.local',
      'localhost',
      '127.0.0.1',
    ]);
    const secret = parse(of(cluster, 'k8s/secrets/database-secrets.yaml')) as { readonly data: Readonly<Record<string, string>> };
    const leaf = new X509Certificate(Buffer.from(secret.data['database-certificate'] ?? '', 'base64'));
    expect(leaf.checkHost('database.hello.svc')).toBe('database.hello.svc');
  });

  test('lets nobody from elsewhere into PostgreSQL without it, and has replica and pool check whom they speak to', () => {
    for (const name of ['database', 'database-replica']) {
      const rules = of(compose, `config/${name}/pg_hba.conf`).split('\n');
      expect(rules.filter((rule) => /^host\s/.test(rule))).toEqual([expect.stringContaining('127.0.0.1/32')]);
      expect(rules.filter((rule) => rule.startsWith('hostssl ')).length).toBeGreaterThanOrEqual(5);
      expect(of(compose, `config/${name}/postgresql.conf`)).toContain(`ssl = 'on'`);
      // It takes no key that others may read.
      expect(servicesOf(compose)[name]?.entrypoint?.[2]).toContain(`umask 077; cp /run/secrets/${name}-key /tmp/server.key`);
    }
    expect(of(compose, 'config/database-replica/postgresql.conf')).toContain(`sslmode=verify-full sslrootcert=${ca}`);
    expect(of(compose, 'config/database-replica/replica.sh')).toContain(`application_name=database-replica sslmode=verify-full`);
    const pool = of(compose, 'config/database-pgbouncer/pgbouncer.ini');
    expect(pool).toContain('\nclient_tls_sslmode = require\n');
    expect(pool).toContain('\nserver_tls_sslmode = verify-full\n');
  });

  test('tells every client whom to trust, and none to do without', () => {
    const env = of(compose, 'secrets/web.env');
    expect(env).toMatch(
      new RegExp(`^DATABASE_URL='?postgres://.*@database-pgbouncer:6432/hello\\?${verified.replace('?', '\\?')}'?$`, 'm'),
    );
    expect(env).toMatch(new RegExp(`^DATABASE_READ_URL='?postgres://.*${verified}'?$`, 'm'));
    expect(env).toMatch(/^REDIS_URL='?rediss:\/\/app:/m);
    const {
      'web-blue': web,
      jobs,
      'database-accounts': accounts,
      'database-vacuum': vacuum,
      'files-buckets': buckets,
    } = servicesOf(compose);
    expect(web?.environment).toMatchObject({ S3_ENDPOINT: 'https://files:9000', NODE_EXTRA_CA_CERTS: bundle });
    expect(jobs?.environment).toMatchObject({ SSL_CERT_FILE: bundle, REQUESTS_CA_BUNDLE: bundle });
    for (const service of [web, jobs]) expect(secretsOf(service)).toContain('site-trust');
    for (const task of [accounts, vacuum]) expect(task?.environment).toMatchObject({ PGSSLMODE: 'verify-full', PGSSLROOTCERT: ca });
    expect(buckets?.environment).toMatchObject({ SSL_CERT_FILE: ca });
    expect(of(compose, 'config/files-buckets/buckets.sh')).not.toContain('http://');
    for (const service of [web, jobs, accounts, vacuum, buckets]) expect(secretsOf(service)).toContain('site-ca');
    expect(Object.values(servicesOf(compose)).filter((one) => JSON.stringify(one).includes('http://files'))).toEqual([]);
  });

  test('has the cache serve by TLS alone, and its health check ask so', () => {
    const settings = of(compose, 'config/cache/valkey.conf');
    expect(settings).toMatch(/^port 0$/m);
    expect(settings).toMatch(/^tls-port "?6379"?$/m);
    expect(settings).toMatch(/^tls-auth-clients "?no"?$/m);
    expect(servicesOf(compose)['cache']?.healthcheck?.test.join(' ')).toContain(`--tls --cacert ${ca}`);
  });

  test('has the store serve by TLS alone, to the edge as well, which checks its name', () => {
    expect(servicesOf(compose)['files']?.command?.slice(-2)).toEqual(['--certs-dir', '/tmp/certs']);
    expect(of(compose, 'config/edge/nginx.conf')).toMatch(
      /proxy_pass https:\/\/store_files;[\s\S]*proxy_ssl_verify on;[\s\S]*proxy_ssl_name "?files"?;/,
    );
    expect(secretsOf(servicesOf(compose)['edge'])).toEqual(['site-ca']);
  });

  test('tells the agents of backups whom to trust', () => {
    const jobs = new Map(compose?.plan.agents.flatMap(({ config }) => config.backups?.jobs ?? []).map((job) => [job.name, job]));
    expect(jobs.get('database')?.database?.ca).toBe(ca);
    expect(jobs.get('cache')?.cache?.ca).toBe(ca);
    expect(jobs.get('files.notes')?.bucket?.endpoint).toBe('https://files:9000');
    const { 'agent-postgres': databases, 'agent-files': rest } = servicesOf(compose);
    expect(secretsOf(databases)).toContain('site-ca');
    expect(secretsOf(rest)).toContain('site-ca');
    expect(rest?.environment).toMatchObject({ NODE_EXTRA_CA_CERTS: bundle });
    expect(secretsOf(rest)).toContain('site-trust');
  });

  test('is the same in a cluster: what waits gets the authorities and no other secret, and the kubelet asks the store by TLS', () => {
    const objects = (name: string) =>
      parseAllDocuments(of(cluster, `k8s/generated/${name}.yaml`)).map(
        (document) => document.toJS() as { readonly kind: string; readonly spec: never },
      );
    const web = JSON.stringify(objects('web').filter(({ kind }) => kind === 'Deployment'));
    expect(web.match(/"mountPath":"\/run\/secrets\/site-ca","subPath":"site-ca","readOnly":true/g)?.length).toBeGreaterThanOrEqual(2);
    expect(web).toContain(`{"name":"PGSSLROOTCERT","value":"${ca}"}`);
    expect(JSON.stringify(objects('files')).match(/"scheme":"HTTPS"/g)?.length).toBeGreaterThanOrEqual(3);
  });

  test.each([
    'database/postgresql.conf',
    'database-replica/postgresql.conf',
    'database-replica/replica.sh',
    'database-accounts/accounts.sh',
    'cache/valkey.conf',
    'files-buckets/buckets.sh',
  ])('reads the same in both targets: %s', (path) => {
    expect(of(cluster, `k8s/generated/config/${path}`)).toBe(of(compose, `config/${path}`));
  });

  test('is started alike in both targets, with the same files and variables', () => {
    const facts = (site: PreparedSite | undefined, name: string) => {
      const found = site?.plan.services.find((service) => service.name === name);
      return found && [found.entrypoint, found.command, found.secretFiles, found.env];
    };
    for (const name of [...servers, 'database-accounts', 'database-vacuum', 'files-buckets', 'agent-postgres', 'agent-files'])
      expect([name, facts(cluster, name)]).toEqual([name, facts(compose, name) ?? expect.unreachable(name)]);
  });

  test('is sound by lint and schema for both targets', () => {
    expect(checkComposeSchema(of(compose, 'compose.yaml'))).toEqual([]);
    for (const site of [compose, cluster]) expect(site && lintSite(site.plan, site.decision.merged).findings).toEqual([]);
    const broken = [...(cluster?.decision.merged ?? [])]
      .filter(([path]) => /^k8s\/(?:generated|site|secrets)\/[^/]+\.yaml$/.test(path))
      .flatMap(([path, text]) => checkKubernetesSchema(text).map((complaint) => `${path}: ${complaint}`));
    expect(broken).toEqual([]);
  });

  test('says in the runbook which servers have certificates, and how those are drawn anew', () => {
    for (const site of [compose, cluster])
      expect(of(site, 'SITE.md')).toMatch(
        /\n\ndatabase, database-replica, database-pgbouncer, cache, files speak TLS alone.*certs renew --internal.*\n\n## Backup/,
      );
    expect(of(cluster, 'SITE.md')).toContain('trusts `secrets/tls/ca.crt` copies its buckets from https://127.0.0.1:9000');
  });

  test('explains each setting', () => {
    const keys = new Set(compose?.plan.decisions.map(({ key }) => key));
    expect(['database.ssl', 'database-replica.ssl', 'cache.tls-port'].filter((key) => !keys.has(key))).toEqual([]);
  });
});

test('a site that does not ask for it has none of it', async () => {
  const { plan, decision, ledger } = await prepareHello();
  expect([plan.servers, ledger.servers]).toEqual([[], undefined]);
  expect([...decision.merged].filter(([path, text]) => /site-ca\b|hostssl|rediss:/.test(path + text)).map(([path]) => path)).toEqual([]);
});
