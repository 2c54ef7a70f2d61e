import { join } from 'node:path';
import { drillsOf } from '../model/backup/layout.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import { proofsOf, type Verification } from '../model/backup/verification.ts';
import { BerthError } from '../model/errors.ts';
import { type Catalogue, readCatalogue } from '../runtime/jobs/catalogue.ts';
import { readVerifications } from '../runtime/jobs/verifications.ts';
import { levelOf } from '../runtime/look-again.ts';
import { type World, openStore, trustedSigners } from '../runtime/open-store.ts';
import type { ManifestMemory } from '../runtime/ports/manifest-memory.ts';
import type { Store } from '../runtime/ports/store.ts';
import { offsiteOf } from '../runtime/offsite.ts';
import type { ClusterChoice } from './agent-exec.ts';
import { progressOn } from './progress.ts';
import { type FoundRuntime, readRuntime, worldOf } from './runtime-config.ts';
import type { RuntimeContext } from './stoppable.ts';

/** The two places where backups may lie, as they are named in runtime.yaml. */
export type PlaceName = 'store' | 'offsite';

/** Where, and how it is to be told. */
export interface Asked {
  readonly site: string;
  readonly json: boolean;
  /** The first place, unless it is said otherwise. */
  readonly from?: PlaceName;
  /** Of a site in a cluster, where its agents are asked. */
  readonly cluster?: ClusterChoice;
}

/** What a verb reads of a site, as if that place were the only one. @throws BerthError `usage` for a second place where there is none. */
export function runtimeOf(site: string, from: PlaceName = 'store'): FoundRuntime {
  const found = readRuntime(join(site, 'runtime.yaml'));
  if (from === 'store') return found;
  const { backups } = found.config;
  if (backups.offsite === undefined) throw noSecondPlace(site);
  return { ...found, config: { ...found.config, backups: offsiteOf(backups, backups.offsite) } };
}

export const noSecondPlace = (site: string): BerthError =>
  new BerthError(
    'usage',
    `${site} has no second place for backups`,
    'name one under backups.offsite in berth.yaml, then run `berth generate`',
  );

/** What is restored by an agent, who knows nothing of the second place. */
export const firstPlaceAlone = (): BerthError =>
  new BerthError(
    'usage',
    'an agent restores from the first place alone',
    'bring what is missing there back with `berth backup copy --from offsite`, then run this without --from',
  );

/** A store to be read, and who may have signed what lies there. */
interface Opened extends FoundRuntime {
  readonly store: Store;
  readonly catalogue: Catalogue;
  readonly world: World;
  /** How far a backup was proven; below zero it was found to be broken. */
  readonly levelOf: (id: string) => number;
  /** All that was found of one source. */
  readonly recordsOf: (source: string) => readonly Verification[];
  /** The last one that served. */
  readonly drill: Verification | undefined;
}

/** @param recall - What remembers the manifests of a store, for who only looks at what there is. */
export async function openCatalogue(
  site: string,
  context: RuntimeContext,
  signal: AbortSignal,
  from?: PlaceName,
  recall?: (folder: string, store: string) => (ManifestMemory & Disposable) | undefined,
): Promise<Opened> {
  const found = runtimeOf(site, from);
  const { config, folder } = found;
  const world = worldOf(context);
  const store = await openStore(config.backups, folder, 'open', world);
  const trusted = trustedSigners(config.backups, folder);
  using progress = progressOn(context, false);
  const heard = (count: number): void => progress.say(`${count} backups found`);
  using memory = recall?.(folder, store.name);
  const catalogue = await readCatalogue(store, `v1/${config.site}/`, trusted, signal, () => true, heard, memory);
  const places = [...new Set(catalogue.manifests.map(({ source }) => source))].map((source) => ({ site: config.site, source }));
  const [drills, ...read] = await Promise.all(
    [drillsOf(config.site), ...places].map(async (place) => (await readVerifications(place, store, trusted, signal)).records),
  );
  const proofs = proofsOf([...(drills ?? []), ...read.flat()]);
  return {
    ...found,
    store,
    catalogue,
    world,
    drill: drills?.toSorted((a, b) => (a.id < b.id ? -1 : 1)).at(-1),
    levelOf: (id) => levelOf(proofs, id),
    recordsOf: (source) => read[places.findIndex((place) => place.source === source)] ?? [],
  };
}

/** @throws BerthError `usage` for an id that is not there. */
export function findBackup({ manifests }: Catalogue, id: string): Manifest {
  const found = manifests.filter((manifest) => manifest.id.startsWith(id.toUpperCase()));
  const [one] = found;
  if (one !== undefined && found.length === 1) return one;
  throw new BerthError(
    'usage',
    found.length === 0 ? `there is no backup ${id}` : `${found.length} backups begin with ${id}`,
    'see `berth backup list` for what there is; the beginning of an id will do where it names one',
  );
}
