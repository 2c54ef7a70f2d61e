import { describe, expect, test } from 'vitest';
import { chooseCopy } from '../../../cli/restore/open-copy.ts';
import type { Proven } from '../../../cli/restore/choose-backup.ts';
import { restorable } from '../../../cli/backup/restorable.ts';
import { manifest } from '../../runtime/format/manifests.ts';

const copyOf = (day: number, files: number) => manifest({ kind: 'volume', finishedAt: `2026-03-0${day}T01:00:00.000Z`, facts: { files } });
const [first, full, empty] = [copyOf(1, 290), copyOf(2, 300), copyOf(3, 0)];

describe('a copy of a volume', () => {
  test('is the newest one, or the newest of that time', () => {
    expect(chooseCopy([first, full], 'uploads', undefined)).toBe(full);
    expect(chooseCopy([first, full, empty], 'uploads', '2026-03-02T12:00Z')).toBe(full);
    expect(() => chooseCopy([], 'uploads', undefined)).toThrow('there is no backup of uploads');
    expect(() => chooseCopy([first], 'uploads', '2026-02-01T00:00Z')).toThrow('is as old as 2026-02-01');
  });

  test('that holds less than half of the one before is given to whoever asks for its time, not for the newest', () => {
    expect(() => chooseCopy([first, full, empty], 'uploads', undefined)).toThrow(
      expect.objectContaining({
        kind: 'conflict',
        message: 'the newest copy of uploads holds 0 files, and had 300: it may be of one that was begun anew',
        hint: 'write --at 2026-03-02T01:00:00.000Z; or, if that is what you want, --at 2026-03-03T01:00:00.000Z',
      }),
    );
    expect(chooseCopy([first, full, empty], 'uploads', empty.finishedAt)).toBe(empty);
  });

  describe('where each was found to be broken', () => {
    const proven = (from: 'store' | 'offsite', offsite?: object) =>
      ({ levelOf: () => -1, from, config: { backups: { offsite } } }) as unknown as Proven;

    test.each([
      ['of the second place where there is one', proven('store', {}), 'restore from the second place with --from offsite'],
      ['of the first place where it was the second', proven('offsite', {}), 'leave out --from, which restores from the first place'],
      ['of the site where there is no other', proven('store'), 'where the site still is, `berth backup now` makes another'],
    ])('is told so, by its id, with the cure %s', (_, one, hint) => {
      expect(() => chooseCopy([first, full], 'uploads', first.finishedAt, one)).toThrow(
        expect.objectContaining({ kind: 'damaged', message: `no backup of uploads can be used: ${first.id} was found to be broken`, hint }),
      );
    });

    test('is left out where another is sound', () => {
      const broken = { ...full, id: '01BROKEN' };
      const one = { ...proven('store'), levelOf: (id: string) => (id === broken.id ? -1 : 0) };
      expect(chooseCopy([first, broken], 'uploads', undefined, one)).toBe(first);
    });
  });

  test('that holds less than half of the one before is told where copies are listed', () => {
    expect(restorable([first, full, empty]).map(({ shrunk }) => shrunk)).toEqual(['0 files, and had 300']);
    expect(restorable([first, full]).map(({ shrunk }) => shrunk)).toEqual([undefined]);
  });
});
