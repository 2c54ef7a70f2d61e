import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
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
  /** Made, and not there yet, or for good where they are broken. The oldest first. */
  readonly missing: readonly Manifest[];
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
  const { store: place } = runtimeOf(site, 'offsite').config.backups;
  const name = place.folder ?? `${place.bucket?.name ?? ''} at ${place.bucket?.endpoint ?? ''}`;
  try {
    const { catalogue, levelOf: level } = await openCatalogue(site, context, signal, 'offsite', rememberedManifests);
    const there = new Set(catalogue.manifests.map(({ id }) => id));
    return {
      name,
      tier: place.tier,
      found: restorable(catalogue.manifests.filter((manifest) => ownLevel(manifest, level) >= 0)),
      missing: manifests.filter(({ id }) => !there.has(id)),
    };
  } catch (error) {
    if (!(error instanceof BerthError) || signal.aborted) throw error;
    return { name, tier: place.tier, found: [], missing: manifests, trouble: error.message };
  }
}

export function describeLag({ name, missing, trouble }: OffsiteView, now: Date): readonly string[] {
  if (trouble !== undefined) return [`the second place cannot be looked at: ${trouble}`];
  const [oldest] = missing;
  if (oldest === undefined) return [];
  const many = missing.length === 1 ? '1 backup is' : `${missing.length} backups are`;
  return [`${many} not in ${name} yet, the oldest made ${ageOf(oldest, now)} ago; \`berth backup copy\` brings them there now`];
}

export const offsiteJson = ({ name, tier, found, missing, trouble }: OffsiteView, now: Date): object => ({
  store: { name, tier },
  restorable: found.map(({ newest, spans }) => ({
    id: newest.id,
    source: newest.source,
    madeAt: newest.finishedAt,
    ...(spans === undefined ? {} : { spans }),
  })),
  missing: missing.length,
  lagSeconds: missing[0] === undefined ? 0 : Math.max(0, Math.round((now.getTime() - new Date(missing[0].finishedAt).getTime()) / 1000)),
  trouble: trouble ?? null,
});
