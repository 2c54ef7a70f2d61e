import { beforeEach, describe, expect, test } from 'vitest';
import { copyBucket } from '../../../../runtime/jobs/bucket/copy-bucket.ts';
import { contentsOf } from '../../../../runtime/jobs/bucket/listing.ts';
import { readObjects } from '../../../../runtime/jobs/bucket/restore-objects.ts';
import type { Store } from '../../../../runtime/ports/store.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { stranger } from '../../format/keys.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { noise } from '../../streams/bytes.ts';
import { never } from '../backup-world.ts';
import { dyingStore, Killed } from '../dying-store.ts';
import { allOf, backupsIn, bucketPlace, contentOf, copy, copyTools, restoreTools } from './bucket-world.ts';
import { memoryBucket, type MemoryBucket } from './memory-bucket.ts';

const clock = new FakeClock('2026-03-29T01:00:00Z');
let store: Store;
let bucket: MemoryBucket;
beforeEach(() => {
  store = memoryStore(clock.now);
  bucket = memoryBucket(clock.now);
  clock.set(clock.now().getTime() + 60_000);
});
const run = (changes: Parameters<typeof copy>[2] = {}, into: Store = store) => copy(into, bucket, { clock, ...changes });
const later = (): void => clock.set(clock.now().getTime() + 60_000);
const text = (body: Buffer): string => body.toString('latin1');
const there = (): ReadonlyMap<string, string> => new Map([...bucket.objects].map(([key, { body }]) => [key, text(body)]));
const stored = async (): Promise<number> =>
  (await backupsIn(store)).flatMap(({ kind, streams }) => (kind === 'contents' ? streams[0]!.plainBytes : 0)).reduce((a, b) => a + b, 0);

/** Every kind of size: none, small, too large to be held, large enough for a batch of its own. */
function fill(): void {
  for (let index = 0; index < 12; index += 1) bucket.put(`small/${index}`, noise(100 + index, index + 1));
  bucket.put('empty', '');
  bucket.put('middle', noise(1500, 77));
  bucket.put('large', noise(6000, 78));
}

