import { beforeEach, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { contentsOf } from '../../../../runtime/jobs/bucket/listing.ts';
import { pruneContents } from '../../../../runtime/jobs/bucket/prune-contents.ts';
import { removeOne, type PruneTools } from '../../../../runtime/jobs/prune.ts';
import type { Store } from '../../../../runtime/ports/store.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { signer } from '../../format/keys.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { noise, whole } from '../../streams/bytes.ts';
import { never, openLease } from '../backup-world.ts';
import { backupsIn, bucketPlace, contentOf, copy } from './bucket-world.ts';
import { memoryBucket, type MemoryBucket } from './memory-bucket.ts';

const hour = 3_600_000;
let clock: FakeClock;
let store: Store;
let bucket: MemoryBucket;
let first: Manifest;
let second: Manifest;
beforeEach(async () => {
  clock = new FakeClock('2026-03-01T01:00:00Z');
  store = memoryStore(clock.now);
  bucket = memoryBucket(clock.now);
  bucket.put('kept', noise(5000, 1));
  bucket.put('dropped', noise(5000, 2));
  first = (await run()).manifest;
  bucket.objects.delete('dropped');
  wait(1);
  second = (await run()).manifest;
});
const run = () => copy(store, bucket, { clock });
const wait = (hours: number): void => clock.set(clock.now().getTime() + hours * hour);
const tools = (changes: Partial<PruneTools> = {}): PruneTools => ({
  store,
  lease: openLease(),
  trusted: [signer.publicKey],
  levelOf: () => 1,
  graceMs: 48 * hour,
  ...changes,
});
const time = () => ({ now: clock.now(), expected: clock.now() });
const prune = (changes: Partial<PruneTools> = {}) => pruneContents(bucketPlace, time(), tools(changes), never);
const removeFirst = () => removeOne({ place: bucketPlace, id: first.id, kind: 'bucket' }, tools(), never);
const dropped = (): string => contentsOf(first).find(({ id }) => !contentsOf(second).some((each) => each.id === id))!.id;
/** The store's clock is seen by what is written. */
const tick = async (): Promise<void> => {
  bucket.put('tick', noise(3, clock.now().getTime() / 1000));
  await run();
};

test('contents that any listing refers to stay, whatever their age', async () => {
  wait(1000);
  await tick();
  expect(await prune()).toEqual({ removed: [], broughtBack: [], swept: [] });
});

test('contents go after the listing that needed them, each after its time of grace', async () => {
  wait(100);
  await tick();
  await removeFirst();
  // As long as the listing can be brought back, so can what it refers to.
  expect((await prune()).removed).toEqual([]);
  wait(49);
  await tick();
  expect(await prune()).toMatchObject({ removed: [], swept: [{ id: first.id }] });
  expect(await prune()).toMatchObject({ removed: [dropped()], swept: [] });
  wait(49);
  await tick();
  expect(await prune()).toMatchObject({ removed: [], swept: [{ id: dropped() }] });
  expect((await contentOf(store, second)).size).toBe(1);
});

test('contents of a run that broke off stay for the time of grace, so that the next can take them up', async () => {
  const key = `v1/shop/files.uploads/manifests/${second.id}.bucket.json`;
  await store.delete(key, never);
  await store.delete(key.replace(second.id, first.id), never);
  wait(47);
  await store.put('v1/shop/files.uploads/manifests/clock', Buffer.from(''), never);
  expect((await prune()).removed).toEqual([]);
});

test('contents that were removed by an old list are brought back by the next run, and by who would delete them', async () => {
  const needed = contentsOf(second)[0]!.id;
  await removeOne({ place: bucketPlace, id: needed, kind: 'contents' }, tools(), never);
  // Until then they are found where they were moved to.
  expect((await contentOf(store, second)).size).toBe(1);
  wait(49);
  expect((await prune()).broughtBack).toEqual([needed]);
  await removeOne({ place: bucketPlace, id: needed, kind: 'contents' }, tools(), never);
  bucket.put('more', 'x');
  const third = (await run()).manifest;
  expect((await contentOf(store, third)).size).toBe(2);
  expect((await backupsIn(store)).length).toBeGreaterThan(3);
});

test('contents that are removed while a run refers to them are brought back before its listing counts', async () => {
  const needed = contentsOf(second)[0]!.id;
  bucket.put('more', 'x');
  bucket.whenOpened = (key) => {
    if (key === 'more') taken = removeOne({ place: bucketPlace, id: needed, kind: 'contents' }, tools(), never);
  };
  let taken: Promise<void> | undefined;
  const third = (await run()).manifest;
  await taken;
  expect(contentsOf(third).map(({ id }) => id)).toContain(needed);
  expect((await backupsIn(store)).map(({ id }) => id)).toContain(needed);
});

test('a listing that cannot be read keeps everything', async () => {
  const key = `v1/shop/files.uploads/manifests/${first.id}.bucket.json`;
  const body = await whole(store.read(key, never));
  body[40]! ^= 1;
  await store.put(key, body, never);
  wait(1000);
  await expect(prune()).rejects.toMatchObject({ kind: 'damaged', message: expect.stringContaining('nothing of files.uploads is removed') });
});

test('who has lost the lease removes nothing', async () => {
  wait(100);
  await store.delete(`v1/shop/files.uploads/manifests/${first.id}.bucket.json`, never);
  await tick();
  const lease = openLease(async () => {
    throw new Error('lease lost');
  });
  await expect(prune({ lease })).rejects.toThrow('lease lost');
  expect((await backupsIn(store)).map(({ id }) => id)).toContain(dropped());
});
