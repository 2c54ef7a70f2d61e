import { describe, expect, test } from 'vitest';
import { parseVerification, proofsOf, type Verification } from '../../../model/backup/verification.ts';

const [a, b] = ['01JD5Z5M2R000000000000000A', '01JD5Z5M2R000000000000000B'] as const;
const record = (n: number, changes: Partial<Verification>): Verification => ({
  format: 'berth-verification',
  version: 1,
  id: `01JD5Z5M2R${String(n).padStart(16, '0')}`,
  backups: [a],
  level: 1,
  at: '2026-03-29T01:00:00.000Z',
  result: 'sound',
  detail: [],
  berth: '0.1.0',
  ...changes,
});
const levelsOf = (...records: readonly Verification[]) => Object.fromEntries([...proofsOf(records)].map(([id, { level }]) => [id, level]));

describe('what was found of backups', () => {
  test('holds for all that were looked at together', () => {
    expect(levelsOf(record(1, { level: 3, backups: [a, b] }), record(2, { level: 1, backups: [b] }))).toEqual({ [a]: 3, [b]: 3 });
  });

  test('is not lowered by a lesser look, and is undone by damage that was found later', () => {
    expect(levelsOf(record(2, { level: 1 }), record(1, { level: 3 }))).toEqual({ [a]: 3 });
    expect(levelsOf(record(1, { level: 3 }), record(2, { level: 1, result: 'broken' }))).toEqual({ [a]: -1 });
    expect(levelsOf(record(1, { result: 'broken' }), record(2, { level: 2 }))).toEqual({ [a]: 2 });
  });

  test('is read back as it was written, and nothing else is', () => {
    const written = record(1, { detail: ['base.tar: 40 bytes'] });
    expect(parseVerification(JSON.stringify(written), 'k')).toEqual(written);
    for (const wrong of ['', '{}', JSON.stringify({ ...written, level: 9 }), JSON.stringify({ ...written, backups: [] })])
      expect(() => parseVerification(wrong, 'k')).toThrow('k is no record of a verification');
  });
});
