import { basename, dirname, join, relative, sep } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import type { FileSystem } from './file-system.ts';
import { attempt, ifThere, isThere } from './io-failure.ts';

/** A plain relative path that cannot leave the site, whatever it was read from. */
export const isSitePath = (path: string): boolean =>
  path !== '' && !/[\0\\]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

/** The site folder itself, links resolved. */
export const realSite = (site: string, files: FileSystem): string => attempt(`open ${site}`, () => files.realpathSync.native(site));

/** Where a path of the site really is, relative to it; links inside are followed, one that leads out is refused. `root` is a real path. */
export function locate(root: string, path: string, files: FileSystem): string {
  if (!isSitePath(path)) throw new Error(`not a path inside a site: ${JSON.stringify(path)}`);
  const found = attempt(`open ${path}`, () => ifThere(() => files.realpathSync.native(join(root, path))));
  if (found !== undefined) return inside(root, path, found, files);
  if (attempt(`open ${path}`, () => isThere(join(root, path), files))) throw refusal(path, 'is a link to nothing');
  return locateParent(root, path, files);
}

/** Like {@link locate}, with the last name taken as it stands: to remove a link and not what it points to. */
export function locateParent(root: string, path: string, files: FileSystem): string {
  const parent = dirname(path);
  return parent === '.' ? path : join(locate(root, parent, files), basename(path));
}

function inside(root: string, path: string, found: string, files: FileSystem): string {
  const real = relative(root, found);
  if (real !== '..' && !real.startsWith(`..${sep}`)) return real;
  locateParent(root, path, files); // Refuses by its own name a folder that leads out already.
  throw refusal(path, `is a link that leads out of the site, to ${found}`);
}

const refusal = (path: string, matter: string): BerthError =>
  new BerthError('io', `${path} ${matter}`, `replace ${path} by a plain file or folder, or remove it, then run the command again`);
