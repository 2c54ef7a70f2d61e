import type { Manifest } from '../../model/backup/manifest.ts';
import type { SuiteName } from '../../model/backup/suites.ts';
import type { Bytes } from '../streams/blocks.ts';
import * as aes256 from './aes256.ts';
import { decryptWith, encryptFor } from './age/file.ts';
import { parseIdentity } from './age/identity-file.ts';
import { identityText, keyBytes, privateKeyFrom, recipientText } from './age/key-text.ts';
import { damaged } from './damage.ts';
import { checkOf, dataKeyBytes, makeDataKey, type DataKey } from './keys.ts';

type Random = (bytes: number) => Uint8Array;

/** What tells one suite from another: the key of a backup, and what is done with it. */
export interface Suite {
  readonly name: SuiteName;
  /** The kind of keys that recipients have of whom the suite promises that its own tools are enough. */
  readonly recipients: 'rsa' | 'x25519';
  /** The key of one backup, drawn for it alone. */
  readonly drawKey: (random: Random) => DataKey;
  /** What stands in the signed manifest, so that nobody can slip in a key of his own. */
  readonly checkOf: (key: DataKey) => string;
  /** What is wrapped for each recipient: what the suite's own tools take. */
  readonly format: (key: DataKey) => Buffer;
  /** Nothing for what is no key of this suite. */
  readonly parse: (bytes: Buffer) => DataKey | undefined;
  /** What a stream begins with that must be known to read it, and may be known to all; drawn for it alone. */
  readonly drawIv: (random: Random) => string | null;
  readonly encrypt: (source: Bytes, key: DataKey, iv: string | null, random: Random) => AsyncGenerator<Uint8Array>;
  readonly decrypt: (source: Bytes, key: DataKey, iv: string | null) => AsyncGenerator<Uint8Array>;
}

const withIv = (iv: string | null): string => {
  if (iv === null) throw damaged('a stream', 'it has no iv');
  return iv;
};

export const suites: Readonly<Record<SuiteName, Suite>> = {
  aes256: {
    name: 'aes256',
    recipients: 'rsa',
    drawKey: (random) => makeDataKey(random(dataKeyBytes)),
    checkOf,
    format: (key) => key.export(),
    parse: (bytes) => (bytes.length === dataKeyBytes ? makeDataKey(bytes) : undefined),
    drawIv: (random) => aes256.makeIv(random(aes256.nonceBytes)),
    encrypt: (source, key, iv) => aes256.encrypt(source, key, withIv(iv)),
    decrypt: (source, key, iv) => aes256.decrypt(source, key, withIv(iv)),
  },
  age: {
    name: 'age',
    recipients: 'x25519',
    // A pair of keys of its own, for which every stream is a file of age: so `age` opens the wrapped pair, and with that the data.
    drawKey: (random) => privateKeyFrom(random(keyBytes)),
    checkOf: recipientText,
    format: (key) => Buffer.from(`${identityText(key)}\n`),
    parse: (bytes) => parseIdentity(bytes.toString('latin1')),
    drawIv: () => null,
    encrypt: (source, key, _, random) => encryptFor(key, source, random),
    decrypt: (source, key) => decryptWith(key, source),
  },
};

export const suiteOf = ({ suite }: Manifest['cipher']): Suite => suites[suite];

/** Whether this is the key that the manifest was signed with. */
export const fits = (key: DataKey, cipher: Manifest['cipher']): boolean => suiteOf(cipher).checkOf(key) === cipher.keyCheck;
