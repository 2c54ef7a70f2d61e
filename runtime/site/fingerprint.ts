import { createHash, createHmac, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { TarEntry } from '../format/tar.ts';
import { readFile } from './read-file.ts';

/**
 * Equal for the same names, modes and contents, and different else; when a file was written does not matter. It stands in the
 * manifest for all to see, and so it is made with a key: nobody learns from it whether he has guessed a password.
 */
export async function fingerprintOf(site: string, entries: readonly TarEntry[], key: KeyObject, signal: AbortSignal): Promise<string> {
  const all = createHmac('sha256', key);
  for (const entry of entries) {
    const { path, kind, mode, target } = entry;
    const content = createHash('sha256');
    if (kind === 'file') for await (const chunk of readFile(join(site, path), signal)) content.update(chunk);
    all.update(`${JSON.stringify([path, kind, mode, target, content.digest('hex')])}\n`);
  }
  return all.digest('hex');
}
