import { beforeEach, expect, test } from 'vitest';
import { BucketBackups } from '../../runtime/bucket-backups.ts';
import { contentsOf } from '../../runtime/jobs/bucket/listing.ts';
import type { Store } from '../../runtime/ports/store.ts';
import { memoryStore } from '../../runtime/stores/memory-store.ts';
import { allOf, contentOf, copyTools } from './jobs/bucket/bucket-world.ts';
import { memoryBucket, type MemoryBucket } from './jobs/bucket/memory-bucket.ts';
import { never } from './jobs/backup-world.ts';
import { FakeClock } from './schedule/fake-clock.ts';
import { noise, whole } from './streams/bytes.ts';

const day = 86_400_000;
const policy = { last: 2, zone: 'UTC', provenLevel: 1 } as const;
let clock: FakeClock;
let store: Store;
let bucket: MemoryBucket;
let backups: BucketBackups;
beforeEach(() => {
  clock = new FakeClock('2026-03-01T01:00:00Z');
  store = memoryStore(clock.now);
  bucket = memoryBucket(clock.now);
  backups = new BucketBackups({ ...copyTools(store, bucket, { clock }), graceMs: 2 * day, rehashEveryMs: 28 * day });
  for (let index = 0; index < 6; index += 1) bucket.put(`kept/${index}`, noise(900, index + 1));
});
const wish = { due: null, label: null };
/** Another object, and a point in time that has it. */
const next = async (name: string) => {
  clock.set(clock.now().getTime() + day);
  for (const key of bucket.objects.keys()) if (key.startsWith('new')) bucket.objects.delete(key);
  bucket.put(`new/${name}`, noise(5000, name.length * 7 + name.charCodeAt(0)));
  return (await backups.take(wish, never)).manifest;
};
const time = () => ({ now: clock.now(), expected: clock.now() });
const spoil = async (id: string): Promise<void> => {
  const key = `v1/shop/files.uploads/data/${id}/contents.tar.zst.aes.1`;
  const body = await whole(store.read(key, never));
  body[3]! ^= 1;
  await store.put(key, body, never);
};
const keys = async (): Promise<readonly string[]> => (await allOf(store.list('v1/', never))).map(({ key }) => key);

test('points are kept as the policy says, and contents as the points need them', async () => {
  const made = [await next('a'), await next('b'), await next('c'), await next('d')];
  const { plan } = await backups.prune(policy, time(), never);
  expect(plan.remove.map(({ point }) => point.id).sort()).toEqual(made.slice(0, 2).map(({ id }) => id));
  expect((await backups.points(never)).map(({ listing }) => listing.id)).toEqual(made.slice(2).map(({ id }) => id));
  const before = (await keys()).length;
  for (let index = 0; index < 8; index += 1) {
    await next(`later ${index}`);
    await backups.prune(policy, time(), never);
  }
  const needed = new Set((await backups.points(never)).flatMap(({ listing }) => contentsOf(listing).map(({ id }) => id)));
  expect(made.flatMap((each) => contentsOf(each)).filter(({ id }) => !needed.has(id)).length).toBeGreaterThan(2);
  for (const { id } of made.slice(0, 2)) expect((await keys()).some((key) => key.includes(id))).toBe(false);
  expect((await keys()).length).toBeLessThan(before * 3);
  for (const { listing } of await backups.points(never)) expect((await contentOf(store, listing)).size).toBe(7);
});

test('a point of which anything is broken is broken; it is found in its turn, and the next one is whole', async () => {
  const first = await next('a');
  await spoil(contentsOf(first)[0]!.id);
  expect((await backups.verify(() => undefined, never)).broken).toEqual([]);
  clock.set(clock.now().getTime() + 28 * day);
  expect((await backups.verify(() => undefined, never)).broken.map(({ id }) => id)).toEqual([contentsOf(first)[0]!.id]);
  expect(await backups.points(never)).toMatchObject([{ level: -1 }]);
  const second = await backups.take(wish, never);
  expect(second.outcome).toBe('made');
  expect(await backups.points(never)).toMatchObject([{ level: -1 }, { level: 1 }]);
  expect((await contentOf(store, second.manifest)).size).toBe(7);
});

test('nothing is removed when no point that is proven would remain', async () => {
  const made = [await next('a'), await next('b'), await next('c')];
  expect(made.length).toBe(3);
  const strict = { ...policy, last: 1, provenLevel: 3 };
  expect((await backups.planPrune(strict, time(), never)).refused).toContain('no backup at level 3 or above would remain');
  expect(await backups.prove(never)).toMatchObject({ level: 3, result: 'sound' });
  expect((await backups.points(never)).map(({ level }) => level)).toEqual([1, 1, 3]);
  expect((await backups.prune(strict, time(), never)).plan.remove.length).toBe(2);
});

test('without a point there is nothing to prove', async () => {
  expect(await backups.prove(never)).toBeUndefined();
  expect(await backups.points(never)).toEqual([]);
});
