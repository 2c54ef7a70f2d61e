import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { recipientEndings } from '../../model/backup/site-files.ts';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { systemErrors } from '../../model/system-errors.ts';
import { isLocked, looksLikeIdentity, parseIdentity, recipientLines, unlocked } from '../format/age/identity-file.ts';
import { recipientFrom } from '../format/age/key-text.ts';
import { agentName, type Recipient } from '../format/keys.ts';
import type { Signer } from '../format/signature.ts';

/** A private key in PEM, or as `age-keygen` writes it. @param passphrase - Of one that is encrypted. */
export function readIdentity(file: string, passphrase: string | undefined): KeyObject {
  const bytes = readBytes(file);
  const pem = bytes.toString('utf8');
  if (isLocked(bytes) || looksLikeIdentity(pem)) return readIdentityOfAge(file, bytes, passphrase);
  try {
    return createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(pem);
    throw new BerthError(
      'usage',
      `${file} cannot be used as a private key: ${error instanceof Error ? error.message : String(error)}`,
      encrypted ? withPassphrase : 'name the private key of a recipient, in PEM or as age-keygen writes it',
      { cause: error },
    );
  }
}

const withPassphrase = 'put its passphrase into the variable BERTH_KEY_PASSPHRASE';

function readIdentityOfAge(file: string, bytes: Buffer, passphrase: string | undefined): KeyObject {
  const refused = (why: string, cure: string): BerthError =>
    new BerthError('usage', `${file} cannot be used as a private key: ${why}`, cure);
  const plain = !isLocked(bytes) ? bytes : passphrase === undefined ? undefined : unlocked(bytes, passphrase);
  if (plain === undefined) throw refused(passphrase === undefined ? 'it is encrypted' : 'its passphrase is another one', withPassphrase);
  const identity = parseIdentity(plain.toString('utf8'));
  if (identity === undefined)
    throw refused(
      'it is not one key AGE-SECRET-KEY-1…',
      'name a file with that line alone; keys of plugins, of SSH and of the hybrid kind are for `age` itself, see RESTORE.md',
    );
  return identity;
}

/** All public keys of a file, one after the other. */
export function readPublicKeys(file: string): readonly KeyObject[] {
  const text = readText(file);
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? [text];
  return blocks.map((pem) => {
    try {
      return createPublicKey(pem);
    } catch (error) {
      throw new BerthError('usage', `${file} is not a public key`, 'name the public key of the signer, in PEM', { cause: error });
    }
  });
}

/** What signs the backups of a site. */
export function readSigner(file: string): Signer {
  if (readSecret(file) === undefined)
    throw new BerthError('io', `${file} is not there, and nothing else can sign`, 'run `berth generate`, which draws it');
  const privateKey = readIdentity(file, undefined);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/**
 * Whoever may open what is made from now on: the public keys of a folder, by their file names.
 *
 * @param names - Only these, all of which must be there.
 */
export function readRecipients(folder: string, names?: readonly string[]): readonly Recipient[] {
  const files = namesIn(folder);
  const endings = Object.values(recipientEndings);
  const found = [
    ...new Set(files.flatMap((file) => endings.filter((ending) => file.endsWith(ending)).map((ending) => file.slice(0, -ending.length)))),
  ].sort();
  // Its wraps are left alone by every rotation, so nobody could be kept from what he opens by that name.
  if (found.includes(agentName))
    throw new BerthError(
      'usage',
      `${folder} has a key by the name ${agentName}, which is that of the keys that agents draw for themselves`,
      'give its file another name, such as that of whoever has the private half',
    );
  const missing = names?.find((name) => !found.includes(name));
  if (missing !== undefined)
    throw new BerthError(
      'usage',
      `recipient ${missing} has no key in ${folder}`,
      `draw one with \`berth backup keys create --name ${missing} --into FOLDER\`; there are: ${found.join(', ') || 'none'}`,
    );
  return (names ?? found).flatMap((name) =>
    endings
      .filter((ending) => files.includes(`${name}${ending}`))
      .map((ending) => ({ name, key: readRecipient(join(folder, `${name}${ending}`), ending === recipientEndings.age) })),
  );
}

function readRecipient(file: string, isOfAge: boolean): KeyObject {
  const [key, another] = isOfAge ? recipientLines(readText(file)).map(recipientFrom) : readPublicKeys(file);
  if (another !== undefined && isOfAge)
    throw new BerthError('usage', `${file} holds several public keys, and a recipient has one`, 'put each into a file of its own name');
  if (key !== undefined) return key;
  throw isOfAge
    ? new BerthError(
        'usage',
        `${file} is not a public key of age`,
        'put the line age1… there that `age-keygen -y KEY` prints; those of plugins, of SSH and of the hybrid kind cannot be used here',
      )
    : new BerthError('usage', `${file} is empty`, 'put the public key back, or delete the file');
}

const namesIn = (folder: string): readonly string[] =>
  reading(folder, 'public keys are for everybody: `chmod 755 backup/recipients && chmod 644 backup/recipients/*` in the site', () =>
    existsSync(folder) ? readdirSync(folder) : [],
  );

/** A file that is for the owner of the site alone. @returns Nothing where there is none, which is another thing than one that may not be read. */
export const readSecret = (file: string): string | undefined =>
  reading(file, 'run this as the owner of the site', () =>
    statSync(file, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(file, 'utf8'),
  );

const inAgent = 'this is done in the container of an agent, which starts with the site';

/** Of the account that an agent has where it copies. */
export const readPassword = (file: string): Secret => reading(file, inAgent, () => new Secret(readFileSync(file, 'utf8').trim()));

/** Whom an agent trusts there. */
export const readAuthority = (file: string): string => reading(file, inAgent, () => readFileSync(file, 'utf8'));

const readBytes = (file: string): Buffer => reading(file, 'correct the path', () => readFileSync(file));
const readText = (file: string): string => readBytes(file).toString('utf8');

/** @throws BerthError `io` with this cure when the system refuses. */
function reading<T>(path: string, cure: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new BerthError('io', `cannot read ${path}: ${systemErrors[code]?.[0] ?? message}`, cure, { cause: error });
  }
}
