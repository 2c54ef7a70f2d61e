import * as z from 'zod';
import { postgres } from './engines/postgres.ts';
import { accountName, bucketName, hostName, hostOrAddress, sqlName } from './names.ts';
import { parseDuration } from './units.ts';
import { cpu, cronTime, duration, imageSuchAs, port, size, text, timeZone, wholeNumber } from './written-values.ts';

const hostNotation = 'expected a host name or an address such as db.corp.example';
const host = text('a host name or an address')
  .regex(hostOrAddress, { error: hostNotation, abort: true })
  // What has the form of an address need not be one: [1:2], 10.4.0.300.
  .refine((value) => URL.canParse(`http://${value}`), { error: hostNotation });
const tls = z
  .enum(['off', 'require', 'verify'], { error: 'expected off, require or verify' })
  .optional()
  .describe('require: encrypted. verify: and the certificate is checked. Default: require.');
const account = text('an account').regex(accountName, { error: 'expected an account: letters, digits and . _ @ -' });
const place = {
  host: host.describe('Where it stands.'),
  port: port.optional().describe("The port there. Default: the engine's own."),
  user: account.optional().describe('Account of the applications there. Default: name.'),
  tls,
};
const external = z.strictObject(place).meta({ id: 'External' });
const externalBackup = z
  .strictObject({
    user: account
      .optional()
      .describe('Account of the backups there. Its password is written into secrets/supplied/DATABASE-backup. Default: berth_backup.'),
    log: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe(
        'Whether its log is received all the time. A PostgreSQL keeps it for that, by a replication slot, up to max_slot_wal_keep_size. false: nothing of it is kept there, and what was written since the last full backup can be lost. Default: true.',
      ),
    disk: size
      .optional()
      .describe(
        'What it takes there. So much is added to the disk of its agent, in which restores are tried; on Kubernetes to its claim, which cannot be changed later. Default: nothing, a restore has the share that every agent has.',
      ),
    image: imageSuchAs('docker.io/library/postgres:16.9-trixie')
      .optional()
      .describe(
        'The official image of its engine in the version that it has there, for programs and for the server in which restores are tried. Default: that of the databases that Berth runs.',
      ),
  })
  .meta({ id: 'ExternalBackup' });
const externalDatabase = z
  .strictObject({
    ...place,
    backup: z
      .union([z.literal('none'), externalBackup], { error: 'expected none, or by whom it is copied: { user: berth_backup }' })
      .optional()
      .describe(
        'Of PostgreSQL, MySQL and MariaDB: its agent copies it as it does a database of this site; SITE.md has the statements by which its administrator makes the account. none: whoever runs it copies it. Default: not copied, and the plan says so.',
      ),
  })
  .meta({ id: 'ExternalDatabase' });
const externalStore = z
  .strictObject({
    host: host.describe('Where it stands.'),
    port: port.optional().describe('The port there. Default: 443, and 80 without TLS.'),
    accessKey: text('an access key')
      .regex(accountName, { error: 'expected an access key: letters, digits and . _ @ -' })
      .describe('Account of the applications there.'),
    region: text('a region')
      .regex(accountName, { error: 'expected a region such as us-east-1' })
      .optional()
      .describe('The region that requests are signed for. Default: us-east-1.'),
    tls,
  })
  .meta({ id: 'ExternalStore' });
const supplied = (name: string) =>
  `It stands elsewhere and is somebody else's: nothing of it runs here. Write its password into secrets/supplied/${name}-app.`;

const maintenance = z
  .strictObject({
    vacuum: cronTime.describe('When all tables are swept and measured for the planner (vacuumdb --analyze), in the notation of cron.'),
    timeZone: timeZone.optional().describe('Where that time holds. Default: UTC.'),
    deadline: duration.optional().describe('It is stopped when it runs for longer. Default: 4h.'),
  })
  .meta({ id: 'Maintenance' });

