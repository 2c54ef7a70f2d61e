import { createHash } from 'node:crypto';
import type { ObjectAttributes } from '../../../../model/backup/object-row.ts';
import { compareKeys } from '../../../../runtime/jobs/bucket/match.ts';
import type { Bucket, ListedObject, OpenedObject } from '../../../../runtime/ports/bucket.ts';
import { joined } from '../../../../runtime/streams/blocks.ts';
import { once } from '../../../../runtime/streams/blocks.ts';

interface Kept extends ObjectAttributes {
  readonly body: Buffer;
  readonly modified: Date;
}

export interface MemoryBucket extends Bucket {
  readonly objects: Map<string, Kept>;
  readonly put: (key: string, body: Buffer | string, attributes?: Partial<ObjectAttributes>) => void;
  /** Keys of objects whose bytes were asked for, in that order. */
  readonly opened: string[];
  /** Called before an object is opened. */
  whenOpened: (key: string) => void;
}

const etagOf = (body: Buffer): string => createHash('md5').update(body).digest('hex');

/** Keeps the promises of a bucket for as long as the process lives. */
export function memoryBucket(now: () => Date): MemoryBucket {
  const objects = new Map<string, Kept>();
  const bucket: MemoryBucket = {
    name: 'bucket of the memory',
    objects,
    opened: [],
    whenOpened: () => undefined,
    put: (key, body, { headers = {}, tags = {} } = {}) =>
      void objects.set(key, { body: Buffer.from(body), modified: now(), headers, tags }),
    async *list(prefix, signal) {
      // As a server does, it looks at each page when it is asked for it.
      for (let last: string | undefined; ;) {
        await Promise.resolve();
        signal.throwIfAborted();
        const rest = [...objects.keys()].filter((key) => key.startsWith(prefix) && (last === undefined || compareKeys(key, last) > 0));
        const page = rest.sort(compareKeys).slice(0, 3);
        if (page.length === 0) return;
        last = page.at(-1);
        for (const found of page.map((key): ListedObject => {
          const { body, modified } = objects.get(key)!;
          return { key, bytes: body.length, etag: etagOf(body), modified };
        }))
          yield found;
      }
    },
    async open(key, etag, signal): Promise<OpenedObject | 'changed' | 'gone'> {
      await Promise.resolve();
      signal.throwIfAborted();
      bucket.whenOpened(key);
      const found = objects.get(key);
      if (found === undefined) return 'gone';
      const { body, modified, headers, tags } = found;
      if (etag !== undefined && etag !== etagOf(body)) return 'changed';
      bucket.opened.push(key);
      return { bytes: body.length, etag: etagOf(body), modified, version: null, headers, tags, body: once(body), close: () => undefined };
    },
    async write(key, parts, attributes, signal) {
      const chunks: Uint8Array[] = [];
      for await (const part of parts) chunks.push(joined(part));
      signal.throwIfAborted();
      bucket.put(key, Buffer.concat(chunks), attributes);
    },
    async delete(key) {
      await Promise.resolve();
      objects.delete(key);
    },
  };
  return bucket;
}
