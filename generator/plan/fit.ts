import { BerthError } from '../../model/errors.ts';
import type { Decision } from '../../model/decision.ts';
import type { MemoryBudget } from '../../model/plan.ts';
import type { Size } from '../../model/planned-service.ts';
import type { HostFacts } from '../../model/stack-spec.ts';
import { describeCpus, describeSize, formatCpu, mib, milliCpu } from '../../model/units.ts';
import type { MiB, MilliCpu } from '../../model/units.ts';
import type { Demand } from './demand.ts';

/** Limits are multiples of this, so that they read well and no page is lost to rounding. */
const granule = 16;
const reserveSource = 'design: the host keeps what the system, the engine and the operator’s shell need';

/** Memory that is never given to containers: at least 1 GiB, at least a tenth. */
const reservedMemory = (memory: MiB): MiB => mib(Math.max(1024, Math.ceil(memory / 10)));
/** CPU that is never promised to containers: half a core and a twentieth. */
const reservedCpu = (cpus: MilliCpu): MilliCpu => milliCpu(500 + Math.ceil(cpus / 20));

interface Line {
  readonly wanted: number;
  readonly floor: number;
  readonly count: number;
}
const total = (lines: readonly Line[], pick: (line: Line) => number): number =>
  lines.reduce((sum, line) => sum + pick(line) * line.count, 0);

/**
 * How far each demand may rise from its floor towards its wish: 1 when all wishes fit, 0 when only the floors do, less when not even they.
 * One share for all, so that a bigger host never gives any of them less.
 */
function share(lines: readonly Line[], available: number): number {
  const floors = total(lines, (line) => line.floor);
  const wishes = total(lines, (line) => line.wanted);
  if (wishes <= available) return 1;
  return floors > available ? -1 : (available - floors) / (wishes - floors);
}

const between = (line: Line, part: number): number => line.floor + (line.wanted - line.floor) * part;
const roundDown = (value: number, floor: number): number => Math.max(Math.floor(value / granule) * granule, floor);

/** The smallest host that holds every floor and every fixed size, in whole GiB and whole CPUs. */
function smallestHost(demands: readonly Demand[]): { readonly memory: MiB; readonly cpus: MilliCpu } {
  const memory = total(demands.map(memoryLine), (line) => line.floor);
  const cpu = total(demands.map(cpuLine), (line) => line.floor);
  let gib = Math.max(1, Math.floor(memory / 0.9 / 1024) - 1);
  while (gib * 1024 - reservedMemory(mib(gib * 1024)) < memory) gib++;
  // A limit above the CPUs of the host is refused by Docker, so one that the operator fixed must be there.
  const fixed = Math.max(0, ...demands.map((demand) => (demand.cpu.fixed ? demand.cpu.wanted : 0)));
  return { memory: mib(gib * 1024), cpus: milliCpu(Math.max(Math.ceil((cpu + 500) / 950), Math.ceil(fixed / 1000)) * 1000) };
}

const memoryLine = ({ memory, count }: Demand): Line => ({ wanted: Math.max(memory.wanted, memory.floor), floor: memory.floor, count });
/** A task keeps to its floor: it runs for a second, and a share that moved with the host would recreate it and its dependents for nothing. */
const cpuLine = ({ cpu, count, role }: Demand): Line => ({
  wanted: role === 'task' ? cpu.floor : Math.max(cpu.wanted, cpu.floor),
  floor: Math.min(cpu.floor, cpu.wanted),
  count,
});

const parts = (demands: readonly Demand[], host: HostFacts) => ({
  memory: share(demands.map(memoryLine), host.memory - reservedMemory(host.memory)),
  cpu: share(demands.map(cpuLine), host.cpus - reservedCpu(host.cpus)),
});

/** Whether every floor and every fixed size fits the host. */
export function holds(demands: readonly Demand[], host: HostFacts | undefined): boolean {
  if (host?.fit !== true) return true;
  const { memory, cpu } = parts(demands, host);
  return memory >= 0 && cpu >= 0 && !demands.some((demand) => demand.cpu.fixed && demand.cpu.wanted > host.cpus);
}

function refuse(demands: readonly Demand[], host: HostFacts): never {
  const need = smallestHost(demands);
  const rows = demands
    .map(
      (demand) =>
        `${demand.name} ${demand.count > 1 ? `${demand.count} × ` : ''}${describeSize(demand.memory.floor)}${demand.memory.fixed ? ' fixed' : ''}`,
    )
    .join(', ');
  const beyond = demands
    .filter(({ cpu }) => cpu.fixed && cpu.wanted > host.cpus)
    .map(({ name, cpu }) => `${name} is fixed at ${describeCpus(cpu.wanted)}`);
  throw new BerthError(
    'capacity',
    `the host has ${describeCpus(host.cpus)} and ${gibibytes(host.memory)}; the least this application needs is ${describeCpus(need.cpus)} and ${gibibytes(need.memory)} (${[...beyond, rows].join('; ')}; the host keeps ${describeSize(reservedMemory(need.memory))})`,
    `use a host with at least ${describeCpus(need.cpus)} and ${gibibytes(need.memory)}, or lower replicas, pool, cpu or memory in berth.yaml`,
  );
}

