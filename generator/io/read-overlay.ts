import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import { realFileSystem } from './file-system.ts';
import { attempt } from './io-failure.ts';
import { readText } from './read-text.ts';

const folder = 'k8s/site';
/** More is no overlay, but a folder that somebody put there by mistake. */
const most = 1000;

/** Every text file below k8s/site by its path in the site; none where the folder is not there yet. */
export const readOverlayFiles = (site: string): ReadonlyMap<string, string> => readBelow(site, folder, true);

/** The text files of a folder, or of all folders below it as well. */
export function readBelow(site: string, folder: string, recursive: boolean): ReadonlyMap<string, string> {
  const paths = attempt(`read ${folder}`, () => {
    try {
      return readdirSync(join(site, folder), { recursive, withFileTypes: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(site.length + 1));
  if (paths.length > most)
    throw new BerthError('io', `${folder} has ${paths.length} files`, `keep below ${folder} only what its kustomization.yaml names`);
  return new Map(
    paths.sort().flatMap((path) => {
      const file = readText(site, path, realFileSystem);
      return file ? [[path, file.text] as const] : [];
    }),
  );
}
