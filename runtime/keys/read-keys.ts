import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import type { Recipient } from '../format/keys.ts';
import type { Signer } from '../format/signature.ts';

/** @param passphrase - Of an encrypted PEM. */
export function readIdentity(file: string, passphrase: string | undefined): KeyObject {
  const pem = readText(file);
  try {
    return createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(pem);
    throw new BerthError(
      'usage',
      `${file} cannot be used as a private key: ${error instanceof Error ? error.message : String(error)}`,
      encrypted ? 'put its passphrase into the variable BERTH_KEY_PASSPHRASE' : 'name the private key of a recipient, in PEM',
      { cause: error },
    );
  }
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

const ending = '.pem';

/**
 * Whoever may open what is made from now on: the public keys of a folder, by their file names.
 *
 * @param names - Only these, all of which must be there.
 */
export function readRecipients(folder: string, names?: readonly string[]): readonly Recipient[] {
  const found = namesIn(folder)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => name.slice(0, -ending.length));
  const missing = names?.find((name) => !found.includes(name));
  if (missing !== undefined)
    throw new BerthError(
      'usage',
      `recipient ${missing} has no key in ${folder}`,
      `draw one with \`berth backup keys create --name ${missing} --into FOLDER\`; there are: ${found.join(', ') || 'none'}`,
    );
  return (names ?? found).map((name) => {
    const [key] = readPublicKeys(join(folder, `${name}${ending}`));
    if (key === undefined)
      throw new BerthError('usage', `${join(folder, name)}${ending} is empty`, 'put the public key back, or delete the file');
    return { name, key };
  });
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

const readText = (file: string): string => reading(file, 'correct the path', () => readFileSync(file, 'utf8'));

/** @throws BerthError `io` with this cure when the system refuses. */
function reading<T>(path: string, cure: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new BerthError('io', `cannot read ${path}: ${error instanceof Error ? error.message : ''}`, cure, { cause: error });
  }
}
