import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { sqlserverChain as rules } from '../../../../runtime/engines/sqlserver/chain-rules.ts';
import { manifest } from '../../format/manifests.ts';

const line = { family: 'F1', fork: 'A1' };
const backup = (kind: 'full' | 'increment' | 'log', from: string | null, to: string, facts: Manifest['facts'] = {}): Manifest =>
  manifest({ engine: 'sqlserver', kind, position: { from, to }, facts: { ...line, ...facts } });
const full = backup('full', null, '500', { backupSet: 'B1' });

describe('what rests on what in SQL Server', () => {
  test('a log goes on behind a full backup when that ends in it, and behind a log when that ends where it begins', () => {
    expect(
      ['400:600', '500:600', '400:500', '501:600', '300:499'].map((range) => {
        const [from = '', to = ''] = range.split(':');
        return rules.follows(full, backup('log', from, to));
      }),
    ).toEqual([true, true, true, false, false]);
    const log = backup('log', '400', '600');
    expect(['600', '599', '601'].map((from) => rules.follows(log, backup('log', from, '700')))).toEqual([true, false, false]);
  });

  test('nothing goes on over a restore, or in a database that was made anew', () => {
    for (const other of [{ fork: 'A2' }, { family: 'F2' }]) {
      expect(rules.follows(full, backup('log', '400', '600', other))).toBe(false);
      expect(rules.follows(full, backup('increment', null, '600', { base: 'B1', ...other }))).toBe(false);
    }
  });

  test('a differential backup rests on the full one that it names, and on nothing else', () => {
    const differential = backup('increment', null, '700', { base: 'B1' });
    expect(rules.follows(full, differential)).toBe(true);
    expect(rules.follows(backup('full', null, '500', { backupSet: 'B2' }), differential)).toBe(false);
    expect(rules.follows(differential, backup('increment', null, '800', { base: 'B1' }))).toBe(false);
    expect(rules.follows(differential, backup('log', '690', '710'))).toBe(true);
  });

  test('a log holds all of a newer full backup of the same fork that ends before it, and nothing of a database that was put back', () => {
    const log = backup('log', '400', '600');
    expect(['599', '600', '601'].map((to) => rules.holdsAllOf(log, backup('full', null, to)))).toEqual([true, true, false]);
    for (const other of [{ fork: 'A2' }, { family: 'F2' }]) expect(rules.holdsAllOf(log, backup('full', null, '500', other))).toBe(false);
  });

  test('numbers are compared as numbers, and a backup ends before the record that its end names', () => {
    expect(rules.follows(backup('full', null, '9'), backup('log', '8', '10'))).toBe(true);
    expect(['499', '500'].map((place) => rules.reaches(full, place))).toEqual([true, false]);
    expect(['499', '500'].map((place) => rules.isAfter(full, place))).toEqual([false, true]);
    expect(['499', '500'].map((place) => rules.endsAt(full, place))).toEqual([true, false]);
    expect(['0000002a:00000110:0003', '42000000027200003', 'x'].map((id) => rules.transaction.form.test(id))).toEqual([true, false, false]);
  });
});
