import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { BerthError } from '../../model/errors.ts';

/** Whole-site strength: 128 bits against the best known attack on RSA. */
const leastModulus = 3072;

/** Short name of a public key: the first 16 hexadecimal digits of `openssl pkey -pubin -outform DER | sha256sum`. */
export function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

/** Somebody who can open backups: the holder of the private half of an RSA key. */
export interface Recipient {
  /** For people: `operator`, `escrow`. */
  readonly name: string;
  readonly key: KeyObject;
}

/** @throws BerthError for a key that cannot be wrapped for: not RSA, or too short. */
export function checkRecipient({ name, key }: Recipient): void {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.type !== 'public' || key.asymmetricKeyType !== 'rsa' || bits < leastModulus)
    throw new BerthError(
      'usage',
      `the key of recipient ${name} is not a public RSA key of at least ${leastModulus} bits`,
      `make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -aes256 -out ${name}.key`,
    );
}

/** The key of one backup: 256 bits, drawn for it alone. Cannot print itself. */
export type DataKey = KeyObject;

export const dataKeyBytes = 32;

export const makeDataKey = (random: Uint8Array): DataKey => createSecretKey(random);

/**
 * Tells the right data key from a wrong one without giving it away. Signed with the manifest, so nobody can slip in a key of his own:
 * `printf 'berth data key' | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY`, its first 32 digits.
 */
export const checkOf = (key: DataKey): string => createHmac('sha256', key).update('berth data key').digest('hex').slice(0, 32);
