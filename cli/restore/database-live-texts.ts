import { countedBehind } from '../backup/text.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { paint } from '../text.ts';
import type { Restored } from './database-here.ts';
import { volumeOf } from './database-volume.ts';
import { describeEstimate } from './estimate.ts';
import type { Ended, Next, Undone } from './database-live-ending.ts';
import { type LiveRecord, whereCutOff } from './live-record.ts';
import { type Concerned, type Finished, isLatest, type LiveRestore, type LiveWork } from './database-live-steps.ts';

/** What a restore will do. */
export function say(
  asked: LiveRestore,
  site: string,
  { clients, replicas, members, caches }: Concerned,
  { full, increments, logs, because, until, expected }: Restored,
  context: RuntimeContext,
): void {
  if (asked.json) return;
  const { database, at, before } = asked;
  const style = paint(context.color);
  const holds = isLatest(asked)
    ? `everything up to ${until ?? 'its end'} and what is shipped until all writers have stopped`
    : `everything until ${at ?? `transaction ${before ?? ''}`}; what was written after it is gone`;
  context.out(
    [
      `${style('bold', `${database} of ${site}`)} from ${full.id} and ${countedBehind(increments.length, logs)}\n  ${because}\n\n`,
      `  holds      ${holds}\n`,
      `  stops      ${[...(clients.length === 0 ? [] : [clients.join(', ')]), [...members, database].join(', ')].join(', then ')}; the edge shows its maintenance page\n`,
      ...replicas.map(({ name }) => `  empties    ${name}, which copies ${database} anew\n`),
      ...(caches.length > 0 ? [`  empties    ${caches.join(', ')}\n`] : []),
      ...(expected === undefined ? [] : [`  takes      ${describeEstimate(expected)}\n`]),
      '  keeps      the present data beside the new ones, in the same volume\n\n',
    ].join(''),
  );
}

/** What it has done. */
export const tell = ({ database, kept, seconds, downSeconds, position, left = [] }: Finished, work: LiveWork): string =>
  [
    `${database} is back, up to ${position ?? ''}: ${seconds} s, of which ${downSeconds} s without the application.\n`,
    `A new full backup is being made; until it is there, only the chain before this restore can be restored from.\n\n`,
    ...left.map((one) => `→ ${one}\n`),
    waysOn(kept, work),
  ].join('');

function waysOn(kept: string, { plan, volume, concerned: { server, clients, replicas } }: LiveWork): string {
  // They copied the data that are undone, and copy the old ones anew.
  const names = replicas.map(({ name }) => name).join(' ');
  const volumes = replicas.map((replica) => volumeOf(plan, replica)).join(' ');
  const emptied = names === '' ? '' : `    docker compose rm --stop --force ${names}\n    docker volume rm ${volumes}\n`;
  return [
    `→ once you are sure:\n    ${volume.removing(kept)}\n`,
    `→ to undo it:\n    docker compose stop ${[...clients, server.name].join(' ')}\n    ${volume.undoing(kept)}\n${emptied}    docker compose up -d --wait\n`,
  ].join('');
}

const willDo: Readonly<Record<Next, string>> = {
  anew: 'nothing had changed places, so it is done once more from its beginning; the present data are the old ones, and are kept beside the new ones',
  filled: 'its data are ready and are used: what uses the database is stopped, and old and new data change places',
  exchange: 'what uses the database is stopped, the restored data come to their place, and the old ones are kept beside them',
  finish: 'its data are in their place: what is left is done, and everything is started',
  start: 'the old data are in their place: what was made ready is removed, and everything is started',
  back: 'what uses the database is stopped, and the old data come back to their place; the restored ones, with all that was written to them since, are kept beside them',
};

/** What was cut off, and how it is ended. */
export const sayNext = (left: LiveRecord, next: Next): string => {
  const what = whereCutOff(left);
  return `${what.slice(0, 1).toUpperCase()}${what.slice(1)}.\n  ${willDo[next]}\n\n`;
};

export const tellEnded = ({ database, begunAt, kept, seconds }: Ended, { left = [] }: Pick<Restored, 'left'>, work: LiveWork): string =>
  [
    `${database} is back: the restore that was begun at ${begunAt} has ended, ${seconds} s after it went on; the old data are in ${kept}.\n`,
    'Nothing newer was restored: for that, run the command once more.\n\n',
    ...left.map((one) => `→ ${one}\n`),
    waysOn(kept, work),
  ].join('');

export const tellUndone = ({ database, begunAt, restoredIn, seconds }: Undone, { volume }: LiveWork): string =>
  `${database} has its old data, and everything runs: the restore that was begun at ${begunAt} is undone, in ${seconds} s.\n${
    restoredIn === null ? '' : `\n→ what was restored is in ${restoredIn}; once you are sure:\n    ${volume.removing(restoredIn)}\n`
  }`;
