import { describe, expect, test } from 'vitest';
import { Crc64 } from '../../../../runtime/engines/cache/crc64.ts';
import { checkedRdb, type RdbFacts } from '../../../../runtime/engines/cache/rdb.ts';
import { cut, fromAll, noise, whole } from '../../streams/bytes.ts';
import { copies } from './copies.ts';

async function check(bytes: Uint8Array, lengths: readonly number[] = [bytes.length]): Promise<RdbFacts | undefined> {
  let found: RdbFacts | undefined;
  expect(await whole(checkedRdb(fromAll(cut(bytes, lengths)), (facts) => (found = facts)))).toEqual(Buffer.from(bytes));
  return found;
}

describe('the copy of a cache', () => {
  test.each(Object.entries(copies))('of %s is taken for whole, in pieces of any length', async (_, bytes) => {
    for (const lengths of [[bytes.length], [1], [7], [8], [9], [0, 3, 40]])
      expect(await check(bytes, lengths)).toMatchObject({ bytes: bytes.length, checksum: true });
  });

  test('says the version of its format', async () => {
    expect((await check(copies['Valkey 8.1.1']))?.version).toBe(11);
    expect((await check(copies['Redis 8.0.2']))?.version).toBe(12);
  });

  test('is refused when a bit of it is another', async () => {
    for (const at of [20, 100, 240]) {
      const bytes = Buffer.from(copies['Valkey 8.1.1']);
      bytes[at]! ^= 4;
      await expect(check(bytes)).rejects.toMatchObject({ kind: 'damaged' });
    }
  });

  test.each([
    ['ends too soon', (bytes: Buffer) => bytes.subarray(0, -1), 'its end is missing'],
    ['has something after its end', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')]), 'its end is missing'],
    ['is empty', () => Buffer.alloc(0), 'it is too short'],
    ['is something else', () => Buffer.from('-ERR no such thing as this, whatever it is'), 'does not begin as an RDB file'],
    ['is older than checksums', (bytes: Buffer) => Buffer.concat([Buffer.from('REDIS0004'), bytes.subarray(9)]), 'no checksum'],
  ])('is refused when it %s', async (_, change, message) => {
    await expect(check(change(copies['Valkey 8.1.1']))).rejects.toThrow(message);
  });

  test('of a server that writes no checksums says so', async () => {
    const bytes = Buffer.from(copies['Valkey 8.1.1']);
    bytes.fill(0, bytes.length - 8);
    expect(await check(bytes)).toMatchObject({ checksum: false });
  });

  test('of Valkey 9 has another beginning', async () => {
    const body = Buffer.concat([Buffer.from('VALKEY080'), copies['Valkey 8.1.1'].subarray(9, -8)]);
    const sum = new Crc64();
    sum.update(body);
    expect(await check(Buffer.concat([body, sum.digest()]))).toMatchObject({ version: 80, checksum: true });
  });
});

test('the checksum is the one that Redis has', () => {
  const sum = new Crc64();
  sum.update(Buffer.from('123456789'));
  expect(Buffer.from(sum.digest()).reverse().toString('hex')).toBe('e9c6d914c4b8d9ca');
  const [all, pieces] = [new Crc64(), new Crc64()];
  const bytes = noise(10_007);
  all.update(bytes);
  for (const piece of cut(bytes, [1, 13, 0, 800])) pieces.update(piece);
  expect(pieces.digest()).toEqual(all.digest());
});
