import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { BerthError } from '../../model/errors.ts';
import { recipientText } from './age/key-text.ts';

/** Whole-site strength: 128 bits against the best known attack on RSA. */
const leastModulus = 3072;

/** Worked out once for each: a catalogue asks for every manifest. */
const ids = new WeakMap<KeyObject, string>();

/**
 * Short name of a public key: the first 16 hexadecimal digits of `openssl pkey -pubin -outform DER | sha256sum`, and of one of age of
 * `age-keygen -y | tr -d '\n' | sha256sum`, as each has tools for its own form alone.
 */
export function keyIdOf(key: KeyObject): string {
  const known = ids.get(key);
  if (known !== undefined) return known;
  const id = createHash('sha256')
    .update(isOfAge(key) ? recipientText(key) : key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
  ids.set(key, id);
  return id;
}

/** Of X25519: what stands behind `age1…` and `AGE-SECRET-KEY-1…`. */
export const isOfAge = (key: KeyObject): boolean => key.asymmetricKeyType === 'x25519';

/** Somebody who can open backups: the holder of the private half of a key of RSA or of age. Whoever has one of each is there twice, by one name. */
export interface Recipient {
  /** For people: `operator`, `escrow`. */
  readonly name: string;
  readonly key: KeyObject;
}

/** By which an agent has its own key beside those of people. */
export const agentName = 'agent';

/** @throws BerthError for a key that cannot be wrapped for: not RSA, or too short. */
export function checkRecipient({ name, key }: Recipient): void {
  if (key.type === 'public' && isOfAge(key)) return;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.type !== 'public' || key.asymmetricKeyType !== 'rsa' || bits < leastModulus)
    throw new BerthError(
      'usage',
      `the key of recipient ${name} is not a public RSA key of at least ${leastModulus} bits, nor one of age`,
      `make one with \`berth backup keys create --name ${name} --into FOLDER\``,
    );
}

/** The key of one backup, drawn for it alone: 256 bits, or with age the private half of a pair. Cannot print itself. */
export type DataKey = KeyObject;

export const dataKeyBytes = 32;

export const makeDataKey = (random: Uint8Array): DataKey => createSecretKey(random);

/**
 * Tells the right data key from a wrong one without giving it away. Signed with the manifest, so nobody can slip in a key of his own:
 * `printf 'berth data key' | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY`, its first 32 digits.
 */
export const checkOf = (key: DataKey): string => createHmac('sha256', key).update('berth data key').digest('hex').slice(0, 32);
