import { BerthError } from '../../model/errors.ts';
import { never } from '../compose.ts';
import { secondsSince } from '../moment.ts';
import { type LiveEnding, type LiveRecord, liveCommand, whereCutOff } from './live-record.ts';
import { finish, forgetOld, isLatest, type LiveWork } from './database-live-steps.ts';
import { type Lying, placeOf } from './database-lying.ts';
import { notEnded, startUndone } from './live-starting.ts';

/** What ends a restore that was cut off. */
export type Next =
  /** Everything once more: nothing has changed places, and nothing that is ready can be used. */
  | 'anew'
  /** What was made ready is used. */
  | 'filled'
  /** Old and new data change places, or the rest of that is done. */
  | 'exchange'
  /** They have: what is left is done. */
  | 'finish'
  /** Undone: the old data are in their place. */
  | 'start'
  /** Undone: the old data are to come back. */
  | 'back';

/** How a restore that was cut off is found. */
export interface Found {
  readonly lying: Lying;
  /** Whether the old data, stopped for the exchange, had a server since. */
  readonly ranSince: boolean;
  /** Whether those that choose who is written to were started, and so may hold what only they have. */
  readonly membersRun: boolean;
}

/**
 * @param ending - `again` is the command that began it: it goes on where that is what whoever began it would expect, and leaves all else to an explicit word.
 * @throws BerthError that says what was found, and what either way out does.
 */
export function nextOf(left: LiveRecord, { lying, ranSince, membersRun }: Found, ending: LiveEnding | 'again'): Next {
  const { database, phase, kept, old, fresh } = left;
  const refuse = (found: string, cure: string): BerthError =>
    new BerthError('conflict', `${whereCutOff(left)}; ${found}; nothing was changed now`, cure);
  const byHand = `look what lies in the volume of ${database}, have the data that you want be there, run \`docker compose up -d --wait\`, then remove .berth/restoring-live.json`;
  const isOld = old === undefined || lying.data === old;
  if (ending === 'undo') {
    if (isOld) return 'start';
    if (placeOf(lying, old) !== undefined) return 'back';
    throw refuse(
      `the old data are not in the volume any more, so it cannot be undone`,
      lying.data === fresh ? `\`${liveCommand(left, 'resume')}\` goes on with it` : byHand,
    );
  }
  if (phase === 'undoing' && ending === 'again')
    throw refuse(
      'it was being undone',
      `\`${liveCommand(left, 'undo')}\` goes on with that, \`${liveCommand(left, 'resume')}\` restores after all`,
    );
  if (old === undefined) return phase === 'filled' && !isLatest(left) && fresh !== undefined && lying.ready === fresh ? 'filled' : 'anew';
  const isThere = placeOf(lying, fresh) !== undefined;
  // An undoing that was cut off may have left the old data where the next restore clears away what waits.
  if (isThere && lying.data === fresh && lying.waiting === old) return 'exchange';
  if (isThere && lying.data === fresh) {
    if (membersRun && phase !== 'starting' && ending === 'again')
      throw refuse(
        `members of its set were started since, and are to be emptied`,
        `look that nothing was written to them; then \`${liveCommand(left, 'resume')}\` empties them, and \`${liveCommand(left, 'undo')}\` does so after the old data are back`,
      );
    return 'finish';
  }
  if (!isOld && (lying.data !== undefined || !isThere))
    throw refuse(
      `the data that lie there now are neither the old nor the restored ones`,
      placeOf(lying, old) === undefined
        ? byHand
        : `\`${liveCommand(left, 'undo')}\` puts the old data in their place, and those that lie there in ${kept}; or ${byHand}`,
    );
  // Whatever was written since is a part of the latest that there is.
  const isStale = !isThere || (isLatest(left) && ranSince && lying.data === old);
  if (lying.data !== undefined && ending === 'again' && !(isStale && phase === 'exchanging')) {
    if (phase !== 'exchanging') throw refuse('the old data are in their place again', choices(left, isStale));
    if (ranSince) throw refuse('a server has run on the old data since', choices(left, isStale));
  }
  return isStale ? 'anew' : 'exchange';
}

const choices = (left: LiveRecord, isStale: boolean): string =>
  `${
    isStale
      ? `\`${liveCommand(left, 'resume')}\` restores once more`
      : `\`${liveCommand(left, 'resume')}\` puts the restored data in their place, and keeps the present ones, with all that was written since, in ${left.kept}`
  }; \`${liveCommand(left, 'undo')}\` stays with the present ones`;

export async function lookAt(left: LiveRecord, { concerned, volume, compose }: LiveWork): Promise<Found> {
  const running = (await compose(['ps', '--status', 'running', '--services'], never)).split('\n').map((name) => name.trim());
  const lying = await volume.look(left.kept);
  const isUp = running.includes(left.database);
  const asksPrint = left.print !== undefined && !isUp && lying.data !== undefined && lying.data === left.old;
  return {
    lying,
    ranSince: isUp || (asksPrint && (await volume.print()) !== left.print),
    membersRun: concerned.members.some((name) => running.includes(name)),
  };
}

/** Stops everything that may write, and brings the one that is wanted to its place. */
async function bring(left: LiveRecord, wanted: 'old' | 'fresh', { concerned, volume, compose, heard }: LiveWork): Promise<void> {
  heard('stopping what uses it');
  await compose(['stop', ...concerned.clients, ...concerned.members, left.database], never);
  const lying = await volume.look(left.kept);
  const [one, other] = wanted === 'old' ? [left.old, left.fresh] : [left.fresh, left.old];
  heard('exchanging old and new data');
  await volume.bring(lying, left.kept, one ?? '', other);
}

export interface Ended {
  readonly database: string;
  readonly kept: string;
  readonly begunAt: string;
  readonly seconds: number;
}

/** The restored data come to their place, or are there already, and everything is started. */
export async function goOn(left: LiveRecord, next: 'exchange' | 'finish', work: LiveWork): Promise<Ended> {
  const begun = performance.now();
  let is: LiveRecord = left;
  if (next === 'exchange') {
    work.record.write((is = { ...left, phase: 'exchanging' }));
    try {
      await bring(is, 'fresh', work);
      await work.volume.clean(never);
    } catch (error) {
      throw notEnded(`old and new data of ${left.database} were to change places`, error, left);
    }
  }
  await finish(is.phase === 'starting' ? is : { ...is, phase: 'exchanged', wasThere: true }, work);
  return endedOf(left, begun);
}

export interface Undone extends Ended {
  /** Where what was restored lies, if it has ever been in its place. */
  readonly restoredIn: string | null;
}

/** The old data come back to their place, or are there still, and everything is started. */
export async function undo(left: LiveRecord, next: 'start' | 'back', work: LiveWork): Promise<Undone> {
  const begun = performance.now();
  const { record, volume } = work;
  const wasThere = left.wasThere === true || next === 'back';
  let lying: Lying;
  try {
    record.write({ ...left, phase: 'undoing', wasThere });
    if (next === 'back') await bring(left, 'old', work);
    await volume.clean(never);
    lying = await volume.look(left.kept);
    if (wasThere) await forgetOld(work);
  } catch (error) {
    throw notEnded(`${left.database} was to have its old data again`, error, left);
  }
  work.heard('starting everything');
  await startUndone(left.database, work);
  return { ...endedOf(left, begun), restoredIn: lying.kept === undefined ? null : left.kept };
}

const endedOf = ({ database, kept, begunAt }: LiveRecord, begun: number): Ended => ({
  database,
  kept,
  begunAt,
  seconds: secondsSince(begun),
});
