import { postgres as facts } from '../../../model/engines/postgres.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import { longestPause, parseCron } from '../../../model/cron.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { connectionBudget } from '../connections.ts';
import { isCopied } from './copied-databases.ts';
import type { DatabaseInput } from './database-engine.ts';
import { divideMemory, overhead, usable } from './postgres-memory.ts';

const manual = 'PostgreSQL 17 manual, Resource Consumption';

export interface PostgresSettings {
  readonly settings: readonly EngineSetting[];
  readonly decisions: readonly Decision[];
  readonly shm: MiB;
}

const preloaded: readonly string[] = facts.preloaded;
type Decide = (
  name: string,
  value: string,
  formula: string,
  inputs: Record<string, string>,
  source: string,
  because: string,
  change?: string,
) => EngineSetting;

/** What the server must load for the extensions of a database. */
const preloadedOf = ({ extensions }: DatabaseInput['database']): readonly string[] => extensions.filter((name) => preloaded.includes(name));

/** The server's own default. */
const leastSummaryDays = 10;
/** So many backups in a row may fail, or be missed by a host that is off. */
const missable = 3;

/** The server finds what has changed in the summaries of its log, which must reach back to the backup before. */
function summaries(database: DatabaseInput['database'], spec: StackSpec, decide: Decide): readonly EngineSetting[] {
  const { schedule, increments } = spec.backups?.databases ?? {};
  if (schedule === undefined || increments === undefined || !isCopied(database, spec)) return [];
  const pause = longestPause([schedule, increments].flatMap((text) => parseCron(text) ?? []));
  return [
    decide(
      'wal_summary_keep_time',
      `${Math.max(leastSummaryDays, missable * pause)}d`,
      `max(${leastSummaryDays} days, ${missable} × the longest pause between two backups)`,
      { schedule, increments, pause: pause === 1 ? 'a day' : `${pause} days` },
      'PostgreSQL 17 manual, WAL Summarization: without them an increment is a full backup',
      'an increment needs the summaries of the log since the backup before it, also when some were missed',
      'backups.databases.increments in berth.yaml',
    ),
  ];
}

