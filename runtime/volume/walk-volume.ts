import { isUtf8 } from 'node:buffer';
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { lstat, open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { restoreFolder, restoreMark } from '../../model/backup/exchange-mark.ts';
import { BerthError } from '../../model/errors.ts';
import type { TarEntry } from '../format/tar.ts';
import { codeOf, trying } from './refused.ts';

/** What lies at the top of a volume for Berth itself: the mark of one that was made writable, and data that a restore has left. */
const ownName = /^\.berth-(?:volume|restore|before-)/;

/** What was found, and a way to it that nobody can turn elsewhere: by the folder that was opened, not by its name. */
export interface FoundEntry {
  readonly entry: TarEntry;
  readonly stats: BigIntStats;
  /** Good until the next is asked for. */
  readonly at: string;
}

/** Told of what is no file, folder or link, or cannot be named. */
export type LeftOut = (path: string, because: string) => void;
/** Told of what was there when it was listed, and then was not. */
export type Gone = (path: string) => void;

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const readCure = 'let the agents run as the user whose it is, with backups.user in berth.yaml, or let the service make its files readable';

/**
 * Everything in a volume, each folder before what it holds and in the order of the alphabet. A link is told, not followed; nothing is held but the names of the folders above.
 *
 * @throws BerthError `conflict` while a restore has not brought all files to their places, or began to while this went on: what is there is neither what was, nor what is to be.
 */
export async function* walkVolume(
  root: string,
  heard: { readonly gone: Gone; readonly leftOut: LeftOut },
  signal: AbortSignal,
): AsyncGenerator<FoundEntry> {
  await using top = await trying(`read ${root}`, readCure, () => open(root, folderFlags));
  await refuseHalfExchanged(top, root);
  yield* walkFolder(top, root, '', new Map(), heard, signal);
  await refuseHalfExchanged(top, root);
}

async function refuseHalfExchanged(top: FileHandle, root: string): Promise<void> {
  const mark = `${restoreFolder}/${restoreMark}`;
  if ((await unlessGone(`read ${root}/${mark}`, () => lstat(`/proc/self/fd/${top.fd}/${mark}`))) === 'gone') return;
  throw new BerthError(
    'conflict',
    `a restore of ${root} is half done: its files are on their way, and no copy of it is worth anything`,
    'run the same `berth restore --only volume` again, which ends it; it is copied then',
  );
}

async function* walkFolder(
  folder: FileHandle,
  root: string,
  above: string,
  seen: Map<string, string>,
  heard: { readonly gone: Gone; readonly leftOut: LeftOut },
  signal: AbortSignal,
): AsyncGenerator<FoundEntry> {
  const place = `/proc/self/fd/${folder.fd}`;
  const names = await trying(`read ${root}/${above}`, readCure, () => readdir(place, { encoding: 'buffer' }));
  for (const raw of names.sort((one, other) => one.compare(other))) {
    signal.throwIfAborted();
    const name = raw.toString('utf8');
    const path = above === '' ? name : `${above}/${name}`;
    if (above === '' && ownName.test(name)) continue;
    if (!isUtf8(raw)) {
      heard.leftOut(path, 'its name is not written in UTF-8');
      continue;
    }
    const at = `${place}/${name}`;
    const found = await unlessGone(`read ${root}/${path}`, () => lookAt(at, path, seen));
    if (found === 'gone') heard.gone(path);
    else if (typeof found === 'string') heard.leftOut(path, found);
    else {
      yield { ...found, at };
      if (found.entry.kind !== 'folder') continue;
      const below = await unlessGone(`read ${root}/${path}`, () => open(at, folderFlags));
      if (below === 'gone') {
        heard.gone(path);
        continue;
      }
      await using _ = below;
      yield* walkFolder(below, root, path, seen, heard, signal);
    }
  }
}

/** What vanishes, or becomes something else, between two looks at it is gone. */
export async function unlessGone<T>(deed: string, run: () => Promise<T>): Promise<T | 'gone'> {
  return trying(deed, readCure, async () => {
    try {
      return await run();
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(codeOf(error))) return 'gone';
      throw error;
    }
  });
}

async function lookAt(
  at: string,
  path: string,
  seen: Map<string, string>,
): Promise<{ readonly entry: TarEntry; readonly stats: BigIntStats } | string> {
  const stats = await lstat(at, { bigint: true });
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : undefined;
  if (kind === undefined) return stats.isSocket() ? 'it is a socket' : stats.isFIFO() ? 'it is a pipe' : 'it is a device';
  const entry = entryOf(path, kind, stats, kind === 'link' ? await readlink(at) : '');
  if (kind !== 'file' || stats.nlink < 2n) return { entry, stats };
  const identity = `${stats.dev}:${stats.ino}`;
  const first = seen.get(identity);
  if (first !== undefined) return { entry: { ...entry, kind: 'same', bytes: 0, target: first }, stats };
  seen.set(identity, path);
  return { entry, stats };
}

export const entryOf = (path: string, kind: 'file' | 'folder' | 'link', stats: BigIntStats, target: string): TarEntry => ({
  path,
  kind,
  mode: Number(stats.mode) & 0o7777,
  uid: Number(stats.uid),
  gid: Number(stats.gid),
  modified: new Date(Number(stats.mtimeNs / 1_000_000_000n) * 1000),
  nanoseconds: Number(stats.mtimeNs % 1_000_000_000n),
  bytes: kind === 'file' ? Number(stats.size) : 0,
  target,
});
