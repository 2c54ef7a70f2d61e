import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { idInKey, manifestKey, manifestPrefix, type Place } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { ObjectRow } from '../../../model/backup/object-row.ts';
import { BerthError } from '../../../model/errors.ts';
import type { Recipient } from '../../format/keys.ts';
import type { Bucket } from '../../ports/bucket.ts';
import type { Lease } from '../../ports/lease.ts';
import { readCatalogue } from '../catalogue.ts';
import { openBackup } from '../open-backup.ts';
import type { TakeTools } from '../take-backup.ts';
import { usualLayout, type StreamLayout } from '../upload-stream.ts';
import { archived } from './batch-writer.ts';
import { ContentTable } from './content-table.ts';
import { contentsOf, indexFile, listingFile, rowsOf, type ContentBatch } from './listing.ts';
import { matched } from './match.ts';

/** Half of what others take at a time, as two streams are on their way at once: the list, and what is new. */
export const bucketStreams: StreamLayout = { ...usualLayout, partBytes: usualLayout.partBytes / 2 };

/** How contents are laid out; smaller in tests. */
export interface BucketLayout {
  /** Objects up to this size are read at the same time, and held in memory meanwhile. */
  readonly smallBytes: number;
  readonly readers: number;
  /** When a batch is closed. */
  readonly batchBytes: number;
  readonly batchEntries: number;
  /** From this size on an object has a batch of its own, so that it goes alone. */
  readonly aloneBytes: number;
  /** Rows of a run that broke off which are remembered, so that not even the bucket is read again. */
  readonly resumedRows: number;
}

export const usualBucketLayout: BucketLayout = {
  smallBytes: 4 * 2 ** 20,
  readers: 8,
  batchBytes: 256 * 2 ** 20,
  batchEntries: 20_000,
  aloneBytes: 64 * 2 ** 20,
  resumedRows: 200_000,
};

/** What happened to an object while the bucket was copied. */
type BucketEvent = 'changed' | 'gone';

export interface CopyTools extends TakeTools {
  readonly place: Place;
  readonly bucket: Bucket;
  readonly recipients: () => readonly Recipient[];
  /** Opens what was made here before: one of the recipients. */
  readonly identity: KeyObject;
  readonly bucketLayout: BucketLayout;
  /** Batches that were found to be broken: what lies there is copied anew. */
  readonly isBroken: (id: string) => boolean;
  readonly heard: (event: BucketEvent, key: string) => void;
}

/** A listing that a run builds on. */
export interface Opened {
  readonly manifest: Manifest;
  readonly open: Awaited<ReturnType<typeof openBackup>>;
}

/** All that is known before anything is copied. Batches go by numbers of this run, from 1. */
export interface Known {
  readonly previous: Opened | undefined;
  readonly batches: ContentBatch[];
  readonly numberOf: Map<string, number>;
  readonly table: ContentTable;
  /** Numbers of batches of which too little is still in use: that is copied once more, and they go when the listings do that need them. */
  readonly sparse: Set<number>;
  /** By key: what a run that broke off has brought. */
  readonly resumed: Map<string, ObjectRow>;
  /** The newest id there is. */
  readonly newestId: string;
}

/** Below this share of a batch that is still in use, the rest costs more than to copy it once more. */
const leastUse = 1 / 4;

export type ListingTools = CopyTools & { readonly lease: Lease };

export interface Present {
  /** Ids, the newest first. */
  readonly listings: readonly string[];
  readonly contents: ReadonlySet<string>;
  readonly newestId: string;
}

/** What lies there. */
export async function presentBackups({ place, store }: CopyTools, signal: AbortSignal): Promise<Present> {
  const listings: string[] = [];
  const contents = new Set<string>();
  let newestId = '';
  const prefix = manifestPrefix(place);
  for await (const { key } of store.list(prefix, signal)) {
    const id = idInKey(key, prefix);
    if (id === undefined) continue;
    if (id > newestId) newestId = id;
    if (key === manifestKey(place, id, 'bucket')) listings.push(id);
    if (key === manifestKey(place, id, 'contents')) contents.add(id);
  }
  return { listings: listings.sort().reverse(), contents, newestId };
}

/** The newest that can be opened here; of a key that was lost, all is copied once more. */
export async function newestListing({ listings }: Present, tools: CopyTools, signal: AbortSignal): Promise<Opened | undefined> {
  for (const id of listings) {
    const found = await tryOpen(id, 'bucket', tools, signal);
    if (found !== undefined && !tools.isBroken(id)) return found;
  }
  return undefined;
}

