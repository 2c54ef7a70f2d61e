import { postgres as facts } from '../../../model/engines/postgres.ts';
import { mib } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';

/** Share of the limit that settings may fill at worst; the rest is page cache and slack. */
export const usable = 0.9;
/** Shared memory beside shared_buffers, and the folders in memory. MiB. */
export const overhead = facts.sharedOverheadMiB + facts.socketMiB + facts.tmpMiB;

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
export function divideMemory(memory: number, connections: number): PostgresMemory {
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
export function smallestMemory(connections: number): MiB {
  let memory = 1024;
  while (divideMemory(memory, connections).workMemKiB < 1024) memory += 64;
  return mib(memory);
}
