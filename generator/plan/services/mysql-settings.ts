import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { formatSize } from '../../../model/units.ts';
import { connectionBudget } from '../connections.ts';
import type { DatabaseInput } from './database-engine.ts';
import { cachedTables, divideMemory, usable } from './mysql-memory.ts';
import type { DividedMemory, MemoryShape } from './mysql-memory.ts';

/** What the family's engines are told apart by, as far as settings go. */
export interface FamilyMember {
  readonly title: string;
  readonly manual: string;
  readonly ownConnections: number;
  readonly replicaConnections: number;
  readonly mostConnections: number;
  readonly defaultConnections: number;
  readonly shape: MemoryShape;
  /** How `shape` spends its memory, in words, for the formula of the pool. */
  readonly shapeText: { readonly fixed: string; readonly connection: string; readonly temporary: string };
  readonly backupSettings: Readonly<Record<string, string>>;
  /** Name of the setting that bounds the redo log. */
  readonly redoSetting: string;
  /** Whether a setting of the server bounds the binary log by size, and not only by age. */
  readonly boundsLog: boolean;
}

type Decide = (
  name: string,
  value: string,
  formula: string,
  inputs: Readonly<Record<string, string>>,
  source: string,
  because: string,
) => EngineSetting;

/** What an engine adds to the settings of the family. */
export interface Sized {
  readonly memory: DividedMemory;
  /** Whole CPUs of its limit, at least one. */
  readonly cpus: number;
  /** MiB of its volume. */
  readonly disk: number;
  readonly decide: Decide;
}

/** Two files of the binary log. MiB. */
const logStep = 512;
/** What a log may take of a disk, MiB: in steps, so that another service's share of the disk does not change it. */
export const logShare = (disk: number): number => Math.max(logStep, Math.floor(disk / 5 / logStep) * logStep);
export const logShareFormula = `a fifth of the data disk in steps of ${logStep} MiB, at least one`;

/** Threads that read or write pages. */
const ioThreads = (cpus: number): number => Math.min(16, Math.max(4, Math.ceil(cpus / 2)));

export const pidsOf = (connections: number): number => connections + mysqlFamily.otherThreads;

/** Open files that a server of this many connections may need. */
export const openFiles = (connections: number): number => Math.max(8192, 2 * cachedTables(connections) + 5 * connections + 1024);

const plain = (settings: Readonly<Record<string, string>>, because: string): readonly EngineSetting[] =>
  Object.entries(settings).map(([name, value]) => ({ name, value, because }));

