import { constants, privateDecrypt, publicEncrypt, type KeyObject, createPublicKey } from 'node:crypto';
import { BerthError } from '../../model/errors.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { fields, list, oneOf, ShapeError, text, type Shaped } from '../../model/backup/shape.ts';
import { ulidPattern } from '../../model/backup/ulid.ts';
import { unwrapFor, wrapFor } from './age/file.ts';
import { damaged } from './damage.ts';
import { isOfAge, keyIdOf, type DataKey, type Recipient } from './keys.ts';
import { checkRecipients } from './recipients.ts';
import { fits, suiteOf, type Suite } from './suites.ts';

const keyFileShape = fields({
  format: oneOf('berth-keys'),
  version: oneOf(1),
  /** Id of the backup that the key opens. */
  backup: text(ulidPattern, 'an id of 26 characters'),
  wraps: list(
    fields({
      recipient: text(/^[0-9a-f]{16}$/, '16 hexadecimal digits'),
      name: text(/^[^\p{Cc}]{1,100}$/u, 'a name'),
      /** By the key of the recipient, whatever the suite of the data: a file of age is in `wrapped` for one of age. */
      algorithm: oneOf('rsa-oaep-sha256', 'age'),
      wrapped: text(/^[A-Za-z0-9+/]+={0,2}$/, 'base64'),
    }),
    1,
  ),
});

/** The data key of one backup, wrapped for each who may open it. Lies beside the data, so that it can be replaced without touching them. */
export type KeyFile = Shaped<typeof keyFileShape>;

/** Plain OAEP, since `openssl pkeyutl` on any rescue system undoes it in one line. */
const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };

/**
 * @param suite - Of the data.
 * @param random - Random bytes, fit for keys.
 * @throws BerthError when there are fewer than two different recipients, or one whose key will not do.
 */
export function wrapKey(
  backup: string,
  { format }: Suite,
  key: DataKey,
  recipients: readonly Recipient[],
  random: (bytes: number) => Uint8Array,
): KeyFile {
  checkRecipients(recipients);
  const wraps = recipients.map((recipient) => ({
    recipient: keyIdOf(recipient.key),
    name: recipient.name,
    ...(isOfAge(recipient.key)
      ? { algorithm: 'age' as const, wrapped: wrapFor(recipient.key, format(key), random).toString('base64') }
      : {
          algorithm: 'rsa-oaep-sha256' as const,
          wrapped: publicEncrypt({ key: recipient.key, ...padding }, format(key)).toString('base64'),
        }),
  }));
  return { format: 'berth-keys', version: 1, backup, wraps };
}

/** One wrap to a line, so that `sed` finds its parts. */
export function formatKeyFile(file: KeyFile): string {
  return `${JSON.stringify(file, undefined, 1)}\n`;
}

/** @throws BerthError `damaged`. */
export function parseKeyFile(source: string, path: string): KeyFile {
  try {
    return keyFileShape(JSON.parse(source), '');
  } catch (error) {
    if (error instanceof ShapeError) throw damaged(path, error.message, { cause: error });
    if (error instanceof SyntaxError) throw damaged(path, 'it is not JSON', { cause: error });
    throw error;
  }
}

/**
 * The data key, from the first file that has it for this identity.
 *
 * @param files - All key files of the backup: after a rotation there may be an old and a new one.
 * @param identity - A private key of RSA or of age.
 * @param cipher - From the manifest: a wrapped key that does not fit it is somebody else's.
 * @throws BerthError `damaged` for a key that is not that of the manifest, `usage` where nothing is wrapped for this identity.
 */
export function unwrapKey(files: readonly KeyFile[], identity: KeyObject, cipher: Manifest['cipher']): DataKey {
  const recipient = keyIdOf(createPublicKey(identity));
  const wraps = files.flatMap((file) => file.wraps);
  const mine = wraps.filter((wrap) => wrap.recipient === recipient);
  if (mine.length === 0) throw notForUs(recipient, wraps);
  for (const { wrapped } of mine) {
    const key = tryUnwrap(Buffer.from(wrapped, 'base64'), identity, suiteOf(cipher));
    if (key !== undefined && fits(key, cipher)) return key;
  }
  throw damaged('the wrapped data key', 'it does not open, or is not the key that the manifest was signed with');
}

function tryUnwrap(wrapped: Buffer, identity: KeyObject, { parse }: Suite): DataKey | undefined {
  try {
    const bytes = isOfAge(identity) ? unwrapFor(identity, wrapped) : privateDecrypt({ key: identity, ...padding }, wrapped);
    return bytes && parse(bytes);
  } catch {
    return undefined;
  }
}

function notForUs(recipient: string, wraps: KeyFile['wraps']): BerthError {
  const others = [...new Set(wraps.map((wrap) => `${wrap.name} (${wrap.recipient})`))].join(', ');
  return new BerthError('usage', `this backup was not made for key ${recipient}`, `use the private key of one of: ${others}`);
}
