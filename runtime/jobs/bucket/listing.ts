import { manifestKey, removedKey, type Place } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { parseRow, type ObjectRow } from '../../../model/backup/object-row.ts';
import { count, fields, list, ShapeError, text } from '../../../model/backup/shape.ts';
import { ulidPattern } from '../../../model/backup/ulid.ts';
import { BerthError } from '../../../model/errors.ts';
import { damaged } from '../../format/damage.ts';
import { openManifest } from '../../format/manifest-file.ts';
import type { TrustedSigners } from '../../format/signature.ts';
import type { Store } from '../../ports/store.ts';
import { collect, type Bytes } from '../../streams/blocks.ts';
import { linesOf } from '../../streams/lines.ts';
import { largestManifest } from '../catalogue.ts';
import type { openBackup } from '../open-backup.ts';

/** The engine that backups of buckets name in their manifests. */
export const bucketEngine = 's3';
/** The file of a backup of the kind `bucket`: a line for each object. */
export const listingFile = 'listing.jsonl';
/** The files of a backup of the kind `contents`: an archive, and a line for each of its files, for a run that takes up one that broke off. */
export const contentsFile = 'contents.tar';
export const indexFile = 'index.jsonl';

/** Some contents that were written together; they are kept and removed together. */
export interface ContentBatch {
  readonly id: string;
  /** Of its archive. */
  readonly bytes: number;
}

const contentsShape = list(fields({ id: text(ulidPattern, 'an id of 26 characters'), bytes: count() }));

/** What the rows of a listing refer to by number, from 1. In the manifest, so that nothing has to be opened to know what must be kept. */
export function contentsOf({ id, facts }: Pick<Manifest, 'id' | 'facts'>): readonly ContentBatch[] {
  try {
    return contentsShape(facts['contents'], 'facts.contents');
  } catch (error) {
    if (error instanceof ShapeError) throw damaged(`backup ${id}`, error.message, { cause: error });
    throw error;
  }
}

/** The rows of a listing, or of the index of a batch. @param open - Of `openBackup`. @throws BerthError `damaged`. */
export async function* rowsOf(
  manifest: Manifest,
  file: typeof listingFile | typeof indexFile,
  open: Awaited<ReturnType<typeof openBackup>>,
): AsyncGenerator<ObjectRow> {
  for await (const line of linesOf(streamOf(manifest, file, open))) {
    try {
      yield parseRow(line);
    } catch (error) {
      if (!(error instanceof ShapeError) && !(error instanceof SyntaxError)) throw error;
      throw damaged(`${file} of ${manifest.id}`, error.message, { cause: error });
    }
  }
}

export function streamOf(manifest: Manifest, file: string, open: Awaited<ReturnType<typeof openBackup>>): Bytes {
  const stream = manifest.streams.find(({ name }) => name === file);
  if (stream === undefined) throw damaged(`backup ${manifest.id}`, `it has no ${file}`);
  return open(stream);
}

/**
 * The manifest of a batch, also when it was removed and its time of grace is not over: a list may have been old when it was taken for one that nobody
 * needs.
 *
 * @throws BerthError `damaged` when it is nowhere.
 */
export async function readBatch(place: Place, id: string, store: Store, trusted: TrustedSigners, signal: AbortSignal): Promise<Manifest> {
  for (const key of [manifestKey(place, id, 'contents'), removedKey(place, id, 'contents')])
    if ((await store.size(key, signal)) !== undefined)
      return openManifest(await collect(store.read(key, signal), largestManifest), key, trusted);
  throw new BerthError(
    'damaged',
    `contents ${id} are not in ${store.name}`,
    'restore from the second store, or take an earlier point; the next backup copies anew what still lies in the bucket',
  );
}
