import { idInKey, keysPrefix, manifestKey, manifestPrefix, removedKey, sweptPrefix, type Place } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { openManifest } from '../format/manifest-file.ts';
import { checkedParts, inParts } from '../format/parts.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { Lease } from '../ports/lease.ts';
import type { Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { contentsOf } from './bucket/listing.ts';
import { largestManifest, readCatalogue } from './catalogue.ts';
import { checkStored, checkStreams } from './check-stored.ts';
import { Failures, withEach } from './failures.ts';
import { checkKeys, largestKeyFile } from './key-files.ts';
import { idsIn } from './prune.ts';
import { readVerifications, recordFinding, type Finding, type RecordTools, type Verifications } from './verifications.ts';

export interface CopyTools {
  readonly from: Store;
  readonly to: Store;
  /** For the source, in the store that is copied to. */
  readonly lease: Lease;
  readonly trusted: TrustedSigners;
  /** Writes down in the store that is copied to what is sound there again. */
  readonly recorder: Omit<RecordTools, 'store'>;
  /**
   * What is sent anew of what was found broken in the store that is copied to: what was so when its bytes were compared, or whatever was. The latter may be
   * read to its end each time for nothing, as it may have been broken before it was copied.
   */
  readonly mends: 'bytes' | 'any';
  /** Told of how much was sent so far. */
  readonly heard: (bytes: number) => void;
}

/** What a pass has done. */
export interface Copied {
  readonly copied: readonly Manifest[];
  /** Those that lie damaged where they are copied from. What rests on them is no use without them, and is left out as well. */
  readonly broken: readonly { readonly id: string; readonly message: string }[];
  /** Of what could not be read or written, or asked for: the next pass tries it again. */
  readonly failures: readonly unknown[];
}

/**
 * Brings every backup of a source to another store, as it is: nothing is opened, so no key is needed. The oldest first and the manifest of each last, after all of
 * it was read back there; so the other store is a whole one at any moment, and a pass that broke off is gone on with. What was removed there stays removed,
 * and what was found broken there is sent anew. One that fails keeps only what rests on it from being sent.
 */
export async function copyBackups(place: Place, tools: CopyTools, signal: AbortSignal): Promise<Copied> {
  const { from, to, lease, trusted, mends } = tools;
  const prefix = manifestPrefix(place);
  const there = await idsIn(to, prefix, signal);
  const found = brokenOf(await readVerifications(place, to, trusted, signal));
  const swept = await idsIn(to, sweptPrefix(place), signal);
  const isNew = (id: string): boolean => !there.has(id) && !swept.has(id);
  const isWanted = (id: string): boolean => isNew(id) || found.get(id) === 1 || (found.has(id) && mends === 'any');
  // Of a log there are thousands, nearly all of them long copied: their manifests are not even read.
  const { manifests } = await readCatalogue(from, prefix, trusted, signal, (key) => isWanted(idInKey(key, prefix) ?? key));
  const copied: Manifest[] = [];
  const broken: { readonly id: string; readonly message: string }[] = [];
  const failures = new Failures();
  const failed = new Set<string>();
  for (const manifest of contentsFirst(manifests)) {
    if (failures.tooMany) break;
    const { id, kind, parent } = manifest;
    const needs = [...(parent === null ? [] : [parent]), ...neededBy(manifest)];
    if (needs.some((needed) => failed.has(needed))) {
      failed.add(id);
      continue;
    }
    if ((await to.size(removedKey(place, id, kind), signal)) !== undefined) continue;
    const lost = needs.find((needed) => broken.some((each) => each.id === needed));
    if (lost !== undefined) {
      broken.push({ id, message: `it rests on ${lost}, which cannot be copied` });
      continue;
    }
    await lease.confirm(signal);
    try {
      if (there.has(id)) {
        if (!(await mend(place, manifest, found.get(id) ?? 1, tools, signal))) continue;
      } else await copyOne(place, manifest, tools, signal, 'what is missing');
      copied.push(manifest);
      failures.wentWell();
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind !== 'damaged') {
        failures.add(error, signal);
        failed.add(id);
        continue;
      }
      failures.wentWell();
      // Pruned meanwhile: it is no backup any more.
      if ((await from.size(manifestKey(place, id, kind), signal)) === undefined) continue;
      broken.push({ id, message: error.message });
    }
  }
  // One that is away has no keys to be followed.
  const unfollowed = failures.tooMany ? [] : await followKeys(place, there, tools, signal);
  return { copied, broken, failures: [...failures.all, ...unfollowed] };
}

/** The listing of a bucket has an older id than the contents that were copied for it, and is no use without them. */
const contentsFirst = (manifests: readonly Manifest[]): readonly Manifest[] => [
  ...manifests.filter(({ kind }) => kind === 'contents'),
  ...manifests.filter(({ kind }) => kind !== 'contents'),
];

/** A point in time of a bucket is nothing without its contents. */
const neededBy = (manifest: Manifest): readonly string[] => (manifest.kind === 'bucket' ? contentsOf(manifest).map(({ id }) => id) : []);

/** At which level each was found broken that was not found sound since. */
const brokenOf = ({ proofs }: Verifications): ReadonlyMap<string, number> =>
  new Map([...proofs].flatMap(([id, { level }]) => (level < 0 ? [[id, -level]] : [])));

