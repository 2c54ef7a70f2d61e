import { createWriteStream } from 'node:fs';
import { lstat, mkdir, rename, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathOfKey, type ObjectRow } from '../../model/backup/object-row.ts';
import type { Bytes } from '../streams/blocks.ts';

/** A name that no key has: where one key is a part of the path of another, its file gets it at its end. */
const asFile = '%file';

/**
 * Writes objects as files below a folder, each under the path of its key, with the time at which it was last written. Under its name a file is whole.
 */
export class ObjectFiles {
  readonly #folder: string;
  #turns = 0;
  /** Making way for a folder is for one at a time. */
  #making: Promise<unknown> = Promise.resolve();
  constructor(folder: string) {
    this.#folder = folder;
  }

  async take(row: ObjectRow, bytes: Bytes, signal: AbortSignal): Promise<string> {
    const path = join(this.#folder, pathOfKey(row.key));
    await this.#alone(() => this.#makeFolder(dirname(path)));
    const part = join(dirname(path), `%${(this.#turns += 1)}`);
    await pipeline(bytes, createWriteStream(part, { mode: 0o600 }), { signal });
    const modified = new Date(row.modified);
    await utimes(part, modified, modified);
    return this.#alone(async () => {
      const isFolder = (await kindOf(path)) === 'folder';
      const to = isFolder ? `${path}${asFile}` : path;
      await rename(part, to);
      return to;
    });
  }

  /** A file that stands where a folder must be makes way. */
  async #makeFolder(path: string): Promise<void> {
    if (path === this.#folder) return void (await mkdir(path, { recursive: true, mode: 0o700 }));
    await this.#makeFolder(dirname(path));
    const kind = await kindOf(path);
    if (kind === 'folder') return;
    if (kind === 'file') await rename(path, `${path}${asFile}`);
    await mkdir(path, { mode: 0o700 });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#making.then(work);
    this.#making = done.catch(() => undefined);
    return done;
  }
}

/** A link is no folder: nothing is written where it leads. */
async function kindOf(path: string): Promise<'folder' | 'file' | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  return found && (found.isDirectory() ? 'folder' : 'file');
}
