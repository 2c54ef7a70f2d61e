import { copying, markingTime, monitoring, mysqlFamily, readingUnlogged } from './mysql-family.ts';

/** Whoever may not see a trigger or an event leaves it out of a copy. A snapshot knows its place here without a lock, and says it to everybody. */
const copyRights = 'SELECT, REPLICATION SLAVE, SHOW VIEW, EVENT, TRIGGER';

/** Facts about MariaDB. Sources: the documentation of version 11.8 and the Dockerfile and entrypoint of the official image; memory measured on 11.8 in a container. */
export const mariadb = {
  ...mysqlFamily,
  title: 'MariaDB',
  image: 'mariadb',
  clients: {
    sql: 'mariadb',
    admin: 'mariadb-admin',
    dump: 'mariadb-dump',
    tls: { off: ['--skip-ssl'], require: ['--ssl', '--skip-ssl-verify-server-cert'], verify: ['--ssl', '--ssl-verify-server-cert'] },
  },
  server: 'mariadbd',
  passwordVariable: 'MARIADB_ROOT_PASSWORD_FILE',
  hostVariable: 'MARIADB_ROOT_HOST',
  /** In the folder of the data. Where it is missing, the entrypoint of the image thinks that an upgrade is due. */
  upgradeMark: '.my-healthcheck.cnf',
  /** Measured: 247 MiB of its own with the performance schema on, room for 510 connections and 4000 tables, and a buffer pool of 128 MiB that is hardly touched. */
  baseMiB: 256,
  /** Caches of its other engines, which the system tables and temporary tables on disk go through. */
  ariaCacheMiB: 64,
  keyBufferMiB: 8,
  /** In-memory temporary tables of one connection; a larger one goes to disk. Nothing bounds their sum, so it is counted for each. */
  temporaryMiB: 4,
  /** What one busy connection holds beside those: a stack of 292 KiB, a sort of 512 KiB, a join, two read buffers, the binary log cache, the performance schema. */
  connectionMiB: 2,
  /**
   * ed25519 is the stronger one, but drivers made for MySQL (mysql2, PHP's mysqlnd, Connector/J) cannot log in by it, and an application written for MySQL is
   * what most sites bring. The weakness of this one is that its hash can be tried fast; a drawn password of 190 random bits cannot be found that way.
   */
  authentication: 'mysql_native_password',
  verifier: 'mysql-native',
  /** The copy is a dump that is read in, which took 7 MiB a second on a busy machine of two CPUs. MiB a second. */
  copySpeed: 5,
  copyRights,
  accounts: {
    ...mysqlFamily.accounts,
    healthOfReplica: { ...mysqlFamily.accounts.health, grants: (account: string) => monitoring('SLAVE MONITOR', account) },
    backup: {
      ...mysqlFamily.accounts.backup,
      grants: (account: string) => [copying(copyRights, account), markingTime(account), readingUnlogged(account)],
    },
    replication: {
      host: '%',
      because: 'a replica reads all that is there, once, and follows the log; it changes nothing',
      // It sees by itself whether the log that it misses is still there.
      grants: (account: string) => [copying('SELECT, REPLICATION SLAVE, BINLOG MONITOR, SHOW VIEW, EVENT, TRIGGER', account)],
    },
  },
  /** Settings that a full or incremental backup and a replica rely on; an operator must not lower them. Every transaction has a GTID here without being asked. */
  backupSettings: {
    log_bin: 'binlog',
    binlog_format: 'ROW',
    gtid_strict_mode: 'ON',
    binlog_row_image: 'FULL',
    binlog_checksum: 'CRC32',
    log_slave_updates: 'ON',
    sync_binlog: '1',
    innodb_flush_log_at_trx_commit: '1',
  },
} as const;
