import type { KeyObject } from 'node:crypto';
import { idInKey, keyFileKey, keysPrefix } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { makeUlid } from '../../model/backup/ulid.ts';
import { formatKeyFile, unwrapKey, wrapKey, type KeyFile } from '../format/key-file.ts';
import { agentName, keyIdOf, type Recipient } from '../format/keys.ts';
import { suiteOf } from '../format/suites.ts';
import type { Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { largestKeyFile, readKeyFiles } from './key-files.ts';

export interface RotateTools {
  readonly store: Store;
  /** The private key of somebody who can open the backups now. */
  readonly identity: KeyObject;
  readonly recipients: readonly Recipient[];
  /** Random bytes, fit for keys. */
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * Lets these recipients, and no others but agents, open a backup. Only the small file with the wrapped key is replaced: neither the data nor the signed
 * manifest change. Doing it again changes nothing, so a rotation that broke off is finished by repeating it. For one at a time: two would remove the file of
 * the other.
 *
 * @param at - Names the new key file, behind all that are there: the newest one wins where it is copied, also after the clock was set back.
 * @returns Whether anything was to be done.
 */
export async function rotateKeys(
  manifest: Manifest,
  { store, identity, recipients, random }: RotateTools,
  at: Date,
  signal: AbortSignal,
): Promise<boolean> {
  const place = { site: manifest.site, source: manifest.source };
  const files = await readKeyFiles(store, manifest, signal);
  const ofAgents = agentsIn(files);
  const wanted = [...recipients.map(({ key }) => keyIdOf(key)), ...ofAgents.map(({ recipient }) => recipient)];
  if (files.every((file) => sameRecipients(file, wanted))) return false;
  const suite = suiteOf(manifest.cipher);
  const wrapped = wrapKey(manifest.id, suite, unwrapKey(files, identity, manifest.cipher), recipients, random);
  const file = { ...wrapped, wraps: [...wrapped.wraps, ...ofAgents] };
  const prefix = `${keysPrefix(place)}${manifest.id}/`;
  let newest = manifest.id;
  for await (const { key } of store.list(prefix, signal)) {
    const version = idInKey(key, prefix);
    if (version !== undefined && version > newest) newest = version;
  }
  const key = keyFileKey(place, manifest.id, makeUlid(at, random(10), newest));
  const body = Buffer.from(formatKeyFile(file));
  await store.put(key, body, signal);
  const readBack = await collect(store.read(key, signal), largestKeyFile);
  if (!body.equals(readBack)) throw new Error(`${key} does not read back as it was written; the old keys are untouched`);
  for await (const old of store.list(prefix, signal)) if (old.key !== key) await store.delete(old.key, signal);
  return true;
}

/** Without theirs, agents could not try what they have made, nor go on with it. What is wrapped for them is so still. */
const agentsIn = (files: readonly KeyFile[]): KeyFile['wraps'] => [
  ...new Map(files.flatMap(({ wraps }) => wraps.filter(({ name }) => name === agentName)).map((wrap) => [wrap.recipient, wrap])).values(),
];

const sameRecipients = (file: KeyFile, wanted: readonly string[]): boolean =>
  new Set([...wanted, ...file.wraps.map(({ recipient }) => recipient)]).size === new Set(wanted).size &&
  file.wraps.length === new Set(wanted).size;
