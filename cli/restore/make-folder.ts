import { readdirSync } from 'node:fs';
import { makePath } from '../../generator/io/make-path.ts';
import { BerthError } from '../../model/errors.ts';

/** With all that leads to it. @throws BerthError `io`. */
export function makeFolder(folder: string, mode = 0o777): void {
  try {
    makePath(folder, mode);
  } catch (error) {
    throw new BerthError(
      'io',
      `cannot make ${folder}: ${error instanceof Error ? error.message : ''}`,
      'name a folder that you may write to',
      { cause: error },
    );
  }
}

/** @throws BerthError `conflict` when something lies there. */
export function refuseFull(folder: string, cure: string): void {
  if (readdirSync(folder).length > 0) throw new BerthError('conflict', `${folder} is not empty; nothing was written`, cure);
}
