import { expect, test } from 'vitest';
import { leftOut } from '../../../cli/restore/left-out.ts';
import { fullAt, incrementAfter, logAfter } from '../../runtime/jobs/chains.ts';

const old = fullAt(1, 10, 0, 1);
const full = fullAt(2, 20, 2, 3);
const increment = incrementAfter(full, 3, 30, [4, 5]);
const next = incrementAfter(increment, 4, 40, [6, 7]);
const all = [old, full, increment, next, logAfter(next, 5, 50, 9)];

test('what is newer than what is restored, and is broken or rests on what is, is named with the reason', () => {
  expect(leftOut(all, old, (id) => id === full.id)).toEqual([
    `${full.id} was found to be broken, and is left out`,
    `${increment.id} rests on ${full.id}, which was found to be broken, and is left out`,
    `${next.id} rests on ${full.id}, which was found to be broken, and is left out`,
  ]);
  expect(leftOut(all, full, (id) => id === increment.id)).toEqual([
    `${increment.id} was found to be broken, and is left out`,
    `${next.id} rests on ${increment.id}, which was found to be broken, and is left out`,
  ]);
});

test('of what is sound, or older, nothing is said', () => {
  expect(leftOut(all, old, () => false)).toEqual([]);
  expect(leftOut(all, next, (id) => id === old.id)).toEqual([]);
});