/** Settings of one MySQL or MariaDB with the reason for each, under the name of its server; `own` adds what only one of them knows. */
export function settingsOf(
  { database, spec, profile, size, disk }: DatabaseInput,
  member: FamilyMember,
  own: (sized: Sized) => readonly EngineSetting[],
  service: string = database.name,
): { readonly settings: readonly EngineSetting[]; readonly decisions: readonly Decision[] } {
  const connections = connectionBudget(spec, database.name, profile, member);
  const memory = divideMemory(size.memory, connections.limit, member.shape);
  const cpus = Math.max(1, Math.ceil(size.cpu / 1000));
  const redo = Math.min(profile.database.wal.value, Math.max(256, Math.floor(disk / 10)));
  const tables = cachedTables(connections.limit);
  const files = openFiles(connections.limit);
  const [L, C, io] = [formatSize(size.memory), String(connections.limit), String(ioThreads(cpus))];
  const key = (name: string) => `${service}.${name}`;
  const decisions: Decision[] = [{ ...connections.decision, key: key('max_connections') }];
  const change = `databases.${database.name}.memory in berth.yaml, or the profile`;
  const note = (name: string, value: string, formula: string, inputs: Readonly<Record<string, string>>, source: string): void =>
    void decisions.push({ key: key(name), value, formula, inputs, source, change });
  const decide: Decide = (name, value, formula, inputs, source, because) => {
    note(name, value, formula, inputs, source);
    return { name, value, because };
  };
  const cpuLimit = { 'CPU limit': String(size.cpu / 1000) };
  const overhead = `${mysqlFamily.poolOverhead * 100} % of the pool for its bookkeeping`;
  const settings: EngineSetting[] = [
    { name: 'max_connections', value: C, because: 'every pool full, one surge replica beside them, and Berth’s own' },
    decide(
      'innodb_buffer_pool_size',
      `${memory.pool}M`,
      `min(L ≤ 4 GiB: L / 2, else 0.75 L; (${usable} L − fixed − temporary tables − connections − table cache) / ${1 + mysqlFamily.poolOverhead}), rounded down`,
      {
        L,
        'fixed': member.shapeText.fixed,
        'temporary tables': member.shapeText.temporary,
        'connections': `${C} × ${member.shapeText.connection}`,
        'table cache': `${tables} × ${mysqlFamily.cachedTableMiB} MiB`,
        overhead,
      },
      `${member.manual}, the buffer pool: half to three quarters of the memory; the limit is given here, as a server does not see that of its container`,
      'the data that is read again without the disk',
    ),
    ...own({ memory, cpus, disk, decide }),
    { name: 'innodb_log_buffer_size', value: `${mysqlFamily.logBufferMiB}M`, because: 'changes of a transaction that is still open' },
    decide(
      member.redoSetting,
      `${redo}M`,
      'min(profile, a tenth of the data disk), at least 256 MiB',
      { profile: `${formatSize(profile.database.wal.value)} (${profile.database.wal.because})`, disk: formatSize(disk) },
      `${member.manual}, the redo log`,
      'changed pages are written in their time, not because the log is full',
    ),
    { name: 'innodb_io_capacity', value: '2000', because: 'SSD: pages it may write in a second for upkeep' },
    { name: 'innodb_io_capacity_max', value: '4000', because: 'SSD: and in a second of need' },
    decide(
      'innodb_read_io_threads',
      io,
      'half of the CPU limit, from 4 to 16',
      cpuLimit,
      `${member.manual}: by itself it would count the CPUs of the host`,
      'no more than CPUs',
    ),
    decide('innodb_write_io_threads', io, 'as innodb_read_io_threads', cpuLimit, member.manual, 'no more than CPUs'),
    decide(
      'innodb_purge_threads',
      String(Math.min(4, cpus)),
      'min(4, ⌈CPU limit⌉)',
      cpuLimit,
      member.manual,
      'what nobody can see any more is removed beside the work, not instead of it',
    ),
    decide(
      'table_open_cache',
      String(tables),
      '10 × max_connections, from 400 to 4000',
      { max_connections: C },
      'design: ten tables in one statement',
      'a table is opened once for each connection that uses it',
    ),
    decide(
      'open_files_limit',
      String(files),
      '2 × table_open_cache + 5 × max_connections + 1024, at least 8192',
      { max_connections: C, table_open_cache: String(tables) },
      `${member.manual}: it opens fewer tables when it may open fewer files`,
      'the limit of its container is the same',
    ),
    decide(
      'thread_cache_size',
      String(Math.min(256, connections.limit)),
      'max_connections, at most 256',
      { max_connections: C },
      member.manual,
      'pools that shrink and grow start no new threads',
    ),
    { name: 'sort_buffer_size', value: '256K', because: 'as the sum above counts it; a larger sort goes to disk' },
    { name: 'join_buffer_size', value: '256K', because: 'as the sum above counts it; an index serves a join better' },
    { name: 'max_allowed_packet', value: '64M', because: 'the largest statement or value' },
    ...plain(member.backupSettings, 'backups and replicas rely on it'),
    decide(
      'binlog_expire_logs_seconds',
      '259200',
      'three days, or less where the log has grown beyond its share of the disk',
      {},
      'design: an agent or a replica that was away for a weekend finds the log where it left off; after more, a backup begins anew with a full one and a replica with a copy',
      'three days: a weekend in which nobody fetches the log',
    ),
    { name: 'max_binlog_size', value: '256M', because: 'a log is removed as a whole, so not all of it at once' },
    { name: 'log_bin_trust_function_creators', value: 'ON', because: 'rows are logged, so an owner may make triggers in its own database' },
    { name: 'local_infile', value: 'OFF', because: 'no server asks a client for its files' },
    { name: 'long_query_time', value: '0.2', because: 'the deployment plans Berth was made for call a query above 200 ms worth an alert' },
    { name: 'innodb_print_all_deadlocks', value: 'ON', because: 'who waited for whom is gone afterwards' },
    { name: 'performance_schema', value: 'ON', because: 'what a statement waited for; the sum above counts it' },
  ];
  note(
    'worst_case',
    `${Math.ceil(memory.worstCase)} MiB of ${size.memory} MiB`,
    `fixed + temporary tables + connections + table cache + ${1 + mysqlFamily.poolOverhead} × innodb_buffer_pool_size`,
    { 'fixed': member.shapeText.fixed, 'temporary tables': member.shapeText.temporary, overhead },
    `design: at most ${usable} of the limit`,
  );
  if (!member.boundsLog)
    note(
      'binary_log',
      `${logShare(disk)}M`,
      logShareFormula,
      { disk: formatSize(disk) },
      `design: the oldest log goes before the disk is full; ${member.title} itself knows an age alone, so keep-log.sh looks once a minute`,
    );
  note(
    'pids',
    String(size.pids),
    `max_connections + ${mysqlFamily.otherThreads}`,
    { max_connections: C },
    `${member.manual}: a thread for each connection`,
  );
  return { settings, decisions };
}
