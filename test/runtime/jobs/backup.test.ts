import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { suiteNames } from '../../../model/backup/suites.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { chainOf, readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { joined } from '../../../runtime/streams/blocks.ts';
import { formerSigner, signer } from '../format/keys.ts';
import { noise } from '../streams/bytes.ts';
import { engineOf, never, openLease, place, restored, run, runOf } from './backup-world.ts';
import { dyingStore, Killed } from './dying-store.ts';

const files = { 'base.tar': noise(3000), 'globals.sql': Buffer.from('CREATE ROLE app;'), 'empty': Buffer.alloc(0) };
const keysOf = async (store: Store): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key } of store.list('', never)) keys.push(key);
  return keys.sort();
};
const catalogue = async (store: Store) => readCatalogue(store, 'v1/', [signer.publicKey], never);

describe.each(suiteNames)('a backup by %s', (suite) => {
  const run = runOf(suite);

  test('gives back what the engine gave, from the store alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 4000 }), { minLength: 1, maxLength: 3 }), async (contents) => {
        const store = memoryStore();
        const engine = Object.fromEntries(contents.map((content, index) => [`stream-${index}`, Buffer.from(content)]));
        const manifest = await run(store, engineOf(engine));
        expect(await restored(store)).toEqual([{ manifest, files: engine }]);
      }),
      { numRuns: 30 },
    );
  });

  test('says when, what, by whom and how far', async () => {
    const store = memoryStore();
    const scheduledFor = new Date('2026-03-29T00:30:00Z');
    const manifest = await run(store, engineOf(files), {}, { scheduledFor, label: 'before-2.4.1' });
    expect(manifest).toMatchObject({
      site: 'shop',
      source: 'db',
      engine: 'postgres',
      kind: 'full',
      chain: manifest.id,
      parent: null,
      label: 'before-2.4.1',
      scheduledFor: '2026-03-29T00:30:00.000Z',
      startedAt: '2026-03-29T01:00:00.000Z',
      position: { to: '0/3000148' },
      epoch: 1,
    });
    expect(manifest.streams.map(({ name, plainBytes, objects }) => [name, plainBytes, objects.length])).toEqual([
      // A file of age has a header, and a tag for each of its chunks.
      ['base.tar', 3000, suite === 'age' ? 5 : 4],
      ['globals.sql', 16, 1],
      ['empty', 0, 1],
    ]);
  });

  test('is none without its key, also where that was taken while it was made', async () => {
    const store = memoryStore();
    const robbed: Store = {
      ...store,
      upload: async (...upload) => {
        for (const key of await keysOf(store)) if (key.includes('/keys/')) await store.delete(key, never);
        await store.upload(...upload);
      },
    };
    await expect(run(robbed, engineOf(files))).rejects.toThrow(/backup \w{26} has no key in/);
    expect((await catalogue(store)).manifests).toEqual([]);
  });

  test('follows another, and is newer than it by its id, whatever the clock says', async () => {
    const store = memoryStore();
    const full = await run(store, engineOf(files));
    const after = { chain: full.id, parent: full.id };
    const log = await run(store, engineOf({ wal: noise(50) }), {}, { kind: 'log', after, newestId: full.id });
    expect(log.id > full.id).toBe(true);
    const { manifests } = await catalogue(store);
    expect(chainOf(log.id, manifests).map(({ id }) => id)).toEqual([full.id, log.id]);
    expect(() => chainOf(log.id, [log])).toThrow(`${log.id} cannot be restored: ${full.id}, which it rests on, is not there`);
    expect(() => chainOf('01JD5Z5M2R0000000000000000', manifests)).toThrow('there is no backup');
  });

  test('shows nothing of its content in the store', async () => {
    const store = memoryStore();
    await run(store, engineOf({ 'dump.sql': Buffer.from('the secret of the house '.repeat(50)) }));
    for (const key of await keysOf(store)) {
      let text = '';
      for await (const chunk of store.read(key, never)) text += Buffer.from(chunk).toString('latin1');
      expect(text).not.toContain('secret of the house');
    }
  });

  test.each(['before', 'after'] as const)(
    'that is killed %s any of its dealings with the store is there as a whole or not at all',
    async (when) => {
      const quiet = dyingStore(memoryStore(), Infinity, when);
      await run(quiet, engineOf(files));
      const total = quiet.dealings();
      expect(total).toBeGreaterThan(40);
      let whole = 0;
      for (let at = 1; at <= total; at += 1) {
        const store = memoryStore();
        await expect(run(dyingStore(store, at, when), engineOf(files))).rejects.toThrow(Killed);
        const found = await restored(store);
        expect(found.length).toBeLessThanOrEqual(1);
        for (const each of found) expect(each.files).toEqual(files);
        whole += found.length;
        // And it does not stand in the way of the next.
        const next = await run(store, engineOf(files), {}, { newestId: found.at(-1)?.manifest.id });
        expect((await restored(store)).at(-1)?.manifest).toEqual(next);
      }
      expect(whole).toBeGreaterThan(0);
      expect(whole).toBeLessThan(6);
    },
  );

  test.each<[string, Parameters<typeof engineOf>[1]]>([
    ['whose tool fails at its end', async () => Promise.reject(new Error('pg_basebackup exited with 1'))],
  ])('%s does not count', async (_, finish) => {
    const store = memoryStore();
    await expect(run(store, engineOf(files, finish))).rejects.toThrow('exited with 1');
    expect((await catalogue(store)).manifests).toEqual([]);
  });

  test('whose stream breaks in the middle does not count, and lets go of the engine', async () => {
    const store = memoryStore();
    let disposed = false;
    const engine = {
      engine: 'postgres',
      open: async () => ({
        streams: (async function* () {
          yield {
            name: 'a',
            bytes: (async function* () {
              yield noise(500);
              throw new Error('connection lost');
            })(),
          };
        })(),
        finish: async () => Promise.reject(new Error('not asked')),
        [Symbol.asyncDispose]: async () => void (disposed = true),
      }),
    };
    await expect(run(store, engine)).rejects.toThrow('connection lost');
    expect(disposed).toBe(true);
    expect((await catalogue(store)).manifests).toEqual([]);
  });

  test('without a single stream is none', async () => {
    await expect(run(memoryStore(), engineOf({}))).rejects.toThrow('streams should be a list of at least 1');
  });

  test('by a runtime that has lost its lease does not count', async () => {
    const store = memoryStore();
    const lease = openLease(async () => Promise.reject(new Error('taken over')));
    await expect(run(store, engineOf(files), { lease })).rejects.toThrow('taken over');
    expect((await catalogue(store)).manifests).toEqual([]);
  });

  test('stops as soon as its lease is lost', async () => {
    const lost = AbortSignal.abort(new Error('taken over'));
    const store = memoryStore();
    await expect(run(store, engineOf(files), { lease: { ...openLease(), lost } })).rejects.toThrow('taken over');
    expect(await keysOf(store)).toEqual([]);
  });

  test.each<[string, (body: Buffer) => Buffer]>([
    [
      'changes a byte',
      (body) => {
        body[body.length >> 1]! ^= 1;
        return body;
      },
    ],
    ['loses the end', (body) => body.subarray(0, -1)],
    ['keeps nothing', () => Buffer.alloc(0)],
  ])('in a store that %s does not count', async (_, spoil) => {
    const real = memoryStore();
    const store: Store = {
      ...real,
      async upload(key, parts, signal) {
        const bodies: Uint8Array[] = [];
        for await (const part of parts) bodies.push(joined(part));
        await real.put(key, spoil(Buffer.concat(bodies)), signal);
      },
    };
    await expect(run(store, engineOf(files))).rejects.toMatchObject({ kind: 'damaged' });
    expect((await catalogue(store)).manifests).toEqual([]);
  });
});

