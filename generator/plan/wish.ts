import { BerthError } from '../../model/errors.ts';
import type { Reasoned } from '../../model/profile.ts';
import type { FixedSize } from '../../model/fixed-size.ts';
import { describeSize, mib, milliCpu } from '../../model/units.ts';
import type { MiB, MilliCpu } from '../../model/units.ts';
import type { Wish } from './demand.ts';

interface Floor<T> {
  readonly value: T;
  readonly because: string;
}

/** The memory a role asks for: fixed by the operator, or the profile's with the engine's floor. */
export function memoryWish(path: string, fixed: FixedSize, profile: Reasoned<MiB>, floor: Floor<MiB>): Wish<MiB> {
  if (fixed.memory === undefined)
    return {
      wanted: mib(Math.max(profile.value, floor.value)),
      floor: floor.value,
      wantedBecause: profile.value >= floor.value ? profile.because : floor.because,
      floorBecause: floor.because,
      change: `${path}.memory in berth.yaml, or the profile`,
    };
  if (fixed.memory < floor.value)
    throw new BerthError(
      'capacity',
      `${path}.memory is ${describeSize(fixed.memory)}; it needs at least ${describeSize(floor.value)}: ${floor.because}`,
      `set ${path}.memory in berth.yaml to ${describeSize(floor.value)} or more, or remove it`,
    );
  return {
    wanted: fixed.memory,
    floor: fixed.memory,
    wantedBecause: `fixed by ${path}.memory`,
    floorBecause: `fixed by ${path}.memory`,
    fixed: true,
    change: `${path}.memory in berth.yaml`,
  };
}

/** The CPU a role asks for. A floor is what it gets while everything else is busy too; it may use more when there is some. */
export function cpuWish(path: string, fixed: FixedSize, profile: Reasoned<MilliCpu>, floor: MilliCpu): Wish<MilliCpu> {
  const wanted = fixed.cpu ?? profile.value;
  return {
    wanted,
    floor: milliCpu(Math.min(floor, wanted)),
    wantedBecause: fixed.cpu === undefined ? profile.because : `fixed by ${path}.cpu`,
    fixed: fixed.cpu !== undefined,
    floorBecause: 'enough to answer its health check and start within its grace',
    change: `${path}.cpu in berth.yaml, or the profile`,
  };
}
