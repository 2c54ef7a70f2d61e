import { readdirSync } from 'node:fs';
import { makePath } from '../../generator/io/make-path.ts';
import { describeBytes } from '../../model/backup/bytes.ts';
import { BerthError } from '../../model/errors.ts';
import { freeIn } from '../../runtime/engines/free-room.ts';
import type { PlannedCopy } from './open-copy.ts';

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

/**
 * What fills the disk of a volume that is in use stops whoever writes there as well.
 *
 * @param copy - Of files; one that does not say how much they hold is tried.
 * @throws BerthError `io` where they cannot fit.
 */
export async function refuseSmall(folder: string, { source, facts }: Pick<PlannedCopy, 'source' | 'facts'>, room = freeIn): Promise<void> {
  const takes = Number(facts['bytes'] ?? 0);
  const free = await room(folder);
  if (takes > free)
    throw new BerthError(
      'io',
      `${source} takes ${describeBytes(takes)}, and ${folder} has ${describeBytes(free)} left; nothing was written`,
      'make room there, or take it to another disk with --into DIR',
    );
}
