import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { chmodSync, closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { makePath } from '../../generator/io/make-path.ts';
import { recipientEndings } from '../../model/backup/site-files.ts';
import type { SuiteName } from '../../model/backup/suites.ts';
import { BerthError } from '../../model/errors.ts';
import { systemErrors } from '../../model/system-errors.ts';
import { formatIdentity, lockedIdentity } from '../../runtime/format/age/identity-file.ts';
import { keyBytes, privateKeyFrom, recipientText } from '../../runtime/format/age/key-text.ts';
import { isOfAge, type Recipient } from '../../runtime/format/keys.ts';

interface DrawnPair {
  readonly key: KeyObject;
  /** As text, for the site. */
  readonly publicKey: string;
  /** Encrypted where there is a passphrase. */
  readonly privateKey: string;
}

export const passphraseVariable = 'BERTH_KEY_PASSPHRASE';

/**
 * A pair for one who opens backups of a suite, with its tools. The private half is never written into a site.
 *
 * @throws BerthError `usage` for a passphrase that is empty: the key would look encrypted, and open for everybody.
 */
export async function drawRecipient(
  suite: SuiteName,
  passphrase: string | undefined,
  random: (bytes: number) => Uint8Array,
): Promise<DrawnPair> {
  if (passphrase === '')
    throw new BerthError(
      'usage',
      `${passphraseVariable} is empty, and a key that is encrypted with nothing opens for everybody`,
      `put a passphrase into it, or \`unset ${passphraseVariable}\` for a key that is not encrypted`,
    );
  return suite === 'age' ? drawForAge(passphrase, random) : drawForOpenssl(passphrase);
}

async function drawForOpenssl(passphrase: string | undefined): Promise<DrawnPair> {
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: 4096,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }) },
  });
  return { ...pair, key: createPublicKey(pair.publicKey) };
}

function drawForAge(passphrase: string | undefined, random: (bytes: number) => Uint8Array): DrawnPair {
  const identity = privateKeyFrom(random(keyBytes));
  const key = createPublicKey(identity);
  return {
    key,
    publicKey: publicKeyText(key),
    privateKey: passphrase === undefined ? formatIdentity(identity) : lockedIdentity(identity, passphrase, random),
  };
}

const publicKeyText = (key: KeyObject): string =>
  isOfAge(key) ? `${recipientText(key)}\n` : key.export({ type: 'spki', format: 'pem' }).toString();

/** The file of a recipient, as it is in a site: its name, and what is in it. */
export const recipientFile = ({ name, key }: Recipient): readonly [name: string, content: string] => [
  recipientFileName(name, isOfAge(key) ? 'age' : 'aes256'),
  publicKeyText(key),
];

export const recipientFileName = (name: string, suite: SuiteName): string => `${name}${recipientEndings[suite]}`;

/** @throws BerthError `usage` for a folder of the site itself: what lies there is lost with it, and is copied. */
export function refuseInside(site: string, folder: string): void {
  if (`${folder}${sep}`.startsWith(`${site}${sep}`))
    throw new BerthError(
      'usage',
      `${folder} lies in the site: a private key there is lost with it, and found by whoever finds the site`,
      'name a folder elsewhere, such as that of a USB stick which you then put into a safe',
    );
}

/** The public half of a recipient. Agents run as other users than the operator, so everybody may read it, whatever the umask. */
export function writePublicKey(path: string, pem: string, whenThere: string): void {
  writeNewFile(path, pem, 0o644, whenThere);
  chmodSync(path, 0o644);
  chmodSync(dirname(path), 0o755);
}

/** A file that was not there, on the disk when this returns. */
export function writeNewFile(path: string, content: string | Uint8Array, mode: number, whenThere: string): void {
  try {
    makePath(dirname(path), 0o700);
    const handle = openSync(path, 'wx', mode);
    try {
      writeFileSync(handle, content);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'EEXIST') throw new BerthError('conflict', `${path} is already there`, whenThere, { cause: error });
    const [meaning, cure] = systemErrors[code] ?? [];
    if (meaning === undefined || cure === undefined) throw error;
    throw new BerthError('io', `cannot write ${path}: ${meaning}`, cure, { cause: error });
  }
}
