import { beforeAll, describe, expect, test } from 'vitest';
import type { Bucket, OpenedObject } from '../../runtime/ports/bucket.ts';
import { noise, whole } from '../runtime/streams/bytes.ts';
import { parts } from './store.ts';

const never = new AbortController().signal;

/** What every bucket of users promises; see runtime/ports/bucket.ts. Empty at the start. Real S3 takes no parts below 5 MiB but as the last. */
export function bucketContract(name: string, open: () => Promise<Bucket>, partBytes = 65_536): void {
  describe(`${name}, as a bucket of users,`, () => {
    let bucket: Bucket;
    const none = { headers: {}, tags: {} };
    const put = (key: string, text: string): Promise<void> => bucket.write(key, parts(Buffer.from(text)), none, never);
    const keysOf = async (prefix: string): Promise<readonly string[]> => {
      const keys: string[] = [];
      for await (const { key } of bucket.list(prefix, never)) keys.push(key);
      return keys;
    };
    const opened = async (key: string, etag?: string): Promise<OpenedObject> => {
      const found = await bucket.open(key, etag, never);
      if (typeof found === 'string') throw new Error(`${key} is ${found}`);
      return found;
    };
    beforeAll(async () => {
      bucket = await open();
    });

    test('takes keys of all kinds, and lists them in the order of their bytes', async () => {
      const keys = ['b', 'a/b', 'a', 'a-b', 'ä', 'A', 'a b+c&d=e%41', "(*'!)", '\u{FFED}', '𝄞', 'a/☂.png', 'x'.repeat(900)];
      for (const key of keys) await put(`keys/${key}`, `of ${key}`);
      const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((key) => `keys/${key}`);
      expect(await keysOf('keys/')).toEqual(sorted);
      for (const key of keys) expect((await whole((await opened(`keys/${key}`)).body)).toString()).toBe(`of ${key}`);
      expect(await keysOf('keys/a/')).toEqual(['keys/a/b', 'keys/a/☂.png']);
    });

    test('says of an object in its list what it says when it is opened', async () => {
      await put('one', 'bytes');
      const [listed] = await keysOf('one').then(async () => {
        const found = [];
        for await (const each of bucket.list('one', never)) found.push(each);
        return found;
      });
      const object = await opened('one', listed!.etag);
      expect(object).toMatchObject({ bytes: 5, etag: listed!.etag });
      expect(listed!.bytes).toBe(5);
      expect(Math.abs(object.modified.getTime() - listed!.modified.getTime())).toBeLessThanOrEqual(1000);
      object.close();
    });

    test('opens only the state that was asked for', async () => {
      await put('state', 'first');
      const { etag, close } = await opened('state');
      close();
      await put('state', 'second');
      expect(await bucket.open('state', etag, never)).toBe('changed');
      expect(await bucket.open('nowhere', undefined, never)).toBe('gone');
      expect(await bucket.open('nowhere', etag, never)).toBe('gone');
    });

    test('keeps headers and tags, of small objects and of large ones', async () => {
      const attributes = { headers: { 'content-type': 'image/png', 'x-amz-meta-owner': 'a  b' }, tags: { 'project': 'x y', 'a+b': '' } };
      const large = [noise(partBytes, 1), noise(partBytes, 2), noise(77, 3)];
      await bucket.write('kept/small', parts(Buffer.from('png')), attributes, never);
      await bucket.write('kept/large', parts(...large), attributes, never);
      const { headers, tags, body } = await opened('kept/large');
      expect((await whole(body)).equals(Buffer.concat(large))).toBe(true);
      const small = await opened('kept/small');
      small.close();
      for (const found of [{ headers, tags }, small]) {
        expect(found.tags).toEqual(attributes.tags);
        expect(found.headers['content-type']).toBe('image/png');
        expect(found.headers['x-amz-meta-owner']?.replaceAll(/ +/g, ' ')).toBe('a b');
      }
    });

    test('takes an object of no bytes', async () => {
      await bucket.write('empty', parts(Buffer.alloc(0)), none, never);
      const { bytes, body } = await opened('empty');
      expect([bytes, (await whole(body)).length]).toEqual([0, 0]);
    });

    test('shows nothing of an object whose bytes fail', async () => {
      const failing = async function* () {
        yield* parts(noise(partBytes, 1), noise(partBytes, 2));
        throw new Error('the source broke');
      };
      await expect(bucket.write('failing', failing(), none, never)).rejects.toThrow('the source broke');
      expect(await bucket.open('failing', undefined, never)).toBe('gone');
    });

    test('deletes, also what is not there', async () => {
      await put('old', 'x');
      await bucket.delete('old', never);
      await bucket.delete('old', never);
      expect(await keysOf('old')).toEqual([]);
    });
  });
}
