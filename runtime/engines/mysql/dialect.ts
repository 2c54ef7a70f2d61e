import { mariadb } from '../../../model/engines/mariadb.ts';
import { mysql } from '../../../model/engines/mysql.ts';
import { BerthError } from '../../../model/errors.ts';
import type { ChainRules } from '../../ports/log-source.ts';
import { previousGtidsEvent, type EventHead } from './binlog-events.ts';
import { MariadbGtids, MysqlGtids, type GtidSet } from './gtids.ts';
import { identifier, quoted, type Session } from './session.ts';

/** A place in the binary log of one server. */
export interface LogPlace {
  readonly file: string;
  readonly position: number;
}

/** In what MySQL and MariaDB differ, as far as backups have to do with it. */
export interface Dialect {
  readonly engine: 'mysql' | 'mariadb';
  readonly title: string;
  readonly programs: { readonly server: string; readonly client: string; readonly dump: string };
  /** What its programs are told. */
  readonly tls: { readonly verified: readonly string[]; readonly unchecked: readonly string[]; readonly off: readonly string[] };
  readonly parse: (text: string) => GtidSet;
  readonly transaction: ChainRules['transaction'];
  /** Asked of the server that is backed up. */
  readonly questions: {
    /** What tells the data of this server from any other. */
    readonly server: string;
    /** Settings without which its log cannot be relied on, and their values. */
    readonly settings: Readonly<Record<string, string>>;
    /** Every transaction that stands in its log. */
    readonly logged: string;
    /** What tells that accounts were changed, where they do not stand in the snapshot of a dump. */
    readonly accounts: readonly string[];
  };
  /** Begins a snapshot, and says which transactions are in it; nothing when somebody held that up. */
  readonly snapshot: (session: Session) => Promise<string>;
  /** Whether its `CHECKSUM TABLE` works out virtual columns. Where not, it sums up whatever another row has left in their place. */
  readonly sumsVirtualColumns: boolean;
  /** Whether its dump fails at a table that was removed, renamed or altered since the snapshot began. Where not, it leaves the table out, or takes the form of now. */
  readonly failsAtChangedTables: boolean;
  readonly dumpArguments: readonly string[];
  /** The plugin by which one server copies the files of another; nothing where an engine has none that works by the network. */
  readonly clone?: { readonly library: string; readonly plugin: string; readonly right: string };
  /** Which transactions are in a dump, by what it says at its beginning and by what the server knows of that place. */
  readonly inDump: (beginning: string, place: LogPlace, session: Session) => Promise<string | undefined>;
  /** Whether the log up to that place is what was received; the reason when it is not. */
  readonly sameLog: (session: Session, place: LogPlace, gtids: GtidSet) => Promise<string | undefined>;
  readonly dump: {
    readonly prepare: readonly string[];
    readonly flags: number;
    /** What a file needs that begins in the middle of another. */
    readonly opening: (gtids: string, description: EventHead) => Buffer;
  };
  /** What its server is told that stays over restored data, beside what both are told. */
  readonly standing: readonly string[];
  readonly scratch: {
    /** Makes an empty data folder, for an administrator without a password. */
    readonly initialise: (data: string, lowerCase: string) => readonly [string, ...string[]];
    readonly serverArguments: readonly string[];
    /** The scratch server has these transactions, and no other. */
    readonly startAfter: (gtids: string) => readonly string[];
    readonly replay: readonly string[];
    readonly status: string;
    readonly executed: string;
    readonly running: string;
    readonly stop: readonly string[];
  };
}

const same = {
  dumpArguments: [
    '--single-transaction',
    '--quick',
    '--routines',
    '--events',
    '--triggers',
    '--hex-blob',
    '--tz-utc',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=1G',
    '--flush-privileges',
    '--all-databases',
  ],
  /** Non-blocking: the server ends it where its log ends. */
  nonBlocking: 1,
} as const;

/** Waiting for the lock of a dump makes everybody else wait as well. */
const lockSeconds = 5;

/** The folder that it would look into belongs to the user of the image, and nobody reads or writes files by statements. */
const noFiles = ['--secure-file-priv=NULL'] as const;

