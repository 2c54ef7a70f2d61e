import { describe, expect, test } from 'vitest';
import { rotationOf } from '../../../../generator/plan/rotation.ts';
import { restoredBeside } from '../../../../model/backup/restored-beside.ts';
import { mongodb } from '../../../../model/engines/mongodb.ts';
import { sqlserver } from '../../../../model/engines/sqlserver.ts';
import { mysqlFamily } from '../../../../model/engines/mysql-family.ts';
import { offsiteKeyFile } from '../../../../model/backup/site-files.ts';
import type { Plan } from '../../../../model/plan.ts';
import { runtimeConfig } from '../../../../model/runtime-config.ts';
import { planSite } from '../../../../cli/site.ts';
import { agentDemands } from '../../../../generator/plan/services/agents.ts';
import { context, databaseOf, helloPlan, helloSpec, smallHost } from '../../render/hello.ts';
import { profiles } from '../plans.ts';

const inFolder = { folder: '/srv/backups' };
const inBucket = { bucket: { endpoint: 'https://s3.example', name: 'shop-backups', accessKey: 'shop', ca: './certs/ca.pem' } };
// Of databases alone: what else is copied has agents of its own.
const planOf = (backups: object, more: object = {}, target: 'compose' | 'kubernetes' = 'compose'): Plan =>
  helloPlan({ target, profile: 'minimum', host: smallHost, set: { backups: { buckets: 'none', ...backups }, ...more } });
const agentOf = (plan: Plan) => plan.services.find(({ role }) => role === 'agent');
const configOf = (plan: Plan) => plan.agents[0]?.config;

