import { postgres as facts } from '../../../model/engines/postgres.ts';
import type { DatabasePlan, Decision, EngineSetting, PlannedService, Size } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { DatabaseSpec, StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { connectionBudget } from '../connections.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';

const manual = 'PostgreSQL 17 manual, Resource Consumption';
/** Share of the limit that settings may fill at worst; the rest is page cache and slack. */
const usable = 0.9;
/** Shared memory beside shared_buffers, and the folders in memory. MiB. */
const overhead = facts.sharedOverheadMiB + facts.socketMiB + facts.tmpMiB;

/** Everything in PostgreSQL that is derived from its limit. All MiB. */
interface PostgresMemory {
  readonly sharedBuffers: number;
  readonly maintenance: number;
  readonly autovacuum: number;
  /** In KiB, as the setting's own unit is too coarse in MiB for small limits. */
  readonly workMemKiB: number;
  readonly worstCase: number;
}

/** Divide a limit of `memory` MiB for `connections` connections. `workMemKiB` below 1024 means that the limit is too small. */
function divideMemory(memory: number, connections: number): PostgresMemory {
  const sharedBuffers = memory >= 1024 ? Math.min(Math.floor(memory / 4), 16 * 1024) : Math.max(64, Math.floor(memory * 0.15));
  const maintenance = Math.max(16, Math.min(Math.floor(memory / 16), 2048));
  const autovacuum = Math.max(8, Math.min(Math.floor(memory / 32), 512));
  const backends = connections + facts.backgroundWorkers;
  const rest =
    usable * memory - sharedBuffers - overhead - maintenance - facts.autovacuumWorkers * autovacuum - backends * facts.backendMiB;
  const workMemKiB = Math.min(Math.floor((rest * 1024) / (backends * facts.nodesPerQuery) / 64) * 64, 256 * 1024);
  const worstCase =
    sharedBuffers +
    overhead +
    maintenance +
    facts.autovacuumWorkers * autovacuum +
    backends * (facts.backendMiB + (facts.nodesPerQuery * Math.max(workMemKiB, 0)) / 1024);
  return { sharedBuffers, maintenance, autovacuum, workMemKiB, worstCase };
}

/** The smallest limit that leaves every connection 1 MiB for a sort, in steps of 64 MiB and at least 1 GiB. */
function smallestMemory(connections: number): MiB {
  let memory = 1024;
  while (divideMemory(memory, connections).workMemKiB < 1024) memory += 64;
  return mib(memory);
}

export function demandPostgres(database: DatabaseSpec, spec: StackSpec, profile: HardwareProfile): Demand {
  const { limit } = connectionBudget(spec, database.name, profile);
  const floor = { value: smallestMemory(limit), because: `1 GiB, or what leaves each of ${limit} connections 1 MiB for a sort` };
  const path = `databases.${database.name}`;
  return {
    name: database.name,
    role: 'database',
    count: 1,
    pids: limit + facts.backgroundWorkers + facts.autovacuumWorkers + facts.otherProcesses,
    memory: memoryWish(path, database, profile.database.memory, floor),
    cpu: cpuWish(path, database, profile.database.cpu, milliCpu(100)),
  };
}

interface Input {
  readonly database: DatabaseSpec;
  readonly spec: StackSpec;
  readonly profile: HardwareProfile;
  readonly size: Size;
  readonly disk: MiB;
  readonly clients: string;
}

/** Settings of one PostgreSQL with the reason for each. */
function settingsOf({ database, spec, profile, size, disk }: Input): {
  settings: readonly EngineSetting[];
  decisions: readonly Decision[];
  shm: MiB;
} {
  const connections = connectionBudget(spec, database.name, profile);
  const memory = divideMemory(size.memory, connections.limit);
  const wal = Math.min(profile.database.wal.value, Math.max(256, Math.floor(disk / 10)));
  const cpus = Math.max(1, Math.ceil(size.cpu / 1000));
  const limit = formatSize(size.memory);
  const key = (name: string) => `${database.name}.${name}`;
  const decisions: Decision[] = [connections.decision];
  const decide = (
    name: string,
    value: string,
    formula: string,
    inputs: Record<string, string>,
    source: string,
    because: string,
  ): EngineSetting => {
    decisions.push({
      key: key(name),
      value,
      formula,
      inputs,
      source,
      change: `databases.${database.name}.memory in berth.yaml, or the profile`,
    });
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

export interface PostgresPlan {
  readonly service: PlannedService;
  readonly accounts: PlannedService;
  readonly plan: DatabasePlan;
  readonly decisions: readonly Decision[];
}

export function planPostgres(input: Input, task: Size, image: { readonly user: string }): PostgresPlan {
  const { database, size, disk, clients } = input;
  const { settings, decisions, shm } = settingsOf(input);
  const name = database.name;
  const config = { source: `config/${name}`, target: '/etc/berth/database', restarts: true };
  const socket = { path: facts.socketFolder, size: mib(facts.socketMiB), mode: '1777' };
  const tmp = { path: '/tmp', size: mib(facts.tmpMiB), mode: '1777' };
  // The image declares its data folder as a volume: without a mount Docker would make one on disk for every run of the task, and `down` would leave it behind.
  const noData = { path: facts.dataFolder, size: mib(1), mode: '1777' };
  const service: PlannedService = {
    name,
    role: 'database',
    title: 'PostgreSQL; its admin password is set once, on an empty volume',
    kind: 'server',
    image: 'postgres',
    slotted: false,
    replicas: 1,
    size,
    user: image.user,
    shm,
    command: ['postgres', '-c', 'config_file=/etc/berth/database/postgresql.conf'],
    env: {
      POSTGRES_PASSWORD_FILE: `/run/secrets/${name}-admin`,
      POSTGRES_INITDB_ARGS:
        '--data-checksums --encoding=UTF8 --locale-provider=icu --icu-locale=und --auth-local=scram-sha-256 --auth-host=scram-sha-256',
      PGDATA: facts.dataFolder,
    },
    secretEnv: {},
    secretFiles: [`${name}-admin`],
    mounts: [config],
    tmpfs: [socket, tmp],
    nofile: 8192,
    volumes: [{ name: `${name}-data`, target: facts.dataFolder, size: disk, holds: `database ${database.database}` }],
    port: facts.port,
    ports: [],
    // By TCP: while the image prepares an empty volume, a temporary server answers on the socket only and must not be taken for the real one.
    healthcheck: {
      argv: ['pg_isready', '--quiet', '--host=127.0.0.1', `--username=${facts.superuser}`, '--dbname=postgres'],
      interval: seconds(5),
      timeout: seconds(5),
      retries: 6,
      startPeriod: seconds(120),
    },
    stopSignal: 'SIGINT',
    stopGrace: seconds(90),
    networks: ['data'],
    after: [],
  };
  const accounts: PlannedService = {
    name: `${name}-accounts`,
    role: 'task',
    title: `creates and reconciles the account of ${name}; changes nothing when nothing is to do`,
    kind: 'task',
    image: 'postgres',
    slotted: false,
    replicas: 1,
    size: task,
    user: image.user,
    entrypoint: ['/bin/sh', '/etc/berth/accounts/accounts.sh'],
    env: { PGHOST: name, PGPORT: String(facts.port), PGUSER: facts.superuser, PGDATABASE: 'postgres', PGCONNECT_TIMEOUT: '10' },
    secretEnv: {},
    secretFiles: [`${name}-admin`, `${name}-verifier`],
    mounts: [{ source: `config/${name}-accounts`, target: '/etc/berth/accounts', restarts: true }],
    volumes: [],
    tmpfs: [tmp, noData],
    ports: [],
    stopGrace: seconds(10),
    networks: ['data'],
    after: [],
  };
  return {
    service,
    accounts,
    decisions,
    plan: { service: name, engine: 'postgres', database: database.database, account: database.database, settings, clients },
  };
}
