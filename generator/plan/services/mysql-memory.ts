import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { mib } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';

/** Share of the limit that settings may fill at worst; the rest is page cache and slack. */
export const usable = 0.9;
/** Below this pool the data of the smallest application goes through the disk again and again. MiB. */
const smallestPool = 256;

/** How one engine of the family spends its memory. All MiB. */
export interface MemoryShape {
  /** What does not depend on connections, tables or the limit: the program, its caches of fixed size, its folders in memory. */
  readonly fixed: number;
  /** What one busy connection holds at most. */
  readonly connection: number;
  /** In-memory temporary tables of all connections together, for a limit. */
  readonly temporary: (memory: number) => number;
  /** The next smaller size that a buffer pool may have. */
  readonly roundPool: (pool: number) => number;
}

export interface DividedMemory {
  readonly pool: number;
  readonly temporary: number;
  readonly worstCase: number;
}

/** Entries of the table cache: ten tables for each connection, within what the servers use themselves at least and at most. */
export const cachedTables = (connections: number): number => Math.min(4000, Math.max(400, 10 * connections));

/** Divide a limit of `memory` MiB for `connections` connections. */
export function divideMemory(memory: number, connections: number, shape: MemoryShape): DividedMemory {
  const share = shape.temporary(memory);
  const beside = shape.fixed + connections * shape.connection + cachedTables(connections) * mysqlFamily.cachedTableMiB;
  const band = memory * (memory <= 4096 ? 0.5 : 0.75);
  const pool = shape.roundPool(Math.max(0, Math.min(band, (usable * memory - beside - share) / (1 + mysqlFamily.poolOverhead))));
  // Rounded after the pool was found: it would shrink with every step of this one.
  const temporary = Math.floor(share);
  return { pool, temporary, worstCase: pool * (1 + mysqlFamily.poolOverhead) + beside + temporary };
}

/** The smallest limit that leaves a useful buffer pool, in steps of 64 MiB and at least 1 GiB. */
export function smallestMemory(connections: number, shape: MemoryShape): MiB {
  let memory = 1024;
  while (divideMemory(memory, connections, shape).pool < smallestPool) memory += 64;
  return mib(memory);
}

export const smallestBecause = (connections: number): string =>
  `1 GiB, or what leaves a buffer pool of ${smallestPool} MiB beside ${connections} connections`;