/**
 * Sends anew what was found broken there. One that is what was written is left alone; it counts again when no more than its bytes was looked at.
 *
 * @returns Whether it was sent.
 * @throws BerthError `damaged` when it lies damaged where it is copied from as well. Nothing is deleted then: what is left there may be all that there is.
 */
async function mend(place: Place, manifest: Manifest, found: number, tools: CopyTools, signal: AbortSignal): Promise<boolean> {
  const { from, to, lease, recorder } = tools;
  await checkStreams(from, manifest, signal);
  const whole = await isStored(to, manifest, signal);
  if (whole && found > 1) return false;
  await lease.confirm(signal);
  const record = (finding: Omit<Finding, 'backups'>) =>
    recordFinding(place, { backups: [manifest.id], ...finding }, { ...recorder, store: to }, signal);
  // Whatever was found of it was found of other bytes; what breaks off here is gone on with by the next pass.
  if (!whole && found > 1) await record({ level: 0, result: 'broken', detail: ['it is not what was written'] });
  if (!whole) await copyOne(place, manifest, tools, signal, 'all');
  await record({ level: 1, result: 'sound', detail: [whole ? 'it is what was written' : `sent anew from ${from.name}`] });
  return !whole;
}

async function isStored(store: Store, manifest: Manifest, signal: AbortSignal): Promise<boolean> {
  try {
    await checkStored(store, manifest, signal);
    return true;
  } catch (error) {
    if (error instanceof BerthError && error.kind === 'damaged') return false;
    throw error;
  }
}

async function copyOne(
  place: Place,
  manifest: Manifest,
  { from, to, lease, trusted, heard }: CopyTools,
  signal: AbortSignal,
  send: 'what is missing' | 'all',
): Promise<void> {
  const prefix = `${keysPrefix(place)}${manifest.id}/`;
  const [own, theirs] = [await listed(from, prefix, signal), await listed(to, prefix, signal)];
  const keepsTheirs = isOlder(own, theirs);
  // Nobody could ever read what has no key.
  if (!keepsTheirs) await checkKeys(from, manifest, signal);
  let sent = 0;
  for (const stream of manifest.streams)
    for (const object of stream.objects) {
      // It came whole in a pass that broke off later, or is another one, which is found below.
      if (send !== 'all' && (await to.size(object.key, signal)) === object.bytes) continue;
      await to.delete(object.key, signal);
      const counted = async function* () {
        for await (const chunk of checkedParts(object, stream, from.read(object.key, signal))) {
          heard((sent += chunk.length));
          yield chunk;
        }
      };
      await to.upload(object.key, inParts(counted(), stream.partBytes), signal);
    }
  if (!keepsTheirs) for (const key of own) await to.put(key, await collect(from.read(key, signal), largestKeyFile), signal);
  try {
    await checkStored(to, manifest, signal);
  } catch (error) {
    // The next pass sends it anew.
    for (const { objects } of manifest.streams) for (const { key } of objects) await to.delete(key, signal);
    throw error instanceof BerthError && error.kind === 'damaged' ? changedOnItsWay(manifest, to, error) : error;
  }
  const key = manifestKey(place, manifest.id, manifest.kind);
  const body = await collect(from.read(key, signal), largestManifest);
  openManifest(body, key, trusted);
  await lease.confirm(signal);
  await to.create(key, body, signal);
}

const changedOnItsWay = ({ id }: Manifest, to: Store, cause: BerthError): BerthError =>
  new BerthError(
    'io',
    `backup ${id} is not in ${to.name} what was sent there: ${cause.message}`,
    'it is sent anew; look at that store if this comes again',
    { cause },
  );

/** Key files are named by when they were written: what comes back from a copy that has not followed a rotation yet must not undo that. */
const isOlder = (own: readonly string[], theirs: readonly string[]): boolean =>
  (own.toSorted().at(-1) ?? '') < (theirs.toSorted().at(-1) ?? '');

/** After a rotation of keys the copies open for the same people as the originals, and for nobody else. */
async function followKeys(
  place: Place,
  ids: ReadonlySet<string>,
  { from, to, lease }: CopyTools,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const prefix = keysPrefix(place);
  const wanted = await keysIn(from, prefix, signal);
  const present = await keysIn(to, prefix, signal);
  const follow = async (id: string): Promise<void> => {
    const own = wanted.get(id);
    if (own === undefined) return;
    const theirs = present.get(id) ?? [];
    if (isOlder(own, theirs)) return;
    const missing = own.filter((key) => !theirs.includes(key));
    const tooMany = theirs.filter((key) => !own.includes(key));
    if (missing.length + tooMany.length > 0) await lease.confirm(signal);
    for (const key of missing) await to.put(key, await collect(from.read(key, signal), largestKeyFile), signal);
    for (const key of tooMany) await to.delete(key, signal);
  };
  return withEach(ids, follow, signal);
}

async function listed(store: Store, prefix: string, signal: AbortSignal): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, signal)) keys.push(key);
  return keys;
}

const keysIn = async (store: Store, prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> =>
  Map.groupBy(await listed(store, prefix, signal), (key) => idInKey(key, prefix) ?? key);
