import { sqlserver as facts } from '../../../model/engines/sqlserver.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import { formatSize, mib } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { connectionBudget } from '../connections.ts';
import type { DatabaseInput } from './database-engine.ts';

/** Share of the limit that it may fill at worst. */
const usable = 0.9;
/** Outside of what it may see. MiB. */
const beside = facts.baseMiB + facts.tmpMiB;

/** What it may see of a limit, and what its pools may have of that. MiB. */
function divideMemory(memory: number): { readonly visible: number; readonly pools: number; readonly worstCase: number } {
  const visible = Math.floor(Math.min(memory * facts.visible, usable * memory - beside));
  return { visible, pools: visible - Math.max(facts.leastReserve, Math.ceil(visible / 10)), worstCase: visible + beside };
}

/** The smallest limit of which it sees as much as it asks for, in steps of 64 MiB and at least 2 GiB. */
export function smallestMemory(): MiB {
  let memory = 2048;
  while (divideMemory(memory).visible < facts.leastVisible) memory += 64;
  return mib(memory);
}

const workersOf = (connections: number): number => Math.max(facts.fewestWorkers, connections);
export const pidsOf = (connections: number): number => workersOf(connections) + facts.otherThreads;

/** Settings with the reason for each: the first by its environment, those of tempdb by statements, the others by sp_configure under these names. */
export function settingsOf({ database, spec, profile, size, disk }: DatabaseInput): {
  readonly settings: readonly EngineSetting[];
  readonly decisions: readonly Decision[];
} {
  const { limit } = connectionBudget(spec, database.name, profile, facts);
  const memory = divideMemory(size.memory);
  const cpus = Math.max(1, Math.ceil(size.cpu / 1000));
  const parallel = String(Math.min(facts.mostTempFiles, cpus));
  const tempEach = Math.max(64, Math.floor(disk / 5 / Number(parallel)));
  const manual = 'SQL Server 2022 documentation';
  const memoryKey = `databases.${database.name}.memory in berth.yaml, or the profile`;
  const cpuKey = `databases.${database.name}.cpu in berth.yaml, or the profile`;
  const decisions: Decision[] = [];
  const decide = (
    name: string,
    value: string,
    because: string,
    decision: Omit<Decision, 'key' | 'value' | 'source'> & { readonly source?: string },
  ): EngineSetting => {
    decisions.push({ source: manual, ...decision, key: `${database.name}.${name}`, value });
    return { name, value, because };
  };
  const L = formatSize(size.memory);
  const settings: readonly EngineSetting[] = [
    decide('MSSQL_MEMORY_LIMIT_MB', String(memory.visible), 'what it sees as the memory of its machine', {
      formula: `min(${facts.visible} L; ${usable} L − ${beside} MiB)`,
      inputs: { L },
      source: `${manual}, memory on Linux: four fifths; versions before CU 20 do not see the limit of their container at all`,
      change: memoryKey,
    }),
    decide('max server memory (MB)', String(memory.pools), 'its pools; the rest is for threads, linked code and plans', {
      formula: `MSSQL_MEMORY_LIMIT_MB − max(${facts.leastReserve} MiB, a tenth of it)`,
      inputs: { MSSQL_MEMORY_LIMIT_MB: `${memory.visible} MiB` },
      change: memoryKey,
    }),
    decide('max worker threads', String(workersOf(limit)), 'one for each connection, whatever the CPUs of the host', {
      formula: `max(${facts.fewestWorkers}, Σ (replicas + 1 surge) × pool + kept by Berth)`,
      inputs: { connections: String(limit) },
      source: `${manual}: by itself it would count the CPUs of the host`,
      change: 'services.*.pool or services.*.replicas in berth.yaml',
    }),
    decide('max degree of parallelism', parallel, 'one statement does not take more CPUs than there are', {
      formula: 'min(8, ⌈CPU limit⌉)',
      inputs: { 'CPU limit': String(size.cpu / 1000) },
      source: `${manual}: by itself it would count the CPUs of the host, as it does not see the limit of its container`,
      change: cpuKey,
    }),
    { name: 'cost threshold for parallelism', value: '50', because: 'its default of 5 divides statements that are done in milliseconds' },
    { name: 'backup compression default', value: '1', because: 'a copy takes a fraction of the disk' },
    decide('tempdb files', parallel, 'connections that make temporary tables do not wait for one another', {
      formula: 'as max degree of parallelism',
      inputs: { 'CPU limit': String(size.cpu / 1000) },
      source: `${manual}, tempdb: one file for each CPU, at most eight`,
      change: cpuKey,
    }),
    decide('tempdb file MB', String(tempEach), 'a sort that runs away does not fill the disk', {
      formula: 'a fifth of the data disk / tempdb files, at least 64 MiB',
      inputs: { disk: formatSize(mib(disk)), files: parallel },
      source: 'design: by itself it grows until the disk is full',
      change: `databases.${database.name}.disk in berth.yaml`,
    }),
  ];
  decisions.push(
    {
      key: `${database.name}.worst_case`,
      value: `${Math.ceil(memory.worstCase)} MiB of ${size.memory} MiB`,
      formula: `MSSQL_MEMORY_LIMIT_MB + ${facts.baseMiB} MiB + folders in memory`,
      inputs: { 'folders in memory': `${facts.tmpMiB} MiB` },
      source: `design: at most ${usable} of the limit`,
      change: memoryKey,
    },
    {
      key: `${database.name}.pids`,
      value: String(size.pids),
      formula: `max worker threads + ${facts.otherThreads}`,
      inputs: { 'max worker threads': String(workersOf(limit)) },
      source: manual,
      change: 'services.*.pool or services.*.replicas in berth.yaml',
    },
  );
  return { settings, decisions };
}
