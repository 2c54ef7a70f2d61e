import type { Manifest, StoredStream } from '../../model/backup/manifest.ts';
import { damaged } from '../format/damage.ts';
import { checkedParts } from '../format/parts.ts';
import type { Store } from '../ports/store.ts';
import { letGo } from '../streams/given-away.ts';
import { checkKeys } from './key-files.ts';

/**
 * Every part of a stream as it lies in the store now, held against its manifest. Needs no key.
 *
 * @param heard - Told of each object that is as it was written.
 */
export async function checkStream(
  store: Store,
  stream: StoredStream,
  signal: AbortSignal,
  heard: (key: string, bytes: number) => void = () => undefined,
): Promise<void> {
  for (const object of stream.objects) {
    let bytes = 0;
    for await (const chunk of checkedParts(object, stream, store.read(object.key, signal))) {
      bytes += chunk.length;
      letGo(chunk);
    }
    if (bytes !== object.bytes) throw damaged(object.key, `it has ${bytes} bytes of ${object.bytes}`);
    heard(object.key, bytes);
  }
}

/** The same for all of its streams. */
export async function checkStreams(
  store: Store,
  { streams }: Manifest,
  signal: AbortSignal,
  heard?: (key: string, bytes: number) => void,
): Promise<void> {
  for (const stream of streams) await checkStream(store, stream, signal, heard);
}

/** All that a backup needs to be of use: every byte of it, and its key. */
export async function checkStored(
  store: Store,
  manifest: Manifest,
  signal: AbortSignal,
  heard?: (key: string, bytes: number) => void,
): Promise<void> {
  await checkKeys(store, manifest, signal);
  await checkStreams(store, manifest, signal, heard);
}
