import { createHmac, type Hmac, type KeyObject } from 'node:crypto';
import type { TarEntry } from '../format/tar.ts';
import type { Bytes } from '../streams/blocks.ts';
import { entriesOf } from './unpack-volume.ts';

/** A sum over files with all that an archive keeps of them, their bytes included. Under a key, as it stands where everybody may read it. */
export class ContentsSum {
  readonly #sum: Hmac;
  constructor(key: KeyObject) {
    this.#sum = createHmac('sha256', key);
  }

  /** What follows are its bytes, as many as it says. */
  begin({ path, kind, mode, uid, gid, bytes, target, ...times }: TarEntry): void {
    const size = kind === 'file' ? bytes : 0;
    this.#sum.update(`${JSON.stringify([path, kind, mode & 0o7777, uid, gid, size, target, timeOf(times)])}\n`);
  }

  add(chunk: Uint8Array): void {
    this.#sum.update(chunk);
  }

  digest = (): string => this.#sum.digest('hex');
}

/** An archive has none before 1970. */
const timeOf = ({ modified, nanoseconds = 0 }: Pick<TarEntry, 'modified' | 'nanoseconds'>): readonly [number, number] => {
  const second = Math.floor(modified.getTime() / 1000);
  return second < 0 ? [0, 0] : [second, nanoseconds];
};

/** Tells by which key a sum was made, and nothing of the key. */
export const keyMarkOf = (key: KeyObject): string => createHmac('sha256', key).update('contents').digest('hex').slice(0, 16);

/** Takes all out of an archive, as a restore does, and keeps nothing of it. */
export async function sumOfArchive(archive: Bytes, key: KeyObject) {
  const sum = new ContentsSum(key);
  const counts = { files: 0, bytes: 0 };
  for await (const { entry, bytes } of entriesOf(archive)) {
    sum.begin(entry);
    for await (const chunk of bytes) sum.add(chunk);
    if (entry.kind !== 'file') continue;
    counts.files += 1;
    counts.bytes += entry.bytes;
  }
  return { ...counts, contents: sum.digest() };
}
