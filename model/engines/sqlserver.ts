/** Words of the spec for the editions, and what the image calls them. Sources: the documentation of SQL Server 2022 on Linux, environment variables and editions. */
export const sqlserverEditions = {
  'developer': { pid: 'Developer', notice: 'the developer edition may not be used for production' },
  'evaluation': { pid: 'Evaluation', notice: 'the evaluation edition stops after 180 days' },
  'express': { pid: 'Express', notice: 'the express edition holds 10 GB in a database, and caches 1410 MB whatever its memory' },
  'web': { pid: 'Web', notice: undefined },
  'standard': { pid: 'Standard', notice: undefined },
  'enterprise': { pid: 'Enterprise', notice: undefined },
  'enterprise-core': { pid: 'EnterpriseCore', notice: undefined },
} as const;

/**
 * Facts about SQL Server 2022 on Linux. Sources: its documentation, and the history of its image. Nothing here was measured: no server was at hand.
 */
export const sqlserver = {
  title: 'SQL Server',
  /** Key of images.yaml. */
  image: 'sqlserver',
  port: 1433,
  server: '/opt/mssql/bin/sqlservr',
  client: '/opt/mssql-tools18/bin/sqlcmd',
  /** Data, log and the copy of its registry; it writes nowhere else but to /tmp. */
  volumeFolder: '/var/opt/mssql',
  /** Below it, the files of the application's database alone, so that others can take their place in one step. */
  dataFolder: '/var/opt/mssql/database',
  /** Files that were put back, and are to take the place of those that are there: `start.sh` does so where none are. */
  restoredFolder: '/var/opt/mssql/database.restored',
  /** Where a server and its agent have the same volume. Every user may write to it in the image, so that a new volume there is open to both. */
  exchangeFolder: '/var/tmp',
  exchangeVolume: 'agent-sqlserver-exchange',
  configFolder: '/etc/berth/database',
  administrator: 'sa',
  /** As whom the image runs it. */
  user: '10001:10001',
  /** What backups log in as: it copies the database and reads it, and changes nothing in it. */
  backup: { account: 'berth_backup', roles: ['db_backupoperator', 'db_datareader'] },
  /** Its password must have letters of both kinds and a digit. A drawn one nearly always does, with this before it always. */
  passwordPrefix: 'Aa1-',
  /** Connections kept from the application: operators, the accounts one-shot, health, backups, monitoring. */
  ownConnections: 10,
  mostConnections: 32_767,
  defaultConnections: 32_767,
  tmpMiB: 64,
  /** What the layer between it and Linux takes outside its own limit. */
  baseMiB: 128,
  /** Share of the container’s limit that it may see. Source: its default is four fifths of the memory of the host. */
  visible: 0.8,
  /** It refuses to start with less. MiB. */
  leastVisible: 2000,
  /** Kept from its pools for threads, linked code and plans: a tenth, or this. MiB. */
  leastReserve: 512,
  fewestWorkers: 512,
  /** Threads beside its workers: the layer below it, listeners, timers. */
  otherThreads: 512,
  mostTempFiles: 8,
  /**
   * Its program carries the file capability to bind ports below 1024. The kernel refuses to start such a program where the capability may not be had at all,
   * though it binds none of them. Its image gives the folder of the data to the group 0.
   */
  loosened: [{ what: 'NET_BIND_SERVICE', because: 'its program carries this file capability and does not start where it cannot be had' }],
  imageGroup: 0,
} as const;