describe('a bucket', () => {
  test('comes back exactly, objects of all sizes and keys of all kinds', async () => {
    fill();
    for (const key of ['/a', 'a//b', '../etc/passwd', 'ä/☂ 𝄞', 'a"b\\c\nd%41', `${'x'.repeat(300)}/y`, 'small'])
      bucket.put(key, `of ${key}`);
    const { outcome, manifest } = await run();
    expect(outcome).toBe('made');
    expect(manifest).toMatchObject({ kind: 'bucket', engine: 's3', facts: { objects: 22, copied: 22, changed: 0, gone: 0 } });
    expect(await contentOf(store, manifest)).toEqual(there());
  });

  test('has at each point all files that the rows of a database of the moment at which it began refer to, and not of a later one', async () => {
    fill();
    const rows: { readonly key: string; readonly at: string }[] = [];
    /** As an application does it: the file, and then the row. */
    const commit = (key: string): void => {
      clock.set(clock.now().getTime() + 1000);
      bucket.put(key, `of ${key}`);
      rows.push({ key, at: clock.now().toISOString() });
    };
    for (const key of ['a', 'z']) commit(key);
    // Meanwhile it goes on, before and behind what is read just then.
    bucket.whenOpened = () => {
      if (rows.length < 20) for (const key of [`0/${rows.length}`, `~/${rows.length}`]) commit(key);
    };
    const { manifest } = await run();
    bucket.whenOpened = () => undefined;
    const found = await contentOf(store, manifest);
    const missing = (moment: string): readonly string[] =>
      rows.filter(({ key, at }) => at <= moment && !found.has(key)).map(({ key }) => key);
    expect(missing(manifest.startedAt)).toEqual([]);
    expect(missing(manifest.finishedAt)).not.toEqual([]);
  });

  test('keeps what S3 keeps beside the bytes', async () => {
    const headers = { 'content-type': 'image/png', 'x-amz-meta-owner': 'Jö "x"' };
    bucket.put('a.png', 'png', { headers, tags: { project: 'a b' } });
    const { manifest } = await run();
    const rows = await allOf(readObjects(manifest, restoreTools(store), never));
    expect(rows).toEqual([
      {
        key: 'a.png',
        batch: 1,
        entry: 1,
        bytes: 3,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        etag: expect.stringMatching(/^[0-9a-f]{32}$/),
        modified: clock.now().toISOString(),
        version: null,
        headers,
        tags: { project: 'a b' },
      },
    ]);
  });

  test('that is empty is a point in time as well', async () => {
    const { manifest } = await run();
    expect(await contentOf(store, manifest)).toEqual(new Map());
    expect((await run()).outcome).toBe('unchanged');
  });

  test('that has not changed is not copied again, unless a person names the point', async () => {
    fill();
    const first = await run();
    expect(await run()).toEqual({ outcome: 'unchanged', manifest: first.manifest });
    expect(bucket.opened.length).toBe(15);
    const named = await copyBucket({ due: null, label: 'before 2.4' }, copyTools(store, bucket, { clock }), never);
    expect(named).toMatchObject({ outcome: 'made', manifest: { label: 'before 2.4', facts: { copied: 0 } } });
    expect(bucket.opened.length).toBe(15);
  });

  test('that has changed is read where it has, and each point keeps what it had', async () => {
    fill();
    const first = await run();
    const before = there();
    later();
    bucket.put('small/3', 'other');
    bucket.put('small/new', 'new');
    bucket.objects.delete('small/7');
    bucket.opened.length = 0;
    const second = await run();
    expect([...bucket.opened].sort()).toEqual(['small/3', 'small/new']);
    expect(second.manifest.facts).toMatchObject({ objects: 15, copied: 2, copiedBytes: 8 });
    expect(await contentOf(store, first.manifest)).toEqual(before);
    expect(await contentOf(store, second.manifest)).toEqual(there());
  });

  test('holds each content once, however many objects have it, and under whatever names', async () => {
    for (const size of [100, 1500, 6000]) for (const name of ['a', 'b', 'c']) bucket.put(`${size}/${name}`, noise(size, size));
    const { manifest } = await run();
    expect(manifest.facts).toMatchObject({ objects: 9, copied: 3, copiedBytes: 7600 });
    const once = await stored();
    later();
    const before = [...bucket.objects];
    for (const [key, { body }] of before) {
      bucket.objects.delete(key);
      bucket.put(`moved/${key}`, body);
    }
    const moved = await run();
    expect(moved.manifest.facts).toMatchObject({ objects: 9, copied: 0 });
    expect(await stored()).toBe(once);
    expect(await contentOf(store, moved.manifest)).toEqual(there());
  });

  test('an object that changes, vanishes or grows between the list and its turn is told, and taken as it then is', async () => {
    fill();
    const told: string[] = [];
    bucket.whenOpened = (key) => {
      if (key === 'small/1') bucket.objects.delete('small/1');
      if (key === 'small/2' && !told.includes('2')) bucket.put('small/2', `other ${String(told.push('2'))}`);
      if (key === 'small/3' && !told.includes('3')) bucket.put('small/3', noise(3000, told.push('3')));
      if (key === 'large' && !told.includes('4')) bucket.put('large', noise(20, told.push('4')));
    };
    const events: string[] = [];
    const { manifest } = await run({ heard: (event, key) => void events.push(`${event} ${key}`) });
    expect(events.sort()).toEqual(['changed large', 'changed small/2', 'gone small/1']);
    expect(manifest.facts).toMatchObject({ objects: 14, gone: 1, changed: 2 });
    expect(await contentOf(store, manifest)).toEqual(there());
    expect((await run()).outcome).toBe('unchanged');
  });

  test('an object that is another each time it is asked for does not hold up the rest', async () => {
    fill();
    let turn = 0;
    bucket.whenOpened = (key) => {
      if (key === 'small/2') bucket.put('small/2', `state ${String((turn += 1))}`);
    };
    const { manifest } = await run();
    expect((await contentOf(store, manifest)).get('small/2')).toMatch(/^state \d+$/);
  });
});

