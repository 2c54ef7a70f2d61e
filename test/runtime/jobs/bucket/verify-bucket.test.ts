import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { contentsOf } from '../../../../runtime/jobs/bucket/listing.ts';
import { dueForRehash, proveBucket } from '../../../../runtime/jobs/bucket/verify-bucket.ts';
import { readVerifications } from '../../../../runtime/jobs/verifications.ts';
import type { Store } from '../../../../runtime/ports/store.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { signer } from '../../format/keys.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { noise, whole } from '../../streams/bytes.ts';
import { never } from '../backup-world.ts';
import { backupsIn, bucketPlace, contentOf, copy, restoreTools } from './bucket-world.ts';
import { memoryBucket } from './memory-bucket.ts';

const clock = new FakeClock('2026-03-29T01:00:00Z');
const day = 86_400_000;
let store: Store;
let listing: Manifest;
beforeEach(async () => {
  store = memoryStore(clock.now);
  const bucket = memoryBucket(clock.now);
  for (let index = 0; index < 8; index += 1) bucket.put(`o/${index}`, noise(900, index + 1));
  ({ manifest: listing } = await copy(store, bucket, { clock }));
});
const prove = () =>
  proveBucket(bucketPlace, listing, { ...restoreTools(store), signer, clock, random: randomBytes, berth: '0.1.0' }, never);
const proofs = async () => (await readVerifications(bucketPlace, store, [signer.publicKey], never)).proofs;

test('a point in time that is restored and compared is proven, and its contents with it', async () => {
  const found = await prove();
  const contents = contentsOf(listing).map(({ id }) => id);
  expect(found).toMatchObject({ level: 3, result: 'sound', backups: [...contents, listing.id] });
  expect(found.detail).toEqual(['8 objects with 7200 bytes are what was in the bucket']);
});

test('contents that were damaged are found to be broken, and no others', async () => {
  const [, { id } = { id: '' }] = contentsOf(listing);
  const key = `v1/shop/files.uploads/data/${id}/contents.tar.zst.aes.1`;
  const body = await whole(store.read(key, never));
  body[100]! ^= 1;
  await store.put(key, body, never);
  expect(await prove()).toMatchObject({ level: 1, result: 'broken', backups: [id] });
  expect([...(await proofs()).keys()]).toEqual([id]);
  await expect(contentOf(store, listing)).rejects.toMatchObject({ kind: 'damaged' });
});

test('listings are compared each time, contents when their turn has come', async () => {
  const all = await backupsIn(store);
  const due = async (days: number) => dueForRehash(all, await proofs(), new Date(clock.now().getTime() + days * day), 28 * day);
  expect((await due(1)).map(({ kind }) => kind)).toEqual(['bucket']);
  expect(await due(28)).toEqual(all);
  await prove();
  expect((await due(27)).length).toBe(1);
});
