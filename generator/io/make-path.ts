import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * A folder with all that leads to it. Node's own way to do that never ends where a folder cannot be made although the one above it is there, as in `/proc`.
 *
 * @returns the first that was made; nothing when all of them were there.
 */
export function makePath(folder: string, mode = 0o777): string | undefined {
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.unshift(at);
  // A file of that name is refused by the system as it is by Node's own way.
  if (missing.length === 0 && !isFolder(folder)) missing.push(folder);
  for (const each of missing)
    try {
      mkdirSync(each, { mode });
    } catch (error) {
      // Somebody else may have made it just now.
      if (!isFolder(each)) throw error;
    }
  return missing[0];
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();
