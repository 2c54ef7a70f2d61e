import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../runtime/ports/store.ts';
import type { HashedBlock } from '../../runtime/streams/blocks.ts';
import { noise, whole } from '../runtime/streams/bytes.ts';

const never = new AbortController().signal;

export async function* parts(...bodies: readonly Uint8Array[]): AsyncGenerator<HashedBlock> {
  for (const body of bodies) {
    await Promise.resolve();
    const half = Math.floor(body.length / 2);
    const chunks = [body.subarray(0, half), body.subarray(half)];
    yield { chunks, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
  }
}

const keysOf = async (store: Store, prefix: string): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, never)) keys.push(key);
  return keys.sort();
};

/** What every store promises; see runtime/ports/store.ts. Real S3 takes no parts below 5 MiB but as the last. */
export function storeContract(name: string, open: () => Promise<Store>, partBytes = 65_536): void {
  describe(`${name}, as a store,`, () => {
    let store: Store;
    const read = async (key: string, range?: { from: number; to: number }): Promise<Buffer> => whole(store.read(key, never, range));
    beforeAll(async () => {
      store = await open();
    });

    test('gives back what was put, and what replaced it', async () => {
      await store.put('put/one', Buffer.from('first'), never);
      expect((await read('put/one')).toString()).toBe('first');
      await store.put('put/one', Buffer.from('second, longer'), never);
      expect((await read('put/one')).toString()).toBe('second, longer');
      expect(await store.size('put/one', never)).toBe(14);
    });

    test('keeps an object of no bytes', async () => {
      await store.put('put/empty', Buffer.alloc(0), never);
      expect(await store.size('put/empty', never)).toBe(0);
      expect((await read('put/empty')).length).toBe(0);
    });

    test('lets exactly one of many create a key', async () => {
      const bodies = Array.from({ length: 8 }, (_, index) => Buffer.from(`writer ${index}`));
      const won = await Promise.all(bodies.map((body) => store.create('create/one', body, never)));
      expect(won.filter(Boolean).length).toBe(1);
      expect((await read('create/one')).toString()).toBe(`writer ${won.indexOf(true)}`);
      expect(await store.create('create/one', Buffer.from('late'), never)).toBe(false);
      await store.delete('create/one', never);
      expect(await store.create('create/one', Buffer.from('again'), never)).toBe(true);
    });

    test('says of itself that it does', async () => {
      expect(await store.exclusive(never)).toBe(true);
      expect(await keysOf(store, 'probe')).toEqual([]);
    });

    test('gives back what was uploaded, in one part or many', async () => {
      const bodies = [noise(partBytes, 1), noise(partBytes, 2), noise(partBytes, 3), noise(12_345, 4)];
      await store.upload('upload/many', parts(...bodies), never);
      expect((await read('upload/many')).equals(Buffer.concat(bodies))).toBe(true);
      await store.upload('upload/one', parts(Buffer.from('small')), never);
      expect((await read('upload/one')).toString()).toBe('small');
      expect(await keysOf(store, 'upload/')).toEqual(['upload/many', 'upload/one']);
    });

    test('shows nothing of an upload whose source failed, and keeps the reason', async () => {
      async function* failing(): AsyncGenerator<HashedBlock> {
        yield* parts(noise(partBytes), noise(partBytes));
        throw new Error('the dump failed');
      }
      await expect(store.upload('upload/failed', failing(), never)).rejects.toThrow('the dump failed');
      expect(await store.size('upload/failed', never)).toBeUndefined();
      expect(await keysOf(store, 'upload/failed')).toEqual([]);
    });

    test('shows nothing of an upload that was aborted, and gives the reason of the signal', async () => {
      const controller = new AbortController();
      let closed = false;
      async function* stopping(): AsyncGenerator<HashedBlock> {
        try {
          yield* parts(noise(partBytes), noise(partBytes));
          controller.abort(new Error('told to stop'));
          yield* parts(noise(partBytes), noise(partBytes), noise(partBytes));
        } finally {
          closed = true;
        }
      }
      await expect(store.upload('upload/aborted', stopping(), controller.signal)).rejects.toThrow('told to stop');
      expect(closed).toBe(true);
      expect(await store.size('upload/aborted', never)).toBeUndefined();
    });

    test('has nothing left to clean after uploads that failed or ended', async () => {
      expect(await store.clean('upload/', new Date(Date.now() + 86_400_000), never)).toBe(0);
    });

    test('reads a part of an object', async () => {
      const body = noise(300_000);
      await store.put('range/one', body, never);
      expect((await read('range/one', { from: 0, to: 10 })).equals(body.subarray(0, 10))).toBe(true);
      expect((await read('range/one', { from: 70_000, to: 170_001 })).equals(body.subarray(70_000, 170_001))).toBe(true);
      expect((await read('range/one', { from: 299_999, to: 400_000 })).equals(body.subarray(299_999))).toBe(true);
      expect((await read('range/one', { from: 5, to: 5 })).length).toBe(0);
      expect((await read('range/one', { from: 300_000, to: 300_001 })).length).toBe(0);
    });

    test('can be read in part and then left', async () => {
      await store.put('range/two', noise(1_000_000), never);
      for (let turn = 0; turn < 20; turn += 1)
        for await (const chunk of store.read('range/two', never)) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      expect(await store.size('range/two', never)).toBe(1_000_000);
    });

    test('says of what is not there that it is not there', async () => {
      await expect(read('nothing/here')).rejects.toMatchObject({
        kind: 'damaged',
        message: expect.stringContaining('nothing/here') as string,
      });
      expect(await store.size('nothing/here', never)).toBeUndefined();
      expect(await store.size('put/one/below', never)).toBeUndefined();
      expect(await keysOf(store, 'nothing/')).toEqual([]);
    });

    test('lists all that begins with a prefix, with lengths and times, and nothing else', async () => {
      const keys = ['list/a/1', 'list/a/2', 'list/ab', 'list/a-b.c_d', 'list/a.b/c/d/e', 'list/B', 'list/a/3', 'list/z'];
      for (const [index, key] of keys.entries()) await store.put(key, Buffer.alloc(index), never);
      expect(await keysOf(store, 'list/')).toEqual([...keys].sort());
      expect(await keysOf(store, 'list/a')).toEqual(keys.filter((key) => key.startsWith('list/a')).sort());
      expect(await keysOf(store, 'list/a/')).toEqual(['list/a/1', 'list/a/2', 'list/a/3']);
      for await (const { key, bytes, modified } of store.list('list/', never)) {
        expect(bytes).toBe(keys.indexOf(key));
        expect(Math.abs(modified.getTime() - Date.now())).toBeLessThan(600_000);
      }
    });

    test('deletes, and takes what is not there for deleted', async () => {
      await store.put('delete/a/b', Buffer.from('x'), never);
      await store.put('delete/a/c', Buffer.from('y'), never);
      await store.delete('delete/a/b', never);
      await store.delete('delete/a/b', never);
      await store.delete('delete/never', never);
      expect(await keysOf(store, 'delete/')).toEqual(['delete/a/c']);
      expect((await read('delete/a/c')).toString()).toBe('y');
    });

    test('can write into what was just emptied, while others delete there', async () => {
      const turn = async (index: number): Promise<void> => {
        const key = `busy/${index % 2}/x${index}`;
        await store.put(key, Buffer.from(key), never);
        expect((await read(key)).toString()).toBe(key);
        await store.delete(key, never);
      };
      await Promise.all(Array.from({ length: 30 }, (_, index) => turn(index)));
      expect(await keysOf(store, 'busy/')).toEqual([]);
    });

    test.each(['', '/etc/passwd', '../up', 'a/../b', 'a//b', 'a/', '.hidden', 'a/.b', 'a b', 'ä', 'a\nb', 'a?b', 'a%2fb'])(
      'refuses %j as a key',
      async (key) => {
        await expect(store.put(key, Buffer.from('x'), never)).rejects.toThrow('not a key');
        await expect(store.create(key, Buffer.from('x'), never)).rejects.toThrow('not a key');
        await expect(store.upload(key, parts(Buffer.from('x')), never)).rejects.toThrow('not a key');
        await expect(read(key)).rejects.toThrow('not a key');
        await expect(store.delete(key, never)).rejects.toThrow('not a key');
      },
    );

    test('does nothing for a signal that is already aborted', async () => {
      const gone = AbortSignal.abort(new Error('too late'));
      await expect(store.put('late/a', Buffer.from('x'), gone)).rejects.toThrow('too late');
      await expect(store.upload('late/b', parts(Buffer.from('x')), gone)).rejects.toThrow('too late');
      await expect(whole(store.read('put/one', gone))).rejects.toThrow('too late');
      await expect(store.size('put/one', gone)).rejects.toThrow('too late');
      expect(await keysOf(store, 'late/')).toEqual([]);
    });
  });
}
