import { collect, type HashedBlock } from '../../streams/blocks.ts';
import type { ByteRange, ObjectInfo, Store } from '../../ports/store.ts';
import { absent } from '../absent.ts';
import { checkKey } from '../check-key.ts';
import { S3Client, type S3Options } from './client.ts';
import { download } from './download.ts';
import { listObjects, listUploads } from './list.ts';
import { digestFor, LockedObjects, type ObjectLock } from './locked-objects.ts';
import { sizeOf, uploadParts } from './upload.ts';

/** https://www.rfc-editor.org/rfc/rfc9110#name-412-precondition-failed */
const taken = 412;

/** A bucket of anything that speaks S3. Nothing is asked of it before the first call. */
export class S3Store implements Store {
  readonly name: string;
  readonly #client: S3Client;
  readonly #random: () => number;
  readonly locked?: LockedObjects;
  /** @param lock - Of a bucket that was made for it. */
  constructor(options: S3Options, lock?: ObjectLock) {
    this.name = `bucket ${options.bucket} at ${options.endpoint.origin}`;
    this.#client = new S3Client(options);
    this.#random = options.random;
    if (lock !== undefined) this.locked = new LockedObjects(lock, this.#client, () => options.clock.now(), this.name);
  }

  async put(key: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    checkKey(key);
    const headers = this.#headersFor(key, body);
    await this.#client.call({ method: 'PUT', key, headers, chunks: [body], deed: `write ${key}` }, signal);
    await this.locked?.confirm(key, signal);
  }

  async create(key: string, body: Uint8Array, signal: AbortSignal): Promise<boolean> {
    checkKey(key);
    const headers = { 'if-none-match': '*', ...this.#headersFor(key, body) };
    const request = { method: 'PUT', key, headers, chunks: [body], accept: [taken], deed: `write ${key}` } as const;
    const { status, tries } = await this.#client.call(request, signal);
    if (status !== taken) {
      await this.locked?.confirm(key, signal);
      return true;
    }
    // An earlier try may have been done, and only its answer lost.
    return tries > 1 && (await this.#holds(key, body, signal));
  }

  async upload(key: string, parts: AsyncIterable<HashedBlock>, signal: AbortSignal): Promise<void> {
    checkKey(key);
    await uploadParts(this.#client, key, parts, signal, this.locked?.headersFor(key));
    await this.locked?.confirm(key, signal);
  }

  async *read(key: string, signal: AbortSignal, range?: ByteRange): AsyncGenerator<Uint8Array> {
    checkKey(key);
    const bytes = await download(this.#client, key, range, signal);
    if (bytes === undefined) throw absent(key, this.name);
    yield* bytes;
  }

  async size(key: string, signal: AbortSignal): Promise<number | undefined> {
    checkKey(key);
    return sizeOf(this.#client, key, signal);
  }

  list(prefix: string, signal: AbortSignal): AsyncGenerator<ObjectInfo> {
    return listObjects(this.#client, prefix, signal);
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    checkKey(key);
    await this.#client.call({ method: 'DELETE', key, accept: [404], deed: `delete ${key}` }, signal);
  }

  async clean(prefix: string, before: Date, signal: AbortSignal): Promise<number> {
    let removed = (await this.locked?.clean(prefix, before, signal)) ?? 0;
    for await (const { key, uploadId, begun } of listUploads(this.#client, prefix, signal)) {
      if (begun >= before) continue;
      await this.#client.call({ method: 'DELETE', key, query: { uploadId }, accept: [404], deed: `give up the upload of ${key}` }, signal);
      removed += 1;
    }
    return removed;
  }

  room = async (): Promise<undefined> => undefined;

  async exclusive(signal: AbortSignal): Promise<boolean> {
    const key = `probe-${this.#random().toString(36).slice(2)}`;
    try {
      await this.create(key, Buffer.from('1'), signal);
      return !(await this.create(key, Buffer.from('2'), signal));
    } finally {
      await this.delete(key, signal);
    }
  }

  #headersFor(key: string, body: Uint8Array): Readonly<Record<string, string>> {
    const headers = this.locked?.headersFor(key) ?? {};
    return { ...headers, ...digestFor(headers, [body]) };
  }

  async #holds(key: string, body: Uint8Array, signal: AbortSignal): Promise<boolean> {
    if ((await this.size(key, signal)) !== body.length) return false;
    return Buffer.from(await collect(this.read(key, signal), body.length)).equals(body);
  }
}
