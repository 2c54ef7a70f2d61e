import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { openManifest } from '../format/manifest-file.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { ManifestMemory } from '../ports/manifest-memory.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { inOrder } from '../streams/in-order.ts';

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
  const manifests: Manifest[] = [];
  const refused: { readonly key: string; readonly message: string }[] = [];
  const read = async (info: ObjectInfo): Promise<() => void> => {
    const { key } = info;
    try {
      const known = memory?.find(info);
      const signed = known ?? (await collect(store.read(key, signal), largestManifest));
      const manifest = openManifest(signed, key, trusted, known !== undefined);
      // Where nobody's signature counts none was looked at.
      if (known === undefined && trusted !== 'any') memory?.keep(info, signed);
      return () => manifests.push(manifest);
    } catch (error) {
      if (!(error instanceof BerthError) || (error.kind !== 'damaged' && error.kind !== 'unsupported')) throw error;
      return () => refused.push({ key, message: error.message });
    }
  };
  for await (const add of inOrder(onlyManifests(store.list(prefix, signal), wanted), atOnce, read)) {
    add();
    heard(manifests.length);
  }
  return { manifests: manifests.sort((a, b) => (a.id < b.id ? -1 : 1)), refused };
}

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
