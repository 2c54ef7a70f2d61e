import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { baseOf, chainsOf, latestOf, restorableSpans } from '../../../runtime/jobs/coverage.ts';
import { fullAt, incrementAfter, logAfter, minute, numbered } from './chains.ts';
import { cpuTime } from '../../cpu-time.ts';

const first = fullAt(1, 100, 0, 5);
const one = logAfter(first, 2, 110, 4);
const two = logAfter(one, 3, 120, 9);
const three = logAfter(two, 4, 130, 14);
const second = fullAt(5, 125, 10, 12);
const four = logAfter(second, 6, 150, 20);
const all = [four, three, second, one, two, first];

/** What the latest point is restored from. */
const latest = (manifests: readonly Manifest[]): string | undefined => {
  const chain = latestOf(chainsOf(manifests, numbered), numbered);
  return chain && baseOf(chain).id;
};

describe('what can be restored', () => {
  test('is a full backup and the logs that follow it, in order', () => {
    expect(chainsOf(all, numbered)).toEqual([
      { full: first, increments: [], logs: [one, two, three], timely: [one, two, three], hole: undefined },
      { full: second, increments: [], logs: [four], timely: [four], hole: undefined },
    ]);
  });

  test('reaches from the end of a full backup to the last log, and goes on in the next chain', () => {
    expect(restorableSpans(chainsOf(all, numbered))).toEqual([{ from: minute(5), until: minute(20) }]);
    expect(latest(all)).toBe(second.id);
  });

  test('reaches as far as the log behind the full backup before, until some was shipped behind the newest', () => {
    const late = logAfter(three, 6, 135, 16);
    expect(latest([first, one, two, three, second, late])).toBe(first.id);
    expect(latest([...all, logAfter(three, 7, 135, 16)])).toBe(second.id);
  });

  test('ends where a log is missing, and says which does not follow', () => {
    const chains = chainsOf([first, one, three, second, four], numbered);
    expect(chains[0]).toEqual({
      full: first,
      increments: [],
      logs: [one],
      timely: [one],
      hole: `${three.id} does not follow ${one.id}, or what it follows is missing`,
    });
    // Minute 4 is before the full backup was complete: no time of that chain is certain.
    expect(restorableSpans(chains)).toEqual([{ from: minute(12), until: minute(20) }]);
  });

  test('does not count a log of another server, or one that begins elsewhere', () => {
    const foreign = logAfter(one, 3, 120, 9, { facts: { server: 'b' } });
    const elsewhere = logAfter(one, 3, 120, 9, { position: { from: '111', to: '120' } });
    for (const log of [foreign, elsewhere]) expect(chainsOf([first, one, log], numbered)[0]?.logs).toEqual([one]);
  });

  describe('where a clock was ahead for a moment', () => {
    const year = 525_600;
    /** By the clock of its agent. */
    const at = (made: Manifest, ended: number, begun = ended): Manifest => ({
      ...made,
      startedAt: minute(begun).toISOString(),
      finishedAt: minute(ended).toISOString(),
    });
    const full = at(fullAt(1, 100, 0, 5), 5);
    const before = at(logAfter(full, 2, 110, 6), 6);
    const jump = at(logAfter(before, 3, 120, 7 + year), 7 + year);
    // No log says less than the one before.
    const behind = at(logAfter(jump, 4, 130, 7 + year), 8);
    const next = at(fullAt(5, 140, 9, 11), 11);
    const last = at(logAfter(next, 6, 150, 12), 12);
    const spans = (...manifests: readonly Manifest[]) => restorableSpans(chainsOf(manifests, numbered));

    test('reaches by time to the last log from before, and goes on with the next full backup', () => {
      expect(spans(full, before, jump, behind)).toEqual([{ from: minute(5), until: minute(6) }]);
      expect(spans(full, before, jump, behind, next, last)).toEqual([
        { from: minute(5), until: minute(6) },
        { from: minute(11), until: minute(12) },
      ]);
      expect(latest([full, before, jump, behind])).toBe(full.id);
    });

    test('has no time behind a full backup that was made then', () => {
      const wrong = at(fullAt(2, 105, year, year + 1), year + 1);
      const log = at(logAfter(wrong, 3, 110, year + 1), 6);
      expect(spans(full, wrong, log, at(logAfter(log, 4, 120, year + 1), 7))).toEqual([]);
      expect(chainsOf([full, wrong, log, next], numbered)[1]).toMatchObject({ logs: [log], timely: undefined });
    });

    test('knows it of the clock of a server alone as well, and minds none that differs by hours for good', () => {
      const alone = at(jump, 7);
      expect(spans(full, before, alone, behind)).toEqual([{ from: minute(5), until: minute(6) }]);
      const hours = at(logAfter(before, 3, 120, 7 + 720), 7);
      expect(spans(full, before, hours)).toEqual([{ from: minute(5), until: minute(727) }]);
    });

    test('does not take a full backup for one that took long, while the log went on', () => {
      const long = at(fullAt(3, 140, 7, 600), 600, 7);
      const meanwhile = [before, at(logAfter(before, 4, 120, 8), 8), at(logAfter(before, 5, 125, 500), 500)];
      const behind = at(logAfter(long, 6, 150, 601), 601);
      expect(spans(full, ...meanwhile, long, behind).at(-1)).toEqual({ from: minute(600), until: minute(601) });
      expect(chainsOf([full, ...meanwhile, long, behind], numbered).at(-1)).toMatchObject({ timely: [behind] });
    });

    test('loses nothing to one that was behind', () => {
      const past = at(logAfter(before, 3, 120, 6), -year);
      const later = at(logAfter(past, 4, 130, 9), 9);
      expect(spans(full, before, past, later)).toEqual([{ from: minute(5), until: minute(9) }]);
      expect(spans(full, before, past)).toEqual([{ from: minute(5), until: minute(6) }]);
    });
  });

  test('of two logs after the same one goes the way that leads further', () => {
    const deadEnd = logAfter(one, 7, 115, 6);
    expect(chainsOf([...all, deadEnd], numbered)[0]?.logs).toEqual([one, two, three]);
  });

  describe('with increments', () => {
    const changed = incrementAfter(first, 5, 125, [10, 12]);
    const five = logAfter(changed, 6, 150, 20);
    const again = incrementAfter(changed, 7, 160, [22, 24]);
    const six = logAfter(again, 9, 180, 30);
    // Made later than the increment, as the log goes on behind what was before until that is complete.
    const late = logAfter(three, 8, 135, 16);
    const incremental = [first, one, two, three, changed, five, again, late, six];

    test('is each of them with all that it rests on, and the logs that follow itself', () => {
      expect(chainsOf(incremental, numbered)).toEqual([
        { full: first, increments: [], logs: [one, two, three, late], timely: [one, two, three, late], hole: undefined },
        { full: first, increments: [changed], logs: [five], timely: [five], hole: undefined },
        { full: first, increments: [changed, again], logs: [six], timely: [six], hole: undefined },
      ]);
      expect(restorableSpans(chainsOf(incremental, numbered))).toEqual([
        { from: minute(5), until: minute(20) },
        { from: minute(24), until: minute(30) },
      ]);
    });

    test('is none that rests on what is missing, is of another server, or is of another backup', () => {
      const basesOf = (there: readonly (typeof first)[]) =>
        chainsOf(there, numbered).map(({ full, increments }) => increments.at(-1) ?? full);
      expect(basesOf(incremental.filter((each) => each !== changed))).toEqual([first]);
      expect(basesOf(incremental.filter((each) => each !== first))).toEqual([]);
      for (const facts of [
        { ...changed.facts, server: 'b' },
        { ...changed.facts, since: '99' },
      ])
        expect(basesOf([first, incrementAfter(first, 5, 125, [10, 12], { facts }), again])).toEqual([first]);
    });

    test('has a hole where the log behind an increment is missing, and nowhere else', () => {
      const chains = chainsOf([...incremental.filter((each) => each !== five), logAfter(five, 10, 170, 25)], numbered);
      expect(chains.map(({ hole }) => hole?.slice(0, 26))).toEqual([undefined, undefined, `01JD5Z5M2R0000000000000010`]);
    });
  });

  test('with a full backup alone is no time of choice, but its end', () => {
    expect([restorableSpans(chainsOf([first], numbered)), latest([first])]).toEqual([[], first.id]);
    expect([restorableSpans([]), latest([])]).toEqual([[], undefined]);
  });

  test('is known at once of 40,000 logs', () => {
    const logs = [logAfter(first, 2, 101, 6)];
    for (let n = 3; n < 40_000; n += 1) logs.push(logAfter(logs.at(-1)!, n, 99 + n, 6 + n));
    const began = cpuTime();
    expect(chainsOf([first, ...logs], numbered)[0]?.logs.length).toBe(logs.length);
    expect(cpuTime() - began).toBeLessThan(3000);
  });
});