/** Rounded down, so that a host that is too small by a little does not look as if it were large enough. */
const gibibytes = (memory: MiB): string => `${Math.floor((memory / 1024) * 10) / 10} GiB`;

export interface Fit {
  readonly sizes: ReadonlyMap<string, Omit<Size, 'pids'>>;
  readonly budget: MemoryBudget;
  readonly decisions: readonly Decision[];
  /** One line for each demand that got less than its profile gives. */
  readonly scaled: readonly string[];
}

/**
 * Divide a host among the demands. Memory is never overcommitted: limits times counts, plus the reserve, stay within the host.
 * CPU limits stay within the host one by one, and the shares that hold under contention stay within it together.
 * @throws BerthError `capacity` when the floors do not fit, naming the smallest host that would do.
 */
export function fit(demands: readonly Demand[], host: HostFacts | undefined): Fit {
  const bounded = host?.fit === true ? host : undefined;
  const memory = demands.map(memoryLine);
  const cpu = demands.map(cpuLine);
  if (bounded && !holds(demands, bounded)) refuse(demands, bounded);
  const { memory: memoryPart, cpu: cpuPart } = bounded ? parts(demands, bounded) : { memory: 1, cpu: 1 };
  const sized = demands.map((demand, index) => {
    const [memoryOf, cpuOf] = [memory[index] as Line, cpu[index] as Line];
    return {
      demand,
      size: {
        memory: mib(roundDown(between(memoryOf, memoryPart), memoryOf.floor)),
        cpu: milliCpu(Math.min(Math.max(demand.cpu.wanted, demand.cpu.floor), bounded?.cpus ?? Infinity)),
        cpuShare: milliCpu(Math.max(1, Math.floor(between(cpuOf, cpuPart)))),
      },
    };
  });
  return {
    sizes: new Map(sized.map(({ demand, size }) => [demand.name, size])),
    budget: budget(sized, host),
    decisions: sized.flatMap(({ demand, size }) => explain(demand, size, bounded, memoryPart, cpuPart)),
    scaled: sized
      .filter(({ demand, size }) => size.memory < demand.memory.wanted || size.cpu < demand.cpu.wanted)
      .map(
        ({ demand, size }) =>
          `${demand.name}: ${describeSize(size.memory)} and ${describeCpus(size.cpu)} instead of ${describeSize(demand.memory.wanted)} and ${formatCpu(demand.cpu.wanted)}`,
      ),
  };
}

function budget(sized: readonly { demand: Demand; size: Omit<Size, 'pids'> }[], host: HostFacts | undefined): MemoryBudget {
  const rows = sized.map(({ demand, size }) => ({
    name: demand.name,
    each: size.memory,
    count: demand.count,
    wanted: demand.memory.wanted,
  }));
  const sum = mib(rows.reduce((all, row) => all + row.each * row.count, 0));
  const memory = host?.memory ?? sum;
  return { host: memory, reserve: host?.fit ? reservedMemory(memory) : mib(0), rows, sum };
}

function explain(
  demand: Demand,
  size: Omit<Size, 'pids'>,
  host: HostFacts | undefined,
  memoryPart: number,
  cpuPart: number,
): readonly Decision[] {
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
  const { memory, cpu } = demand;
  return [
    {
      key: `${demand.name}.memory`,
      value: describeSize(size.memory),
      formula: host ? `floor + (wanted − floor) × share, in steps of ${granule} MiB` : 'wanted, as the profile is not fitted to a host',
      inputs: {
        wanted: `${describeSize(memory.wanted)} (${memory.wantedBecause})`,
        floor: `${describeSize(memory.floor)} (${memory.floorBecause})`,
        ...(host
          ? {
              share: `${percent(memoryPart)} of the way from all floors to all wishes fits ${describeSize(host.memory)} less ${describeSize(reservedMemory(host.memory))} kept by the host`,
            }
          : {}),
      },
      source: host ? reserveSource : memory.wantedBecause,
      change: memory.change,
    },
    {
      key: `${demand.name}.cpu`,
      value: `${describeCpus(size.cpu)} at most, ${formatCpu(size.cpuShare)} when all are busy`,
      formula: host
        ? 'most: min(wanted, CPUs of the host); when busy: floor + (wanted − floor) × share'
        : 'wanted, as the profile is not fitted to a host',
      inputs: {
        wanted: `${formatCpu(cpu.wanted)} (${cpu.wantedBecause})`,
        floor: `${formatCpu(cpu.floor)} (${cpu.floorBecause})`,
        ...(host
          ? { share: `${percent(cpuPart)} fits ${describeCpus(host.cpus)} less ${formatCpu(reservedCpu(host.cpus))} kept by the host` }
          : {}),
      },
      source: host ? 'design: CPU is lent, memory is not; Docker refuses a limit above the host’s CPUs' : cpu.wantedBecause,
      change: cpu.change,
    },
  ];
}
