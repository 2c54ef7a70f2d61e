import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import type { Run } from '../../../runtime/ports/schedule-state.ts';
import { LastingState } from '../../../runtime/schedule/lasting-state.ts';
import { memoryState } from '../../../runtime/schedule/memory-state.ts';
import { Scheduler, type ScheduledJob } from '../../../runtime/schedule/scheduler.ts';
import { openSqliteState } from '../../../runtime/schedule/sqlite-state.ts';
import { parseTicks } from '../../../runtime/schedule/ticks.ts';
import { FakeClock } from './fake-clock.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-lasting-'));
afterAll(() => rmSync(home, { recursive: true }));
const minute = 60_000;
const hour = 60 * minute;

/** A state whose file can be taken away and given back, with all that was said of that. */
function world() {
  const file = memoryState();
  const said: string[] = [];
  const failing = { reads: false, writes: false };
  const guarded =
    <A extends readonly unknown[], T>(what: keyof typeof failing, use: (...given: A) => T) =>
    (...given: A): T => {
      if (failing[what]) throw new Error('disk I/O error');
      return use(...given);
    };
  const open = () => ({
    settledUntil: guarded('reads', file.settledUntil),
    failures: guarded('reads', file.failures),
    settle: guarded('writes', file.settle),
    record: guarded('writes', file.record),
    [Symbol.dispose]: () => undefined,
  });
  const state = new LastingState(open, {
    failed: (error) => said.push(error instanceof Error ? error.message : String(error)),
    works: () => said.push('works'),
  });
  const clock = new FakeClock('2026-01-01T01:59:00Z');
  const begun: string[] = [];
  const runs: Run[] = [];
  const job = (name: string, cron: string, run: () => Promise<void> = async () => undefined): ScheduledJob => ({
    name,
    ticks: parseTicks(cron, 'UTC'),
    timeoutMs: hour,
    jitterMs: 0,
    run: async (due) => {
      begun.push(`${name}@${due.toISOString().slice(11, 16)}`);
      await run();
    },
  });
  const start = (...jobs: readonly ScheduledJob[]): Scheduler => {
    const options = { jobs, state, clock, random: () => 0, mayRunTogether: () => true };
    const scheduler = new Scheduler({ ...options, onRun: (run) => runs.push(run) });
    scheduler.start();
    return scheduler;
  };
  return { file, said, failing, state, clock, begun, runs, job, start };
}

describe('jobs of a state whose file', () => {
  test.each([
    ['can neither be read nor written any more', { reads: true, writes: true }],
    ['lies on a full disk', { reads: false, writes: true }],
  ])('%s run at each tick, once; it is told once, and the file catches up', async (_, failure) => {
    const { file, said, failing, clock, begun, job, start } = world();
    start(job('full', '0 * * * *'), job('log', '*/30 * * * *'));
    await clock.pass(2 * minute);
    Object.assign(failing, failure);
    await clock.pass(2 * hour);
    expect(begun.filter((each) => each.startsWith('full'))).toEqual(['full@02:00', 'full@03:00', 'full@04:00']);
    expect(begun.filter((each) => each.startsWith('log'))).toHaveLength(5);
    expect(said).toEqual(['disk I/O error']);
    Object.assign(failing, { reads: false, writes: false });
    await clock.pass(30 * minute);
    expect(said).toEqual(['disk I/O error', 'works']);
    expect(file.settledUntil('full')).toEqual(new Date('2026-01-01T04:00:00Z'));
  });

  test.each([
    { reads: false, writes: true },
    { reads: true, writes: true },
  ])('fails (%o) are tried again after pauses that double, as ever', async (failure) => {
    const { failing, clock, runs, job, start } = world();
    start(
      job('full', '0 2 * * *', async () => {
        await clock.sleep(1000, new AbortController().signal);
        throw new Error('no space left');
      }),
    );
    await clock.pass(1000);
    Object.assign(failing, failure);
    await clock.pass(2 * hour);
    const minutes = runs.map(({ startedAt }) => Math.floor((startedAt.getTime() - Date.UTC(2026, 0, 1, 2)) / minute));
    expect(minutes).toEqual([0, 1, 3, 7, 15, 31, 63]);
  });

  test('could not even be opened at the start begin with the next tick', async () => {
    const { said, failing, clock, begun, job, start } = world();
    Object.assign(failing, { reads: true, writes: true });
    start(job('full', '0 * * * *'));
    await clock.pass(2 * hour);
    expect(begun).toEqual(['full@02:00', 'full@03:00']);
    expect(said).toEqual(['disk I/O error']);
  });
});

test('a state in a file whose tables are gone is opened anew at once, and knows all that it knew', () => {
  const file = join(home, 'state.db');
  const said: unknown[] = [];
  const hears = { failed: (error: unknown) => said.push(error), works: () => said.push('works') };
  const at = (hours: number): Date => new Date(hours * hour);
  const done = (due: Date): Run => ({ job: 'full', due, startedAt: due, endedAt: due, outcome: 'done', message: null });
  {
    using state = new LastingState(() => openSqliteState(file, String), hears);
    state.record(done(at(1)));
    state.settle('log', at(2));
    {
      using other = new DatabaseSync(file);
      other.exec('DROP TABLE runs; DROP TABLE settled');
    }
    state.record(done(at(3)));
  }
  expect(existsSync(file)).toBe(true);
  using again = openSqliteState(file, String);
  expect([again.settledUntil('full'), again.settledUntil('log')]).toEqual([at(3), at(2)]);
  expect(said).toEqual([]);
});
