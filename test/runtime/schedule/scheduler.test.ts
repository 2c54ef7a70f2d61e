import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Run, ScheduleState } from '../../../runtime/ports/schedule-state.ts';
import { memoryState } from '../../../runtime/schedule/memory-state.ts';
import { Scheduler, type ScheduledJob, type SchedulerOptions } from '../../../runtime/schedule/scheduler.ts';
import { parseTicks } from '../../../runtime/schedule/ticks.ts';
import { FakeClock } from './fake-clock.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** A scheduler of some jobs on a clock of its own; what was run is written down as `name@due`. */
function world(start: string, options: Partial<SchedulerOptions> = {}) {
  const clock = new FakeClock(start);
  const runs: Run[] = [];
  const state: ScheduleState = memoryState();
  const begun: string[] = [];
  const job = (
    name: string,
    cron: string,
    more: Partial<ScheduledJob> & { readonly zone?: string; readonly takesMs?: number } = {},
  ): ScheduledJob => ({
    name,
    ticks: parseTicks(cron, more.zone ?? 'UTC'),
    timeoutMs: 6 * hour,
    jitterMs: 0,
    run: async (due, signal) => {
      begun.push(`${name}@${due.toISOString().slice(5, 16)}`);
      await clock.sleep(more.takesMs ?? 0, signal);
      signal.throwIfAborted();
    },
    ...more,
  });
  const make = (jobs: readonly ScheduledJob[]): Scheduler => {
    const scheduler = new Scheduler({
      jobs,
      state,
      clock,
      random: () => 0.5,
      mayRunTogether: () => true,
      onRun: (run) => runs.push(run),
      ...options,
    });
    scheduler.start();
    return scheduler;
  };
  return { clock, runs, state, begun, job, make };
}

