import { join } from 'node:path';
import type { SiteState } from '../merge/decide-changes.ts';
import { baseCopy, hashesFile } from './berth-folder.ts';
import { realFileSystem } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { parseHashes } from './hashes-file.ts';
import { attempt, isThere } from './io-failure.ts';
import { readText } from './read-text.ts';
import type { TextFile } from './read-text.ts';
import { realSite } from './site-path.ts';

/** What is there under these paths and under every path that Berth looks after. Changes nothing. */
export function readState(site: string, paths: readonly string[], files: FileSystem = realFileSystem): SiteState {
  const root = realSite(site, files);
  const record = readText(root, hashesFile, files);
  const hashes = record ? parseHashes(record.text) : new Map<string, string>();
  const present = readAll(root, [...new Set([...paths, ...hashes.keys()])].sort(), (path) => path, files);
  // Most files have none, and to fail in opening a file takes longer than to see that it is not there.
  const merged = [...hashes.keys()].filter((path) => attempt(`open ${baseCopy(path)}`, () => isThere(join(root, baseCopy(path)), files)));
  const base = readAll(root, merged, baseCopy, files);
  return {
    current: pick(present, ({ text }) => text),
    modes: pick(present, ({ mode }) => mode),
    base: pick(base, ({ text }) => text),
    hashes,
  };
}

/** The same with more paths. What was read already is not read again: whoever writes refuses what was edited since. */
export function readMore(site: string, state: SiteState, paths: readonly string[], files: FileSystem = realFileSystem): SiteState {
  const missing = paths.filter((path) => !state.current.has(path) && !state.hashes.has(path));
  const present = readAll(realSite(site, files), [...new Set(missing)].sort(), (path) => path, files);
  return {
    ...state,
    current: new Map([...state.current, ...pick(present, ({ text }) => text)]),
    modes: new Map([...state.modes, ...pick(present, ({ mode }) => mode)]),
  };
}

const pick = <Value>(from: ReadonlyMap<string, TextFile>, value: (file: TextFile) => Value): Map<string, Value> =>
  new Map([...from].map(([path, file]) => [path, value(file)]));

function readAll(root: string, paths: readonly string[], place: (path: string) => string, files: FileSystem): Map<string, TextFile> {
  return new Map(
    paths.flatMap((path) => {
      const file = readText(root, place(path), files);
      return file ? [[path, file] as const] : [];
    }),
  );
}
