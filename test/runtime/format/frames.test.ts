import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameBytes } from '../../../runtime/format/frame-size.ts';
import { compress, decompress } from '../../../runtime/format/frames.ts';
import { splitFrames } from '../../../runtime/format/split-frames.ts';
import { cut, from, fromAll, noise, whole } from '../streams/bytes.ts';

const large = Buffer.concat([noise(5_000_000), Buffer.alloc(6_000_000, 'abcdefgh'), noise(77)]);

/** RFC 8878, section 3.1.1.1; not a number where the frame does not say. */
function contentSize(frame: Uint8Array): number {
  const bytes = Buffer.from(frame);
  const descriptor = bytes[4] ?? 0;
  const [single, width] = [(descriptor & 0x20) !== 0, descriptor >> 6];
  const at = single ? 5 : 6;
  if (width === 0) return single ? (bytes[at] ?? Number.NaN) : Number.NaN;
  return width === 1 ? bytes.readUInt16LE(at) + 256 : bytes.readUInt32LE(at);
}

describe('frames', () => {
  test('give back any bytes in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5000 }),
        fc.array(fc.nat(900)),
        fc.integer({ min: 1, max: 4 }),
        async (bytes, lengths, width) => {
          const frames = await whole(compress(fromAll(cut(bytes, lengths)), width));
          expect(await whole(decompress(fromAll(cut(frames, lengths)), width))).toEqual(Buffer.from(bytes));
        },
      ),
    );
  });

  test('of more than one block come back in order', async () => {
    const frames = await whole(compress(fromAll(cut(large, [70_001])), 3));
    expect((await whole(decompress(fromAll(cut(frames, [65_536])), 3))).equals(large)).toBe(true);
  });

  test('are one for each 4 MiB, which says how long its content is, whether it shrinks or not', async () => {
    const text = Buffer.alloc(frameBytes, 'abcdefgh');
    // One that does not shrink takes all the room that the next might need.
    const plain = Buffer.concat([text, text, noise(frameBytes), text, noise(frameBytes, 2), noise(frameBytes, 3), Buffer.from('end')]);
    const lengths: number[] = [];
    for await (const frame of splitFrames(compress(fromAll(cut(plain, [1_000_000])), 1))) {
      expect(zstdDecompressSync(frame).equals(plain.subarray(lengths.length * frameBytes, (lengths.length + 1) * frameBytes))).toBe(true);
      lengths.push(contentSize(frame));
    }
    expect(lengths).toEqual([...Array<number>(6).fill(frameBytes), 3]);
  });

  test('that do not say how long they are, as older backups have them, are read as well', async () => {
    const older = zstdCompressSync(large.subarray(3_000_000, 3_000_000 + frameBytes), {
      params: { [constants.ZSTD_c_contentSizeFlag]: 0 },
    });
    expect(contentSize(older)).toBeNaN();
    const plain = large.subarray(3_000_000, 3_000_000 + frameBytes);
    expect((await whole(decompress(from(older, older), 2))).equals(Buffer.concat([plain, plain]))).toBe(true);
  });

  test('of nothing are a file of nothing', async () => {
    const frames = await whole(compress(from(), 2));
    expect(frames.length).toBeGreaterThan(0);
    expect((await whole(decompress(from(frames), 2))).length).toBe(0);
  });

  test('of every kind that zstd writes are told apart', async () => {
    const contents = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(1_000_000), noise(300_000), Buffer.alloc(70_000, 'frame ')];
    const kinds = [
      {},
      { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_contentSizeFlag]: 0 },
      { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 },
    ];
    const files = contents.flatMap((content) => [
      ...kinds.map((params) => zstdCompressSync(content, { params })),
      zstdCompressSync(content, { pledgedSrcSize: content.length }),
    ]);
    const found: Uint8Array[] = [];
    for await (const frame of splitFrames(fromAll(cut(Buffer.concat(files), [9, 4000])))) found.push(frame);
    expect(found.map((frame) => frame.length)).toEqual(files.map((file) => file.length));
  });

  test('that are cut off anywhere, or followed by something else, are found out', async () => {
    const frames = await whole(compress(from('some text, and the same text, and the same text again'), 1));
    for (let length = 1; length < frames.length; length += 1)
      await expect(whole(decompress(from(frames.subarray(0, length)), 1))).rejects.toMatchObject({ kind: 'damaged' });
    await expect(whole(decompress(from(frames, 'x'), 1))).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('that hold far more than ours ever do are refused before they fill the memory', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 2 ** 20));
    expect(bomb.length).toBeLessThan(10_000);
    await expect(whole(decompress(from(bomb), 1))).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('stop with the producer, and keep its reason', async () => {
    async function* dump(): AsyncGenerator<Uint8Array> {
      yield noise(9_000_000);
      throw new Error('mysqldump exited with 3');
    }
    await expect(whole(compress(dump(), 3))).rejects.toThrow('mysqldump exited with 3');
  });
});
