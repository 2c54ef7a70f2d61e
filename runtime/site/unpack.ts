import {
  chmodSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import { systemErrors } from '../../model/system-errors.ts';
import { damaged } from '../format/damage.ts';
import { readTar, type TarEntry } from '../format/tar.ts';
import type { Bytes } from '../streams/blocks.ts';
import { belongsTo, type SitePart } from './walk.ts';

/** What an entry of an archive means for the folder that it is restored into. */
interface Comparison {
  readonly entry: TarEntry;
  readonly verdict: 'new' | 'same' | 'other';
}

/**
 * Writes an archive into an empty folder. Only what belongs to the part is taken, and nothing that would lie outside.
 *
 * @throws BerthError `damaged` for an archive that Berth did not write so.
 */
export async function stageArchive(stage: string, source: Bytes, part: SitePart, signal: AbortSignal): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  const links = new Set<string>();
  for await (const { entry, bytes } of readTar(source)) {
    signal.throwIfAborted();
    refuseStray(entry, part, links);
    const path = join(stage, entry.path);
    trying(path, () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
    if (entry.kind === 'folder') trying(path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
    else if (entry.kind === 'link') trying(path, () => symlinkSync(entry.target, path));
    else if (entry.kind === 'same') throw damaged('an archive', `it holds ${entry.path} under two names, which no site has`);
    else await writeWhole(path, bytes);
    if (entry.kind === 'link') links.add(entry.path);
    entries.push(entry);
  }
  return entries;
}

function refuseStray({ path }: TarEntry, part: SitePart, links: ReadonlySet<string>): void {
  const steps = path.split('/');
  const above = steps.map((_, index) => steps.slice(0, index).join('/'));
  if (path === '' || path.includes('\0') || steps.some((step) => step === '' || step === '.' || step === '..'))
    throw damaged('an archive', `it holds ${JSON.stringify(path)}, which would lie outside of the site`);
  if (!belongsTo(part, path) || above.some((folder) => links.has(folder)))
    throw damaged('an archive', `it holds ${path}, which is no part of the ${part}`);
}

async function writeWhole(path: string, bytes: Bytes): Promise<void> {
  const handle = trying(path, () => openSync(path, 'wx', 0o600));
  try {
    for await (const chunk of bytes) trying(path, () => writeFileSync(handle, chunk));
    trying(path, () => fsyncSync(handle));
  } finally {
    closeSync(handle);
  }
}

/** What is there already, compared with what would be put in its place. */
export const compareWith = (site: string, stage: string, entries: readonly TarEntry[]): readonly Comparison[] =>
  entries.map((entry) => ({ entry, verdict: compareOne(join(site, entry.path), join(stage, entry.path), entry) }));

function compareOne(there: string, staged: string, { kind, mode, target }: TarEntry): Comparison['verdict'] {
  const found = lstatSync(there, { throwIfNoEntry: false });
  if (found === undefined) return 'new';
  const same =
    kind === 'folder'
      ? found.isDirectory()
      : kind === 'link'
        ? found.isSymbolicLink() && readlinkSync(there) === target
        : found.isFile() &&
          (found.mode & 0o7777) === mode &&
          found.size === lstatSync(staged).size &&
          readFileSync(there).equals(readFileSync(staged));
  return same ? 'same' : 'other';
}

/**
 * Puts everything in its place, file by file. Broken off and done again it comes to the same.
 *
 * @param replaced - A folder, made when it is needed, for copies of what was there and is another.
 */
export function placeEntries(site: string, stage: string, compared: readonly Comparison[], replaced: string): void {
  for (const { entry, verdict } of compared) {
    const path = join(site, entry.path);
    if (entry.kind === 'folder') {
      if (verdict === 'other') throw new BerthError('conflict', `${path} is a file, and a folder belongs there`, 'move it away');
      trying(path, () => mkdirSync(path, { recursive: true }));
      trying(path, () => chmodSync(path, entry.mode));
      continue;
    }
    if (verdict === 'same') continue;
    refuseLinks(site, entry.path);
    trying(path, () => mkdirSync(dirname(path), { recursive: true }));
    if (verdict === 'other') setAside(path, join(replaced, entry.path));
    if (entry.kind === 'file') {
      const staged = join(stage, entry.path);
      trying(staged, () => chmodSync(staged, entry.mode));
      trying(staged, () => utimesSync(staged, entry.modified, entry.modified));
    }
    trying(path, () => renameSync(join(stage, entry.path), path));
  }
}

/** A folder that somebody made a link would lead elsewhere. */
function refuseLinks(site: string, path: string): void {
  const steps = path.split('/');
  for (let index = 1; index < steps.length; index += 1) {
    const folder = join(site, ...steps.slice(0, index));
    if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      throw new BerthError(
        'conflict',
        `${folder} is a link that leads elsewhere`,
        'put a folder in its place, or restore into an empty one',
      );
  }
}

function setAside(path: string, copy: string): void {
  const found = lstatSync(path);
  if (found.isDirectory()) throw new BerthError('conflict', `${path} is a folder, and a file belongs there`, 'move it away');
  trying(copy, () => mkdirSync(dirname(copy), { recursive: true, mode: 0o700 }));
  trying(copy, () => rmSync(copy, { force: true }));
  trying(copy, () => (found.isSymbolicLink() ? symlinkSync(readlinkSync(path), copy) : copyFileSync(path, copy)));
}

/** Does one thing with a file; a refusal of the system says what, why and what to do. */
function trying<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const [meaning, cure] = systemErrors[code] ?? [];
    if (meaning === undefined) throw error;
    throw new BerthError(
      'io',
      `cannot write ${path}: ${meaning}`,
      `${cure}, then run the same command again: it takes up where this one ended`,
      { cause: error },
    );
  }
}
