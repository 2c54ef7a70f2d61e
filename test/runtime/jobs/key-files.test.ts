import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { keyFileKey } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { checkKeys } from '../../../runtime/jobs/key-files.ts';
import { rotateKeys } from '../../../runtime/jobs/rotate-keys.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { operator, recipients, stranger } from '../format/keys.ts';
import { noise } from '../streams/bytes.ts';
import { engineOf, never, place, run } from './backup-world.ts';

let store: Store;
let manifest: Manifest;
let first: string;
beforeEach(async () => {
  store = memoryStore();
  manifest = await run(store, engineOf({ 'base.tar': noise(300) }));
  first = keyFileKey(place, manifest.id, manifest.id);
});
const check = (): Promise<void> => checkKeys(store, manifest, never);

describe('the key of a backup', () => {
  test('is found by its name, or after a rotation by a list', async () => {
    const unlisted: Store = { ...store, list: () => expect.unreachable('it was listed') };
    await checkKeys(unlisted, manifest, never);
    const next = [{ name: 'operator-2', key: stranger.publicKey }, recipients[1]!];
    await rotateKeys(manifest, { store, identity: operator.privateKey, recipients: next, random: randomBytes }, new Date(), never);
    expect(await store.size(first, never)).toBeUndefined();
    await check();
  });

  test('is missed', async () => {
    await store.delete(first, never);
    await expect(check()).rejects.toThrow(`backup ${manifest.id} has no key in ${store.name}`);
  });

  test.each([
    ['', 'it is not JSON'],
    ['{}', 'format'],
  ])('is known to be none: %j', async (text, message) => {
    await store.put(first, Buffer.from(text), never);
    await expect(check()).rejects.toMatchObject({ kind: 'damaged', message: expect.stringContaining(message) });
  });

  test('is not that of another backup', async () => {
    const other = await run(store, engineOf({ 'base.tar': noise(300) }), {}, { newestId: manifest.id });
    const theirs: Uint8Array[] = [];
    for await (const chunk of store.read(keyFileKey(place, other.id, other.id), never)) theirs.push(chunk);
    await store.put(first, Buffer.concat(theirs), never);
    await expect(check()).rejects.toThrow(`the key of backup ${manifest.id} is damaged: it is that of ${other.id}`);
  });

  test('is not missed where the store does not answer', async () => {
    const away: Store = {
      ...store,
      read: () => {
        throw new Error('ECONNREFUSED');
      },
    };
    await expect(checkKeys(away, manifest, never)).rejects.toThrow('ECONNREFUSED');
  });
});
