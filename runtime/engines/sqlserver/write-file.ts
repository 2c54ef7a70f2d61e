import { open } from 'node:fs/promises';
import type { Bytes } from '../../streams/blocks.ts';
import { ofThePlace } from '../scratch-place.ts';

/** Writes what comes to a new file; what is wrong with the bytes is not what is wrong with the disk. */
export async function writeFileFrom(bytes: Bytes, path: string, signal: AbortSignal): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    await file.appendFile(chunk).catch((error: unknown) => {
      throw ofThePlace((error as Error).message);
    });
  }
}
