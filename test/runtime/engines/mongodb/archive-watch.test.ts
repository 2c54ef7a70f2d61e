import { describe, expect, test } from 'vitest';
import { watchArchive } from '../../../../runtime/engines/mongodb/archive-watch.ts';
import { archive, entry, gathered, inPieces, noop } from './documents.ts';

async function watched(bytes: Buffer, size: number) {
  const entries: Buffer[] = [];
  const watch = watchArchive(inPieces(bytes, size), async (documents) => void entries.push(...documents));
  const passed = Buffer.concat(await gathered(watch.bytes));
  return { entries, passed, ...watch.seen() };
}

describe('an archive of mongodump on its way', () => {
  test.each([1, 3, 64, 100_000])(
    'passes as it is in pieces of %i bytes, and gives the entries of its oplog and no other document',
    async (size) => {
      const oplog = [entry(1), entry(2), noop(10)];
      const made = archive(oplog);
      expect(await watched(made, size)).toEqual({ entries: oplog, passed: made, ended: true, bytes: made.length });
    },
  );

  test('is whole only with its last byte, and with the end of its oplog', async () => {
    const made = archive([entry(1)]);
    for (let bytes = 4; bytes < made.length; bytes += 1) expect((await watched(made.subarray(0, bytes), 50)).ended).toBe(false);
    expect((await watched(archive([entry(1)], { ends: false }), 50)).ended).toBe(false);
  });

  test('is none where it begins or goes on with something else', async () => {
    await expect(watched(Buffer.from('-- MySQL dump'), 50)).rejects.toThrow('no archive of mongodump');
    const twisted = archive([entry(1)]);
    twisted.writeInt32LE(2_000_000_000, 4);
    await expect(watched(twisted, 50)).rejects.toThrow('cannot hold a document of 2000000000 bytes');
  });
});
