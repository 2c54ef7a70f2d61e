/** Facts about PostgreSQL that more than one part of Berth relies on. Sources: the manual of version 17 and the official image's documentation. */
export const postgres = {
  title: 'PostgreSQL',
  port: 5432,
  /** Mount point of the data. From image version 18 on it is /var/lib/postgresql. */
  volumeFolder: '/var/lib/postgresql/data',
  /** Below it: a volume of a cluster may belong to root and bring a lost+found along, and the server wants a folder that is its own. */
  dataFolder: '/var/lib/postgresql/data/pgdata',
  socketFolder: '/var/run/postgresql',
  superuser: 'postgres',
  /** Of a server that speaks TLS, in memory. */
  keyFile: '/tmp/server.key',
  /** Connections kept from the application: superuser (3 by default), accounts one-shot, backups, monitoring. */
  ownConnections: 10,
  /** The server refuses a sum of connections, workers and senders above 262143. */
  mostConnections: 262_000,
  defaultConnections: 100,
  /** Private memory of a backend that does ordinary work, without its sorts and hashes; measured values lie between 3 and 5 MiB. */
  backendMiB: 5,
  /** Shared memory beside shared_buffers: WAL buffers, locks, statistics, procedure tables. */
  sharedOverheadMiB: 48,
  /** Folders in memory, whose pages count towards the limit: the socket's and /tmp, where the server itself writes nothing. */
  socketMiB: 8,
  tmpMiB: 16,
  /** Workers of parallel queries and background tasks: the server's default for max_worker_processes. */
  backgroundWorkers: 8,
  autovacuumWorkers: 3,
  /** Processes beside connections and workers: checkpointer, writers, launchers, ten senders of the log, the health check and an operator's shell. */
  otherProcesses: 64,
  /** Sorts and hashes one query is counted with. */
  nodesPerQuery: 2,
  /** Settings that a physical or incremental backup relies on; an operator must not lower them. */
  backupSettings: { wal_level: 'replica', max_wal_senders: '10', max_replication_slots: '10', summarize_wal: 'on' },
  /** What a replica logs in with and follows the log by. No database and no account of the operator has that name. */
  replication: {
    account: 'berth_replica',
    /** By one each replica has its log kept, in the order of their names. */
    slots: ['berth_replica', 'berth_replica_2', 'berth_analytics'],
    /** Made at every start, in memory: libpq takes no file that others may read, and the mode of a secret is not Berth's to choose everywhere. */
    passFile: '/tmp/replication.pgpass',
    /** Is there while the data is copied: nothing answers then, and nothing is wrong. */
    copyingFile: '/tmp/copying',
  },
  /** What backups log in as, and by what the log is kept for them. */
  backup: { account: 'berth_backup', slot: 'berth_backup' },
  /** A row in the database `postgres` into which backups write the time, so that a restore can be asked how far it has got. */
  canary: { schema: 'berth', table: 'canary', column: 'moment' },
  /** MiB a second at which a copy of the data is expected at least: half of what one spinning disk gives. */
  copySpeed: 50,
  /** Extensions that the official image of version 17 has, and the operator's as well: those of contrib. */
  extensions: [
    'amcheck',
    'autoinc',
    'bloom',
    'btree_gin',
    'btree_gist',
    'citext',
    'cube',
    'dblink',
    'dict_int',
    'dict_xsyn',
    'earthdistance',
    'file_fdw',
    'fuzzystrmatch',
    'hstore',
    'insert_username',
    'intagg',
    'intarray',
    'isn',
    'lo',
    'ltree',
    'moddatetime',
    'pageinspect',
    'pg_buffercache',
    'pg_freespacemap',
    'pg_prewarm',
    'pg_stat_statements',
    'pg_surgery',
    'pg_trgm',
    'pg_visibility',
    'pg_walinspect',
    'pgcrypto',
    'pgrowlocks',
    'pgstattuple',
    'postgres_fdw',
    'refint',
    'seg',
    'sslinfo',
    'tablefunc',
    'tcn',
    'tsm_system_rows',
    'tsm_system_time',
    'unaccent',
    'uuid-ossp',
    'xml2',
  ],
  /** Those of them that must be loaded when the server starts. */
  preloaded: ['pg_stat_statements'],
  /** What each account may do, as the accounts one-shot grants it. */
  accounts: {
    replication: {
      attributes: 'LOGIN REPLICATION',
      owns: 'nothing',
      because: 'a replica copies the whole server and follows its log; it needs no right in any database for that',
    },
    backup: {
      attributes: 'LOGIN REPLICATION, member of pg_read_all_data, UPDATE of the time in its canary',
      owns: 'nothing',
      because:
        'a backup copies the whole server and follows its log, and counts what is in its tables to compare a restore with; the time that it writes is what a restore is measured by',
    },
    application: {
      attributes: 'LOGIN',
      owns: 'its database',
      because: 'an application migrates its own schema, so it owns its database and nothing else',
    },
  },
} as const;
