import { constants } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import type { Bytes, HashedBlock } from '../streams/blocks.ts';
import { giveAway } from '../streams/given-away.ts';
import { absent } from './absent.ts';
import { checkKey } from './check-key.ts';
import { codeOf, trying } from './folder-failure.ts';
import { ensureFolder, syncFolder, writeNew, type Files } from './folder-files.ts';

/** Names that begin with a dot are no keys, so nothing of the store's own is ever taken for an object. */
export const storeMarker = '.berth-store';
const workshop = '.berth-parts';
const readAtOnce = 2 ** 20;

export interface FolderOptions {
  /** `create` makes the folder a store, `open` wants one. `read` takes any folder, such as a copy of one, and writes nothing. */
  readonly mode: 'create' | 'open' | 'read';
  readonly files: Files;
  /** For names of temporary files. */
  readonly random: () => string;
}

/**
 * Backups as files: objects are written beside, brought to the disk and then given their name.
 *
 * @throws BerthError when the folder is not a store. A disk that is not mounted leaves an empty folder, and what is written
 * there fills the wrong disk; so nothing but `create` ever makes one.
 */
export async function openFolderStore(root: string, options: FolderOptions): Promise<Store> {
  const { files, mode } = options;
  if (mode === 'create') await trying(`make ${root} a store`, () => makeStore(root, files));
  if (mode !== 'read') await checkMarker(root, files);
  return new FolderStore(root, options);
}

async function makeStore(root: string, files: Files): Promise<void> {
  await ensureFolder(join(root, workshop), files);
  const path = join(root, storeMarker);
  const text = Buffer.from('{"format":"berth-store","version":1}\n');
  if ((await sizeOf(path, files)) === undefined) await writeNew(path, oneChunk(text), `write ${path}`, files);
  await syncFolder(root, files);
}

async function checkMarker(root: string, files: Files): Promise<void> {
  if ((await trying(`read ${root}`, () => sizeOf(join(root, storeMarker), files))) !== undefined) return;
  throw new BerthError(
    'io',
    `${root} is not a store of backups: it has no ${storeMarker}`,
    'see that its disk is mounted; a new store is made with `berth backup store create`',
  );
}

