import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** One line of the report. */
export interface Row {
  readonly what: string;
  /** Of the medians; the bar is on this. */
  readonly ratio: number;
  /** Of the fastest runs and of the CPU time: what is left of the difference when others are at work, too. */
  readonly fastest?: number;
  readonly cpu?: number;
  /** What it has to stay below. */
  readonly bar?: number;
  /** What it has to reach. */
  readonly least?: number;
  readonly detail: string;
}

export const missed = ({ ratio, bar, least }: Row): boolean =>
  (bar !== undefined && !(ratio < bar)) || (least !== undefined && !(ratio >= least));

export const isThere = ([command, ...args]: readonly [string, ...string[]]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

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

/** Processor time of all that a shell has waited for, by what its `times` prints. */
export function secondsOf(times: string): number {
  const [, children = ''] = times.trim().split('\n').slice(-2);
  return children.split(' ').reduce((sum, part) => {
    const [, minutes, seconds] = /^(\d+)m([\d.]+)s$/.exec(part) ?? [];
    return sum + 60 * Number(minutes) + Number(seconds);
  }, 0);
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

export function timesOf(times: ReadonlyMap<string, Times>, name: string): Times {
  const found = times.get(name);
  if (!found) throw new Error(`${name} did not run`);
  return found;
}

const at = ({ wall }: Times, part: number): number => wall[Math.min(wall.length - 1, Math.floor(wall.length * part))] ?? Number.NaN;
export const fastest = (times: Times): number => at(times, 0);
export const median = (times: Times): number => at(times, 0.5);
/** First and third quarter: half of all runs lie between. */
export const spread = (times: Times): readonly [number, number] => [at(times, 0.25), at(times, 0.75)];