describe('the agent of databases', () => {
  test('stands where there are backups and a database that can be copied, and nowhere else', () => {
    expect(agentOf(planOf(inFolder))).toMatchObject({ name: 'agent-postgres', image: 'postgres', user: '999:999' });
    expect(agentOf(helloPlan({ target: 'compose', profile: 'minimum', host: smallHost }))).toBeUndefined();
    expect(agentOf(planOf({ ...inFolder, databases: 'none' }))).toBeUndefined();
  });

  test('copies what has changed where the spec says when, and the server keeps what it finds that by for so long', () => {
    const keptFor = (databases: object): string | undefined => {
      const plan = planOf({ ...inFolder, databases });
      const [job] = configOf(plan)?.backups?.jobs ?? [];
      const { increments } = databases as { readonly increments?: string };
      expect(job?.database?.increments).toBe(increments);
      return plan.databases[0]?.settings.find(({ name }) => name === 'wal_summary_keep_time')?.value;
    };
    expect(keptFor({ schedule: '30 1 * * 0', increments: '30 1 * * *' })).toBe('10d');
    expect(keptFor({ schedule: '30 1 1 * *', increments: '30 1 * * 0' })).toBe('21d');
    expect(keptFor({ schedule: '30 1 * * *' })).toBeUndefined();
    const decisions = planOf({ ...inFolder, databases: { schedule: '30 1 1 * *', increments: '30 1 * * 0' } }).decisions;
    expect(decisions.find(({ key }) => key === 'database.wal_summary_keep_time')).toMatchObject({
      inputs: { schedule: '30 1 1 * *', increments: '30 1 * * 0', pause: '7 days' },
      change: 'backups.databases.increments in berth.yaml',
    });
  });

  test('stands once for each engine, under a name that no other database changes', () => {
    const more = {
      'databases.orders': { engine: 'mysql' },
      'databases.books': { engine: 'mariadb' },
      'databases.more': { engine: 'mysql' },
    };
    const plan = planOf(inFolder, more);
    const agents = plan.services.filter(({ role }) => role === 'agent');
    expect(agents.map(({ name, image, user }) => [name, image, user])).toEqual([
      ['agent-postgres', 'postgres', '999:999'],
      ['agent-mysql', 'mysql', '999:999'],
      ['agent-mariadb', 'mariadb', '999:999'],
    ]);
    expect(agents[1]?.connects).toEqual([
      { service: 'orders', port: 3306 },
      { service: 'more', port: 3306 },
    ]);
    expect(plan.agents.map(({ service, config }) => [service, config.backups?.jobs.map(({ name, kind }) => `${name}: ${kind}`)])).toEqual([
      ['agent-postgres', ['database: postgres']],
      ['agent-mysql', ['orders: mysql', 'more: mysql']],
      ['agent-mariadb', ['books: mariadb']],
    ]);
    for (const { config } of plan.agents) expect(runtimeConfig.safeParse(config).success).toBe(true);
    // Of each the budget knows, and of a room for one that is to come no more.
    expect(plan.budget.rows.map(({ name }) => name).filter((name) => name.startsWith('agent'))).toEqual(agents.map(({ name }) => name));
    expect(plan.disk.map(({ name }) => name)).toEqual(expect.arrayContaining(agents.map(({ name }) => name)));
    expect(plan.databases.map(({ service, backedUp }) => [service, backedUp])).toEqual([
      ['database', true],
      ['orders', true],
      ['books', true],
      ['more', true],
    ]);
  });

  test.each(['mysql', 'mariadb'])(
    'has its own files where anybody may write in the image of %s, and nothing in the folder of the data',
    (engine) => {
      const plan = planOf(inFolder, { 'databases.database.engine': engine });
      const agent = agentOf(plan);
      expect(agent?.volumes.map(({ target }) => target)).toEqual(['/run/mysqld']);
      expect(agent?.tmpfs.map(({ path }) => path)).toEqual(['/tmp', '/var/lib/mysql']);
      expect(configOf(plan)?.backups).toMatchObject({
        identity: '/run/mysqld/identity.key',
        jobs: [{ kind: engine, database: { port: 3306, user: 'berth_backup', folder: '/run/mysqld/database' } }],
      });
    },
  );

  test('has its own files in the image of MongoDB in the one folder that is open to anybody, logs in by a password that the task has as well, and is never below 1 GiB', () => {
    const plan = planOf(inFolder, { 'databases.database.engine': 'mongodb' });
    const agent = agentOf(plan);
    expect(agent).toMatchObject({ name: 'agent-mongodb', image: 'mongodb', user: '999:999', secretFiles: ['database-backup'] });
    expect(agent?.volumes.map(({ target }) => target)).toEqual(['/var/tmp']);
    expect(agent?.tmpfs.map(({ path }) => path)).toEqual(['/tmp', '/data/db', '/data/configdb']);
    expect(configOf(plan)?.backups).toMatchObject({
      identity: '/var/tmp/identity.key',
      jobs: [{ kind: 'mongodb', database: { port: 27_017, user: 'berth_backup', folder: '/var/tmp/database' } }],
    });
    expect(runtimeConfig.safeParse(configOf(plan)).success).toBe(true);
    // The server takes a password and no verifier.
    expect(plan.services.find(({ name }) => name === 'database-accounts')?.secretFiles).toEqual([
      'database-admin',
      'database-app',
      'database-backup',
    ]);
    expect(plan.databases[0]?.backedUp).toBe(true);
    const floorOf = (engine: string) => {
      const spec = helloSpec({ set: { 'backups': { buckets: 'none', ...inFolder }, 'databases.database.engine': engine } });
      return agentDemands(spec, profiles['minimum']).map(({ memory }) => memory.floor);
    };
    expect([floorOf('mongodb'), floorOf('postgres')]).toEqual([[1024], [512]]);
  });

  test('shares a volume with a SQL Server, which writes there what the agent reads, and is its user; its own server gets what that asks for', () => {
    const plan = planOf(inFolder, { ...databaseOf('sqlserver'), 'databases.books': { engine: 'mysql' } });
    const serviceOf = (name: string) => plan.services.find((service) => service.name === name);
    const agent = serviceOf('agent-sqlserver');
    const shared = [{ name: 'agent-sqlserver-exchange', target: '/var/tmp', readOnly: false }];
    expect(agent).toMatchObject({
      image: 'sqlserver',
      user: sqlserver.user,
      loosened: [{ what: 'NET_BIND_SERVICE' }],
      imageGroup: 0,
      shared,
    });
    expect(agent?.volumes.map(({ target }) => target)).toEqual(['/var/opt/mssql']);
    expect(serviceOf('database')).toMatchObject({ user: sqlserver.user, shared });
    expect(serviceOf('database-accounts')?.secretFiles).toEqual(['database-admin', 'database-verifier', 'database-backup-verifier']);
    // All agents write to one folder.
    expect(serviceOf('agent-mysql')?.user).toBe(sqlserver.user);
    expect(serviceOf('books')?.shared).toBeUndefined();
    expect(plan.volumes.map(({ name, alone }) => [name, alone])).toEqual([['agent-sqlserver-exchange', false]]);
    const config = plan.agents.find(({ service }) => service === 'agent-sqlserver')?.config;
    expect(config?.backups?.jobs).toMatchObject([
      {
        kind: 'sqlserver',
        database: {
          port: 1433,
          user: 'berth_backup',
          folder: '/var/opt/mssql/berth/database',
          sqlserver: { name: 'hello', exchange: '/var/tmp/database', edition: 'standard' },
        },
      },
    ]);
    expect(runtimeConfig.safeParse(config).success).toBe(true);
    // Of what it may take its own server sees as much as that asks for.
    expect(config?.backups?.jobs[0]?.database?.memory).toBeGreaterThan(sqlserver.leastVisible);
    const spec = helloSpec({ set: { backups: { buckets: 'none', ...inFolder }, ...databaseOf('sqlserver') } });
    expect(agentDemands(spec, profiles['minimum']).map(({ memory }) => memory.floor)).toEqual([3072]);
  });

  test('asks a cluster for a volume of many writers to share with a SQL Server, of the class that the spec names', () => {
    const databases = { storageClass: 'nfs' };
    const plan = planOf({ ...inBucket, databases }, databaseOf('sqlserver'), 'kubernetes');
    expect(plan.volumes).toMatchObject([{ name: 'agent-sqlserver-exchange', alone: false, storageClass: 'nfs' }]);
    expect(plan.decisions.find(({ key }) => key === 'agent-sqlserver-exchange.accessMode')?.value).toBe('ReadWriteMany');
    const says = 'agent-sqlserver-exchange is written to from two nodes';
    expect(plan.notes.join('\n')).not.toContain(says);
    expect(planOf(inBucket, databaseOf('sqlserver'), 'kubernetes').notes.join('\n')).toContain(says);
    expect(planOf({ ...inBucket, databases: 'none' }, databaseOf('sqlserver'), 'kubernetes').volumes).toEqual([]);
  });

  test.each(['postgres', 'mysql', 'mariadb'])('logs in to %s by a password of its own, and the task knows its verifier', (engine) => {
    const plan = planOf(inFolder, { 'databases.database.engine': engine });
    const task = plan.services.find(({ name }) => name === 'database-accounts');
    expect(agentOf(plan)?.secretFiles).toEqual(['database-backup']);
    expect(task?.secretFiles).toContain('database-backup-verifier');
    expect(plan.secrets.find(({ name }) => name === 'database-backup')?.purpose).toBe('account berth_backup of database, for its backups');
    const without = helloPlan({ target: 'compose', profile: 'minimum', host: smallHost, set: { 'databases.database.engine': engine } });
    expect(without.secrets.map(({ name }) => name)).not.toContain('database-backup');
  });

  test('has the size and the disk that were kept for it, and its server the part that the runtime leaves', () => {
    const plan = planOf(inFolder);
    const agent = agentOf(plan);
    expect(agent?.size.memory).toBe(plan.budget.rows.find(({ name }) => name === 'agent-postgres')?.each);
    expect(agent?.volumes).toEqual([
      expect.objectContaining({ name: 'agent-postgres-data', size: plan.disk.find(({ name }) => name === 'agent-postgres')?.size }),
    ]);
    const memory = configOf(plan)?.backups?.jobs[0]?.database?.memory ?? 0;
    expect(memory).toBeGreaterThan(64);
    expect(memory + 256).toBeLessThan(agent?.size.memory ?? 0);
  });

  test('reaches the database by its network, and the way out only where the store lies beyond it', () => {
    expect(agentOf(planOf(inFolder))).toMatchObject({ networks: ['data'], connects: [{ service: 'database', port: 5432 }] });
    expect(agentOf(planOf(inBucket))).toMatchObject({ networks: ['data', 'egress'], outside: [{ host: 's3.example', port: 443 }] });
    // Not the volume of the database, not the socket of the engine.
    const { volumes = [], mounts = [] } = agentOf(planOf(inFolder)) ?? {};
    expect(volumes.map(({ name }) => name)).toEqual(['agent-postgres-data']);
    expect(mounts.map(({ source, from }) => [source, from])).toEqual([
      ['.berth/bin', 'berth'],
      ['config/agent-postgres', undefined],
      ['backup', undefined],
      ['secrets/backup', undefined],
      ['/srv/backups', 'host'],
    ]);
  });

  test('knows nothing of the second place, and mounts no folder with the key of its account', () => {
    const second = { bucket: { endpoint: 'https://s3.branch.example', name: 'hello-offsite', accessKey: 'second' } };
    const plan = planOf({ ...inFolder, offsite: second });
    expect(plan.runtime.backups?.offsite?.bucket?.secretKey).toBe(offsiteKeyFile);
    expect(configOf(plan)?.backups).not.toHaveProperty('offsite');
    expect(agentOf(plan)?.mounts.filter(({ source }) => `${offsiteKeyFile}/`.startsWith(`${source}/`))).toEqual([]);
  });

  test('reads its own jobs, under the paths of its container', () => {
    const plan = planOf(inBucket);
    expect(configOf(plan)?.backups).toMatchObject({
      store: { bucket: { secretKey: '/etc/berth/keys/store.key', ca: '/etc/berth/store-ca.pem' } },
      recipients: '/etc/berth/backup/recipients',
      signer: '/etc/berth/keys/signer.key',
      signers: '/etc/berth/backup/signers.pem',
      identity: '/var/lib/postgresql/data/identity.key',
      jobs: [{ name: 'database', kind: 'postgres', database: { host: 'database', password: '/run/secrets/database-backup' } }],
    });
    expect(runtimeConfig.safeParse(configOf(plan)).success).toBe(true);
    const jobs = configOf(plan)?.backups?.jobs.map(({ database: _database, ...job }) => job);
    const without = runtimeConfig.safeParse({ ...configOf(plan), backups: { ...configOf(plan)?.backups, jobs } });
    expect(without.error?.issues.map(({ message }) => message)).toEqual([
      'expected database, bucket, cache or volume beside a kind that copies one, and beside no other',
    ]);
    expect(configOf(plan)?.backups?.jobs[0]).not.toHaveProperty('agent');
    expect(plan.runtime.backups?.jobs.map(({ name, agent }) => [name, agent])).toEqual([
      ['site.configuration', undefined],
      ['site.secrets', undefined],
      ['database', 'agent-postgres'],
    ]);
  });

  test('stands in a cluster, too: the program comes by a step before it, and nothing of this host is asked for', () => {
    const plan = planOf(inBucket, {}, 'kubernetes');
    const agent = agentOf(plan);
    expect(agent?.gates).toMatchObject([{ name: 'berth', image: 'berth', user: '999:999', fills: { here: '/mnt/berth', size: 256 } }]);
    expect(agent?.probes?.live).toEqual({ argv: agent?.healthcheck?.argv });
    expect(plan.images.find(({ key }) => key === 'berth')).toMatchObject({
      reference: 'localhost/berth:0.1.0',
      usedBy: ['agent-postgres'],
    });
    expect(plan.kubernetes?.pods.get('agent-postgres')?.ephemeralStorage).toBe(6 * 50 + 256);
    expect(plan.databases[0]?.backedUp).toBe(true);
    expect(plan.runtime.namespace).toBe('hello');
    expect(plan.notes.join('\n')).toContain(
      'agent-postgres brings Berth along in an image of its own: `docker build -t localhost/berth:0.1.0 .berth/bin`',
    );
    expect(planOf(inBucket).images.map(({ key }) => key)).not.toContain('berth');
    expect(agentOf(planOf(inBucket))?.gates).toEqual([]);
  });

  test('has data wait for the next start of a database under the name that its own script knows', () => {
    for (const { dataFolder, restoredFolder } of [mysqlFamily, mongodb, sqlserver]) expect(restoredBeside(dataFolder)).toBe(restoredFolder);
  });

  test('stands in no cluster where an operator runs the database, nor where the store is a folder of this machine; both are told', () => {
    const operated = planOf(inBucket, { 'databases.database.operator': 'cloudnative-pg' }, 'kubernetes');
    expect(agentOf(operated)).toBeUndefined();
    expect(operated.notes.join('\n')).toContain(
      'not in the backups, and yours to copy until a later version does it: database (postgres, run by cloudnative-pg)',
    );
    // What `berth doctor --target kubernetes` plans of a site for Compose.
    const asked = planSite({ ...helloSpec({ set: { backups: inFolder } }), target: 'kubernetes' }, '/nowhere', context).plan;
    expect(agentOf(asked)).toBeUndefined();
    expect(asked.notes.join('\n')).toContain('no pod reaches /srv/backups, a folder of this machine');
  });

  test.each([
    ['https://s3.example', { host: 's3.example', port: 443 }],
    ['http://10.0.0.7:9000', { host: '10.0.0.7', port: 9000 }],
    ['http://[fd00::7]/s3', { host: '[fd00::7]', port: 80 }],
  ])('reaches a store at %s, and nothing else outside', (endpoint, address) => {
    expect(agentOf(planOf({ bucket: { ...inBucket.bucket, endpoint } }, {}, 'kubernetes'))?.outside).toEqual([address]);
  });

  test('runs as who owns the folder of backups', () => {
    const plan = planOf({ ...inFolder, user: '1000:1000' });
    expect(agentOf(plan)?.user).toBe('1000:1000');
    expect(plan.runtime.backups?.store.owner).toBe('1000:1000');
  });

  test.each(['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver'] as const)('can be given another password for %s', (engine) => {
    expect(rotationOf(planOf(inFolder, databaseOf(engine)), 'database-backup')).toMatchObject({
      possible: true,
      short: ['docker compose up -d --wait'],
    });
  });
});
