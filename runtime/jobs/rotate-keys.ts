import type { KeyObject } from 'node:crypto';
import { keyFileKey, keysPrefix } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { formatKeyFile, unwrapKey, wrapKey, type KeyFile } from '../format/key-file.ts';
import { keyIdOf, type Recipient } from '../format/keys.ts';
import type { Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { largestKeyFile, readKeyFiles } from './open-backup.ts';

/**
 * Lets these recipients, and no others, open a backup. Only the small file with the wrapped key is replaced: neither the data nor the signed
 * manifest change. Doing it again changes nothing, so a rotation that broke off is finished by repeating it.
 *
 * @param identity - The private key of somebody who can open it now.
 * @param version - A new id: names the new key file.
 * @returns Whether anything was to be done.
 */
export async function rotateKeys(
  store: Store,
  manifest: Manifest,
  identity: KeyObject,
  recipients: readonly Recipient[],
  version: string,
  signal: AbortSignal,
): Promise<boolean> {
  const place = { site: manifest.site, source: manifest.source };
  const files = await readKeyFiles(store, manifest, signal);
  const wanted = recipients.map(({ key }) => keyIdOf(key));
  if (files.every((file) => sameRecipients(file, wanted))) return false;
  const file = wrapKey(manifest.id, unwrapKey(files, identity, manifest.cipher.keyCheck), recipients);
  const key = keyFileKey(place, manifest.id, version);
  const body = Buffer.from(formatKeyFile(file));
  await store.put(key, body, signal);
  const readBack = await collect(store.read(key, signal), largestKeyFile);
  if (!body.equals(readBack)) throw new Error(`${key} does not read back as it was written; the old keys are untouched`);
  for await (const old of store.list(`${keysPrefix(place)}${manifest.id}/`, signal))
    if (old.key !== key) await store.delete(old.key, signal);
  return true;
}

const sameRecipients = (file: KeyFile, wanted: readonly string[]): boolean =>
  new Set([...wanted, ...file.wraps.map(({ recipient }) => recipient)]).size === new Set(wanted).size &&
  file.wraps.length === new Set(wanted).size;