describe('the catalogue', () => {
  test('leaves out what is damaged or forged, says so, and shows the rest', async () => {
    const store = memoryStore();
    const good = await run(store, engineOf(files));
    const forged = await run(store, engineOf(files), { signer: formerSigner });
    const damaged = await run(store, engineOf(files));
    const key = (await keysOf(store)).find((each) => each.includes(`manifests/${damaged.id}`))!;
    await store.put(key, Buffer.from('{"format":"berth-backup"'), never);
    await store.put(`v1/${place.site}/${place.source}/manifests/notes.txt`, Buffer.from('a note'), never);
    const { manifests, refused } = await catalogue(store);
    expect(manifests.map(({ id }) => id)).toEqual([good.id]);
    const messages = refused.map((each) => each.message).join('\n');
    expect(refused.length).toBe(2);
    expect(messages).toContain('is damaged');
    expect(messages).toContain(`${forged.id}.full.json is signed with key`);
    expect((await readCatalogue(store, 'v1/', 'any', never)).manifests.map(({ id }) => id)).toContain(forged.id);
  });

  test('does not take a store that is away for an empty one', async () => {
    const store: Store = {
      ...memoryStore(),
      async *list() {
        yield* [];
        throw new Error('no route');
      },
    };
    await expect(catalogue(store)).rejects.toThrow('no route');
  });
});