async function tryOpen(id: string, kind: 'bucket' | 'contents', tools: CopyTools, signal: AbortSignal): Promise<Opened | undefined> {
  const { place, store, trusted, identity, width } = tools;
  const key = manifestKey(place, id, kind);
  const [manifest] = (await readCatalogue(store, key, trusted, signal)).manifests;
  if (manifest === undefined) return undefined;
  try {
    return { manifest, open: await openBackup(store, manifest, identity, width, signal) };
  } catch (error) {
    if (!(error instanceof BerthError) || (error.kind !== 'damaged' && error.kind !== 'usage')) throw error;
    return undefined;
  }
}

/** Compares the bucket with the newest listing, and looks through what there is. Copies nothing. */
export async function survey(
  previous: Opened | undefined,
  present: Present,
  tools: CopyTools,
  signal: AbortSignal,
): Promise<{ readonly known: Known; readonly changed: boolean }> {
  const known: Known = {
    previous,
    batches: [],
    numberOf: new Map(),
    table: new ContentTable(),
    sparse: new Set(),
    resumed: new Map(),
    newestId: present.newestId,
  };
  const referred = previous === undefined ? [] : contentsOf(previous.manifest);
  for (const batch of referred) if (await isUsable(batch.id, present, tools, signal)) addBatch(batch, known);
  let changed = previous === undefined;
  const inUse = new Map<number, number>();
  for await (const [listed, row] of matched(tools.bucket.list('', signal), previousRows(known, signal))) {
    if (listed === undefined || row === undefined || !isSame(listed, row) || row.batch === 0) changed = true;
    if (row === undefined || row.batch === 0) continue;
    remember(row, known.table, tools.bucketLayout);
    // Whether or not it is still there: it may only have been moved, and then its bytes are in use.
    inUse.set(row.batch, (inUse.get(row.batch) ?? 0) + archived(row.bytes));
  }
  for (const [index, { bytes }] of known.batches.entries()) if ((inUse.get(index + 1) ?? 0) < bytes * leastUse) known.sparse.add(index + 1);
  for (const id of [...present.contents].sort())
    if (id > (previous?.manifest.id ?? '') && !known.numberOf.has(id) && !tools.isBroken(id)) await takeUp(id, known, tools, signal);
  return { known, changed };
}

function addBatch(batch: ContentBatch, { batches, numberOf }: Known): number {
  numberOf.set(batch.id, batches.push(batch));
  return batches.length;
}

/** A list may be old; a single object is not. */
async function isUsable(id: string, { contents }: Present, { place, store, isBroken }: CopyTools, signal: AbortSignal): Promise<boolean> {
  if (isBroken(id)) return false;
  return contents.has(id) || (await store.size(manifestKey(place, id, 'contents'), signal)) !== undefined;
}

/** Rows of the newest listing, with the numbers of this run; 0 for a batch that is not there any more, or broken. */
export async function* previousRows({ previous, numberOf }: Known, signal: AbortSignal): AsyncGenerator<ObjectRow> {
  if (previous === undefined) return;
  const ids = contentsOf(previous.manifest).map(({ id }) => id);
  for await (const row of rowsOf(previous.manifest, listingFile, previous.open)) {
    signal.throwIfAborted();
    yield { ...row, batch: numberOf.get(ids[row.batch - 1] ?? '') ?? 0 };
  }
}

/** What the list of a bucket says of an object is what a row was made from. */
export const isSame = (
  listed: { readonly etag: string; readonly bytes: number; readonly modified: Date },
  row: Pick<ObjectRow, 'etag' | 'bytes' | 'modified'>,
): boolean => listed.etag === row.etag && listed.bytes === row.bytes && listed.modified.toISOString() === row.modified;

/** Where a large object lies of which only the list is known: a guess, which its bytes then prove. */
export const guessOf = ({ etag, bytes }: { readonly etag: string; readonly bytes: number }): Buffer =>
  createHash('sha256').update(`${bytes} ${etag}`).digest();

export function remember(row: ObjectRow, table: ContentTable, { smallBytes }: BucketLayout): void {
  table.add(Buffer.from(row.sha256, 'hex'), row);
  if (row.bytes > smallBytes) table.add(guessOf(row), row);
}

/** What a run that broke off has brought. */
async function takeUp(id: string, known: Known, tools: CopyTools, signal: AbortSignal): Promise<void> {
  const found = await tryOpen(id, 'contents', tools, signal);
  const archive = found?.manifest.streams[0];
  if (found === undefined || archive === undefined) return;
  const batch = addBatch({ id, bytes: archive.plainBytes }, known);
  for await (const each of rowsOf(found.manifest, indexFile, found.open)) {
    signal.throwIfAborted();
    const row = { ...each, batch };
    remember(row, known.table, tools.bucketLayout);
    if (known.resumed.size < tools.bucketLayout.resumedRows) known.resumed.set(row.key, row);
  }
}
