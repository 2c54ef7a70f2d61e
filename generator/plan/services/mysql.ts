import { mysql as facts } from '../../../model/engines/mysql.ts';
import { familyEngine } from './mysql-family.ts';
import type { FamilyMember, Sized } from './mysql-settings.ts';

/** From these pool sizes on, in MiB: parts that connections lock one at a time, and the step that all their chunks divide. Each size is a multiple of its step. */
const pools = [
  { from: 64 * 1024, instances: 8, step: 8 * 1024 },
  { from: 8 * 1024, instances: 8, step: 1024 },
  { from: 4 * 1024, instances: 4, step: 128 },
  { from: 2 * 1024, instances: 2, step: 128 },
  { from: 0, instances: 1, step: 128 },
] as const;
const partsOf = (pool: number) => pools.find(({ from }) => pool >= from) ?? pools[4];

/** Temporary tables of all connections together: what 8.4 takes of the memory it sees, of the limit instead. */
const temporary = (memory: number): number => Math.max(64, memory * 0.03);

const fixed = facts.baseMiB + facts.logBufferMiB + facts.socketMiB + facts.tmpMiB;
const member: FamilyMember = {
  ...facts,
  manual: 'MySQL 8.4 manual',
  redoSetting: 'innodb_redo_log_capacity',
  boundsLog: false,
  shape: {
    fixed,
    connection: facts.connectionMiB,
    temporary,
    roundPool: (pool) => Math.floor(pool / partsOf(pool).step) * partsOf(pool).step,
  },
  shapeText: {
    fixed: `${fixed} MiB: ${facts.baseMiB} MiB of the server and its performance schema, ${facts.logBufferMiB} MiB of log buffer, ${facts.socketMiB} MiB of ${facts.socketFolder} and ${facts.tmpMiB} MiB of /tmp, which lie in memory`,
    connection: `${facts.connectionMiB} MiB`,
    temporary: 'max(64 MiB, 0.03 L), all connections together',
  },
};

const own = ({ memory, cpus, decide }: Sized) => {
  const { instances, step } = partsOf(memory.pool);
  const pool = { innodb_buffer_pool_size: `${memory.pool} MiB` };
  return [
    decide(
      'innodb_buffer_pool_instances',
      String(instances),
      'pool below 2 GiB: 1, below 4 GiB: 2, below 8 GiB: 4, else 8',
      pool,
      `${member.manual}: by itself it would count the CPUs of the host`,
      'connections lock one part of the pool, not all of it',
    ),
    decide(
      'innodb_buffer_pool_chunk_size',
      `${step / instances}M`,
      'step that the pool is rounded to / innodb_buffer_pool_instances; step: pool below 8 GiB 128 MiB, below 64 GiB 1 GiB, else 8 GiB',
      pool,
      `${member.manual}: the pool is rounded up to a multiple of chunks × instances, so it already is one`,
      'the pool is a whole number of them',
    ),
    decide(
      'temptable_max_ram',
      `${memory.temporary}M`,
      'max(64 MiB, 0.03 L)',
      {},
      `${member.manual}: 3 % of memory, which it would take of the host’s`,
      'what does not fit goes to disk',
    ),
    decide(
      'innodb_parallel_read_threads',
      String(Math.min(4, cpus)),
      'min(4, ⌈CPU limit⌉)',
      {},
      `${member.manual}: by itself it would count the CPUs of the host`,
      'one count of all rows does not take all CPUs',
    ),
    { name: 'innodb_flush_method', value: 'O_DIRECT', because: 'data is cached once, in the pool, and not again by the kernel' },
    { name: 'temptable_max_mmap', value: '0', because: 'and not to files that memory is mapped from' },
    {
      name: 'loose_innodb_numa_interleave',
      value: 'OFF',
      because: 'a container may not say how memory lies on nodes; not every build knows the setting',
    },
    {
      name: 'slow_query_log',
      value: 'OFF',
      because:
        'it goes to a file that nobody rotates, never to the logs of the container; sys.statement_analysis knows every slow statement',
    },
    { name: 'mysqlx', value: 'OFF', because: 'nothing speaks the X protocol: no second port' },
    { name: 'secure_file_priv', value: 'NULL', because: 'no statement reads or writes files of the server' },
    { name: 'collation_server', value: 'utf8mb4_0900_ai_ci', because: 'the default of 8.4, whatever a later version has' },
  ];
};

export const mysqlEngine = familyEngine('mysql', facts, member, own);
