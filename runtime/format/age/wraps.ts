import { createCipheriv, createDecipheriv, diffieHellman, scryptSync, type KeyObject } from 'node:crypto';
import { BerthError } from '../../../model/errors.ts';
import { damaged } from '../damage.ts';
import { fromBase64, hkdf, toBase64, type Stanza } from './header.ts';
import { keyBytes, privateKeyFrom, publicBytes, publicKeyFrom } from './key-text.ts';
import { tagBytes } from './payload.ts';

/** The key of a file, wrapped: for the holder of a key of X25519, or for who knows a passphrase. */
export const fileKeyBytes = 16;
const saltBytes = 16;
const cipher = 'chacha20-poly1305';
/** Each wrapping key is used once. */
const zero = Buffer.alloc(12);
const x25519 = 'X25519';
const scrypt = 'scrypt';
/** As the program itself has it: some 256 MiB, and a second of a machine of today. */
export const usualWork = 18;
/** More than that would be a file that only means to fill the memory. */
const mostWork = 22;

export function wrapForKey(fileKey: Uint8Array, recipient: KeyObject, random: (bytes: number) => Uint8Array): Stanza {
  const ephemeral = privateKeyFrom(random(keyBytes));
  const share = publicBytes(ephemeral);
  const body = wrap(fileKey, keyOfTwo(diffieHellman({ privateKey: ephemeral, publicKey: recipient }), share, publicBytes(recipient)));
  return { type: x25519, args: [toBase64(share)], body };
}

export function wrapForPassphrase(fileKey: Uint8Array, passphrase: string, work: number, random: (bytes: number) => Uint8Array): Stanza {
  const salt = random(saltBytes);
  return { type: scrypt, args: [toBase64(salt), String(work)], body: wrap(fileKey, keyOfPassphrase(passphrase, salt, work)) };
}

/** Nothing where none of them is for this key. @throws BerthError `damaged` for a wrap that no program writes. */
export function unwrapWithKey(stanzas: readonly Stanza[], identity: KeyObject): Buffer | undefined {
  refuseBeside(stanzas);
  for (const { type, args, body } of stanzas) {
    if (type !== x25519) continue;
    const share = fromBase64(args[0] ?? '');
    if (args.length !== 1 || share?.length !== keyBytes || body.length !== fileKeyBytes + tagBytes) throw strange();
    const key = unwrap(body, keyOfTwo(agreed(identity, share), share, publicBytes(identity)));
    if (key !== undefined) return key;
  }
  return undefined;
}

/** Nothing for another passphrase, and where there is none. */
export function unwrapWithPassphrase(stanzas: readonly Stanza[], passphrase: string): Buffer | undefined {
  refuseBeside(stanzas);
  const [only] = stanzas;
  if (only?.type !== scrypt) return undefined;
  const { args, body } = only;
  const salt = fromBase64(args[0] ?? '');
  const work = /^[1-9]\d?$/.test(args[1] ?? '') ? Number(args[1]) : 0;
  if (args.length !== 2 || salt?.length !== saltBytes || work === 0 || body.length !== fileKeyBytes + tagBytes) throw strange();
  if (work > mostWork)
    throw new BerthError(
      'unsupported',
      `a file of age asks for 2^${work} rounds of scrypt, and Berth does at most 2^${mostWork}`,
      'open it with `age -d` where there is enough memory, and name what comes out',
    );
  return unwrap(body, keyOfPassphrase(passphrase, salt, work));
}

/** A passphrase is never beside another way in: who knows it could not tell who else can open the file. */
function refuseBeside(stanzas: readonly Stanza[]): void {
  if (stanzas.length > 1 && stanzas.some(({ type }) => type === scrypt)) throw strange();
}

/** Node refuses a share that would agree on nothing but zeros. */
function agreed(identity: KeyObject, share: Uint8Array): Buffer {
  try {
    return diffieHellman({ privateKey: identity, publicKey: publicKeyFrom(share) });
  } catch (error) {
    throw strange({ cause: error });
  }
}

const keyOfTwo = (shared: Uint8Array, share: Uint8Array, recipient: Uint8Array): Buffer =>
  hkdf(shared, Buffer.concat([share, recipient]), 'age-encryption.org/v1/X25519');

function keyOfPassphrase(passphrase: string, salt: Uint8Array, work: number): Buffer {
  const [N, r] = [2 ** work, 8];
  const label = Buffer.from('age-encryption.org/v1/scrypt');
  return scryptSync(passphrase, Buffer.concat([label, salt]), 32, { N, r, p: 1, maxmem: 128 * r * (N + 16) });
}

function wrap(fileKey: Uint8Array, key: Uint8Array): Buffer {
  const seal = createCipheriv(cipher, key, zero, { authTagLength: tagBytes });
  return Buffer.concat([seal.update(fileKey), seal.final(), seal.getAuthTag()]);
}

function unwrap(body: Uint8Array, key: Uint8Array): Buffer | undefined {
  const open = createDecipheriv(cipher, key, zero, { authTagLength: tagBytes });
  open.setAuthTag(body.subarray(fileKeyBytes));
  const fileKey = open.update(body.subarray(0, fileKeyBytes));
  try {
    open.final();
    return fileKey;
  } catch {
    return undefined;
  }
}

const strange = (options?: ErrorOptions) => damaged('a file of age', 'its key is wrapped in a way that no program has', options);