const mysqlDialect: Dialect = {
  engine: 'mysql',
  title: mysql.title,
  programs: { server: mysql.server, client: mysql.clients.sql, dump: mysql.clients.dump },
  tls: {
    verified: mysql.clients.tls.verify,
    unchecked: mysql.clients.tls.require,
    off: [...mysql.clients.tls.off, '--get-server-public-key'],
  },
  parse: (text) => MysqlGtids.parse(text),
  transaction: {
    form: /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}(?::[a-z_]\w{0,31})?:[1-9]\d{0,18}$/i,
    example: '3e11fa47-71ca-11e1-9e33-c80aa9429562:23, as `SELECT @@gtid_executed` tells them',
  },
  questions: {
    server: '@@server_uuid',
    logged: '@@GLOBAL.gtid_executed',
    settings: { log_bin: '1', gtid_mode: 'ON', enforce_gtid_consistency: 'ON', binlog_format: 'ROW', binlog_checksum: 'CRC32' },
    accounts: [],
  },
  // There is no snapshot of a known place but one that nobody commits during.
  snapshot: async (session) => {
    await session.rows(`SET SESSION lock_wait_timeout = ${lockSeconds}`);
    await session.rows('FLUSH TABLES WITH READ LOCK');
    try {
      await session.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT');
      return String((await session.row('SELECT @@GLOBAL.gtid_executed AS gtids'))['gtids']);
    } finally {
      await session.rows('UNLOCK TABLES');
    }
  },
  sumsVirtualColumns: true,
  failsAtChangedTables: true,
  dumpArguments: [
    ...same.dumpArguments,
    '--source-data=2',
    '--set-gtid-purged=COMMENTED',
    '--no-tablespaces',
    `--loose-init-command=SET SESSION lock_wait_timeout = ${lockSeconds}`,
  ],
  clone: { library: 'mysql_clone.so', plugin: 'clone', right: mysql.cloneRight },
  inDump: async (beginning) => /GTID_PURGED=(?:\/\*!80000 '\+'\*\/ *)?'\+?([^']*)'/.exec(beginning)?.[1],
  sameLog: async (session, _, gtids) => {
    const { executed } = await session.row('SELECT @@GLOBAL.gtid_executed AS executed');
    if (MysqlGtids.parse(String(executed)).covers(gtids)) return undefined;
    return 'the server does not have all that was backed up: its data folder is an older copy';
  },
  dump: { prepare: ["SET @source_binlog_checksum = 'CRC32'"], flags: same.nonBlocking, opening: previousGtidsEvent },
  standing: [...noFiles, '--disable-log-bin', '--skip-replica-start', '--mysqlx=OFF'],
  scratch: {
    initialise: (data, lowerCase) => [
      mysql.server,
      '--no-defaults',
      '--initialize-insecure',
      ...noFiles,
      `--datadir=${data}`,
      `--lower-case-table-names=${lowerCase}`,
    ],
    serverArguments: [
      ...noFiles,
      '--disable-log-bin',
      '--gtid-mode=ON',
      '--enforce-gtid-consistency=ON',
      '--skip-replica-start',
      '--replica-parallel-workers=2',
      '--mysqlx=OFF',
      '--innodb-redo-log-capacity=256M',
    ],
    startAfter: (gtids) => ['RESET BINARY LOGS AND GTIDS', `SET GLOBAL gtid_purged = ${quoted(gtids)}`],
    replay: [
      "CHANGE REPLICATION SOURCE TO RELAY_LOG_FILE = 'relay.000001', RELAY_LOG_POS = 4, SOURCE_HOST = '127.0.0.1', SOURCE_USER = 'none'",
      'START REPLICA SQL_THREAD',
    ],
    status: 'SHOW REPLICA STATUS',
    executed: 'SELECT @@GLOBAL.gtid_executed AS gtids',
    running: 'Replica_SQL_Running',
    stop: ['STOP REPLICA', 'RESET REPLICA ALL'],
  },
};

const gtidAt = async (session: Session, { file, position }: LogPlace): Promise<string | undefined> =>
  (await session.row(`SELECT BINLOG_GTID_POS(${quoted(file)}, ${position}) AS gtids`))['gtids'] ?? undefined;

