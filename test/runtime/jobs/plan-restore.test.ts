import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reachOf } from '../../../model/backup/reach.ts';
import { BerthError } from '../../../model/errors.ts';
import { backupsIn, baseOf, chainsOf, restorableSpans } from '../../../runtime/jobs/coverage.ts';
import { planRestore } from '../../../runtime/jobs/plan-restore.ts';
import { fullAt, incrementAfter, logAfter, minute, numbered } from './chains.ts';
import { type Event, Life, numberings } from './histories.ts';

const first = fullAt(1, 100, 0, 5);
const one = logAfter(first, 2, 110, 9);
const two = logAfter(one, 3, 120, 14);
const second = fullAt(4, 200, 30, 32);
const three = logAfter(second, 5, 210, 40);
const four = logAfter(three, 6, 220, 50);
const all = [first, one, two, second, three, four];
const increment = incrementAfter(second, 7, 225, [52, 54]);
const next = incrementAfter(increment, 9, 240, [62, 64]);
const withIncrements = [...all, increment, logAfter(four, 8, 228, 55), logAfter(increment, 10, 240, 66), next, logAfter(next, 11, 260, 72)];
const at = (n: number) => planRestore(all, { kind: 'time', at: minute(n) }, numbered);

describe('a restore', () => {
  test('to the latest point takes the newest full backup and all that follows it', () => {
    expect(planRestore(all, { kind: 'latest' }, numbered)).toMatchObject({ full: second, logs: [three, four] });
    expect(planRestore([first], { kind: 'latest' }, numbered)).toMatchObject({ full: first, logs: [] });
  });

  test('to a time behind a clock that was ahead is refused with the nearest points and what can be had instead', () => {
    const ended = (made: typeof first, n: number) => ({
      ...made,
      startedAt: minute(n - 1).toISOString(),
      finishedAt: minute(n).toISOString(),
    });
    const full = ended(first, 5);
    const before = ended(one, 9);
    const jump = ended(logAfter(before, 3, 120, 525_600), 525_600);
    const behind = ended(logAfter(jump, 4, 130, 525_600), 12);
    const newer = ended({ ...second, id: four.id, chain: four.id }, 32);
    const log = ended({ ...logAfter(newer, 7, 210, 40) }, 40);
    const plan = (n: number, ...manifests: readonly (typeof first)[]) => planRestore(manifests, { kind: 'time', at: minute(n) }, numbered);
    expect(plan(8, full, before, jump, behind)).toMatchObject({ full, logs: [before] });
    expect(plan(35, full, before, jump, behind, newer, log)).toMatchObject({ full: newer, logs: [log] });
    for (const manifests of [
      [full, before, jump, behind],
      [full, before, jump, behind, newer, log],
    ])
      expect(() => plan(11, ...manifests)).toThrow(`a clock was ahead after ${minute(9).toISOString()}`);
    expect(() => plan(41, full, before, jump, behind, newer, log)).toThrow('lies after all that has been backed up');
    expect(planRestore([full, before, jump, behind], { kind: 'latest' }, numbered).logs).toEqual([before, jump, behind]);
  });

  describe('to the latest point, while the log still goes on behind the full backup before the newest', () => {
    const behind = logAfter(two, 5, 130, 40);
    const newest = (changes: Partial<typeof first> = {}) => ({ ...fullAt(4, 128, 30, 32), ...changes });
    const latest = (...there: readonly (typeof first)[]) => planRestore([first, one, two, ...there], { kind: 'latest' }, numbered);

    test('takes that one, as nothing of the newest is missing there, and says so', () => {
      const chosen = latest(newest(), behind);
      expect(chosen).toMatchObject({ full: first, logs: [one, two, behind] });
      expect(chosen.because).toBe(
        `the log behind ${first.id} reaches further than what there is of the newer ${second.id}, and holds all of it; 3 logs follow, the last is ${behind.id}`,
      );
    });

    test('takes that one as well when only a part of the log was shipped behind the newest', () => {
      const part = logAfter(newest(), 6, 129, 35);
      expect(latest(newest(), behind, part)).toMatchObject({ full: first, logs: [one, two, behind] });
      expect(latest(newest(), behind, part, logAfter(part, 7, 131, 41))).toMatchObject({ full: newest() });
    });

    test('takes that one as well when another base without a log stands between', () => {
      const between = incrementAfter(first, 4, 125, [20, 22]);
      expect(latest(between, { ...newest(), id: behind.id, chain: behind.id }, logAfter(two, 6, 130, 40))).toMatchObject({
        full: first,
        increments: [],
        logs: [one, two, { id: logAfter(two, 6, 130, 40).id }],
      });
    });

    test('takes the newest when it is of another history, or holds what the log does not', () => {
      const elsewhere = newest({ facts: { ...newest().facts, server: 'b' } });
      expect(latest(elsewhere, behind)).toMatchObject({ full: elsewhere, logs: [] });
      const further = newest({ position: { from: null, to: '131' } });
      expect(latest(further, behind)).toMatchObject({ full: further, logs: [] });
    });

    test('takes the newest when the log before it ended earlier, whatever the clock said and however far it had come then', () => {
      // Undone by a restore, after which the same numbers are given once more.
      const undone = logAfter(one, 3, 500, 9000);
      expect(planRestore([first, one, undone, newest()], { kind: 'latest' }, numbered)).toMatchObject({ full: newest(), logs: [] });
    });
  });

  test('to a time takes no more logs than it needs', () => {
    expect(at(5)).toMatchObject({ full: first, logs: [one] });
    expect(at(9)).toMatchObject({ full: first, logs: [one] });
    expect(at(10)).toMatchObject({ full: first, logs: [one, two] });
    expect(at(32)).toMatchObject({ full: second, logs: [three] });
    expect(at(50)).toMatchObject({ full: second, logs: [three, four] });
    expect(at(5).because).toBe(`${first.id} of ${first.finishedAt} is the newest full backup before it; log ${one.id} follows`);
    expect(at(45).because).toBe(
      `${second.id} of ${second.finishedAt} is the newest full backup before it; 2 logs follow, the last is ${four.id}`,
    );
  });

  test('into a hole is refused, with the nearest points', () => {
    expect(() => at(20)).toThrow(
      expect.objectContaining({
        kind: 'damaged',
        message: `${minute(20).toISOString()} lies in a hole: the log of that time was never received`,
        hint: `the nearest points are ${minute(14).toISOString()} and ${minute(32).toISOString()}`,
      }),
    );
  });

  test('to before the first, or after the last, is refused with the nearest point', () => {
    expect(() => at(1)).toThrow(expect.objectContaining({ kind: 'usage', hint: `the nearest point is ${minute(5).toISOString()}` }));
    expect(() => at(99)).toThrow(expect.objectContaining({ kind: 'usage', hint: `the nearest point is ${minute(50).toISOString()}` }));
  });

  test('to a place in the log takes the logs up to it, and none that lies before the end of the full backup', () => {
    const to = (position: string) => planRestore(all, { kind: 'position', position }, numbered);
    expect(to('105')).toMatchObject({ full: first, logs: [one] });
    expect(to('211')).toMatchObject({ full: second, logs: [three, four] });
    expect(() => to('999')).toThrow('position 999 is in no backup');
    expect(() => to('100')).toThrow('position 100 is in no backup');
  });

  test('to the very place that a full backup ends at takes no log, where the engine can do that', () => {
    const exact = { ...numbered, endsAt: (full: typeof first, position: string) => full.position.to === position };
    expect(planRestore(all, { kind: 'position', position: '100' }, exact)).toMatchObject({ full: first, logs: [] });
  });

  test('to a transaction takes the newest full backup that is older than it', () => {
    const before = (id: string) => planRestore(all, { kind: 'transaction', id, inclusive: false }, numbered);
    expect(before('150')).toMatchObject({ full: first, logs: [one, two] });
    expect(before('200')).toMatchObject({ full: second });
    expect(() => before('99')).toThrow('transaction 99 is in no backup');
    expect(() => before('abc')).toThrow(
      expect.objectContaining({ kind: 'usage', message: 'abc is no transaction', hint: 'write one such as 150' }),
    );
  });

  test('to a transaction that was written while a newer full backup was made, whose log is not there yet, takes the log that went on behind the one before', () => {
    const behind = logAfter(two, 5, 130, 40);
    const newest = fullAt(4, 128, 30, 32);
    const before = (...there: readonly (typeof first)[]) =>
      planRestore([first, one, two, ...there], { kind: 'transaction', id: '129', inclusive: false }, numbered);
    expect(before(newest, behind)).toMatchObject({ full: first, logs: [one, two, behind] });
    expect(before(newest, behind, logAfter(newest, 6, 131, 41))).toMatchObject({ full: newest });
  });

  describe('to a transaction, after a restore has begun a second history', () => {
    const commits = (count: number): readonly Event[] => Array.from({ length: count }, () => ({ kind: 'commit' }));
    /** The first has 1 to 40 and 41 to 50 in its log; was put back to 42; the second begins with a full backup there, and has this much more in its log. */
    const lifeOf = (engine: string, more: number): Life =>
      new Life(numberings[engine]!, [
        ...commits(40),
        { kind: 'full' },
        ...commits(10),
        { kind: 'log' },
        { kind: 'restore', to: 42 },
        { kind: 'full' },
        ...commits(more),
        { kind: 'log' },
      ]);
    const planned = (engine: string, more: number, id: string, full?: string) =>
      planRestore(lifeOf(engine, more).manifests, { kind: 'transaction', id, inclusive: false }, numberings[engine]!.rules, full);
    const [old, , made] = lifeOf('mariadb', 1).manifests.map(({ id }) => id) as [string, string, string];

    test.each([
      ['mariadb', '0-1-48'],
      ['mysql', '1e11fa47-71ca-11e1-9e33-c80aa9429562:48'],
      ['sqlserver', '00000001:00000030:0001'],
    ])('takes the history of %s that has it, and says that the newer one has not', (engine, id) => {
      const plan = planned(engine, 2, id);
      expect([plan.full.id, plan.logs.length]).toEqual([old, 1]);
      expect(plan.because).toMatch(new RegExp(`; ${made} of [^;]* is newer, and of another history, which has no such transaction$`));
    });

    test.each([
      ['mariadb', '0-1-55'],
      ['mysql', '2e11fa47-71ca-11e1-9e33-c80aa9429562:8'],
      ['sqlserver', '00000001:00000037:0001'],
    ])('takes the newer history of %s for what only that has', (engine, id) => {
      expect(planned(engine, 20, id)).toMatchObject({ full: { id: made }, because: expect.not.stringContaining('history') as string });
    });

    test.each([
      ['mariadb', '0-1-48'],
      ['sqlserver', '00000001:00000030:0001'],
      ['postgres', '48'],
    ])(
      'is refused where both histories of %s may have it, with their times, and is told by the full backup which is meant',
      (engine, id) => {
        expect(() => planned(engine, 9, id)).toThrow(
          expect.objectContaining({
            kind: 'usage',
            message: `there may be 2 transactions ${id}, as the database was put back or another server has taken its place in between: the log behind ${old}, from ${minute(41).toISOString()} to ${minute(52).toISOString()}; or the log behind ${made}, from ${minute(54).toISOString()} to ${minute(64).toISOString()}`,
            hint: `say which is meant by the full backup before it: add \`--full ${old}\` or \`--full ${made}\``,
          }),
        );
        for (const full of [old, made]) expect(planned(engine, 9, id, full).full.id).toBe(full);
      },
    );

    test('is refused for a full backup that is not there, and for one whose log does not have it', () => {
      expect(() => planned('mariadb', 9, '0-1-48', '01JD5Z5M2R9999999999999999')).toThrow(
        expect.objectContaining({ kind: 'usage', message: 'there is no full backup 01JD5Z5M2R9999999999999999 to restore from' }),
      );
      expect(() => planned('mariadb', 2, '0-1-48', made)).toThrow('transaction 0-1-48 is in no backup');
    });

    const event = fc.oneof(
      { weight: 6, arbitrary: fc.constant<Event>({ kind: 'commit' }) },
      { weight: 2, arbitrary: fc.constant<Event>({ kind: 'full' }) },
      { weight: 4, arbitrary: fc.constant<Event>({ kind: 'log' }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), to: fc.nat(12) }) },
    );

    test.each(Object.keys(numberings))(
      'is planned from what really has it, or refused, whatever became of a %s and its backups',
      (engine) => {
        const numbering = numberings[engine]!;
        fc.assert(
          fc.property(fc.array(event, { minLength: 12, maxLength: 50 }), fc.infiniteStream(fc.boolean()), (events, lost) => {
            const life = new Life(numbering, [{ kind: 'full' }, ...events]);
            const manifests = life.manifests.filter(
              () => !(lost.next().value === true && lost.next().value === true && lost.next().value === true),
            );
            const logs = chainsOf(manifests, numbering.rules).flatMap((chain) => chain.logs);
            const offered = new Set(logs.flatMap(({ id }) => life.holds.get(id) ?? []));
            for (const id of new Set(life.written.map(numbering.id))) {
              const meant = [...offered].filter((each) => numbering.id(each) === id);
              const plan = attempt(() => planRestore(manifests, { kind: 'transaction', id, inclusive: false }, numbering.rules));
              if (plan === undefined) {
                // It is refused where it has to be: what can be told is planned.
                if (numbering.tells) expect(meant.length).not.toBe(1);
                continue;
              }
              const held = plan.logs.flatMap((log) => life.holds.get(log.id) ?? []).filter((each) => numbering.id(each) === id);
              // Nobody else has another one of that name; and where nobody has it at all, a server that reads such a log to its end says so.
              expect(held).toEqual(meant.length === 0 && !numbering.tells ? [] : [expect.anything()]);
              expect(meant.every((each) => each === held[0])).toBe(true);
            }
          }),
          { numRuns: 400 },
        );
      },
    );
  });

  describe('from increments', () => {
    const to = (target: Parameters<typeof planRestore>[1]) => planRestore(withIncrements.slice(0, 9), target, numbered);

    test('takes the newest that is old enough, with the full backup that it rests on and no log between the two', () => {
      const [behindFull, behind] = withIncrements.slice(7, 9);
      expect(to({ kind: 'latest' })).toMatchObject({ full: second, increments: [increment], logs: [behind] });
      expect(to({ kind: 'time', at: minute(58) })).toMatchObject({ full: second, increments: [increment], logs: [behind] });
      expect(to({ kind: 'time', at: minute(53) })).toMatchObject({ full: second, increments: [], logs: [three, four, behindFull] });
      expect(to({ kind: 'position', position: '228' })).toMatchObject({ increments: [increment], logs: [behind] });
      expect(to({ kind: 'position', position: '215' })).toMatchObject({ increments: [], logs: [three, four] });
      expect(to({ kind: 'transaction', id: '225', inclusive: true })).toMatchObject({ increments: [increment] });
      expect(to({ kind: 'latest' }).because).toBe(
        `${increment.id} of ${increment.finishedAt} is the newest increment before it and rests on ${second.id}; log ${behind?.id} follows`,
      );
    });
  });

  test('of nothing is refused', () => {
    expect(() => planRestore([], { kind: 'latest' }, numbered)).toThrow('there is no full backup');
    expect(() => planRestore([first], { kind: 'time', at: minute(6) }, numbered)).toThrow(
      'no full backup that is there can be restored to a time of choice',
    );
  });

  test('to the latest point goes as far as is offered', () => {
    fc.assert(
      fc.property(fc.subarray(withIncrements), (there) => {
        const last = restorableSpans(chainsOf(there, numbered)).at(-1);
        if (last === undefined) return;
        const { full, increments, logs } = planRestore(there, { kind: 'latest' }, numbered);
        expect(reachOf(logs.at(-1) ?? baseOf({ full, increments })).coveredUntil >= last.until).toBe(true);
      }),
    );
  });

  test('is planned for exactly the times that are offered', () => {
    fc.assert(
      fc.property(fc.subarray(withIncrements), fc.integer({ min: -5, max: 80 }), (there, n) => {
        const spans = restorableSpans(chainsOf(there, numbered));
        const offered = spans.some(({ from, until }) => minute(n) >= from && minute(n) <= until);
        const plan = () => planRestore(there, { kind: 'time', at: minute(n) }, numbered);
        if (!offered) {
          expect(plan).toThrow();
          return;
        }
        const chosen = plan();
        expect(reachOf(baseOf(chosen)).restorableFrom! <= minute(n)).toBe(true);
        expect(reachOf(chosen.logs.at(-1)!).coveredUntil >= minute(n)).toBe(true);
        // Each follows the one before, and nothing of it is left out.
        for (const [index, each] of backupsIn(chosen).entries())
          expect(each.parent).toBe(index === 0 ? null : backupsIn(chosen)[index - 1]?.id);
      }),
    );
  });
});

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return undefined;
  }
}
