import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { mongodbChain as rules } from '../../../../runtime/engines/mongodb/chain-rules.ts';
import { chainsOf } from '../../../../runtime/jobs/coverage.ts';
import { entry, fullAt, logOf } from './documents.ts';

const known = entry(100);
const full = fullAt(known);

describe('a log of MongoDB', () => {
  test('follows where the one before it ends, with the very entry that stood there', () => {
    const next = entry(101);
    expect(rules.follows(full, logOf(known, [next]))).toBe(true);
    expect(rules.follows(logOf(known, [next]), logOf(next, [entry(102)]))).toBe(true);
    expect(rules.follows(full, logOf(next, [entry(102)]))).toBe(false);
    // The same place in the oplog of a server whose data were put back, and under another election.
    expect(rules.follows(full, logOf(entry(100, { value: 'y' }), [next]))).toBe(false);
    expect(rules.follows(full, logOf(entry(100, { term: 2 }), [next]))).toBe(false);
    expect(rules.follows(fullAt(known, { facts: {} }), logOf(known, [next], { facts: {} }))).toBe(false);
  });

  test('reaches the places up to its last, and a full backup stands at one', () => {
    const log = logOf(known, [entry(101, { count: 7 })]);
    expect([rules.reaches(log, '101:7'), rules.reaches(log, '101:8')]).toEqual([true, false]);
    expect([rules.endsAt(full, '100:1'), rules.endsAt(full, '99:9'), rules.endsAt(full, '100:2')]).toEqual([true, false, false]);
    expect([rules.isAfter(full, '100:1'), rules.isAfter(full, '100:2')]).toEqual([false, true]);
    expect(['1766361600:4', '4', 'a:1'].map((id) => rules.transaction.form.test(id))).toEqual([true, false, false]);
  });

  test('holds all of a newer full backup of the same election that ends before it, and nothing of another server or of data that were put back', () => {
    const log = logOf(known, [entry(105)]);
    expect([104, 105, 106].map((seconds) => rules.holdsAllOf(log, fullAt(entry(seconds))))).toEqual([true, true, false]);
    expect(rules.holdsAllOf(log, fullAt(entry(104, { term: 2 })))).toBe(false);
    expect(rules.holdsAllOf(log, fullAt(entry(104), { facts: {} }))).toBe(false);
  });

  test('of any lengths make one chain, which ends before what is missing and before what another server has written', () => {
    const idOf = (index: number): string => `01JD5Z5M2R${String(index).padStart(16, '0')}`;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }),
        fc.nat(),
        fc.constantFrom('nothing', 'a log is missing', 'the oplog rolled over', 'data were put back'),
        (lengths, where, trouble) => {
          let [seconds, before, parent] = [100, known, full.id];
          const broken = where % lengths.length;
          const logs = lengths.flatMap((count, index): readonly Manifest[] => {
            const isBroken = index === broken && trouble !== 'nothing';
            // Behind a roll-over the next entry is another one; of other data the same place holds something else.
            if (isBroken && trouble === 'the oplog rolled over') before = entry((seconds += 10));
            if (isBroken && trouble === 'data were put back') before = entry(seconds, { value: 'other' });
            const entries = Array.from({ length: count }, () => entry((seconds += 1)));
            const log = logOf(before, entries, { id: idOf(index + 1), chain: full.id, parent });
            [before, parent] = [entries.at(-1) ?? before, log.id];
            return isBroken && trouble === 'a log is missing' ? [] : [log];
          });
          const [chain] = chainsOf([full, ...[...logs].reverse()], rules);
          const reached = trouble === 'nothing' ? lengths.length : broken;
          expect(chain?.logs).toHaveLength(reached);
          expect(chain?.hole === undefined).toBe(reached === logs.length);
        },
      ),
    );
  });
});
