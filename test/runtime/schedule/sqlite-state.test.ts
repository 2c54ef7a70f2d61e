import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Run, ScheduleState } from '../../../runtime/ports/schedule-state.ts';
import { memoryState } from '../../../runtime/schedule/memory-state.ts';
import { openSqliteState } from '../../../runtime/schedule/sqlite-state.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-state-'));
afterAll(() => rmSync(home, { recursive: true }));
let files = 0;
const newFile = (): string => join(home, `${(files += 1)}.db`);
const noLoss = (message: string): never => {
  throw new Error(message);
};
const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute));
const run = (changes: Partial<Run> = {}): Run => ({
  job: 'full',
  due: at(0),
  startedAt: at(1),
  endedAt: at(2),
  outcome: 'done',
  message: null,
  ...changes,
});

describe.each<[string, () => ScheduleState]>([
  ['in memory', memoryState],
  ['in a file', () => openSqliteState(newFile(), noLoss)],
])('the state %s', (_, open) => {
  test('knows nothing of a job that it never heard of', () => {
    const state = open();
    expect(state.settledUntil('full')).toBeUndefined();
    expect(state.failures('full', at(0))).toEqual([]);
  });

  test('is settled by a run that was done, and by no other', () => {
    const state = open();
    state.settle('full', at(0));
    for (const outcome of ['failed', 'timed out', 'stopped'] as const) state.record(run({ due: at(5), outcome }));
    expect(state.settledUntil('full')).toEqual(at(0));
    state.record(run({ due: at(5) }));
    expect(state.settledUntil('full')).toEqual(at(5));
    expect(state.settledUntil('log')).toBeUndefined();
    state.settle('full', at(3));
    expect(state.settledUntil('full')).toEqual(at(3));
  });

  test('lists failures of one tick, the newest first; being stopped is none', () => {
    const state = open();
    const failed = run({ outcome: 'failed', message: 'the disk is full', due: at(5) });
    const late = run({ outcome: 'timed out', message: 'took longer than 3 s', due: at(5), endedAt: at(9) });
    for (const each of [failed, run({ outcome: 'stopped', due: at(5) }), late, run({ outcome: 'failed', due: at(4) })]) state.record(each);
    expect(state.failures('full', at(5))).toEqual([late, failed]);
  });
});

describe('the state in a file', () => {
  test('is there after a restart', () => {
    const file = newFile();
    {
      using state = openSqliteState(file, noLoss);
      state.record(run({ due: at(7) }));
      state.record(run({ due: at(8), outcome: 'failed', message: 'no' }));
    }
    using again = openSqliteState(file, noLoss);
    expect(again.settledUntil('full')).toEqual(at(7));
    expect(again.failures('full', at(8))).toHaveLength(1);
  });

  test('does not grow for ever', () => {
    using state = openSqliteState(newFile(), noLoss);
    for (let n = 0; n < 700; n += 1) state.record(run({ outcome: 'failed', due: at(1) }));
    expect(state.failures('full', at(1))).toHaveLength(500);
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['is something else', () => Buffer.from('this is no database, and long enough to be taken for one. '.repeat(100))],
    ['was overwritten in the middle', (bytes) => Buffer.concat([bytes.subarray(0, 3000), Buffer.alloc(bytes.length - 3000, 0xff)])],
  ])('that %s is put aside, and begun anew', (_, damage) => {
    const file = newFile();
    {
      using state = openSqliteState(file, noLoss);
      for (let n = 0; n < 100; n += 1) state.record(run({ due: at(n) }));
    }
    writeFileSync(file, damage(readFileSync(file)));
    const losses: string[] = [];
    using state = openSqliteState(file, (message) => losses.push(message));
    expect(losses).toEqual([expect.stringContaining('was damaged')]);
    expect(existsSync(`${file}.damaged`)).toBe(true);
    expect(state.settledUntil('full')).toBeUndefined();
    state.record(run());
    expect(state.settledUntil('full')).toEqual(at(0));
  });

  test('that cannot be made says so', () => {
    expect(() => openSqliteState(join(home, 'no/such/folder/state.db'), noLoss)).toThrow('unable to open');
  });
});