describe('a run', () => {
  test('that is killed is taken up: nothing that lies there is sent again, and what is remembered is not even read', async () => {
    fill();
    const dealings = dyingStore(memoryStore(clock.now), Infinity, 'before');
    await copy(dealings, bucket, { clock });
    for (let at = 5; at < dealings.dealings(); at += 7) {
      store = memoryStore(clock.now);
      await expect(run({}, dyingStore(store, at, 'after'))).rejects.toThrow(Killed);
      const left = (await backupsIn(store)).filter(({ kind }) => kind === 'contents');
      expect((await backupsIn(store)).length).toBe(left.length);
      const kept = left.reduce((sum, { facts }) => sum + Number(facts['objects']), 0);
      bucket.opened.length = 0;
      later();
      const { manifest } = await run();
      expect(manifest.facts).toMatchObject({ objects: 15, copied: 15 - kept });
      expect(bucket.opened.length).toBeLessThanOrEqual(15 - Math.min(kept, 4));
      expect(await contentOf(store, manifest)).toEqual(there());
    }
  });

  test('whose batch cannot be written fails with that, and leaves nothing that counts', async () => {
    fill();
    const failing: Store = {
      ...store,
      upload: async (key, parts, signal) => {
        if (key.includes('contents.tar')) throw new Error('disk full');
        return store.upload(key, parts, signal);
      },
    };
    await expect(run({}, failing)).rejects.toThrow('disk full');
    expect(await backupsIn(store)).toEqual([]);
  });

  test('that loses its lease commits nothing', async () => {
    fill();
    const lost = new AbortController();
    let confirms = 0;
    const confirm = async (): Promise<void> => {
      confirms += 1;
      if (confirms === 2) lost.abort(new Error('lease lost'));
      lost.signal.throwIfAborted();
    };
    const lease = { epoch: 1, lost: lost.signal, confirm, release: async () => undefined };
    await expect(run({ leases: { acquire: async () => lease } })).rejects.toThrow('lease lost');
    expect((await backupsIn(store)).filter(({ kind }) => kind === 'bucket')).toEqual([]);
  });

  test('copies anew what was found to be broken, or what somebody has deleted', async () => {
    fill();
    const first = await run();
    const [one, two] = contentsOf(first.manifest);
    later();
    await store.delete(`v1/shop/files.uploads/manifests/${two!.id}.contents.json`, never);
    const second = await run({ isBroken: (id) => id === one!.id });
    expect(second.outcome).toBe('made');
    expect(Number(second.manifest.facts['copied'])).toBeGreaterThan(0);
    const ids = contentsOf(second.manifest).map(({ id }) => id);
    expect(ids).not.toContain(one!.id);
    expect(ids).not.toContain(two!.id);
    expect(await contentOf(store, second.manifest)).toEqual(there());
  });

  test('copies once more what little is left of a batch, so that the batch can go', async () => {
    fill();
    const first = await run();
    later();
    for (const index of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) bucket.objects.delete(`small/${index}`);
    await run();
    later();
    bucket.put('small/new', 'x');
    const second = await run();
    const copied = Number(second.manifest.facts['copied']);
    expect(copied).toBeGreaterThan(1);
    const old = new Set(contentsOf(first.manifest).map(({ id }) => id));
    expect(contentsOf(second.manifest).filter(({ id }) => old.has(id)).length).toBeLessThan(old.size - 1);
    expect(await contentOf(store, second.manifest)).toEqual(there());
    later();
    bucket.put('small/newer', 'y');
    expect((await run()).manifest.facts).toMatchObject({ copied: 1 });
  });

  test('begins anew when the key that opened the former ones is lost', async () => {
    fill();
    await run();
    const anew = await run({
      identity: stranger.privateKey,
      recipients: () => [
        { name: 'agent', key: stranger.publicKey },
        { name: 'escrow', key: copyTools(store, bucket).recipients()[1]!.key },
      ],
    });
    expect(anew).toMatchObject({ outcome: 'made', manifest: { facts: { copied: 15 } } });
  });

  test('of a tick that was made already makes none', async () => {
    const wish = { due: clock.now(), label: null };
    const { manifest } = await copyBucket(wish, copyTools(store, bucket, { clock }), never);
    bucket.put('a', 'b');
    expect(await copyBucket(wish, copyTools(store, bucket, { clock }), never)).toEqual({ outcome: 'unchanged', manifest });
  });

  test('refuses to copy the store of the backups into itself, whatever its address is', async () => {
    const own: MemoryBucket = {
      ...bucket,
      open: async (key) => {
        const bytes = await store.size(key, never);
        if (bytes === undefined) return 'gone';
        return {
          bytes,
          etag: '',
          modified: clock.now(),
          version: null,
          headers: {},
          tags: {},
          body: store.read(key, never),
          close: () => undefined,
        };
      },
    };
    await expect(copy(store, own)).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('store of the backups itself'),
    });
    expect(await allOf(store.list(`v1/${bucketPlace.site}/`, never))).toEqual([]);
  });
});
