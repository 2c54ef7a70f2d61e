import type { KeyObject } from 'node:crypto';
import type { Manifest, StoredStream } from '../../model/backup/manifest.ts';
import { unwrapKey } from '../format/key-file.ts';
import type { DataKey } from '../format/keys.ts';
import { unseal } from '../format/seal.ts';
import { suiteOf } from '../format/suites.ts';
import type { Store } from '../ports/store.ts';
import type { Bytes } from '../streams/blocks.ts';
import { readKeyFiles } from './key-files.ts';

/**
 * Opens the streams of a backup: what it gives for one of them are the bytes that the engine once gave, each checked before it comes out.
 *
 * @param identity - The private key of one of its recipients.
 * @param width - Frames that are decompressed at the same time.
 */
export async function openBackup(
  store: Store,
  manifest: Manifest,
  identity: KeyObject,
  width: number,
  signal: AbortSignal,
): Promise<(stream: StoredStream) => Bytes> {
  const key: DataKey = unwrapKey(await readKeyFiles(store, manifest, signal), identity, manifest.cipher);
  const suite = suiteOf(manifest.cipher);
  return (stream) => unseal(stream, suite, key, (object) => store.read(object.key, signal), width);
}
