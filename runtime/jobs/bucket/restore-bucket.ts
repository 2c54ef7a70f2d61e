import { createHash } from 'node:crypto';
import { manifestKey } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { ObjectRow } from '../../../model/backup/object-row.ts';
import { BerthError } from '../../../model/errors.ts';
import { inParts } from '../../format/parts.ts';
import type { Bucket, ListedObject } from '../../ports/bucket.ts';
import type { Bytes, HashedBlock } from '../../streams/blocks.ts';
import { inOrder } from '../../streams/in-order.ts';
import { compareKeys, matched } from './match.ts';
import { readObjects, restoreObjects, type RestoreObjectsTools } from './restore-objects.ts';

const partBytes = 16 * 2 ** 20;
const atOnce = 8;

export interface BucketRestore {
  readonly listing: Manifest;
  readonly bucket: Bucket;
  /** Only keys that begin so. */
  readonly prefix: string;
  /** What to do with objects that the point in time does not have: they came later. */
  readonly others: 'keep' | 'delete';
}

/** What a restore into a bucket does, or has done. */
export interface BucketDifferences {
  /** Not in the bucket. */
  readonly missing: number;
  /** In the bucket, and not as they were. */
  readonly different: number;
  readonly same: number;
  /** In the bucket, and not in the backup. */
  readonly others: number;
  /** Of what is put back. */
  readonly bytes: number;
}

type Difference =
  { readonly kind: 'missing' | 'different' | 'same'; readonly row: ObjectRow } | { readonly kind: 'others'; readonly listed: ListedObject };

/** What is to be done. Changes nothing. */
export async function planBucketRestore(
  restore: BucketRestore,
  tools: RestoreObjectsTools,
  signal: AbortSignal,
): Promise<BucketDifferences> {
  await refuseTheStore(restore, signal);
  const counts = { missing: 0, different: 0, same: 0, others: 0, bytes: 0 };
  for await (const each of differences(restore, tools, signal)) {
    counts[each.kind] += 1;
    if (each.kind === 'missing' || each.kind === 'different') counts.bytes += each.row.bytes;
  }
  return counts;
}

/**
 * Puts back what is missing or is another. What is as it was stays untouched; what came later stays unless it is to be deleted. Doing it again does what is
 * left.
 *
 * @param heard - Told of each object that was put back or deleted.
 */
export async function restoreIntoBucket(
  restore: BucketRestore,
  tools: RestoreObjectsTools,
  signal: AbortSignal,
  heard: (key: string, bytes: number) => void = () => undefined,
): Promise<void> {
  const { bucket, listing } = restore;
  await refuseTheStore(restore, signal);
  const wanted = async function* (): AsyncGenerator<ObjectRow> {
    for await (const each of differences(restore, tools, signal)) if (each.kind === 'missing' || each.kind === 'different') yield each.row;
  };
  const put = async (row: ObjectRow, bytes: Bytes): Promise<void> => {
    await bucket.write(row.key, partsOf(bytes), row, signal);
    heard(row.key, row.bytes);
  };
  await restoreObjects(listing, wanted(), put, tools, signal);
  if (restore.others === 'keep') return;
  const others = async function* (): AsyncGenerator<ListedObject> {
    for await (const each of differences(restore, tools, signal)) if (each.kind === 'others') yield each.listed;
  };
  const remove = async ({ key, bytes }: ListedObject): Promise<void> => {
    await bucket.delete(key, signal);
    heard(key, bytes);
  };
  for await (const _ of inOrder(others(), atOnce, remove));
}

async function* differences({ listing, bucket, prefix }: BucketRestore, tools: RestoreObjectsTools, signal: AbortSignal) {
  const wanted = inOrderOfKeys(withPrefix(readObjects(listing, tools, signal), prefix), `the list of ${listing.id}`);
  const live = inOrderOfKeys(bucket.list(prefix, signal), `the list of ${bucket.name}`);
  for await (const [row, listed] of matched(wanted, live)) yield differenceOf(row, listed);
}

function differenceOf(row: ObjectRow | undefined, listed: ListedObject | undefined): Difference {
  if (row === undefined) return { kind: 'others', listed: listed as ListedObject };
  if (listed === undefined) return { kind: 'missing', row };
  return { kind: listed.etag === row.etag && listed.bytes === row.bytes ? 'same' : 'different', row };
}

async function* withPrefix(rows: AsyncIterable<ObjectRow>, prefix: string): AsyncGenerator<ObjectRow> {
  for await (const row of rows) if (row.key.startsWith(prefix)) yield row;
}

/** Of lists in another order one would be told that an object is not there, and it might be deleted for that. */
async function* inOrderOfKeys<T extends { readonly key: string }>(source: AsyncIterable<T>, what: string): AsyncGenerator<T> {
  let last: string | undefined;
  for await (const each of source) {
    if (last !== undefined && compareKeys(last, each.key) >= 0)
      throw new BerthError(
        'unsupported',
        `${what} is not in the order of its keys: ${each.key} comes after ${last}`,
        'restore into a folder, and copy from there what you need',
      );
    last = each.key;
    yield each;
  }
}

/** Objects of users in the store of the backups would be taken for backups, or take their place. */
async function refuseTheStore({ listing, bucket }: BucketRestore, signal: AbortSignal): Promise<void> {
  const found = await bucket.open(manifestKey(listing, listing.id, 'bucket'), undefined, signal);
  if (typeof found === 'string') return;
  found.close();
  throw new BerthError('usage', `${bucket.name} is the store of the backups itself`, 'restore into another bucket, or into a folder');
}

/** Of no bytes at all one empty part. */
async function* partsOf(bytes: Bytes): AsyncGenerator<HashedBlock> {
  let parts = 0;
  for await (const part of inParts(bytes, partBytes)) {
    parts += 1;
    yield part;
  }
  if (parts === 0) yield { chunks: [], bytes: 0, sha256: createHash('sha256').digest('hex') };
}
