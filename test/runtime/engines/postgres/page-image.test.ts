import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compressions, unpackImage } from '../../../../runtime/engines/postgres/page-image.ts';

const bytes = (...parts: readonly (string | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))));
const text = (packed: Buffer, how: number, length: number): string | undefined => unpackImage(packed, how, length)?.toString('latin1');

// By hand, from the descriptions of the formats.
const lz4 = bytes(0x35, 'abc', 3, 0, 0x50, 'xyzzy');
const longLz4 = bytes(0xf0, 2, 'abcdefghijklmnopq', 17, 0, 0x1f, '!', 18, 0, 255, 3, 0x10, '.');
const pglz = bytes(0b0000_1000, 'abc', 0x06, 3, 'de', 'f', 'g', 0b0000_0001, 0x0f, 16, 2);

describe('the image of a page', () => {
  test('is what it says where nothing is compressed', () => {
    expect(text(bytes('abc'), 0, 3)).toBe('abc');
    expect(text(bytes('abc'), 0, 4)).toBeUndefined();
  });

  test('is unpacked from LZ4: what repeats itself, also into itself, and lengths of more than a byte', () => {
    expect(text(lz4, compressions.lz4, 17)).toBe('abcabcabcabcxyzzy');
    const first = 'abcdefghijklmnopq'.repeat(1) + 'abcd!';
    expect(unpackImage(longLz4, compressions.lz4, first.length + 277 + 1)?.toString('latin1')).toMatch(
      /^abcdefghijklmnopqabcd!efghijklmnopqabcd!ef.*\.$/,
    );
  });

  test("is unpacked from PostgreSQL's own way", () => {
    expect(text(pglz, compressions.pglz, 36)).toBe('abcabcabcabcdefgabcabcabcabcdefgabca');
  });

  test('is unpacked from Zstandard', () => {
    const page = randomBytes(100).toString('hex');
    expect(text(zstdCompressSync(page), compressions.zstd, page.length)).toBe(page);
  });

  test.each(['pglz', 'lz4', 'zstd'] as const)('is none where the bytes of %s were cut, changed or are too many', (way) => {
    const packed = { pglz, lz4, zstd: zstdCompressSync('abc'.repeat(20)) }[way];
    const length = { pglz: 36, lz4: 17, zstd: 60 }[way];
    expect(unpackImage(packed, compressions[way], length)).toBeDefined();
    expect(unpackImage(packed, compressions[way], length - 1)).toBeUndefined();
    expect(unpackImage(packed, compressions[way], length + 1)).toBeUndefined();
    for (let end = 0; end < packed.length; end += 1)
      expect(unpackImage(packed.subarray(0, end), compressions[way], length)).toBeUndefined();
    for (let round = 0; round < 200; round += 1) unpackImage(randomBytes(40), compressions[way], 100);
  });
});
