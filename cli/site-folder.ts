import { existsSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BerthError } from '../model/errors.ts';
import { isHalfDone } from '../generator/io/disk.ts';
import { attempt } from '../generator/io/io-failure.ts';
import { makePath } from '../generator/io/make-path.ts';
import { specFile } from './site.ts';
import { typed } from './text.ts';

/** A new site goes into an empty folder, or beside other files when that was asked for; never over a site. @throws BerthError `conflict`. */
export function refuseOccupied(site: string, folder: string, yes: boolean): void {
  if (!existsSync(site) || isHalfDone(site)) return;
  const names = attempt(`read the folder ${folder}`, () => readdirSync(site));
  if (names.includes(specFile))
    throw new BerthError(
      'conflict',
      `${folder} is a site already`,
      `edit ${typed(join(folder, specFile))} and run \`berth generate --site ${typed(folder)}\``,
    );
  const others = names.filter((name) => name !== '.berth');
  if (others.length > 0 && !yes)
    throw new BerthError(
      'conflict',
      `${folder === '.' ? 'this folder' : folder} is not empty: it holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`,
      'name an empty folder, as in `berth init my-site`, or pass --yes to write beside what is there',
    );
}

/** Make the folder of a site. What a run that fails or is stopped leaves in folders that it made itself is of no use to anybody. */
export function makeFolder(site: string): void {
  const first = attempt(`make the folder ${site}`, () => makePath(site));
  if (first === undefined) return;
  process.once('exit', () => {
    if (!existsSync(site) || !readdirSync(site).every((name) => name === '.berth') || isHalfDone(site)) return;
    rmSync(site, { recursive: true, force: true });
    for (let folder = site; folder !== first;) {
      folder = dirname(folder);
      if (readdirSync(folder).length > 0) return;
      rmdirSync(folder);
    }
  });
}
