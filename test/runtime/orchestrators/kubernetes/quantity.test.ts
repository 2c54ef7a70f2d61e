import { expect, test } from 'vitest';
import { cpuAsked, cpuGiven, memoryAsked, memoryGiven, quantity } from '../../../../runtime/orchestrators/kubernetes/quantity.ts';

test.each([
  ['100m', 0.1],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['1e3', 1000],
  ['12E', 12e18],
  ['5E3', 5000],
  ['128974848', 128_974_848],
  ['129M', 129e6],
  ['123Mi', 123 * 2 ** 20],
  ['250000000n', 0.25],
  [4, 4],
  ['', 0],
  ['12KiB', 0],
  [undefined, 0],
])('%s is %s', (text, value) => {
  expect(quantity(text)).toBeCloseTo(value, 6);
});

test('what is asked for is rounded up, what there is down', () => {
  expect([cpuAsked('100500u'), cpuGiven('100500u')]).toEqual([101, 100]);
  expect([memoryAsked('16265857Ki'), memoryGiven('16265857Ki')]).toEqual([15_885, 15_884]);
  expect([cpuAsked('100m'), memoryAsked('64Mi'), memoryGiven('64Mi')]).toEqual([100, 64, 64]);
});