async function sizeOf(path: string, files: Files): Promise<number | undefined> {
  try {
    return (await files.stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function* oneChunk(bytes: Uint8Array): Bytes {
  yield bytes;
}

class FolderStore implements Store {
  readonly name: string;
  readonly #files: Files;
  readonly #random: () => string;
  readonly #readOnly: boolean;
  constructor(root: string, { files, random, mode }: FolderOptions) {
    this.name = root;
    this.#readOnly = mode === 'read';
    this.#files = files;
    this.#random = random;
  }

  async put(key: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#write(key, oneChunk(body), signal, (from, to) => this.#files.rename(from, to));
  }

  async create(key: string, body: Uint8Array, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#write(key, oneChunk(body), signal, (from, to) => this.#linkNew(from, to, body));
      return true;
    } catch (error) {
      if (error instanceof BerthError && codeOf(error.cause) === 'EEXIST') return false; // the only name that can be taken is that of the key
      throw error;
    }
  }

  async upload(key: string, parts: AsyncIterable<HashedBlock>, signal: AbortSignal): Promise<void> {
    await this.#write(key, chunksOf(parts), signal, (from, to) => this.#files.rename(from, to));
  }

  async *read(key: string, signal: AbortSignal, range?: { readonly from: number; readonly to: number }): AsyncGenerator<Uint8Array> {
    const path = this.#path(key);
    const handle = await trying(`read ${path}`, () => this.#openObject(key, path));
    try {
      let at = range?.from ?? 0;
      for (const end = range?.to ?? Infinity; at < end;) {
        signal.throwIfAborted();
        const buffer = Buffer.allocUnsafe(Math.min(readAtOnce, end - at));
        const { bytesRead } = await trying(`read ${path}`, () => handle.read(buffer, 0, buffer.length, at));
        if (bytesRead === 0) return;
        at += bytesRead;
        yield giveAway(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }

  async size(key: string, signal: AbortSignal): Promise<number | undefined> {
    signal.throwIfAborted();
    return trying(`look for ${this.#path(key)}`, () => sizeOf(this.#path(key), this.#files));
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<ObjectInfo> {
    if (!this.#readOnly) await checkMarker(this.name, this.#files);
    const folder = join(this.name, prefix.slice(0, prefix.lastIndexOf('/') + 1));
    for await (const path of this.#walk(folder, signal)) {
      const key = relative(this.name, path);
      if (!key.startsWith(prefix)) continue;
      const found = await this.#files.stat(path).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined; // deleted since
        throw error;
      });
      if (found !== undefined) yield { key, bytes: found.size, modified: found.mtime };
    }
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const path = this.#path(key);
    await trying(`delete ${path}`, async () => {
      await this.#files.unlink(path).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
      });
    });
    await this.#removeEmpty(dirname(path));
  }

  /** All half-written files lie in one folder, whatever their key would have been. */
  async clean(_prefix: string, before: Date, signal: AbortSignal): Promise<number> {
    let removed = 0;
    for await (const path of this.#walk(join(this.name, workshop), signal)) {
      if ((await this.#files.stat(path)).mtime >= before) continue;
      await trying(`delete ${path}`, () => this.#files.unlink(path));
      removed += 1;
    }
    return removed;
  }

  async room(): Promise<number | undefined> {
    const { bavail, bsize } = await trying(`look at ${this.name}`, () => this.#files.statfs(this.name));
    return bavail * bsize;
  }

  exclusive = async (): Promise<boolean> => true;

  #path(key: string): string {
    checkKey(key);
    return join(this.name, key);
  }

  async #write(key: string, source: Bytes, signal: AbortSignal, name: (from: string, to: string) => Promise<void>): Promise<void> {
    const path = this.#path(key);
    await checkMarker(this.name, this.#files);
    const part = join(this.name, workshop, `${this.#random()}.part`);
    const deed = `write ${path}`;
    await writeNew(part, untilAborted(source, signal), deed, this.#files);
    try {
      await trying(deed, () => this.#giveName(part, path, name));
    } catch (error) {
      await this.#files.unlink(part).catch(() => undefined);
      throw error;
    }
    await trying(deed, () => syncFolder(dirname(path), this.#files));
  }

  /** Somebody who deletes may take the folder away just after it was found there. */
  async #giveName(part: string, path: string, name: (from: string, to: string) => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      await ensureFolder(dirname(path), this.#files);
      try {
        return await name(part, path);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || tries >= 5) throw error;
      }
    }
  }

  /** A hard link is refused where the name is taken, which a rename is not. Where a file system knows no links, the file is made under its name. */
  async #linkNew(from: string, to: string, body: Uint8Array): Promise<void> {
    try {
      await this.#files.link(from, to);
    } catch (error) {
      if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'].includes(codeOf(error) ?? '')) throw error;
      await writeNew(to, oneChunk(body), `write ${to}`, this.#files);
    }
    await this.#files.unlink(from);
  }

  async #openObject(key: string, path: string): Promise<Awaited<ReturnType<Files['open']>>> {
    try {
      return await this.#files.open(path, constants.O_RDONLY);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') throw absent(key, this.name, { cause: error });
      throw error;
    }
  }

  async *#walk(folder: string, signal: AbortSignal): AsyncGenerator<string> {
    signal.throwIfAborted();
    const entries = await this.#entries(folder);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!entry.name.startsWith('.')) yield* this.#walk(path, signal);
      } else if (entry.isFile() && !entry.name.startsWith('.')) yield path;
    }
  }

  async #entries(folder: string) {
    return trying(`list ${folder}`, async () => {
      try {
        return await this.#files.readdir(folder, { withFileTypes: true });
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
        throw error;
      }
    });
  }

  /** Folders are no part of the store's meaning; that one could not be removed harms nobody. */
  async #removeEmpty(folder: string): Promise<void> {
    if (folder === this.name) return;
    try {
      await this.#files.rmdir(folder);
    } catch {
      return;
    }
    await this.#removeEmpty(dirname(folder));
  }
}

async function* untilAborted(source: Bytes, signal: AbortSignal): Bytes {
  signal.throwIfAborted();
  for await (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
  }
  signal.throwIfAborted();
}

async function* chunksOf(parts: AsyncIterable<HashedBlock>): Bytes {
  for await (const { chunks } of parts) yield* chunks;
}
