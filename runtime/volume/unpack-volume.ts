import { constants } from 'node:fs';
import { chmod, lchown, link, lutimes, mkdir, open, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { damaged } from '../format/damage.ts';
import { readTar, type TarEntry } from '../format/tar.ts';
import type { Bytes } from '../streams/blocks.ts';
import { trying } from './refused.ts';

export interface Unpacked {
  readonly files: number;
  readonly folders: number;
  readonly links: number;
  readonly bytes: number;
}

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes the archive of a volume into a folder that is empty and nobody else writes to.
 *
 * @param owners - Whether files get the owners that they had, which takes root; else all belong to whoever restores.
 * @throws BerthError `damaged` for what Berth did not write so, and `io`.
 */
export async function unpackVolume(folder: string, source: Bytes, owners: boolean, signal: AbortSignal): Promise<Unpacked> {
  const counts = { files: 0, folders: 0, links: 0, bytes: 0 };
  const folders: TarEntry[] = [];
  const write = <T>(path: string, run: () => Promise<T>): Promise<T> => trying(`write ${path}`, '', run);
  for await (const { entry, bytes } of entriesOf(source)) {
    signal.throwIfAborted();
    const path = join(folder, entry.path);
    if (entry.kind === 'folder') {
      await write(path, () => mkdir(path, { recursive: true, mode: 0o700 }));
      folders.push(entry);
      counts.folders += 1;
      continue;
    }
    await write(path, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }));
    if (entry.kind === 'file') {
      await writeFile(path, entry, bytes, owners);
      counts.files += 1;
      counts.bytes += entry.bytes;
    } else if (entry.kind === 'same') {
      await write(path, () => link(join(folder, entry.target), path));
      counts.links += 1;
    } else {
      await write(path, async () => {
        await symlink(entry.target, path);
        if (owners) await lchown(path, entry.uid, entry.gid);
        await lutimes(path, timeOf(entry), timeOf(entry));
      });
      counts.links += 1;
    }
  }
  // From the deepest up: writing into a folder changes its time, and one that may not be written to could not be filled.
  for (const entry of folders.reverse()) {
    const path = join(folder, entry.path);
    await write(path, async () => {
      if (owners) await lchown(path, entry.uid, entry.gid);
      await chmod(path, entry.mode);
      await lutimes(path, timeOf(entry), timeOf(entry));
    });
  }
  return counts;
}

/** With as much of the second as the system takes. */
const timeOf = ({ modified, nanoseconds = 0 }: TarEntry): number => Math.floor(modified.getTime() / 1000) + nanoseconds / 1e9;

async function writeFile(path: string, entry: TarEntry, bytes: Bytes, owners: boolean): Promise<void> {
  await using file = await trying(`write ${path}`, '', () => open(path, newFile, 0o600));
  for await (const chunk of bytes) await trying(`write ${path}`, '', () => file.writeFile(chunk));
  await trying(`write ${path}`, '', async () => {
    if (owners) await file.chown(entry.uid, entry.gid);
    // After the owner: giving a file away takes rights from it.
    await file.chmod(owners ? entry.mode : entry.mode & 0o777);
    await file.utimes(timeOf(entry), timeOf(entry));
  });
}

/**
 * The files of the archive of a volume, in its order. The bytes of each must be read to their end before the next is asked for.
 *
 * @throws BerthError `damaged` for what Berth did not write so.
 */
export async function* entriesOf(source: Bytes): AsyncGenerator<{ readonly entry: TarEntry; readonly bytes: Bytes }> {
  /** What leads somewhere, or is a file: nothing may lie below it. */
  const closed = new Set<string>();
  for await (const each of readTar(source)) {
    const { entry } = each;
    refuseStray(entry.path, closed);
    if (entry.kind === 'same') {
      refuseStray(entry.target, new Set());
      if (!closed.has(entry.target)) throw damaged('the archive of a volume', `${entry.path} is the same as a file that is not in it`);
    }
    if (entry.kind !== 'folder') closed.add(entry.path);
    yield each;
  }
}

function refuseStray(path: string, closed: ReadonlySet<string>): void {
  const steps = path.split('/');
  if (path === '' || path.includes('\0') || steps.some((step) => step === '' || step === '.' || step === '..'))
    throw damaged('the archive of a volume', `it holds ${JSON.stringify(path)}, which would lie outside of it`);
  if (steps.some((_, index) => closed.has(steps.slice(0, index).join('/'))))
    throw damaged('the archive of a volume', `it holds ${path} below something that is no folder`);
}
