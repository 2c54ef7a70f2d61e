import { describe, expect, test } from 'vitest';
import { bringing } from '../../../cli/restore/database-lying.ts';

const ways = { path: { data: 'DATA', kept: 'KEPT', waiting: 'WAITING', ready: 'READY' }, exchanging: 'exchange' };
const bring = (lying: object, wanted: string, other: string): string =>
  bringing(lying, wanted, other, ways).replaceAll(' || exit 1; ', ';');

describe('one of two folders that change places', () => {
  test.each([
    [{ data: 'old', ready: 'new' }, 'mv -T READY KEPT;exchange;'],
    [{ data: 'old', kept: 'new' }, 'exchange;'],
    [{ data: 'old', waiting: 'new' }, 'mv -T WAITING KEPT;exchange;'],
    [{ kept: 'old', waiting: 'new' }, 'mv -T WAITING DATA;'],
    [{ data: 'new', kept: 'old' }, ''],
    // Two renames of an undoing that was cut off.
    [{ data: 'new', waiting: 'old' }, 'mv -T WAITING KEPT;'],
    [{ kept: 'new', waiting: 'old' }, 'mv -T KEPT DATA;mv -T WAITING KEPT;'],
  ])('comes to its place from %o', (lying, script) => {
    expect(bring(lying, 'new', 'old')).toBe(script);
  });

  test.each([
    { data: 'old', ready: 'new', kept: 'foreign' },
    { data: 'old', kept: 'new', waiting: 'foreign' },
    { data: 'new', waiting: 'old', kept: 'foreign' },
  ])('takes the place of nothing that is neither of the two: %o', (lying) => {
    expect(() => bring(lying, 'new', 'old')).toThrow(expect.objectContaining({ kind: 'conflict' }));
  });
});