const analytics = z
  .strictObject({
    cpu: cpu.optional().describe('Most CPU. Default: that of the primary.'),
    memory: size.optional().describe('Memory limit. Default: that of the primary.'),
    queryTimeout: duration
      .optional()
      .describe('A query that takes longer is ended; what is read there may be as old as that at worst. Default: 30m.'),
  })
  .meta({ id: 'Analytics' });

export const database = z
  .strictObject({
    engine: z
      .enum(['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver'], { error: 'expected postgres, mysql, mariadb, mongodb or sqlserver' })
      .describe('What runs it.'),
    edition: z
      .enum(['developer', 'evaluation', 'express', 'web', 'standard', 'enterprise', 'enterprise-core'], {
        error: 'expected developer, evaluation, express, web, standard, enterprise or enterprise-core',
      })
      .optional()
      .describe('Of SQL Server, which does not run without: the edition that you have a licence for.'),
    acceptLicence: z
      .literal(true, { error: 'expected true, once you have read the licence and accept it' })
      .optional()
      .describe('Of SQL Server, which does not run without: that you accept its licence, https://go.microsoft.com/fwlink/?linkid=857698.'),
    external: externalDatabase.optional().describe(supplied('DATABASE')),
    name: text('a database name')
      .regex(sqlName, { error: 'expected a database name: lower-case letters, digits and _, at most 31' })
      .optional()
      .describe('Name of the database and of the account that owns it. Default: the name of the site.'),
    topology: z
      .enum(['single', 'primary-replica', 'cluster'], { error: 'expected single, primary-replica or cluster' })
      .optional()
      .describe(
        "primary-replica: a second server of the same size follows the first and answers what only reads; cluster: two such servers. PostgreSQL, MySQL and MariaDB. For MongoDB, cluster is a replica set of three. Default: the profile's, where engine and host can.",
      ),
    analytics: analytics
      .optional()
      .describe(
        'Of PostgreSQL, MySQL and MariaDB: one more replica, NAME-analytics, for long queries alone. A service that has NAME-analytics under uses is given its address, as DATABASE_ANALYTICS_URL; nobody else reads there. Default: none.',
      ),
    operator: z
      .enum(['cloudnative-pg'], { error: 'expected cloudnative-pg' })
      .optional()
      .describe(
        'In a cluster, for PostgreSQL: the operator CloudNativePG, which you have installed there, runs it and its replica, and promotes the replica by itself. Never changed later. Default: a StatefulSet.',
      ),
    extensions: z
      .array(
        z.enum(postgres.extensions, { error: `expected an extension that the image of PostgreSQL has: ${postgres.extensions.join(', ')}` }),
        { error: 'expected a list of extensions' },
      )
      .optional()
      .describe(
        'Of PostgreSQL: extensions that its database shall have; what the server must load for them, it loads. One that is taken away from the list stays in the database. Default: none.',
      ),
    pgbouncer: z
      .strictObject({
        connections: wholeNumber(4, 1000, 'a number of connections')
          .optional()
          .describe('Connections to each server that it opens at most. Default: four for each CPU of the profile, at least 10.'),
      })
      .meta({ id: 'Pgbouncer' })
      .optional()
      .describe(
        'Of PostgreSQL: PgBouncer before it and its replica. Applications are given its address and share few connections, one transaction at a time; migrations go past it. Default: none.',
      ),
    maintenance: maintenance.optional().describe('Of PostgreSQL: what is done to its tables at set times.'),
    cpu: cpu.optional().describe("Most CPU, instead of the profile's."),
    memory: size.optional().describe("Memory limit, instead of the profile's."),
    disk: size
      .optional()
      .describe('Room for its data, instead of a share of the disk. On Kubernetes its claim, which cannot be changed later.'),
  })
  .meta({ id: 'Database' });

