import { idInKey, manifestKey, manifestPrefix, type Place } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { openManifest } from '../format/manifest-file.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { ManifestMemory } from '../ports/manifest-memory.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { inOrder } from '../streams/in-order.ts';
import { sharedWith } from './shared-parts.ts';

/** All backups of a store, as the store itself tells it. */
export interface Catalogue {
  /** Oldest first. */
  readonly manifests: readonly Manifest[];
  /** Manifests that do not count: damaged, forged, of a newer Berth. */
  readonly refused: readonly { readonly key: string; readonly message: string }[];
}

/** A terabyte in parts of 16 MiB has 5 MB of hashes. */
export const largestManifest = 64 * 2 ** 20;
/** Of a log of weeks there are tens of thousands, and each is a question to a server that may be far away. */
const atOnce = 32;
const isManifest = /^v1\/[^/]+\/[^/]+\/manifests\/[^/]+\.json$/;

/**
 * @param prefix - `v1/` for everything, or that of one source.
 * @param wanted - By its key, where not all are to be read.
 * @param heard - Told how many were read so far.
 * @param memory - Of those that are listed as before the bytes are not read again. For who looks, and not for who proves or removes.
 */
export async function readCatalogue(
  store: Store,
  prefix: string,
  trusted: TrustedSigners,
  signal: AbortSignal,
  wanted: (key: string) => boolean = () => true,
  heard: (count: number) => void = () => undefined,
  memory?: ManifestMemory,
): Promise<Catalogue> {
  const infos = onlyManifests(store.list(prefix, signal), wanted);
  let before: Manifest | undefined;
  const { picked, refused } = await readEach(infos, store, trusted, signal, (each) => (before = sharedWith(before, each)), heard, memory);
  return { manifests: picked, refused };
}

/**
 * Of each manifest only what is asked for, so that the rest of it is held no longer than it is read: of the log of a month there are more than a hundred thousand.
 *
 * @param pick - Called in the order of the list.
 */
export async function readSome<T extends Pick<Manifest, 'id'>>(
  store: Store,
  prefix: string,
  trusted: TrustedSigners,
  signal: AbortSignal,
  pick: (manifest: Manifest) => T,
  wanted: (key: string) => boolean = () => true,
): Promise<readonly T[]> {
  return (await readEach(onlyManifests(store.list(prefix, signal), wanted), store, trusted, signal, pick)).picked;
}

/** By the name of its manifest. */
export const isLog = (key: string): boolean => key.endsWith('.log.json');

/**
 * All of a source but its logs, and the newest of those: what a new backup has to know of the ones before it. With a full backup a day that is a manifest a day,
 * where the log has thousands.
 */
export async function readWithoutLogs(
  place: Place,
  store: Store,
  trusted: TrustedSigners,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  const prefix = manifestPrefix(place);
  const infos: ObjectInfo[] = [];
  let newest: ObjectInfo | undefined;
  for await (const info of onlyManifests(store.list(prefix, signal), () => true))
    if (!isLog(info.key)) infos.push(info);
    else if (newest === undefined || info.key > newest.key) newest = info;
  if (newest !== undefined) infos.push(newest);
  const { picked, refused } = await readEach(infos, store, trusted, signal, (each) => each);
  // What nobody trusted wrote counts for nothing, and the newest is another.
  if (newest === undefined || refused.every(({ key }) => key !== newest.key)) return picked;
  return (await readCatalogue(store, prefix, trusted, signal)).manifests;
}

/** All that a restore of one backup or of what follows it can need: no log is older than what it follows. */
export async function readFrom(
  place: Place,
  id: string,
  store: Store,
  trusted: TrustedSigners,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  const prefix = manifestPrefix(place);
  const wanted = (key: string): boolean => !isLog(key) || (idInKey(key, prefix) ?? '') >= id;
  return (await readCatalogue(store, prefix, trusted, signal, wanted)).manifests;
}

/** One that was seen before, as it lies there now. Nothing when it was removed meanwhile, or is not what was signed. */
export async function readAgain(
  { id, kind, ...place }: Place & Pick<Manifest, 'id' | 'kind'>,
  store: Store,
  trusted: TrustedSigners,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const key = manifestKey(place, id, kind);
  try {
    return openManifest(await collect(store.read(key, signal), largestManifest), key, trusted);
  } catch (error) {
    if (countsForNothing(error)) return undefined;
    throw error;
  }
}

async function readEach<T extends Pick<Manifest, 'id'>>(
  infos: AsyncIterable<ObjectInfo> | Iterable<ObjectInfo>,
  store: Store,
  trusted: TrustedSigners,
  signal: AbortSignal,
  pick: (manifest: Manifest) => T,
  heard: (count: number) => void = () => undefined,
  memory?: ManifestMemory,
): Promise<{ readonly picked: readonly T[]; readonly refused: Catalogue['refused'] }> {
  const picked: T[] = [];
  const refused: { readonly key: string; readonly message: string }[] = [];
  const read = async (info: ObjectInfo): Promise<() => void> => {
    const { key } = info;
    try {
      const known = memory?.find(info);
      const signed = known ?? (await collect(store.read(key, signal), largestManifest));
      const manifest = openManifest(signed, key, trusted, known !== undefined);
      // Where nobody's signature counts none was looked at.
      if (known === undefined && trusted !== 'any') memory?.keep(info, signed);
      return () => picked.push(pick(manifest));
    } catch (error) {
      if (!countsForNothing(error)) throw error;
      return () => refused.push({ key, message: error.message });
    }
  };
  for await (const add of inOrder(infos, atOnce, read)) {
    add();
    heard(picked.length);
  }
  return { picked: picked.sort((a, b) => (a.id < b.id ? -1 : 1)), refused };
}

/** Damaged, forged, of a newer Berth, or gone: for all else the store is to blame. */
const countsForNothing = (error: unknown): error is BerthError =>
  error instanceof BerthError && (error.kind === 'damaged' || error.kind === 'unsupported');

async function* onlyManifests(objects: AsyncIterable<ObjectInfo>, wanted: (key: string) => boolean): AsyncGenerator<ObjectInfo> {
  for await (const info of objects) if (isManifest.test(info.key) && wanted(info.key)) yield info;
}

/**
 * What must be restored for a backup, in that order; itself is the last.
 *
 * @throws BerthError `damaged` when something of it is not there.
 */
export function chainOf(id: string, manifests: readonly Manifest[]): readonly Manifest[] {
  const byId = new Map(manifests.map((manifest) => [manifest.id, manifest]));
  const chain: Manifest[] = [];
  for (let next: string | null = id; next !== null; next = chain[0]?.parent ?? null) {
    const found = byId.get(next);
    if (found === undefined || chain.includes(found)) throw missing(id, next, manifests);
    chain.unshift(found);
  }
  return chain;
}

function missing(id: string, gap: string, manifests: readonly Manifest[]): BerthError {
  const others = manifests.filter((manifest) => manifest.parent === null && manifest.id < id).map((manifest) => manifest.id);
  const cure = others.length === 0 ? 'see `list` for what is there' : `an earlier one that stands alone: ${others.at(-1)}`;
  return new BerthError(
    'damaged',
    gap === id ? `there is no backup ${id}` : `${id} cannot be restored: ${gap}, which it rests on, is not there`,
    cure,
  );
}
