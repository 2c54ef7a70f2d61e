import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** One thing to time: a process, and what has to be put in place before each of its runs. */
export interface Contestant {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  readonly before?: (turn: number) => void;
}

/** Milliseconds of wall clock, sorted, and the CPU time of all runs together where the system tells it. */
export interface Times {
  readonly wall: readonly number[];
  readonly cpu: number | undefined;
}

/** CPU time of all processes that were waited for, in ticks of 10 ms; it hardly depends on what else the machine does. */
function childrenTime(): number | undefined {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[13]) + Number(fields[14])) * 10;
  } catch {
    return undefined;
  }
}

function time({ name, argv: [command, ...args], before }: Contestant, turn: number): number {
  before?.(turn);
  const start = performance.now();
  const { status, stderr, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const took = performance.now() - start;
  if (error) throw error;
  if (status !== 0) throw new Error(`${name} ended with ${String(status)}: ${stderr}`);
  return took;
}

/** Everyone once per turn, so that whatever else the machine does befalls all alike. The first turn warms up and does not count. */
export function race(contestants: readonly Contestant[], turns: number): ReadonlyMap<string, Times> {
  const lanes = contestants.map((contestant) => ({ contestant, wall: [] as number[], cpu: 0 }));
  for (let turn = 0; turn <= turns; turn++)
    for (const lane of lanes) {
      const before = childrenTime() ?? Number.NaN;
      const took = time(lane.contestant, turn);
      if (turn === 0) continue;
      lane.wall.push(took);
      lane.cpu += (childrenTime() ?? Number.NaN) - before;
    }
  return new Map(
    lanes.map(({ contestant, wall, cpu }) => [
      contestant.name,
      { wall: wall.sort((a, b) => a - b), cpu: Number.isNaN(cpu) ? undefined : cpu },
    ]),
  );
}

const at = ({ wall }: Times, part: number): number => wall[Math.min(wall.length - 1, Math.floor(wall.length * part))] ?? Number.NaN;
export const fastest = (times: Times): number => at(times, 0);
export const median = (times: Times): number => at(times, 0.5);
/** First and third quarter: half of all runs lie between. */
export const spread = (times: Times): readonly [number, number] => [at(times, 0.25), at(times, 0.75)];