export const cache = z
  .strictObject({
    engine: z
      .enum(['valkey', 'redis', 'memcached'], { error: 'expected valkey, redis or memcached' })
      .describe('What runs it. memcached keeps nothing and knows no accounts.'),
    external: external.optional().describe(supplied('CACHE')),
    use: z
      .enum(['cache', 'sessions', 'queue'], { error: 'expected cache, sessions or queue' })
      .optional()
      .describe(
        'cache: may forget, keeps nothing on disk. sessions, queue: never evicts, appends to disk; not for memcached. Default: cache.',
      ),
    topology: z
      .enum(['single', 'sentinel', 'cluster'], { error: 'expected single, sentinel or cluster' })
      .optional()
      .describe(
        "sentinel: three nodes, one of which is written to and two of which copy it, and three Sentinels that let another take over. cluster: three shards of two nodes, each with a third of the keys, for clients that speak to such a cluster. Neither is for memcached. Default: what client asks for, else the profile's, where the host can.",
      ),
    client: z
      .enum(['single', 'sentinel', 'cluster'], { error: 'expected single, sentinel or cluster' })
      .optional()
      .describe(
        'What the clients of its applications speak. single: any client; with Sentinel a proxy leads it to the primary. sentinel: they ask the Sentinels themselves, and there is no proxy. cluster: they go to the node that has a key, as a Redis Cluster asks of them. Default: single.',
      ),
    cpu: cpu.optional().describe("Most CPU, instead of the profile's."),
    memory: size.optional().describe("Memory limit of each node, instead of the profile's."),
    disk: size
      .optional()
      .describe('Room for the data of each node, instead of a share of the disk. On Kubernetes its claim, which cannot be changed later.'),
  })
  .meta({ id: 'Cache' });

const days = duration.refine((value) => (parseDuration(value) ?? 1) % 86_400 === 0, { error: 'expected whole days, such as 30d' });
const lifecycle = z
  .strictObject({
    prefix: text('the beginning of a key')
      .regex(/^[A-Za-z0-9!_.*'()/-]{1,200}$/, { error: 'expected the beginning of a key, such as tmp/' })
      .optional()
      .describe('Objects whose keys begin with it. Default: all.'),
    expireAfter: days.optional().describe('They are deleted when they are that old.'),
    expireVersionsAfter: days.optional().describe('What was overwritten or deleted is kept for that long. Default: for ever.'),
  })
  .meta({ id: 'Lifecycle' });

const bucket = z
  .strictObject({
    versioning: z.boolean({ error: 'expected true or false' }).optional().describe('Keep what is overwritten or deleted. Default: true.'),
    lifecycle: z
      .array(lifecycle, { error: 'expected a list of rules such as [{ prefix: tmp/, expireAfter: 1d }]' })
      .optional()
      .describe('What is deleted by itself, and when. Default: nothing.'),
  })
  .meta({ id: 'Bucket' });
export const store = z
  .strictObject({
    engine: z
      .enum(['minio', 'seaweedfs'], { error: 'expected minio or seaweedfs' })
      .describe('What runs it. With `external`, what its owner calls it makes no difference.'),
    external: externalStore.optional().describe(supplied('STORE')),
    buckets: z
      .record(
        text('a bucket name').regex(bucketName, { error: 'expected a bucket name: 3 to 63 lower-case letters, digits and -' }),
        bucket,
      )
      .refine((buckets) => Object.keys(buckets).length > 0, { error: 'expected at least one bucket' })
      .describe('Buckets by name; each is made when it is missing, but for those of an external store.'),
    publicHost: text('a host name')
      .regex(hostName, { error: 'expected a host name such as files.example.com, in lower case' })
      .optional()
      .describe(
        'A name of its own at the edge, for addresses that an application has signed: browsers load and store objects there, 5 GiB at most at once. Default: none, and only services of the site reach it.',
      ),
    nodes: z
      .union([z.literal(1), z.literal(4)], { error: 'expected 1 or 4' })
      .optional()
      .describe(
        '4: four nodes of a cluster hold each object in parts, and two may be lost; never changed later. Kubernetes only. Default: 1.',
      ),
    cpu: cpu.optional().describe("Most CPU, instead of the profile's."),
    memory: size.optional().describe("Memory limit, instead of the profile's."),
    disk: size
      .optional()
      .describe('Room for its data, instead of a share of the disk. On Kubernetes its claim, which cannot be changed later.'),
  })
  .meta({ id: 'Store' });
