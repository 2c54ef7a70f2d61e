import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { segmentName } from '../../../../runtime/engines/postgres/lsn.ts';
import { WalSpool } from '../../../../runtime/engines/postgres/wal-spool.ts';
import { noise, whole } from '../../streams/bytes.ts';

const page = 8192;
const segmentBytes = 8 * page;
const shape = { timeline: 1, segmentBytes };
const start = 5n * BigInt(segmentBytes);
const name = (lsn: bigint): string => segmentName(1, lsn, segmentBytes);

/** Pages of a log from `at` on, each with its head; `zerosFrom` is where nothing follows any more. */
function log(at: bigint, bytes: number, zerosFrom = bytes): Buffer {
  const content = noise(bytes, 7);
  for (let offset = 0; offset < bytes; offset += page) {
    content.writeUInt32LE(1, offset + 4);
    content.writeBigUInt64LE(at + BigInt(offset), offset + 8);
  }
  return content.fill(0, zerosFrom);
}

let root: string;
let spool: WalSpool;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-spool-'));
  spool = new WalSpool(root);
  await spool.prepare();
});
afterEach(() => rmSync(root, { recursive: true }));
const put = (file: string, content: Uint8Array): void => writeFileSync(join(spool.folder, file), content);

describe('the spool', () => {
  test('gives any part of the log, from whole files and the one that is being written', async () => {
    const all = log(start, 3 * segmentBytes, 2 * segmentBytes + 3 * page + 100);
    for (const index of [0, 1])
      put(name(start + BigInt(index * segmentBytes)), all.subarray(index * segmentBytes, (index + 1) * segmentBytes));
    put(`${name(start + 2n * BigInt(segmentBytes))}.partial`, all.subarray(2 * segmentBytes));
    await fc.assert(
      fc.asyncProperty(fc.nat(2 * segmentBytes + 3 * page + 100), fc.nat(2 * segmentBytes + 3 * page + 100), async (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const read = await whole(spool.read(start + BigInt(from), start + BigInt(to), shape));
        expect(read.equals(all.subarray(from, to))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('does not give zeros for log that was not received', async () => {
    put(`${name(start)}.partial`, log(start, segmentBytes, 2 * page));
    expect(await whole(spool.read(start, start + BigInt(2 * page), shape))).toHaveLength(2 * page);
    await expect(whole(spool.read(start, start + BigInt(3 * page), shape))).rejects.toThrow(
      `nothing was received from byte ${2 * page} on`,
    );
  });

  test('gives the zeros that follow a switch to the next file', async () => {
    const content = log(start, segmentBytes, 2 * page + 50);
    put(name(start), content);
    expect((await whole(spool.read(start, start + BigInt(segmentBytes), shape))).equals(content)).toBe(true);
  });

  test.each<[string, () => Buffer | undefined, string]>([
    ['of another place', () => log(start + 64n, segmentBytes), 'its page at byte 0 is of another place'],
    ['that goes on after zeros', () => Buffer.concat([log(start, page), Buffer.alloc(page), log(start, 6 * page)]), 'is of another place'],
    ['that is too short', () => log(start, 3 * page), 'it is too short'],
    ['that is gone', () => undefined, 'it is gone'],
  ])('does not give a file %s', async (_, content, message) => {
    const bytes = content();
    if (bytes !== undefined) put(name(start), bytes);
    await expect(whole(spool.read(start, start + BigInt(segmentBytes), shape))).rejects.toThrow(message);
  });

  test('finds a file whose name changes while it looks', async () => {
    put(`${name(start)}.partial`, log(start, segmentBytes));
    const bytes = spool.read(start, start + BigInt(segmentBytes), shape);
    renameSync(join(spool.folder, `${name(start)}.partial`), join(spool.folder, name(start)));
    expect(await whole(bytes)).toHaveLength(segmentBytes);
    expect([await spool.holds(start + 5n, shape), await spool.holds(start - 5n, shape)]).toEqual([true, false]);
  });

  test('forgets whole files before a place, and nothing else', async () => {
    for (const index of [0, 1, 2]) put(name(start + BigInt(index * segmentBytes)), log(start, page));
    put('00000002.history', Buffer.from('1'));
    await spool.forget(start + BigInt(2 * segmentBytes) + 10n, shape);
    expect(readdirSync(spool.folder).sort()).toEqual([name(start + BigInt(2 * segmentBytes)), '00000002.history'].sort());
  });

  test('throws away what belongs to another server', async () => {
    await spool.giveTo('71 1');
    put(name(start), log(start, page));
    expect([await spool.belongsTo('71 1'), await spool.belongsTo('71 2'), await spool.belongsTo('72 1')]).toEqual([true, false, false]);
    await spool.giveTo('71 2');
    expect([readdirSync(spool.folder), await spool.belongsTo('71 2'), existsSync(root)]).toEqual([[], true, true]);
  });
});