describe('the scheduler', () => {
  test('runs a job for each tick, and for none before it was there', async () => {
    const { clock, begun, job, make } = world('2026-01-01T00:30:00Z');
    make([job('log', '0 * * * *')]);
    await clock.pass(3 * hour);
    expect(begun).toEqual(['log@01-01T01:00', 'log@01-01T02:00', 'log@01-01T03:00']);
  });

  test('runs once for all that a sleeping host has missed', async () => {
    const { clock, begun, job, make } = world('2026-01-01T00:30:00Z');
    make([job('log', '*/15 * * * *')]);
    await clock.pass(20 * minute);
    clock.suspend(9 * hour);
    await clock.pass(minute);
    expect(begun).toEqual(['log@01-01T00:45', 'log@01-01T09:45']);
  });

  test.each([
    ['forward', '2026-03-28T00:00:00Z', ['full@03-28T01:30', 'full@03-29T01:00', 'full@03-30T00:30']],
    ['back', '2026-10-24T00:00:00Z', ['full@10-24T00:30', 'full@10-25T00:30', 'full@10-26T01:30']],
  ])('runs a nightly job once a night when the clocks go %s', async (_, start, expected) => {
    const { clock, begun, job, make } = world(start);
    make([job('full', '30 2 * * *', { zone: 'Europe/Berlin' })]);
    await clock.pass(3 * day);
    expect(begun).toEqual(expected);
  });

  test('is not led astray by a clock that is set back a little', async () => {
    const { clock, begun, job, make } = world('2026-01-01T01:59:00Z');
    make([job('full', '0 2 * * *')]);
    await clock.pass(2 * minute);
    clock.set('2026-01-01T01:50:00Z');
    await clock.pass(day);
    expect(begun).toEqual(['full@01-01T02:00']);
    await clock.pass(hour);
    expect(begun).toEqual(['full@01-01T02:00', 'full@01-02T02:00']);
  });

  test('goes on after a clock that was a year ahead is set right', async () => {
    const { clock, begun, job, make } = world('2026-01-01T00:00:00Z');
    make([job('full', '0 2 * * *')]);
    await clock.pass(3 * hour);
    clock.set('2027-01-01T05:00:00Z');
    await clock.pass(hour);
    clock.set('2026-01-01T04:00:00Z');
    await clock.pass(2 * day);
    expect(begun).toEqual(['full@01-01T02:00', 'full@01-01T02:00', 'full@01-02T02:00', 'full@01-03T02:00']);
  });

  test('knows after a restart what was done, and does again what broke off', async () => {
    const { clock, begun, job, make } = world('2026-01-01T01:59:00Z');
    const jobs = [job('full', '0 2 * * *', { takesMs: 10 * minute }), job('log', '0 2 * * *')];
    const first = make(jobs);
    await clock.pass(5 * minute);
    const stopped = first.stop(0);
    await clock.pass(1);
    expect(await stopped).toEqual([]);
    make(jobs);
    await clock.pass(hour);
    expect(begun).toEqual(['full@01-01T02:00', 'log@01-01T02:00', 'full@01-01T02:00']);
  });

  test('tries a job that failed again, after pauses that double, until the next tick', async () => {
    const { clock, runs, job, make } = world('2026-01-01T01:59:00Z');
    make([job('full', '0 2 * * *', { run: async () => Promise.reject(new Error('no route to host')) })]);
    await clock.pass(2 * hour);
    expect(runs.every(({ outcome, message }) => outcome === 'failed' && message === 'no route to host')).toBe(true);
    const minutes = runs.map(({ startedAt }) => Math.floor((startedAt.getTime() - Date.UTC(2026, 0, 1, 2)) / minute));
    expect(minutes).toEqual([0, 1, 3, 7, 15, 31, 63]);
  });

  test('aborts what takes too long', async () => {
    const { clock, runs, job, make } = world('2026-01-01T01:59:00Z');
    make([job('full', '0 2 * * *', { takesMs: day, timeoutMs: 10 * minute })]);
    await clock.pass(12 * minute);
    expect(runs).toMatchObject([{ outcome: 'timed out', message: 'took longer than 600 s' }]);
    expect(runs[0]!.endedAt.getTime() - runs[0]!.startedAt.getTime()).toBe(10 * minute);
  });

  test('waits a random time after a tick, once', async () => {
    const { clock, runs, job, make } = world('2026-01-01T01:59:00Z');
    make([job('full', '0 2 * * *', { jitterMs: 10 * minute })]);
    await clock.pass(4 * minute);
    expect(runs).toEqual([]);
    await clock.pass(20 * minute);
    expect(runs.map(({ startedAt }) => startedAt.toISOString().slice(11, 16))).toEqual(['02:05']);
  });

  test('never runs a job beside itself, nor beside one that it may not meet', async () => {
    const { clock, begun, job, make } = world('2026-01-01T01:59:00Z', {
      mayRunTogether: (one, other) => !(one === 'prune' && other === 'full'),
    });
    make([
      job('full', '0 2 * * *', { takesMs: 10 * minute }),
      job('prune', '1 2 * * *', { takesMs: 5 * minute }),
      job('log', '*/4 * * * *', { takesMs: 6 * minute }),
    ]);
    await clock.pass(30 * minute);
    expect(begun.filter((each) => !each.startsWith('log'))).toEqual(['full@01-01T02:00', 'prune@01-01T02:01']);
    expect(begun.filter((each) => each.startsWith('log'))).toEqual([
      'log@01-01T02:00',
      'log@01-01T02:04',
      'log@01-01T02:12',
      'log@01-01T02:16',
      'log@01-01T02:24',
    ]);
  });

  test('lets a job that waits have its turn before those that come later', async () => {
    const together = (one: string, other: string): boolean => one === 'log' && other === 'log';
    const { clock, runs, job, make } = world('2026-01-01T01:59:00Z', { mayRunTogether: together });
    make([
      job('a', '*/2 * * * *', { takesMs: 100_000 }),
      job('b', '1-59/2 * * * *', { takesMs: 100_000 }),
      job('rare', '3 2 * * *', { takesMs: minute }),
    ]);
    await clock.pass(15 * minute);
    const names = runs.map((run) => run.job);
    expect(names.indexOf('rare')).toBeGreaterThan(0);
    expect(names.indexOf('rare')).toBeLessThan(4);
  });

  test('lets what runs come to its end when it is stopped, begins nothing more, and then aborts', async () => {
    const { clock, runs, begun, job, make } = world('2026-01-01T01:59:00Z');
    const scheduler = make([
      job('short', '0 2 * * *', { takesMs: 2 * minute }),
      job('long', '0 2 * * *', { takesMs: hour }),
      job('later', '2 2 * * *'),
    ]);
    await clock.pass(90_000);
    const stopped = scheduler.stop(5 * minute);
    await clock.pass(10 * minute);
    expect(await stopped).toEqual([]);
    expect(await scheduler.stop(0)).toEqual([]);
    expect(runs.map(({ job: name, outcome }) => `${name} ${outcome}`)).toEqual(['short done', 'long stopped']);
    expect(begun).not.toContain('later@01-01T02:02');
  });

  test('names what does not listen when it is stopped', async () => {
    const { clock, job, make } = world('2026-01-01T01:59:00Z');
    const scheduler = make([job('deaf', '0 2 * * *', { run: () => new Promise<void>(() => undefined) })]);
    await clock.pass(90_000);
    const stopped = scheduler.stop(minute);
    await clock.pass(3 * minute);
    expect(await stopped).toEqual(['deaf']);
  });

  test('neither skips nor doubles, whatever the host does', async () => {
    const anyEvent = fc.oneof(
      fc.record({ what: fc.constant('pass' as const), amount: fc.integer({ min: 1, max: 300 }) }),
      fc.record({ what: fc.constant('sleep' as const), amount: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ what: fc.constant('back' as const), amount: fc.integer({ min: 1, max: 55 }) }),
      fc.record({ what: fc.constant('kill' as const), amount: fc.nat(5) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('2026-03-28T20:00:00Z', '2026-10-24T20:00:00Z', '2026-06-01T00:00:00Z'),
        fc.array(anyEvent, { maxLength: 12 }),
        async (start, events) => {
          const { clock, runs, job, make, state } = world(start);
          const ticks = parseTicks('30 */2 * * *', 'Europe/Berlin');
          const jobs = [{ ...job('full', '0 0 * * *', { takesMs: 7 * minute }), ticks }];
          let scheduler = make(jobs);
          await clock.pass(1000);
          let newest = clock.now();
          for (const { what, amount } of events) {
            if (what === 'pass') await clock.pass(amount * minute);
            else if (what === 'sleep') clock.suspend(amount * minute);
            // However often: a clock that is more than an hour behind what it once said was set wrong then, and its ticks come again.
            else if (what === 'back') clock.set(Math.max(clock.now().getTime() - amount * minute, newest.getTime() - 55 * minute));
            else {
              const stopped = scheduler.stop(0);
              await clock.pass(1);
              await stopped;
              await clock.pass(amount * minute);
              scheduler = make(jobs);
            }
            newest = new Date(Math.max(newest.getTime(), clock.now().getTime()));
          }
          await clock.pass(3 * hour);
          const done = runs.filter(({ outcome }) => outcome === 'done').map(({ due }) => due.getTime());
          expect(new Set(done).size).toBe(done.length);
          expect([...done].sort((a, b) => a - b)).toEqual(done);
          // Nothing is left over but what has just begun.
          const last = ticks.last(new Date(clock.now().getTime() - 10 * minute));
          if (last !== undefined && last > new Date(start))
            expect(state.settledUntil('full')!.getTime()).toBeGreaterThanOrEqual(last.getTime());
          await Promise.all([scheduler.stop(0), clock.pass(1)]);
        },
      ),
      { numRuns: 25 },
    );
  });
});
