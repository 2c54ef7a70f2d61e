import { copying, monitoring, mysqlFamily } from './mysql-family.ts';

/** Facts about MySQL. Sources: the manual of version 8.4 and the Dockerfile and entrypoint of the official image; memory measured on 9.7 in a container. */
export const mysql = {
  ...mysqlFamily,
  title: 'MySQL',
  image: 'mysql',
  clients: {
    sql: 'mysql',
    admin: 'mysqladmin',
    dump: 'mysqldump',
    tls: { off: ['--ssl-mode=DISABLED'], require: ['--ssl-mode=REQUIRED'], verify: ['--ssl-mode=VERIFY_IDENTITY'] },
  },
  server: 'mysqld',
  passwordVariable: 'MYSQL_ROOT_PASSWORD_FILE',
  hostVariable: 'MYSQL_ROOT_HOST',
  /** Measured: 460 MiB of its own with the performance schema on, room for 510 connections and 4000 tables, and a buffer pool of 128 MiB that is hardly touched. */
  baseMiB: 448,
  /**
   * What one busy connection holds: a stack of 1 MiB, a sort, a join, two read buffers of 128 to 256 KiB each, 32 KiB of binary log cache, 16 KiB for the
   * network, and its share of the performance schema and of parsed statements.
   */
  connectionMiB: 2.5,
  /**
   * The only plugin that a server of 8.4 has on by itself (mysql_native_password is off there and gone from 9.0 on), and one that every driver of the last
   * years speaks. 5000 rounds is its default in 8.4; later versions read them as well.
   */
  authentication: 'caching_sha2_password',
  verifier: 'caching-sha2',
  /** The copy is physical: half of what one spinning disk gives. MiB a second. */
  copySpeed: 50,
  accounts: {
    ...mysqlFamily.accounts,
    healthOfReplica: { ...mysqlFamily.accounts.health, grants: (account: string) => monitoring('REPLICATION CLIENT', account) },
    replication: {
      host: '%',
      because: 'a replica copies the whole server and follows its log: it needs no right in any database for that',
      grants: (account: string) => [`GRANT REPLICATION SLAVE ON *.* TO \`${account}\`@\`%\``, copying(mysqlFamily.cloneRight, account)],
    },
  },
  /** Settings that a full or incremental backup and a replica rely on; an operator must not lower them. */
  backupSettings: {
    log_bin: 'binlog',
    gtid_mode: 'ON',
    enforce_gtid_consistency: 'ON',
    binlog_row_image: 'FULL',
    binlog_checksum: 'CRC32',
    log_replica_updates: 'ON',
    sync_binlog: '1',
    innodb_flush_log_at_trx_commit: '1',
  },
} as const;
