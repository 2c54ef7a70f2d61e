import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collect, inBlocks, joined } from '../../../runtime/streams/blocks.ts';
import { ByteReader } from '../../../runtime/streams/byte-reader.ts';
import { cut, from, fromAll, whole } from './bytes.ts';

const anyBytes = fc.uint8Array({ maxLength: 300 });
const anyLengths = fc.array(fc.nat(20), { maxLength: 6 });

describe('blocks', () => {
  test('hold all bytes in order, each block full but the last', async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, anyLengths, fc.integer({ min: 1, max: 40 }), async (bytes, lengths, size) => {
        const blocks: Uint8Array[] = [];
        for await (const block of inBlocks(fromAll(cut(bytes, lengths)), size)) {
          expect(joined(block).length).toBe(block.bytes);
          blocks.push(joined(block));
        }
        expect(Buffer.concat(blocks)).toEqual(Buffer.from(bytes));
        expect(blocks.slice(0, -1).every((block) => block.length === size)).toBe(true);
        expect(blocks.every((block) => block.length > 0 && block.length <= size)).toBe(true);
      }),
    );
  });

  test('of small things are refused beyond their limit', async () => {
    await expect(collect(from('four', 'five'), 7)).rejects.toThrow('more than 7 bytes');
    expect((await whole(from('four', 'five'))).toString()).toBe('fourfive');
  });

  test('are taken by the count, whatever the pieces are', async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, anyLengths, fc.array(fc.nat(50)), async (bytes, lengths, counts) => {
        await using reader = new ByteReader(fromAll(cut(bytes, lengths)));
        let at = 0;
        for (const count of counts) {
          expect(Buffer.from(await reader.take(count))).toEqual(Buffer.from(bytes.subarray(at, at + count)));
          at += count;
        }
      }),
    );
  });
});