/** Settings of one PostgreSQL with the reason for each; `service` is the database itself, or its replica. */
export function settingsOf({ database, spec, profile, size, disk }: DatabaseInput, service = database.name): PostgresSettings {
  const connections = connectionBudget(spec, database.name, profile, facts);
  const memory = divideMemory(size.memory, connections.limit);
  const wal = Math.min(profile.database.wal.value, Math.max(256, Math.floor(disk / 10)));
  // In steps: it would else change, and the server start anew, with every service that takes a share of the disk.
  const kept = [8, 4, 2].find((times) => times * wal <= disk / 5) ?? 1;
  const cpus = Math.max(1, Math.ceil(size.cpu / 1000));
  const limit = formatSize(size.memory);
  const key = (name: string) => `${service}.${name}`;
  const decisions: Decision[] = [{ ...connections.decision, key: key('max_connections') }];
  const decide: Decide = (
    name,
    value,
    formula,
    inputs,
    source,
    because,
    change = `databases.${database.name}.memory in berth.yaml, or the profile`,
  ) => {
    decisions.push({ key: key(name), value, formula, inputs, source, change });
    return { name, value, because };
  };
  const backends = `${connections.limit} connections + ${facts.backgroundWorkers} workers`;
  const overheadText = `${overhead} MiB: ${facts.sharedOverheadMiB} MiB of shared memory, ${facts.socketMiB} MiB of ${facts.socketFolder} and ${facts.tmpMiB} MiB of /tmp, which lie in memory`;
  const settings: EngineSetting[] = [
    {
      name: 'max_connections',
      value: String(connections.limit),
      because: 'every pool full, one surge replica beside them, and Berth’s own',
    },
    decide(
      'shared_buffers',
      `${memory.sharedBuffers}MB`,
      'L ≥ 1 GiB: L / 4, at most 16 GiB; else max(64 MiB, 0.15 L)',
      { L: limit },
      manual,
      'a quarter of the limit; more starves the page cache',
    ),
    decide(
      'effective_cache_size',
      `${Math.floor(size.memory * 0.75)}MB`,
      '0.75 L',
      { L: limit },
      manual,
      'what the planner may take to be cached: the page cache counts towards the limit',
    ),
    decide(
      'work_mem',
      `${memory.workMemKiB}kB`,
      `(${usable} L − shared_buffers − overhead − maintenance_work_mem − autovacuum − backends × ${facts.backendMiB} MiB) / (backends × ${facts.nodesPerQuery}), at most 256 MiB`,
      {
        L: limit,
        shared_buffers: `${memory.sharedBuffers} MiB`,
        overhead: overheadText,
        maintenance_work_mem: `${memory.maintenance} MiB`,
        autovacuum: `${facts.autovacuumWorkers} × ${memory.autovacuum} MiB`,
        backends,
      },
      'design: with every connection busy on two sorts the engine stays within 0.9 of its limit',
      'each connection may use it twice at once and all of them still fit',
    ),
    { name: 'hash_mem_multiplier', value: '1', because: 'a hash gets what a sort gets, as the sum above counts it' },
    decide(
      'maintenance_work_mem',
      `${memory.maintenance}MB`,
      'L / 16, from 16 MiB to 2 GiB',
      { L: limit },
      manual,
      'one index build or manual vacuum at a time',
    ),
    decide(
      'autovacuum_work_mem',
      `${memory.autovacuum}MB`,
      'L / 32, from 8 MiB to 512 MiB',
      { L: limit },
      'design: three workers at once are counted',
      'for each of three autovacuum workers',
    ),
    { name: 'autovacuum_max_workers', value: String(facts.autovacuumWorkers), because: 'the default, which the sum above counts' },
    decide(
      'max_wal_size',
      `${wal}MB`,
      'min(profile, a tenth of the data disk), at least 256 MiB',
      { profile: `${formatSize(profile.database.wal.value)} (${profile.database.wal.because})`, disk: formatSize(disk) },
      'PostgreSQL 17 manual, Write Ahead Log',
      'checkpoints come by time, not forced by volume',
    ),
    decide(
      'min_wal_size',
      `${Math.max(80, Math.floor(wal / 4))}MB`,
      'max_wal_size / 4',
      { max_wal_size: `${wal} MiB` },
      'design: keeps recycled segments for the usual load',
      'a quarter stays allocated',
    ),
    decide(
      'max_slot_wal_keep_size',
      `${kept * wal}MB`,
      'max_wal_size × the largest of 8, 4 and 2 that keeps it within a fifth of the data disk, else × 1',
      { max_wal_size: `${wal} MiB`, disk: formatSize(disk) },
      'PostgreSQL 17 manual, Replication: without it a slot keeps the log of one that is gone until the disk is full',
      'log kept for a replica that is away; beyond it the replica copies the whole again',
    ),
    {
      name: 'tcp_user_timeout',
      value: '60000',
      because: 'in ms: without it a checkpoint waits a quarter of an hour for a replica whose network is gone, and the log piles up',
    },
    { name: 'checkpoint_completion_target', value: '0.9', because: 'spreads the writes over the interval' },
    { name: 'wal_compression', value: 'lz4', because: 'less to write and to ship, for little CPU' },
    decide('max_worker_processes', String(facts.backgroundWorkers), 'the default', {}, manual, 'the pool that parallel workers come from'),
    decide(
      'max_parallel_workers',
      String(Math.min(facts.backgroundWorkers, cpus)),
      'min(8, ⌈CPU limit⌉)',
      { 'CPU limit': String(size.cpu / 1000) },
      manual,
      'no more than CPUs',
    ),
    decide(
      'max_parallel_workers_per_gather',
      String(Math.max(1, Math.min(4, Math.floor(cpus / 2)))),
      'half of max_parallel_workers, from 1 to 4',
      { 'CPU limit': String(size.cpu / 1000) },
      manual,
      'one query may not take all workers',
    ),
    { name: 'random_page_cost', value: '1.1', because: 'SSD: reading at random costs hardly more than in a row' },
    { name: 'effective_io_concurrency', value: '200', because: 'SSD: many reads at once' },
    ...Object.entries(facts.backupSettings).map(([name, value]) => ({ name, value, because: 'backups and replicas rely on it' })),
    ...summaries(database, spec, decide),
    ...(preloadedOf(database).length === 0
      ? []
      : [
          {
            name: 'shared_preload_libraries',
            value: preloadedOf(database).join(','),
            because: 'extensions that work only when the server has started with them',
          },
        ]),
    { name: 'password_encryption', value: 'scram-sha-256', because: 'no weaker form of a password is ever stored' },
    {
      name: 'log_min_duration_statement',
      value: '200ms',
      because: 'the deployment plans Berth was made for call a query above 200 ms worth an alert',
    },
    { name: 'log_lock_waits', value: 'on', because: 'who waited for whom is gone afterwards' },
    { name: 'idle_in_transaction_session_timeout', value: '10min', because: 'a forgotten transaction keeps vacuum from its work' },
  ];
  const shm = mib(Math.max(64, Math.floor(size.memory / 4)));
  decisions.push(
    {
      key: key('shm_size'),
      value: formatSize(shm),
      formula: 'max(64 MiB, L / 4)',
      inputs: { L: limit },
      source: 'measured: a container’s /dev/shm has 64 MiB, too little for a parallel hash; its pages are those of work_mem',
      change: `databases.${database.name}.memory`,
    },
    {
      key: key('worst_case'),
      value: `${Math.ceil(memory.worstCase)} MiB of ${size.memory} MiB`,
      formula: 'shared_buffers + overhead + maintenance_work_mem + 3 × autovacuum_work_mem + backends × (5 MiB + 2 × work_mem)',
      inputs: { overhead: overheadText, backends },
      source: `design: at most ${usable} of the limit`,
      change: 'the limit',
    },
    {
      key: key('pids'),
      value: String(size.pids),
      formula: `max_connections + max_worker_processes + autovacuum_max_workers + ${facts.otherProcesses}`,
      inputs: {
        max_connections: String(connections.limit),
        max_worker_processes: String(facts.backgroundWorkers),
        autovacuum_max_workers: String(facts.autovacuumWorkers),
      },
      source: 'PostgreSQL 17 manual, How Connections Are Established: a process for each connection',
      change: connections.decision.change,
    },
  );
  return { settings, decisions, shm };
}
