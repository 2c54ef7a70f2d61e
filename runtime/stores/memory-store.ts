import type { ObjectInfo, Store } from '../ports/store.ts';
import { joined } from '../streams/blocks.ts';
import { absent } from './absent.ts';
import { checkKey } from './check-key.ts';

/** Keeps the promises of a store for as long as the process lives. */
export function memoryStore(now: () => Date = () => new Date()): Store {
  const objects = new Map<string, { readonly body: Uint8Array; readonly modified: Date }>();
  const name = 'the memory';
  const write = (key: string, body: Uint8Array): void => void objects.set(key, { body: Buffer.from(body), modified: now() });
  const ready = async (key: string, signal: AbortSignal): Promise<void> => {
    checkKey(key);
    await Promise.resolve();
    signal.throwIfAborted();
  };

  return {
    name,
    async put(key, body, signal) {
      await ready(key, signal);
      write(key, body);
    },
    async create(key, body, signal) {
      await ready(key, signal);
      if (objects.has(key)) return false;
      write(key, body);
      return true;
    },
    async upload(key, parts, signal) {
      await ready(key, signal);
      const chunks: Uint8Array[] = [];
      for await (const part of parts) {
        signal.throwIfAborted();
        chunks.push(Buffer.from(joined(part)));
      }
      signal.throwIfAborted();
      write(key, Buffer.concat(chunks));
    },
    async *read(key, signal, range) {
      await ready(key, signal);
      const found = objects.get(key);
      if (found === undefined) throw absent(key, name);
      const bytes = range === undefined ? found.body : found.body.subarray(range.from, range.to);
      for (let at = 0; at < bytes.length; at += 65_536) {
        signal.throwIfAborted();
        yield bytes.subarray(at, at + 65_536);
      }
    },
    async size(key, signal) {
      await ready(key, signal);
      return objects.get(key)?.body.length;
    },
    async *list(prefix, signal) {
      const found = [...objects].map(([key, { body, modified }]): ObjectInfo => ({ key, bytes: body.length, modified }));
      for (const info of found.filter(({ key }) => key.startsWith(prefix))) {
        signal.throwIfAborted();
        yield info;
      }
    },
    async delete(key, signal) {
      await ready(key, signal);
      objects.delete(key);
    },
    clean: async () => 0,
    room: async () => undefined,
    exclusive: async () => true,
  };
}
