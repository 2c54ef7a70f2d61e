import { beforeEach, describe, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { planBucketRestore, restoreIntoBucket, type BucketRestore } from '../../../../runtime/jobs/bucket/restore-bucket.ts';
import { contentsOf } from '../../../../runtime/jobs/bucket/listing.ts';
import { readObjects, restoreObjects } from '../../../../runtime/jobs/bucket/restore-objects.ts';
import type { Bucket } from '../../../../runtime/ports/bucket.ts';
import type { Store } from '../../../../runtime/ports/store.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { noise, whole } from '../../streams/bytes.ts';
import { never } from '../backup-world.ts';
import { allOf, contentOf, copy, restoreTools } from './bucket-world.ts';
import { memoryBucket, type MemoryBucket } from './memory-bucket.ts';

const clock = new FakeClock('2026-03-29T01:00:00Z');
let store: Store;
let bucket: MemoryBucket;
let listing: Manifest;
const sizes: Readonly<Record<string, number>> = {
  'a/empty': 0,
  'a/small': 10,
  'b/middle': 1500,
  'b/large': 5_000_000,
  'b/twin': 5_000_000,
};
beforeEach(async () => {
  store = memoryStore(clock.now);
  bucket = memoryBucket(clock.now);
  for (const [key, size] of Object.entries(sizes)) bucket.put(key, noise(size, size + 1), { headers: { 'content-type': `x/${size}` } });
  ({ manifest: listing } = await copy(store, bucket, { clock, layout: { partBytes: 65_536, partsPerObject: 8 } }));
});
const into = (target: Bucket, changes: Partial<BucketRestore> = {}): BucketRestore => ({
  listing,
  bucket: target,
  prefix: '',
  others: 'keep',
  ...changes,
});
const plan = (restore: BucketRestore) => planBucketRestore(restore, restoreTools(store), never);
const carryOut = (restore: BucketRestore) => restoreIntoBucket(restore, restoreTools(store), never);
const contents = (one: MemoryBucket): ReadonlyMap<string, unknown> =>
  new Map([...one.objects].map(([key, { body, headers, tags }]) => [key, { body: body.toString('latin1'), headers, tags }]));

describe('a restore into a bucket', () => {
  test('fills an empty one with the same objects, and what S3 keeps beside them', async () => {
    const empty = memoryBucket(clock.now);
    expect(await plan(into(empty))).toEqual({ missing: 5, different: 0, same: 0, others: 0, bytes: 10_001_510 });
    expect(empty.objects.size).toBe(0);
    await carryOut(into(empty));
    expect(contents(empty)).toEqual(contents(bucket));
  });

  test('puts back what is missing or another, leaves what is the same, and keeps what came later', async () => {
    const before = contents(bucket);
    bucket.objects.delete('a/small');
    bucket.put('b/middle', 'encrypted by a thief');
    bucket.put('c/later', 'new');
    expect(await plan(into(bucket))).toEqual({ missing: 1, different: 1, same: 3, others: 1, bytes: 1510 });
    const untouched = bucket.objects.get('b/large');
    await carryOut(into(bucket));
    expect(bucket.objects.get('b/large')).toBe(untouched);
    expect(bucket.objects.get('c/later')!.body.toString()).toBe('new');
    bucket.objects.delete('c/later');
    expect(contents(bucket)).toEqual(before);
  });

  test('deletes what came later only when asked', async () => {
    bucket.put('c/later', 'new');
    await carryOut(into(bucket, { others: 'delete' }));
    expect([...bucket.objects.keys()].sort()).toEqual(Object.keys(sizes).sort());
  });

  test('of a prefix touches nothing else', async () => {
    bucket.put('a/small', 'other');
    bucket.put('b/middle', 'other');
    bucket.put('c/later', 'new');
    expect(await plan(into(bucket, { prefix: 'a/', others: 'delete' }))).toMatchObject({ different: 1, same: 1, others: 0 });
    await carryOut(into(bucket, { prefix: 'a/', others: 'delete' }));
    expect(bucket.objects.get('a/small')!.body.length).toBe(10);
    expect(bucket.objects.get('b/middle')!.body.toString()).toBe('other');
    expect(bucket.objects.has('c/later')).toBe(true);
  });

  test('done again after it broke off does what is left', async () => {
    const empty = memoryBucket(clock.now);
    let writes = 0;
    const breaking: Bucket = {
      ...empty,
      write: async (...args) => {
        if ((writes += 1) === 3) throw new Error('gone away');
        return empty.write(...args);
      },
    };
    await expect(carryOut(into(breaking))).rejects.toThrow('gone away');
    const done = empty.objects.size;
    expect((await plan(into(empty))).same).toBe(done);
    await carryOut(into(empty));
    expect(contents(empty)).toEqual(contents(bucket));
  });

  test('refuses the store of the backups, and a bucket whose list is in another order', async () => {
    const own = memoryBucket(clock.now);
    own.put(`v1/shop/files.uploads/manifests/${listing.id}.bucket.json`, '{}');
    await expect(plan(into(own))).rejects.toMatchObject({ kind: 'usage' });
    await expect(carryOut(into(own))).rejects.toMatchObject({ kind: 'usage' });
    const turned: Bucket = {
      ...bucket,
      list: async function* (prefix, signal) {
        yield* [...(await allOf(bucket.list(prefix, signal)))].reverse();
      },
    };
    await expect(carryOut(into(turned, { others: 'delete' }))).rejects.toMatchObject({ kind: 'unsupported' });
    expect(bucket.objects.size).toBe(5);
  });
});

test('an object that is not what was backed up is not given out as such', async () => {
  const { id } = contentsOf(listing)[0]!;
  const key = `v1/shop/files.uploads/data/${id}/contents.tar.zst.aes.1`;
  const body = await whole(store.read(key, never));
  body[100]! ^= 1;
  await store.put(key, body, never);
  await expect(contentOf(store, listing)).rejects.toMatchObject({ kind: 'damaged' });
});

test('contents that are not there are named, with what helps', async () => {
  const { id } = contentsOf(listing)[0]!;
  await store.delete(`v1/shop/files.uploads/manifests/${id}.contents.json`, never);
  await expect(contentOf(store, listing)).rejects.toMatchObject({ kind: 'damaged', message: expect.stringContaining(id) });
});

test.each(['b/middle', 'b/large'])('a file that is not the content that its line tells of is not taken for it: %s', async (key) => {
  const tools = restoreTools(store);
  const other = async function* () {
    for await (const row of readObjects(listing, tools, never)) if (row.key === key) yield { ...row, sha256: '0'.repeat(64) };
  };
  const taken: string[] = [];
  const take = async (row: { readonly key: string }, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    await whole(bytes);
    taken.push(row.key);
  };
  await expect(restoreObjects(listing, other(), take, tools, never)).rejects.toMatchObject({ kind: 'damaged' });
  expect(taken).toEqual([]);
});
