import type { Place } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Proof, Verification } from '../../../model/backup/verification.ts';
import { timeOfUlid } from '../../../model/backup/ulid.ts';
import { wholeOf } from '../rates.ts';
import type { RecordTools } from '../verifications.ts';
import { found } from '../verify.ts';
import { contentsOf, readBatch } from './listing.ts';
import { readObjects, restoreObjects, type RestoreObjectsTools } from './restore-objects.ts';

/** All that a point in time needs: its contents, and itself as the last. */
export async function withContents(
  listing: Manifest,
  { store, trusted }: Pick<RestoreObjectsTools, 'store' | 'trusted'>,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  const all: Manifest[] = [];
  for (const { id } of contentsOf(listing)) all.push(await readBatch(listing, id, store, trusted, signal));
  return [...all, listing];
}

/** Restores every object of a point in time, and compares it with what was read from the bucket. Keeps nothing. */
export async function proveBucket(
  place: Place,
  listing: Manifest,
  tools: RecordTools & RestoreObjectsTools,
  signal: AbortSignal,
): Promise<Verification> {
  const all = await withContents(listing, tools, signal);
  const counts = { objects: 0, bytes: 0 };
  const restored = async (): Promise<readonly string[]> => {
    const look = async (_row: unknown, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of bytes) counts.bytes += chunk.length;
      counts.objects += 1;
    };
    await restoreObjects(listing, readObjects(listing, tools, signal), look, tools, signal);
    return [`${counts.objects} objects with ${counts.bytes} bytes are what was in the bucket`];
  };
  return found(place, all, 3, tools, signal, restored, (milliseconds) => wholeOf(counts.bytes, milliseconds));
}

/**
 * What is to be compared with its signed hashes once more: listings every time, and of contents those that were not looked at for so long. They
 * are most of what there is, and were all read back when they were made.
 */
export const dueForRehash = (
  manifests: readonly Manifest[],
  proofs: ReadonlyMap<string, Proof>,
  now: Date,
  everyMs: number,
): readonly Manifest[] =>
  manifests.filter(({ id, kind }) => kind !== 'contents' || now.getTime() - (proofs.get(id)?.at ?? timeOfUlid(id)).getTime() >= everyMs);
