import { BerthError } from '../../model/errors.ts';
import { isVolume } from '../../runtime/volumes.ts';
import type { WantedCopy } from './choose-copies.ts';
import type { Filler } from './fill-site.ts';
import { secondsSince } from '../moment.ts';
import type { CopyOutcome } from './refill-cache.ts';
import { openedKey } from './keys.ts';
import { concernedByVolume, VolumeFiles } from './volume-files.ts';

/** Gives a volume the files that it held before any service that has it mounted is started. */
export async function refillVolume({ kind, name, copy }: WantedCopy, filler: Filler, signal: AbortSignal): Promise<CopyOutcome> {
  const { site, key, plan, config, compose, refilling, progress, context } = filler;
  const job = config.backups.jobs.filter(isVolume).find((each) => each.name === name);
  if (job?.agent === undefined) throw new Error(`nobody copies the volume ${name}`);
  const outcome = { kind, name, copy: copy.id, madeAt: copy.finishedAt, holds: Number(copy.facts['files'] ?? 0) };
  const files = new VolumeFiles(concernedByVolume(plan, name).volume, job.agent, compose);
  const held = await files.holds(signal);
  if (held !== 'nothing') {
    if (!refilling.isPlaced(name))
      throw new BerthError(
        'conflict',
        `${name} has files on this host already; nothing of them was changed`,
        `to put it back to an earlier state run \`berth restore --only volume --name ${name} --into live\` in ${site}, after \`docker compose up -d --wait\` there; if its files are of no use, remove the volumes with \`docker compose --profile '*' down --volumes\`, then run the same command again`,
      );
    // Some may be on their way still.
    if (held === 'exchanging') await files.begin();
    return { ...outcome, already: true, seconds: 0 };
  }
  const begun = performance.now();
  progress.say(`${name}: unpacking its files`);
  const target = { volume: name, madeAt: copy.finishedAt, unfinished: '.berth-before-unfinished', key: openedKey(key, context) };
  const { id, restored } = await files.unpack(target, signal);
  if (id !== copy.id)
    throw new BerthError(
      'conflict',
      `${job.agent} takes ${id} for the copy of ${copy.finishedAt}, which is ${copy.id}`,
      'see that the site and the kit read the same store, then run the same command again',
    );
  signal.throwIfAborted();
  refilling.place(name);
  await files.begin();
  return { ...outcome, holds: restored.files, already: false, seconds: secondsSince(begun) };
}
