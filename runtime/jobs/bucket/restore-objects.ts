import { createHash } from 'node:crypto';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { ObjectRow } from '../../../model/backup/object-row.ts';
import type { KeyObject } from 'node:crypto';
import { damaged } from '../../format/damage.ts';
import type { TrustedSigners } from '../../format/signature.ts';
import { readTar } from '../../format/tar.ts';
import type { Store } from '../../ports/store.ts';
import { collect, once, type Bytes } from '../../streams/blocks.ts';
import { inOrder } from '../../streams/in-order.ts';
import { openBackup } from '../open-backup.ts';
import { contentsFile, contentsOf, listingFile, readBatch, rowsOf, streamOf } from './listing.ts';

export interface RestoreObjectsTools {
  readonly store: Store;
  readonly trusted: TrustedSigners;
  /** The private key of a recipient. */
  readonly identity: KeyObject;
  /** Frames that are decompressed at the same time. */
  readonly width: number;
}

/** Takes the bytes of an object, which fail at their end when they are not what was backed up. Several are taken at the same time. */
export type TakeObject = (row: ObjectRow, bytes: Bytes) => Promise<void>;

/** Objects up to this size are held in memory, and handed out next to each other. */
const smallBytes = 4 * 2 ** 20;
const atOnce = 8;
/** Rows that are held in memory, so that each batch is read once for many objects. */
const window = 100_000;

/** The objects of a point in time, in the order of their keys. */
export async function* readObjects(
  listing: Manifest,
  { store, identity, width }: RestoreObjectsTools,
  signal: AbortSignal,
): AsyncGenerator<ObjectRow> {
  yield* rowsOf(listing, listingFile, await openBackup(store, listing, identity, width, signal));
}

/**
 * Hands out objects of a point in time, each once, in an order that reads the store as few times as possible.
 *
 * @param wanted - Rows of that listing.
 * @throws BerthError `damaged` for an object that is not what was backed up.
 */
export async function restoreObjects(
  listing: Manifest,
  wanted: AsyncIterable<ObjectRow>,
  take: TakeObject,
  tools: RestoreObjectsTools,
  signal: AbortSignal,
): Promise<void> {
  const ids = contentsOf(listing).map(({ id }) => id);
  for await (const rows of inWindows(wanted))
    for (const [number, ofBatch] of [...Map.groupBy(rows, ({ batch }) => batch)].sort(([a], [b]) => a - b)) {
      const id = ids[number - 1];
      if (id === undefined) throw damaged(`backup ${listing.id}`, `it names no contents ${number}`);
      await restoreBatch(listing, id, ofBatch, take, tools, signal);
    }
}

async function* inWindows(rows: AsyncIterable<ObjectRow>): AsyncGenerator<readonly ObjectRow[]> {
  let held: ObjectRow[] = [];
  for await (const row of rows) {
    held.push(row);
    if (held.length < window) continue;
    yield held;
    held = [];
  }
  if (held.length > 0) yield held;
}

/** A large object that several have is read once for each, as it is not held. */
async function restoreBatch(
  { site, source }: Manifest,
  id: string,
  rows: readonly ObjectRow[],
  take: TakeObject,
  tools: RestoreObjectsTools,
  signal: AbortSignal,
): Promise<void> {
  const { store, trusted, identity, width } = tools;
  const batch = await readBatch({ site, source }, id, store, trusted, signal);
  const open = await openBackup(store, batch, identity, width, signal);
  const left = Map.groupBy(rows, ({ entry }) => String(entry));
  while (left.size > 0) {
    const before = rowsIn(left);
    const small = smallOf(streamOf(batch, contentsFile, open), left, take);
    const hand = async ({ rows: all, content }: SmallObject): Promise<void> => {
      for (const row of all) await take(row, checked(row, once(content)));
    };
    for await (const _ of inOrder(small, atOnce, hand)) signal.throwIfAborted();
    if (rowsIn(left) === before) throw damaged(`contents ${id}`, `they have no file ${[...left.keys()][0] ?? ''}`);
  }
}

const rowsIn = (left: ReadonlyMap<string, readonly ObjectRow[]>): number => [...left.values()].reduce((sum, { length }) => sum + length, 0);

interface SmallObject {
  readonly rows: readonly ObjectRow[];
  readonly content: Uint8Array;
}

/** Gives out what is small, hands on what is large itself, and takes off the list what was handed out. */
async function* smallOf(archive: Bytes, left: Map<string, ObjectRow[]>, take: TakeObject): AsyncGenerator<SmallObject> {
  for await (const { entry, bytes } of readTar(archive)) {
    const rows = left.get(entry.path);
    const [first, ...others] = rows ?? [];
    if (rows === undefined || first === undefined) for await (const _ of bytes);
    else if (entry.bytes <= smallBytes) {
      left.delete(entry.path);
      yield { rows, content: await collect(bytes, smallBytes) };
    } else {
      if (others.length === 0) left.delete(entry.path);
      else left.set(entry.path, others);
      await take(first, checked(first, bytes));
    }
    if (left.size === 0) return;
  }
}

async function* checked(row: ObjectRow, source: Bytes): Bytes {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  if (bytes !== row.bytes || hash.digest('hex') !== row.sha256)
    throw damaged(`object ${row.key}`, 'its content is not what was in the bucket');
}
