import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { manifestKey } from '../../../model/backup/layout.ts';
import { rememberedManifests } from '../../../cli/backup/remembered-manifests.ts';
import { formatManifest } from '../../../runtime/format/manifest-file.ts';
import type { TrustedSigners } from '../../../runtime/format/signature.ts';
import { type Catalogue, readCatalogue } from '../../../runtime/jobs/catalogue.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { formerSigner, signer } from '../../runtime/format/keys.ts';
import { manifest } from '../../runtime/format/manifests.ts';
import { never } from '../../runtime/jobs/backup-world.ts';

const ids = ['01K00000000000000000000001', '01K00000000000000000000002', '01K00000000000000000000003'];
const keyOf = (id: string): string => manifestKey({ site: 'shop', source: 'database' }, id, 'full');
const signed = (id: string, by = signer): Buffer => Buffer.from(formatManifest(manifest({ id, chain: id }), by));

describe('manifests that were read before', () => {
  let site: string;
  let store: Store;
  let now: Date;
  let asked: string[];
  const counting = (): Store => ({
    ...store,
    read: (key, ...given) => {
      asked.push(key);
      return store.read(key, ...given);
    },
  });
  const list = async (trusted: TrustedSigners = [signer.publicKey], name = 'a'): Promise<Catalogue> => {
    asked = [];
    using memory = rememberedManifests(site, name);
    return await readCatalogue(counting(), 'v1/', trusted, never, undefined, undefined, memory);
  };

  beforeEach(async () => {
    site = mkdtempSync(join(tmpdir(), 'berth-remembered-'));
    mkdirSync(join(site, '.berth'));
    now = new Date('2026-03-29T01:00:00Z');
    store = memoryStore(() => now);
    for (const id of ids) await store.put(keyOf(id), signed(id), never);
    await list();
  });
  afterEach(() => rmSync(site, { recursive: true }));

  test('are not read again, and are the same', async () => {
    const all = await list();
    expect(asked).toEqual([]);
    expect(all.manifests).toEqual(ids.map((id) => manifest({ id, chain: id })));
  });

  test('are read again of another store', async () => {
    await list([signer.publicKey], 'b');
    expect(asked.toSorted()).toEqual(ids.map(keyOf));
  });

  test('count no longer than they are there', async () => {
    await store.delete(keyOf(ids[1]!), never);
    expect((await list()).manifests.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
  });

  test('are read again, and refused, when what lies there has become another', async () => {
    const changed = Buffer.from(signed(ids[1]!).toString('utf8').replace('"shop"', '"shoq"'));
    now = new Date('2026-03-29T01:00:01Z');
    await store.put(keyOf(ids[1]!), changed, never);
    const { manifests, refused } = await list();
    expect(asked).toEqual([keyOf(ids[1]!)]);
    expect(manifests.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    expect(refused).toEqual([{ key: keyOf(ids[1]!), message: expect.stringContaining('its signature does not fit') }]);
    await list();
    expect(asked).toEqual([keyOf(ids[1]!)]);
  });

  test('count no longer than whoever signed them is trusted', async () => {
    const { manifests, refused } = await list([formerSigner.publicKey]);
    expect([manifests, refused.length]).toEqual([[], 3]);
    expect((await list()).manifests.length).toBe(3);
  });

  test('that nobody was asked to trust are not remembered', async () => {
    await store.put(keyOf(ids[1]!), signed(ids[1]!, formerSigner), never);
    now = new Date('2026-03-29T01:00:01Z');
    await store.put(keyOf(ids[2]!), signed(ids[2]!, formerSigner), never);
    expect((await list('any')).manifests.length).toBe(3);
    expect((await list()).refused.map(({ key }) => key)).toContain(keyOf(ids[2]!));
    expect(asked).toContain(keyOf(ids[2]!));
  });

  test.each([
    ['is damaged', () => writeFileSync(join(site, '.berth/manifests.sqlite'), 'no database at all, but a text that is long enough')],
    [
      'has pages that are broken',
      () => {
        const file = join(site, '.berth/manifests.sqlite');
        // The first page has the names of the tables.
        writeFileSync(file, readFileSync(file).fill(0xaa, 4096));
      },
    ],
    ['was removed', () => rmSync(join(site, '.berth/manifests.sqlite'))],
  ])('are read again where the file %s, and remembered anew', async (_, harm) => {
    harm();
    expect((await list()).manifests.length).toBe(3);
    expect(asked.length).toBe(3);
    // One that turns out to be damaged while it is read is made anew by the next.
    await list();
    await list();
    expect(asked).toEqual([]);
  });

  test('are not remembered where Berth has no folder, and none is made', async () => {
    rmSync(join(site, '.berth'), { recursive: true });
    expect((await list()).manifests.length).toBe(3);
    expect(readdirSync(site)).toEqual([]);
  });
});
