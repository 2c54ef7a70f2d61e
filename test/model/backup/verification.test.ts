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
  measured: null,
  ...changes,
});
const levelsOf = (...records: readonly Verification[]) => Object.fromEntries([...proofsOf(records)].map(([id, { level }]) => [id, level]));

describe('the record of a verification', () => {
  const parsed = (changes: object) => parseVerification(JSON.stringify({ ...record(1, {}), ...changes }), 'key').measured;

  test('says what it took; one of before that was written down stays readable', () => {
    const measured = { whole: { bytes: 100, milliseconds: 5 }, log: null, replay: { bytes: 10, milliseconds: 7 } };
    expect(parsed({ measured })).toEqual(measured);
    expect(parsed({ measured: undefined })).toBeNull();
    expect(() => parsed({ measured: { whole: { bytes: 'all', milliseconds: 5 }, log: null } })).toThrow('measured.whole.bytes');
  });
});

describe('what was found of backups', () => {
  test('holds for all that were looked at together', () => {
    expect(levelsOf(record(1, { level: 3, backups: [a, b] }), record(2, { level: 1, backups: [b] }))).toEqual({ [a]: 3, [b]: 3 });
  });

  test('is not lowered by a lesser look, and is undone by damage that was found later', () => {
    expect(levelsOf(record(2, { level: 1 }), record(1, { level: 3 }))).toEqual({ [a]: 3 });
    expect(levelsOf(record(1, { level: 3 }), record(2, { level: 1, result: 'broken' }))).toEqual({ [a]: -1 });
    expect(levelsOf(record(1, { result: 'broken' }), record(2, { level: 2 }))).toEqual({ [a]: 2 });
  });

  test('as broken is lifted from the same level up: bytes that are what was written say nothing of a restore that was wrong', () => {
    const broken = record(1, { level: 3, result: 'broken' });
    expect(levelsOf(broken, record(2, { level: 1 }), record(3, { level: 2 }))).toEqual({ [a]: -3 });
    expect(levelsOf(broken, record(2, { level: 1, result: 'broken' }), record(3, { level: 1 }))).toEqual({ [a]: -3 });
    for (const level of [3, 4] as const) expect(levelsOf(broken, record(2, { level }))).toEqual({ [a]: level });
    expect(levelsOf(record(1, { level: 4 }), record(2, { level: 1, result: 'broken' }), record(3, { level: 1 }))).toEqual({ [a]: 1 });
  });

  test('is of other bytes from a finding of level 0 on', () => {
    const broken = record(1, { level: 3, result: 'broken' });
    const anew = record(2, { level: 0, result: 'broken' });
    expect(levelsOf(broken, anew)).toEqual({ [a]: -1 });
    expect(levelsOf(broken, anew, record(3, { level: 1 }))).toEqual({ [a]: 1 });
    expect(levelsOf(record(1, { level: 3 }), record(2, { level: 0 }))).toEqual({ [a]: 0 });
  });

  test('is read back as it was written, and nothing else is', () => {
    const written = record(1, { detail: ['base.tar: 40 bytes'] });
    expect(parseVerification(JSON.stringify(written), 'k')).toEqual(written);
    for (const wrong of ['', '{}', JSON.stringify({ ...written, level: 9 }), JSON.stringify({ ...written, backups: [] })])
      expect(() => parseVerification(wrong, 'k')).toThrow('k is no record of a verification');
  });
});
