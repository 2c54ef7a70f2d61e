import { describeBytes, plainBytesOf } from '../../model/backup/bytes.ts';
import { BerthError } from '../../model/errors.ts';
import { openOffsite } from '../../runtime/offsite.ts';
import { throwFirst } from '../../runtime/jobs/failures.ts';
import { chownFor } from '../../runtime/stores/folder-owner.ts';
import { shortName, tierOf } from './text.ts';
import { type Asked, noSecondPlace, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { worldOf } from '../runtime-config.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { paint, table } from '../text.ts';

/** Copies what is new to the second place, or back from there what the first one lacks. */
export const copyNow = ({ site, json, from }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const offsite = await openOffsite(config, folder, worldOf(context));
    if (offsite === undefined) throw noSecondPlace(site);
    using progress = progressOn(context, json);
    const { store: first } = config.backups;
    const { store, tier } = offsite.backups;
    const back = from === 'offsite';
    const heard = (source: string, bytes: number): void => progress.say(`${shortName(source)}: ${describeBytes(bytes)}`);
    const { copied, broken, failures } = await (back ? offsite.bringBack : offsite.copy)(signal, heard);
    if (back && first.folder !== undefined && first.owner !== undefined) chownFor(first.folder, config.site, first.owner);
    progress[Symbol.dispose]();
    const rows = [...Map.groupBy(copied, ({ source }) => source)].map(([source, all]) => ({
      source,
      backups: all.length,
      bytes: all.reduce((sum, manifest) => sum + plainBytesOf(manifest), 0),
    }));
    if (json) {
      throwFirst(failures);
      context.out(`${JSON.stringify({ site: config.site, from: from ?? 'store', copied: copied.map(({ id }) => id), broken }, null, 2)}\n`);
      if (broken.length > 0) context.exit(13);
      return;
    }
    for (const { id, message } of broken) context.err(`${paint(context.color)('red', 'not copied')}  ${id}\n            ${message}\n`);
    const where = back ? `the first place (${tierOf(first.tier)})` : `${store.name} (${tierOf(tier)})`;
    const cells = rows.map(({ source, backups, bytes }) => [
      shortName(source),
      `${backups} ${backups === 1 ? 'backup' : 'backups'}`,
      describeBytes(bytes),
    ]);
    if (rows.length > 0) context.out(`${table(cells, [1, 2])}\n\ncopied to ${where}, and read back there\n`);
    else if (failures.length === 0) context.out(`Nothing to copy: all of it lies in ${where} already.\n`);
    throwFirst(failures);
    if (broken.length > 0)
      throw new BerthError(
        'damaged',
        `${broken.length} of what lies there cannot be copied`,
        'look at it with `berth backup verify`, and make new ones with `berth backup now --label again`',
      );
  });
