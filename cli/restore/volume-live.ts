import type { Compose } from '../compose.ts';
import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { type CopyLiveAsked, type CopyWork, type LiveCopy, restoreCopyLive } from './copy-live.ts';
import { openedKey } from './keys.ts';
import { describeVolume } from './volume.ts';
import { concernedByVolume, VolumeFiles } from './volume-files.ts';

const folders = { kept: '.berth-before-', aside: '.berth-undone-' };

interface VolumeLiveAsked extends CopyLiveAsked {
  /** The service that copies it. */
  readonly agent: string;
}

/**
 * Puts the files of a volume back to an earlier state in their place: they are unpacked beside the present ones while those are in use, then all services
 * that have the volume are stopped, and the two change places.
 */
export async function restoreVolumeLive(
  asked: VolumeLiveAsked,
  open: CopyWork['open'],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<void> {
  if (asked.agent === '') throw new BerthError('usage', 'an agent cannot stop its site', 'run this in the folder of the site');
  const { plan } = loadSite(asked.site, context);
  await restoreCopyLive(asked, volumeLive(plan, asked, context), open, context, signal);
}

/** The files of a volume, and what changes them. */
export function volumeLive(plan: Plan, { name, agent, keyFile }: VolumeLiveAsked, context: RuntimeContext): (compose: Compose) => LiveCopy {
  const { volume, clients } = concernedByVolume(plan, name);
  return (compose) => {
    const files = new VolumeFiles(volume, agent, compose);
    return {
      volumes: [volume],
      stops: [{ services: clients, options: [] }],
      folders,
      refusal: {
        state: `what was written to ${name} since then would be put aside`,
        cure: 'run the same command with --yes, or look at it first with --into DIR',
      },
      describe: (planned) =>
        [
          `${describeVolume(planned, context)}\n`,
          `  holds      ${name} as it was at ${planned.madeAt}; what was written after it is put aside\n`,
          ...(clients.length === 0 ? [] : [`  stops      ${clients.join(', ')}; the edge shows its maintenance page\n`]),
          '  keeps      the present files beside the new ones, in the same volume\n\n',
        ].join(''),
      fill: async ({ planned }, kept, heard, whileFilling) => {
        heard(`${name}: unpacking beside what is there`);
        const key = keyFile === undefined ? undefined : openedKey(keyFile, context);
        return files.unpack({ volume: name, madeAt: planned.madeAt, unfinished: `${kept}-unfinished`, key }, whileFilling);
      },
      exchange: files.exchange,
      endExchange: files.exchange,
      look: files.look,
      giveBack: files.giveBack,
      clean: files.clean,
      waysOn: (kept) =>
        `→ what was there before is in ${kept} of the volume; take from it what you miss, and once you are sure:\n    ${files.removing(kept)}\n`,
    };
  };
}
