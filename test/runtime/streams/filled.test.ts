import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferPool, filled } from '../../../runtime/streams/filled.ts';
import { giveAway } from '../../../runtime/streams/given-away.ts';
import { cut, fromAll, noise } from './bytes.ts';

describe('filled buffers', () => {
  test('hold all bytes in order, and are used again once they were given back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.nat(20), { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (bytes, lengths, size) => {
          const pool = new BufferPool(size);
          const seen = new Set<Uint8Array>();
          const copies: Buffer[] = [];
          for await (const { buffer, bytes: used } of filled(fromAll(cut(bytes, lengths)), pool)) {
            expect(used).toBeGreaterThan(0);
            seen.add(buffer);
            copies.push(Buffer.from(buffer.subarray(0, used)));
            buffer.fill(0xff);
            pool.giveBack(buffer);
          }
          expect(Buffer.concat(copies)).toEqual(Buffer.from(bytes));
          expect(copies.slice(0, -1).every((copy) => copy.length === size)).toBe(true);
          expect(seen.size).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test('free what was given away once they have copied it, and nothing else', async () => {
    const [given, kept] = [giveAway(noise(5000)), noise(5000, 2)];
    const copy = Buffer.concat([given, kept]);
    async function* source(): AsyncGenerator<Uint8Array> {
      yield given;
      yield kept;
    }
    const copies: Buffer[] = [];
    for await (const { buffer, bytes } of filled(source(), new BufferPool(3000))) copies.push(Buffer.from(buffer.subarray(0, bytes)));
    expect(Buffer.concat(copies)).toEqual(copy);
    expect([given.length, kept.length]).toEqual([0, 5000]);
  });
});
