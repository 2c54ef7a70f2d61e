import { statfs } from 'node:fs/promises';

/** Bytes that whoever asks may still write there. */
export async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
