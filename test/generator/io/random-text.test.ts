import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { drawText } from '../../../generator/io/random-text.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Every byte equally often, over and over. */
const everyByte = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, index) => index % 256);

describe('drawn text', () => {
  test.each([1, 16, 32, 48, 256])('has exactly the %i letters and digits asked for', (length) => {
    expect(drawText(length, randomBytes)).toMatch(new RegExp(`^[A-Za-z0-9]{${length}}$`));
  });

  test('gives each letter of the alphabet the same chance: of all bytes, four stand for each', () => {
    const text = drawText(248, (count) => everyByte(Math.max(count, 256)));
    const counts = new Map([...alphabet].map((letter) => [letter, [...text].filter((one) => one === letter).length]));
    expect([...new Set(counts.values())]).toEqual([4]);
  });

  test('draws again where a byte would favour some letters, and never forgets one', () => {
    const rounds = [Uint8Array.from([255, 248, 0, 250]), Uint8Array.from([1, 61, 62, 247])];
    expect(drawText(4, () => rounds.shift() ?? new Uint8Array())).toBe('AB9A');
    expect(rounds).toEqual([]);
  });

  test('is another one each time', () => {
    expect(new Set(Array.from({ length: 200 }, () => drawText(32, randomBytes))).size).toBe(200);
  });
});
