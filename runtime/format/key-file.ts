import { constants, privateDecrypt, publicEncrypt, type KeyObject, createPublicKey } from 'node:crypto';
import { BerthError } from '../../model/errors.ts';
import { fields, list, oneOf, ShapeError, text, type Shaped } from '../../model/backup/shape.ts';
import { ulidPattern } from '../../model/backup/ulid.ts';
import { damaged } from './damage.ts';
import { checkOf, checkRecipient, dataKeyBytes, keyIdOf, makeDataKey, type DataKey, type Recipient } from './keys.ts';

const keyFileShape = fields({
  format: oneOf('berth-keys'),
  version: oneOf(1),
  /** Id of the backup that the key opens. */
  backup: text(ulidPattern, 'an id of 26 characters'),
  wraps: list(
    fields({
      recipient: text(/^[0-9a-f]{16}$/, '16 hexadecimal digits'),
      name: text(/^[^\p{Cc}]{1,100}$/u, 'a name'),
      algorithm: oneOf('rsa-oaep-sha256'),
      wrapped: text(/^[A-Za-z0-9+/]+={0,2}$/, 'base64'),
    }),
    1,
  ),
});

/** The data key of one backup, wrapped for each who may open it. Lies beside the data, so that it can be replaced without touching them. */
export type KeyFile = Shaped<typeof keyFileShape>;

/** Plain OAEP, since `openssl pkeyutl` on any rescue system undoes it in one line. */
const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };

/** Of two recipients one may be lost; of one not. */
const fewestRecipients = 2;

/** @throws BerthError when there are fewer than two different recipients, or one whose key will not do. */
export function wrapKey(backup: string, key: DataKey, recipients: readonly Recipient[]): KeyFile {
  for (const recipient of recipients) checkRecipient(recipient);
  if (new Set(recipients.map((each) => keyIdOf(each.key))).size < fewestRecipients)
    throw new BerthError(
      'usage',
      'backups need at least two recipients with different keys: one key that is lost must not lose them all',
      'name a second public key, and keep its private half away from this site (`berth kit export`)',
    );
  const wraps = recipients.map((recipient) => ({
    recipient: keyIdOf(recipient.key),
    name: recipient.name,
    algorithm: 'rsa-oaep-sha256' as const,
    wrapped: publicEncrypt({ key: recipient.key, ...padding }, key.export()).toString('base64'),
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
 * @param identity - A private RSA key.
 * @param keyCheck - From the manifest: a wrapped key that does not fit it is somebody else's.
 * @throws BerthError `damaged` for a key that is not that of the manifest, `usage` where nothing is wrapped for this identity.
 */
export function unwrapKey(files: readonly KeyFile[], identity: KeyObject, keyCheck: string): DataKey {
  const recipient = keyIdOf(createPublicKey(identity));
  const wraps = files.flatMap((file) => file.wraps);
  const mine = wraps.filter((wrap) => wrap.recipient === recipient);
  if (mine.length === 0) throw notForUs(recipient, wraps);
  for (const { wrapped } of mine) {
    const key = tryUnwrap(wrapped, identity);
    if (key !== undefined && checkOf(key) === keyCheck) return key;
  }
  throw damaged('the wrapped data key', 'it does not open, or is not the key that the manifest was signed with');
}

function tryUnwrap(wrapped: string, identity: KeyObject): DataKey | undefined {
  try {
    const bytes = privateDecrypt({ key: identity, ...padding }, Buffer.from(wrapped, 'base64'));
    return bytes.length === dataKeyBytes ? makeDataKey(bytes) : undefined;
  } catch {
    return undefined;
  }
}

function notForUs(recipient: string, wraps: KeyFile['wraps']): BerthError {
  const others = [...new Set(wraps.map((wrap) => `${wrap.name} (${wrap.recipient})`))].join(', ');
  return new BerthError('usage', `this backup was not made for key ${recipient}`, `use the private key of one of: ${others}`);
}
