import { describeBytes } from '../../model/backup/bytes.ts';
import { unpackVolume, type Unpacked } from '../../runtime/volume/unpack-volume.ts';
import { volumeTar } from '../../runtime/volume/volume-producer.ts';
import { isVolume } from '../../runtime/volumes.ts';
import { openCopy, toOutput, type CopyAsked, type OpenedCopy, type PlannedCopy } from './open-copy.ts';
import { firstPlaceAlone, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { paint } from '../text.ts';
import { theOne } from './choose-named.ts';
import { asBegun, type LiveEnding, ofUnended, whenStopped } from './live-record.ts';
import { describeEstimate } from './estimate.ts';
import { makeFolder, refuseFull, refuseSmall } from './make-folder.ts';

export interface VolumeRestoreAsked extends CopyAsked {
  readonly json: boolean;
  /** Of the volume; none where there is but one. */
  readonly name: string | undefined;
  /** Its place in the site, a folder that is empty, or the standard output. */
  readonly into: 'live' | 'output' | { readonly folder: string };
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Of a restore into its place that was cut off. */
  readonly ending?: LiveEnding | undefined;
}

/** What came of it. */
export interface RestoredVolume extends PlannedCopy {
  readonly restored: Unpacked;
  /** Whether files have the owners that they had. */
  readonly owners: boolean;
}

/** Puts the files of a volume back, or gives them out. */
export const restoreVolume = (given: VolumeRestoreAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      const asked = given.ending === undefined ? given : asBegun(given, given.ending, 'volume');
      const { site, from, into, json, dryRun } = asked;
      if (from === 'offsite' && into === 'live') throw firstPlaceAlone();
      const { jobs } = runtimeOf(site, from).config.backups;
      const job = ofUnended(site, asked.ending, () => theOne(jobs.filter(isVolume), 'volume', asked.name));
      const open = (at: string | undefined): Promise<OpenedCopy> => openCopy(job, 'volume', { ...asked, at }, context, signal);
      if (into === 'live') {
        const { restoreVolumeLive } = await import('./volume-live.ts');
        const live = { ...asked, only: 'volume', name: job.name, keyFile: asked.key, ending: asked.ending } as const;
        return restoreVolumeLive({ ...live, agent: job.agent ?? '' }, open, context, signal);
      }
      const copy = await open(asked.at);
      if (dryRun) {
        if (json || into === 'output') return context.out(`${JSON.stringify(copy.planned, null, 2)}\n`);
        context.out(`${describeVolume(copy.planned, context)}\nNothing was restored.\n`);
        return;
      }
      if (into === 'output') return toOutput(copy.open(volumeTar));
      const done = await unpack(into.folder, copy, asked, context, signal);
      if (json) return context.out(`${JSON.stringify({ ...done, into: into.folder }, null, 2)}\n`);
      const owners = done.owners ? 'with their owners' : 'all of them yours: root restores owners as well';
      context.out(
        `${describeVolume(copy.planned, context)}\n${done.restored.files} files (${describeBytes(done.restored.bytes)}) are in ${into.folder}, ${owners}\n`,
      );
    },
    whenStopped(given),
  );

async function unpack(
  folder: string,
  copy: OpenedCopy,
  { json }: VolumeRestoreAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<RestoredVolume> {
  using progress = progressOn(context, json);
  progress.say(`${copy.planned.source}: unpacking`);
  makeFolder(folder);
  refuseFull(folder, 'name a new folder with --into, and take from there what you need');
  await refuseSmall(folder, copy.planned);
  const owners = process.getuid?.() === 0;
  return { ...copy.planned, restored: await unpackVolume(folder, copy.open(volumeTar), owners, signal), owners };
}

export function describeVolume({ source, id, madeAt, facts, expected }: PlannedCopy, context: RuntimeContext): string {
  const count = (name: string): number => (typeof facts[name] === 'number' ? facts[name] : 0);
  const told = [
    ...(count('changed') === 0 ? [] : [`${count('changed')} files were written while they were read`]),
    ...(count('leftOut') === 0 ? [] : [`${count('leftOut')} could not be copied`]),
  ];
  return [
    `${paint(context.color)('bold', source)} from ${id} of ${madeAt} (${count('files')} files, ${describeBytes(count('bytes'))})\n`,
    ...(told.length === 0 ? [] : [`  ${told.join('; ')}: \`berth backup show ${id}\` names them\n`]),
    ...(expected === undefined ? [] : [`  takes ${describeEstimate(expected)}\n`]),
  ].join('');
}
