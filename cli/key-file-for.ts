import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../model/errors.ts';
import { escrowKeyFile } from './kit-verbs.ts';

/** The private key that was named, or that of a recovery kit. @param folder - Of the site or the kit. @throws BerthError `usage`. */
export function keyFileFor(key: string | undefined, folder: string): string {
  const ofKit = join(folder, escrowKeyFile);
  const found = key ?? (existsSync(ofKit) ? ofKit : undefined);
  if (found !== undefined) return found;
  throw new BerthError('usage', 'nothing says which key opens the backups', 'name the private key of a recipient with --key FILE');
}
