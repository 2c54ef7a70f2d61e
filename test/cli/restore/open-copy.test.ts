import { describe, expect, test } from 'vitest';
import { chooseCopy } from '../../../cli/restore/open-copy.ts';
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

  test('that holds less than half of the one before is told where copies are listed', () => {
    expect(restorable([first, full, empty]).map(({ shrunk }) => shrunk)).toEqual(['0 files, and had 300']);
    expect(restorable([first, full]).map(({ shrunk }) => shrunk)).toEqual([undefined]);
  });
});