const { canary } = mariadb;

/** Where it is not there, the locks of what was read are held to the end of the transaction. */
async function logNothing(session: Session): Promise<void> {
  try {
    await session.rows(`CALL ${identifier(canary.database)}.${identifier(canary.unlogged)}()`);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
  }
}

const mariadbDialect: Dialect = {
  engine: 'mariadb',
  title: mariadb.title,
  programs: { server: mariadb.server, client: mariadb.clients.sql, dump: mariadb.clients.dump },
  tls: { verified: mariadb.clients.tls.verify, unchecked: mariadb.clients.tls.require, off: mariadb.clients.tls.off },
  parse: (text) => MariadbGtids.parse(text),
  transaction: { form: /^\d{1,10}-\d{1,10}-[1-9]\d{0,19}$/, example: '0-1-270, as `SELECT @@last_gtid` tells it' },
  questions: {
    // It draws nothing: but whoever loads a dump makes this table anew, and neither an upgrade nor a repair does.
    server:
      "(SELECT UNIX_TIMESTAMP(create_time) FROM information_schema.tables WHERE table_schema = 'mysql' AND table_name = 'global_priv')",
    logged: '@@GLOBAL.gtid_binlog_pos',
    settings: { log_bin: '1', binlog_format: 'ROW', binlog_checksum: 'CRC32' },
    accounts: ['global_priv', 'db', 'tables_priv', 'columns_priv', 'procs_priv', 'proxies_priv', 'roles_mapping', 'proc'],
  },
  snapshot: async (session) => {
    await logNothing(session);
    await session.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    const rows = await session.rows("SHOW STATUS LIKE 'binlog_snapshot_%'");
    const said = new Map(rows.map((row) => [row['Variable_name']?.toLowerCase(), row['Value'] ?? '']));
    const place = { file: said.get('binlog_snapshot_file') ?? '', position: Number(said.get('binlog_snapshot_position')) };
    return (await gtidAt(session, place)) ?? '';
  },
  sumsVirtualColumns: false,
  failsAtChangedTables: false,
  dumpArguments: [...same.dumpArguments, '--master-data=2', '--gtid'],
  inDump: async (_, place, session) => gtidAt(session, place),
  sameLog: async (session, place, gtids) => {
    const there = await gtidAt(session, place);
    if (there !== undefined && there === gtids.toString()) return undefined;
    return `the server knows nothing of ${gtids.toString()} at ${place.file}, ${place.position}: its log was removed, or it is another server`;
  },
  // Events that only explain others are sent as well: what is received is what stands in the file.
  dump: {
    prepare: ["SET @master_binlog_checksum = 'CRC32'", 'SET @mariadb_slave_capability = 4'],
    flags: same.nonBlocking | 2,
    opening: () => Buffer.alloc(0),
  },
  standing: ['--skip-log-bin', '--skip-slave-start'],
  scratch: {
    initialise: (data, lowerCase) => [
      'mariadb-install-db',
      '--no-defaults',
      `--datadir=${data}`,
      `--lower-case-table-names=${lowerCase}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    serverArguments: ['--skip-log-bin', '--skip-slave-start', '--innodb-log-file-size=256M'],
    startAfter: (gtids) => [`SET GLOBAL gtid_slave_pos = ${quoted(gtids)}`],
    replay: [
      "CHANGE MASTER TO RELAY_LOG_FILE = 'relay.000001', RELAY_LOG_POS = 4, MASTER_HOST = '127.0.0.1', MASTER_USER = 'none', MASTER_USE_GTID = no",
      'START SLAVE SQL_THREAD',
    ],
    status: 'SHOW SLAVE STATUS',
    executed: 'SELECT @@GLOBAL.gtid_slave_pos AS gtids',
    running: 'Slave_SQL_Running',
    stop: ['STOP SLAVE', 'RESET SLAVE ALL'],
  },
};

export const dialects: Readonly<Record<Dialect['engine'], Dialect>> = { mysql: mysqlDialect, mariadb: mariadbDialect };
