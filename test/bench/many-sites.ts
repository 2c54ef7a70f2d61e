import { join } from 'node:path';
import type { Context } from '../../cli/context.ts';
import { loadSite, prepareSite } from '../../cli/site.ts';

/**
 * What `generate` works out for one site, again and again in one process: read, plan, render, compare. Prints for each size of the series
 * the microseconds of CPU time that a site takes. Started by bench.ts, with the site and the sizes as arguments.
 */
const [site = '', ...sizes] = process.argv.slice(2);
const context: Context = {
  cwd: process.cwd(),
  root: join(import.meta.dirname, '..', '..'),
  now: () => new Date(),
  random: () => {
    throw new Error('nothing is drawn here');
  },
  interactive: false,
  terminal: false,
  color: false,
  columns: 100,
  out: () => {},
  err: () => {},
  uninterrupted: (step) => {
    step();
    return Promise.resolve();
  },
};

async function once(): Promise<void> {
  const { decision } = await prepareSite(site, loadSite(site, context), [], context);
  if (decision.changes.length > 0) throw new Error('the site is not at rest');
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

// The compiler of JavaScript is at work for the first few hundred; that is no cost of a site.
for (let warm = 0; warm < 200; warm++) await once();
const marks = [cpuTime()];
for (let done = 0; done < Math.max(...sizes.map(Number)); done++) {
  await once();
  marks.push(cpuTime());
}
const costOf = (count: number, from: number): number => ((marks[from + count] ?? Number.NaN) - (marks[from] ?? Number.NaN)) / count;
/** Of a short series there are many in a long one; the middle one stands for them. */
function middle(count: number): number {
  const series = Array.from({ length: Math.max(1, Math.floor(100 / count)) }, (_, index) => costOf(count, index * count)).sort(
    (a, b) => a - b,
  );
  return series[Math.floor(series.length / 2)] ?? Number.NaN;
}
process.stdout.write(JSON.stringify(sizes.map(Number).map((count) => ({ sites: count, each: middle(count) }))));
