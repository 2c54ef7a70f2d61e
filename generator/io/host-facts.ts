import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { overlap, parseRoutes } from '../../model/addresses.ts';
import type { AddressRange } from '../../model/addresses.ts';
import type { HostFacts } from '../../model/stack-spec.ts';
import { mib, milliCpu } from '../../model/units.ts';
import type { MiB } from '../../model/units.ts';

const gibibyte = 1024;
const dockerData = '/var/lib/docker';

function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder));
}

/** Free space where Docker keeps its volumes, or where the site is when that cannot be seen; whole GiB, as it changes by the minute. */
function freeDisk(site: string): MiB {
  try {
    const { bavail, bsize } = statfsSync(existsSync(dockerData) ? dockerData : nearest(resolve(site)));
    const free = Math.floor((bavail * bsize) / 2 ** 20);
    // Less than one is told as it is, so that the refusal can name it.
    return mib(free < gibibyte ? Math.max(1, free) : Math.floor(free / gibibyte) * gibibyte);
  } catch {
    return mib(1);
  }
}

/** This machine, as far as a program on it can tell. */
export const readHostFacts = (site: string): Omit<HostFacts, 'fit'> => ({
  cpus: milliCpu(availableParallelism() * 1000),
  memory: mib(Math.floor(totalmem() / 2 ** 20)),
  disk: freeDisk(site),
});

/**
 * A /22 in 10.0.0.0/8 for a site of this name that no route of the host covers: the same name gives the same one, unless it is taken.
 * @returns `10.201.4.0/22`.
 */
export function chooseNetwork(name: string, taken: readonly AddressRange[]): string {
  const start = createHash('sha256').update(`berth network\0${name}`).digest().readUInt32BE(0);
  // 10.0 and 10.1 are what home and office routers hand out; a VPN that comes up later is likely to be there. So the first 16 are left out.
  const lowest = (10 << 24) + (16 << 16);
  const choices = (240 << 16) / 1024;
  for (let step = 0; step < choices; step++) {
    const first = lowest + ((start + step) % choices) * 1024;
    if (!taken.some((range) => overlap(range, { first, last: first + 1023 })))
      return `10.${(first >> 16) & 255}.${(first >> 8) & 255}.0/22`;
  }
  return '10.201.0.0/22';
}

export function readRoutes(): readonly AddressRange[] {
  try {
    return parseRoutes(readFileSync('/proc/net/route', 'utf8'));
  } catch {
    return [];
  }
}
