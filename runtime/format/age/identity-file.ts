import type { KeyObject } from 'node:crypto';
import { fromArmor, isArmored, toArmor } from './armor.ts';
import { lock, unlock } from './file.ts';
import { identityFrom, identityText, recipientText } from './key-text.ts';

/** The private key in the form in which `age-keygen` writes it, and `age -d -i` reads it. */
export const formatIdentity = (identity: KeyObject): string => `# public key: ${recipientText(identity)}\n${identityText(identity)}\n`;

/** The same, encrypted as `age -p -a` does it. */
export const lockedIdentity = (identity: KeyObject, passphrase: string, random: (bytes: number) => Uint8Array): string =>
  toArmor(lock(passphrase, Buffer.from(formatIdentity(identity)), random));

/** Whether it is one that needs a passphrase. */
export const isLocked = (file: Buffer): boolean =>
  isArmored(file.toString('latin1')) || file.toString('latin1').startsWith('age-encryption.org/');

/** Nothing for another passphrase. */
export const unlocked = (file: Buffer, passphrase: string): Buffer | undefined =>
  unlock(passphrase, isArmored(file.toString('latin1')) ? fromArmor(file.toString('latin1')) : file);

/** The lines that are no comment. */
const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

export const looksLikeIdentity = (text: string): boolean => /^AGE-/m.test(text);

/** The one key of such a file; nothing where there are others, or none, or one that is no key of X25519. */
export function parseIdentity(text: string): KeyObject | undefined {
  const [only, ...more] = linesOf(text);
  return only === undefined || more.length > 0 ? undefined : identityFrom(only);
}

/** The public keys of a file for `age -R`. */
export const recipientLines = linesOf;
