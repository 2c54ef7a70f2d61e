import { mongodb as facts } from '../../../model/engines/mongodb.ts';
import { mib } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';

/** Share of the limit that settings may fill at worst; the rest is page cache and slack. */
export const usable = 0.9;
/** What does not depend on connections or the cache. MiB. */
export const fixed = facts.baseMiB + facts.shellMiB + facts.indexBuildMiB + facts.sorts * facts.sortMiB + facts.tmpMiB + facts.declaredMiB;

/** All MiB. The cache is a whole number of hundredths of a GiB, as its setting counts. */
export function divideMemory(memory: number, connections: number): { readonly cacheHundredths: number; readonly worstCase: number } {
  const beside = fixed + connections * facts.connectionMiB;
  const band = Math.max(facts.smallestCacheMiB, (memory - 1024) / 2);
  const cache = Math.min(band, (usable * memory - beside) / (1 + facts.cacheOverhead));
  const cacheHundredths = Math.max(0, Math.floor((cache * 100) / 1024));
  return { cacheHundredths, worstCase: beside + ((cacheHundredths * 1024) / 100) * (1 + facts.cacheOverhead) };
}

const enough = (memory: number, connections: number): boolean =>
  divideMemory(memory, connections).cacheHundredths >= Math.floor((facts.smallestCacheMiB * 100) / 1024);

/** The smallest limit that leaves the smallest cache, in steps of 64 MiB and at least 2 GiB. */
export function smallestMemory(connections: number): MiB {
  let memory = 2048;
  while (!enough(memory, connections)) memory += 64;
  return mib(memory);
}
