import { constants, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { dumpOf } from './dump.ts';

describe('the dump that is copied', () => {
  const text = [...dumpOf(20e6)].join('');

  test('is a tenth once it is compressed', () => {
    const compressed = zstdCompressSync(text, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    expect(text.length / compressed.length).toBeGreaterThan(9.5);
    expect(text.length / compressed.length).toBeLessThan(11.5);
  });

  test('is as long as was asked for, and ends with a whole statement', () => {
    expect(text.length).toBeGreaterThanOrEqual(20e6);
    expect(text.length).toBeLessThan(20.5e6);
    expect(text.split('\n').every((line) => line === '' || /^INSERT INTO `orders` VALUES \(1?.*\);$/.test(line))).toBe(true);
  });

  test('is the same each time', () => {
    expect([...dumpOf(1e6)].join('')).toBe(text.slice(0, [...dumpOf(1e6)].join('').length));
  });
});
