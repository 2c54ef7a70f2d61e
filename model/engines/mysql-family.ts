/** What MySQL and MariaDB share: one took the data folder, the option files and most settings over from the other. */

/** An account on the server, and exactly what the accounts one-shot leaves it with. */
export interface SqlAccount {
  /** Addresses it may log in from, in the engine's own pattern. */
  readonly host: string;
  readonly because: string;
  /** `SHOW GRANTS` for it, line by line. */
  readonly grants: (account: string, database: string) => readonly string[];
}

/** In a grant `_` stands for any character unless it is escaped: without it, the owner of my_db would own myxdb as well. */
const pattern = (database: string): string => database.replaceAll('_', '\\_');

/** What a health check may do where there is a replica: ask how it follows. The account is the same on both, as the replica copies it. */
export const monitoring = (right: string, account: string): readonly string[] => [`GRANT ${right} ON *.* TO \`${account}\`@\`127.0.0.1\``];

/** A snapshot of a known place takes a lock and a look at where the log stands. */
const copyRights = 'SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT, SHOW VIEW, EVENT, TRIGGER';

/** Lets an account copy the files of a MySQL by its plugin. */
const cloneRight = 'BACKUP_ADMIN';

export const copying = (rights: string, account: string): string => `GRANT ${rights} ON *.* TO \`${account}\`@\`%\``;

const canary = { database: 'berth_canary', table: 'canary', column: 'moment', unlogged: 'unlogged' } as const;

/** Beside what a copy takes, the one thing that the account of backups may change. */
export const markingTime = (account: string): string =>
  `GRANT UPDATE ON \`${canary.database}\`.\`${canary.table}\` TO \`${account}\`@\`%\``;

/**
 * MariaDB gives the lock of a table that was read back at a savepoint only to a session that does not log, and who may turn that off may remove the log as
 * well. So the account may call a procedure that does no more than that, for its own session.
 */
export const readingUnlogged = (account: string): string =>
  `GRANT EXECUTE ON PROCEDURE \`${canary.database}\`.\`${canary.unlogged}\` TO \`${account}\`@\`%\``;

export const mysqlFamily = {
  port: 3306,
  /** Mount point of the data, which the image declares as a volume. */
  volumeFolder: '/var/lib/mysql',
  /** Below it: a volume of a cluster may belong to root and bring a lost+found along, and an empty folder is asked for at the first start. */
  dataFolder: '/var/lib/mysql/data',
  /** Sorts and temporary tables that outgrow memory. On the volume, as /tmp lies in memory and would have to hold them in full. */
  temporaryFolder: '/var/lib/mysql/tmp',
  /** Stands there from before the first start until the administrator has a password. */
  unfinishedFile: '/var/lib/mysql/first-start-unfinished',
  /** Socket and process number; the only place outside the volume that the server writes to. */
  socketFolder: '/var/run/mysqld',
  socketFile: '/var/run/mysqld/mysqld.sock',
  /** Read by the server of either image after its own option files, so that what stands here holds. */
  configFolder: '/etc/mysql/conf.d',
  /** What the entrypoint runs once, when the administrator has a password, on a server that only the socket reaches. */
  initFolder: '/docker-entrypoint-initdb.d',
  administrator: 'root',
  healthAccount: 'berth_health',
  /** What backups log in as. */
  backup: { account: 'berth_backup' },
  /**
   * A row in a database of its own into which backups write the time, so that a restore can be asked how far it has got. In MariaDB there is a procedure
   * beside it, after which what a session does is not logged: see {@link readingUnlogged}.
   */
  canary,
  /** What makes a server a replica. */
  replication: {
    account: 'berth_replica',
    /** The primary is 1. */
    firstServerId: 2,
    /** Below the data, so that it comes and goes with it: only a folder with this mark is ever followed with, or removed. */
    markFile: '/var/lib/mysql/data/berth-replica',
    /** Where a copy grows: the data takes its place in one step once it is whole. */
    copyFolder: '/var/lib/mysql/copy',
    /** Is there while somebody makes the replica a primary: nobody starts it again then. */
    promotingFile: '/tmp/promoting',
    /** Is there from when its primary turned out to be another database, until it is the one that was copied. */
    strangerFile: '/tmp/stranger',
    /** Behind by more than that, in seconds, it says so in its log. It answers all the same. */
    lagSeconds: 60,
  },
  /** Where an agent in the image has its own files: open to every user there, which the folder of the data is not in MariaDB's. */
  agentFolder: '/run/mysqld',
  /** Data that were put back, and are to take the place of those that are there: `start.sh` does so where none are. */
  restoredFolder: '/var/lib/mysql/data.restored',
  /** Folders in memory, whose pages count towards the limit: the socket's and /tmp, where the entrypoint keeps what it hands from one command to the next. */
  socketMiB: 8,
  tmpMiB: 16,
  /** Connections kept from the application: operators, the accounts one-shot, health, backups, monitoring, a replica. */
  ownConnections: 10,
  /** One sends it the log, one answers what it asks. */
  replicaConnections: 2,
  /** Most that max_connections takes is 100000. */
  mostConnections: 99_000,
  defaultConnections: 151,
  /** Share of the buffer pool that its own bookkeeping takes beside it. Source: the manual of MySQL 8.4, `innodb_buffer_pool_size`: about 10 %. */
  poolOverhead: 0.1,
  /** One entry of the table cache, for a table of common width. */
  cachedTableMiB: 0.03,
  logBufferMiB: 32,
  /** Threads beside connections: reading and writing, purge, flush, log, timers, signals, replicas that read the log. */
  otherThreads: 160,
  /** All that a dump of everything and the log take, as the server lists it. */
  copyRights,
  cloneRight,
  accounts: {
    application: {
      host: '%',
      because: 'an application migrates its own schema, so it owns its database and nothing else',
      grants: (account, database) => [
        `GRANT USAGE ON *.* TO \`${account}\`@\`%\``,
        `GRANT ALL PRIVILEGES ON \`${pattern(database)}\`.* TO \`${account}\`@\`%\``,
      ],
    },
    health: {
      host: '127.0.0.1',
      because:
        'a health check logs in from its own container and asks for nothing; without an account, every check would leave a refused login behind',
      grants: (account) => [`GRANT USAGE ON *.* TO \`${account}\`@\`127.0.0.1\``],
    },
    backup: {
      host: '%',
      because: 'a backup copies the whole server and follows its log; it changes nothing but the time in its canary',
      grants: (account) => [copying(copyRights, account), copying(cloneRight, account), markingTime(account)],
    },
  },
} as const satisfies { readonly accounts: Readonly<Record<string, SqlAccount>>; readonly [key: string]: unknown };
