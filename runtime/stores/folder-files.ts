import fs from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Bytes } from '../streams/blocks.ts';
import { letGo } from '../streams/given-away.ts';
import { codeOf, trying } from './folder-failure.ts';

/** What a folder store does to a disk. A test may hand in a disk that is full, read-only or dies. */
export type Files = Pick<typeof fs, 'link' | 'mkdir' | 'open' | 'readdir' | 'rename' | 'rmdir' | 'stat' | 'statfs' | 'unlink'>;

export const realFiles: Files = fs;

/**
 * A new file with these bytes, which lie on the disk when this resolves; none, when anything fails. A failure of the source comes out as it is.
 *
 * @param deed - For messages, completes "cannot …".
 */
export async function writeNew(path: string, source: Bytes, deed: string, files: Files): Promise<void> {
  const handle = await trying(deed, () => files.open(path, 'wx', 0o600));
  try {
    try {
      for await (const chunk of source) {
        await trying(deed, () => handle.writeFile(chunk));
        letGo(chunk);
      }
      await trying(deed, () => handle.sync());
    } finally {
      await handle.close();
    }
  } catch (error) {
    await files.unlink(path).catch(() => undefined);
    throw error;
  }
}

/** Makes what was created or renamed in a folder last. Some network file systems know no such thing; that is no failure. */
export async function syncFolder(path: string, files: Files): Promise<void> {
  const handle = await files.open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

/** Has a folder, and those above it; each that is new is made to last. */
export async function ensureFolder(path: string, files: Files): Promise<void> {
  try {
    await files.mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    if (codeOf(error) !== 'ENOENT') throw error;
    await ensureFolder(dirname(path), files);
    return ensureFolder(path, files);
  }
  await syncFolder(dirname(path), files);
}
