import { BerthError } from '../../model/errors.ts';
import { lockSite } from '../../generator/io/lock.ts';
import { composeIn, never, startAll, startAsBefore } from '../compose.ts';
import type { OpenedCopy, PlannedCopy } from './open-copy.ts';
import { progressOn } from '../progress.ts';
import { describeVolume, type RestoredVolume } from './volume.ts';
import { refuseUnended } from './database-live-record.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { openedKey } from './keys.ts';
import { fileStamp, secondsSince } from '../moment.ts';
import { concernedByVolume, VolumeFiles } from './volume-files.ts';

interface VolumeLive {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly volume: string;
  /** The service that copies it. */
  readonly agent: string;
  /** The private key of a recipient; without it the agent's own. */
  readonly key: string | undefined;
}

/**
 * Puts the files of a volume back to an earlier state in their place: they are unpacked beside the present ones while those are in use, then all services
 * that have the volume are stopped, and the two change places.
 */
export async function restoreVolumeLive(asked: VolumeLive, copy: OpenedCopy, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, volume, agent, key } = asked;
  if (agent === '') throw new BerthError('usage', 'an agent cannot stop its site', 'run this in the folder of the site');
  const { plan } = loadSite(site, context);
  const concerned = concernedByVolume(plan, volume);
  if (!json) say(asked, copy.planned, concerned.clients, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify({ ...copy.planned, into: 'live' }, null, 2)}\n`) : undefined;
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      `what was written to ${volume} since then would be put aside; nothing was changed`,
      'run the same command with --yes, or look at it first with --into DIR',
    );
  using _lock = lockSite(site);
  refuseUnended(site);
  using progress = progressOn(context, json);
  const compose = composeIn(site, context);
  const files = new VolumeFiles(concerned.volume, agent, compose);
  const stamp = fileStamp(context.now());
  const kept = `.berth-before-${stamp}`;
  const begun = performance.now();
  let stopped = begun;
  let filled: RestoredVolume;
  try {
    progress.say(`${volume}: unpacking beside what is there`);
    const given = key === undefined ? undefined : openedKey(key, context);
    const unfinished = `.berth-before-${stamp}-unfinished`;
    filled = await files.unpack({ volume, madeAt: copy.planned.madeAt, unfinished, key: given }, signal);
    stopped = performance.now();
    // Told to stop nothing by name, Compose stops everything.
    if (concerned.clients.length > 0) {
      progress.say(`stopping ${concerned.clients.join(', ')}`);
      await compose(['stop', ...concerned.clients], never);
      signal.throwIfAborted();
    }
  } catch (error) {
    progress.say('nothing was exchanged; starting everything as it was');
    await files.clean().catch(() => undefined);
    return await startAsBefore(error, compose);
  }
  progress.say('exchanging old and new files');
  try {
    await files.exchange(kept);
  } catch (error) {
    throw new BerthError(
      'unfinished',
      `the exchange broke off, and nothing was started: ${error instanceof Error ? error.message : String(error)}`,
      'run the same command again: it ends what was begun, and nothing is lost',
      { cause: error },
    );
  }
  progress.say('starting everything');
  await startAll(`${volume} has its files of then, those of before are in ${kept}`, compose);
  progress[Symbol.dispose]();
  const done = { ...filled, into: 'live', kept, seconds: secondsSince(begun), downSeconds: secondsSince(stopped) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  context.out(
    `${volume} is back: ${done.restored.files} files in ${done.seconds} s, of which ${done.downSeconds} s without the application.\n\n→ what was there before is in ${kept} of the volume; take from it what you miss, and once you are sure:\n    ${files.removing(kept)}\n`,
  );
}

function say({ volume }: VolumeLive, planned: PlannedCopy, clients: readonly string[], context: RuntimeContext): void {
  context.out(
    [
      `${describeVolume(planned, context)}\n`,
      `  holds      ${volume} as it was at ${planned.madeAt}; what was written after it is put aside\n`,
      ...(clients.length === 0 ? [] : [`  stops      ${clients.join(', ')}; the edge shows its maintenance page\n`]),
      '  keeps      the present files beside the new ones, in the same volume\n\n',
    ].join(''),
  );
}
