import type { KeyObject } from 'node:crypto';
import { keysPrefix } from '../../model/backup/layout.ts';
import type { Manifest, StoredStream } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { parseKeyFile, unwrapKey, type KeyFile } from '../format/key-file.ts';
import type { DataKey } from '../format/keys.ts';
import { unseal } from '../format/seal.ts';
import { suiteOf } from '../format/suites.ts';
import type { Store } from '../ports/store.ts';
import { collect, type Bytes } from '../streams/blocks.ts';

export const largestKeyFile = 2 ** 20;

/** The key files of a backup. After a rotation there may be more than one for a while. */
export async function readKeyFiles(store: Store, { site, source, id }: Manifest, signal: AbortSignal): Promise<readonly KeyFile[]> {
  const files: KeyFile[] = [];
  for await (const { key } of store.list(`${keysPrefix({ site, source })}${id}/`, signal))
    files.push(parseKeyFile(Buffer.from(await collect(store.read(key, signal), largestKeyFile)).toString('utf8'), key));
  if (files.length > 0) return files;
  throw new BerthError('damaged', `backup ${id} has no key in ${store.name}`, 'use the copy in the second store, or another backup');
}

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
