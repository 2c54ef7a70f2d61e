import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TarEntry } from '../format/tar.ts';
import { reading } from './read-file.ts';

/** The parts that the folder of a site is copied in: who may read the one need not be able to read the other. */
export type SitePart = 'configuration' | 'secrets';

const secretFolders = ['secrets', 'k8s/secrets'];
/** What a run of Berth has for itself, and makes anew. */
const passing = [
  '.berth/bin',
  '.berth/lock',
  '.berth/journal.json',
  '.berth/stage',
  '.berth/runtime',
  '.berth/restore',
  '.berth/offsite',
  '.berth/manifests',
];

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
const isSecret = (path: string): boolean => secretFolders.some((folder) => isBelow(path, folder));
/** The lock has files beside it. */
const isPassing = (path: string): boolean =>
  passing.some((name) => isBelow(path, name) || path.startsWith(`${name}.`) || path.startsWith(`${name}-`));

/** Whether a path of the site belongs to a part. Folders above a secret one belong to the configuration. */
export const belongsTo = (part: SitePart, path: string): boolean => !isPassing(path) && isSecret(path) === (part === 'secrets');

/** Everything of a part, in the order of the alphabet; no pipes, sockets or devices. A link is copied, not followed. */
export function walkSite(site: string, part: SitePart): readonly TarEntry[] {
  const found: TarEntry[] = [];
  const visit = (folder: string): void => {
    for (const name of reading(join(site, folder), () => readdirSync(join(site, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const entry = isPassing(path) ? undefined : reading(path, () => describe(site, path));
      if (entry === undefined) continue;
      if (belongsTo(part, path)) found.push(entry);
      // Towards a secret folder lead some that are not.
      if (entry.kind === 'folder' && (part === 'configuration' ? !isSecret(path) : leadsToSecrets(path))) visit(path);
    }
  };
  visit('');
  return found;
}

const leadsToSecrets = (path: string): boolean => isSecret(path) || secretFolders.some((folder) => isBelow(folder, path));

function describe(site: string, path: string): TarEntry | undefined {
  const full = join(site, path);
  const found = lstatSync(full);
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : undefined;
  if (kind === undefined) return undefined;
  return {
    path,
    kind,
    mode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
    modified: found.mtime,
    bytes: kind === 'file' ? found.size : 0,
    target: kind === 'link' ? readlinkSync(full) : '',
  };
}
