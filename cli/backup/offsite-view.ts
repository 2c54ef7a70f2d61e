import { removedPrefix, sweptPrefix } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { idsIn } from '../../runtime/jobs/prune.ts';
import { beforeLast } from '../../runtime/schedule/before-last.ts';
import { ageOf } from './text.ts';
import { openCatalogue, runtimeOf } from '../open-catalogue.ts';
import { ownLevel, restorable, type Restorable } from './restorable.ts';
import { rememberedManifests } from './remembered-manifests.ts';
import type { RuntimeContext } from '../stoppable.ts';

/** What a second place holds of the backups of the first. */
export interface OffsiteView {
  readonly name: string;
  readonly tier: number;
  readonly found: readonly Restorable[];
  /** Made, and not there yet, or for good where they are broken. The oldest first. Of what left the spec nothing is copied any more. */
  readonly missing: readonly Manifest[];
  /** What was made before this is late: a copy has begun and ended since. */
  readonly dueBefore: Date;
  /** Why it could not be looked at. */
  readonly trouble?: string;
}

/** @param manifests - Of the first place: what should be there. */
export async function lookOffsite(
  site: string,
  manifests: readonly Manifest[],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<OffsiteView> {
  const { store: place, jobs } = runtimeOf(site, 'offsite').config.backups;
  const schedule = runtimeOf(site).config.backups.offsite;
  const name = place.folder ?? `${place.bucket?.name ?? ''} at ${place.bucket?.endpoint ?? ''}`;
  const copied = manifests.filter(({ source }) => jobs.some((job) => job.name === source));
  const dueBefore = schedule === undefined ? new Date(0) : beforeLast(schedule.schedule, schedule.timeZone, context.now());
  const view = { name, tier: place.tier, dueBefore };
  try {
    const { config, store, catalogue, levelOf: level } = await openCatalogue(site, context, signal, 'offsite', rememberedManifests);
    const there = new Set(catalogue.manifests.map(({ id }) => id));
    // What its own rules removed is not sent there again.
    for (const { name: source } of jobs)
      for (const prefix of [removedPrefix, sweptPrefix])
        for (const id of await idsIn(store, prefix({ site: config.site, source }), signal)) there.add(id);
    return {
      ...view,
      found: restorable(catalogue.manifests.filter((manifest) => ownLevel(manifest, level) >= 0)),
      missing: copied.filter(({ id }) => !there.has(id)),
    };
  } catch (error) {
    if (!(error instanceof BerthError) || signal.aborted) throw error;
    return { ...view, found: [], missing: copied, trouble: error.message };
  }
}

const isLate = ({ missing: [oldest], dueBefore }: OffsiteView): boolean => oldest !== undefined && new Date(oldest.finishedAt) < dueBefore;

export function describeLag(view: OffsiteView, now: Date): readonly string[] {
  const { name, missing, trouble } = view;
  if (trouble !== undefined) return [`the second place cannot be looked at: ${trouble}`];
  const [oldest] = missing;
  if (oldest === undefined) return [];
  const why = isLate(view) ? ', or says why it cannot: that copy is overdue' : '';
  const many = missing.length === 1 ? '1 backup is' : `${missing.length} backups are`;
  return [`${many} not in ${name} yet, the oldest made ${ageOf(oldest, now)} ago; \`berth backup copy\` brings them there now${why}`];
}

export const offsiteJson = (view: OffsiteView, now: Date): object => {
  const { name, tier, found, missing, trouble } = view;
  return {
    store: { name, tier },
    restorable: found.map(({ newest, spans }) => ({
      id: newest.id,
      source: newest.source,
      madeAt: newest.finishedAt,
      ...(spans === undefined ? {} : { spans }),
    })),
    missing: missing.length,
    lagSeconds: missing[0] === undefined ? 0 : Math.max(0, Math.round((now.getTime() - new Date(missing[0].finishedAt).getTime()) / 1000)),
    ...(isLate(view) ? { late: true } : {}),
    trouble: trouble ?? null,
  };
};
