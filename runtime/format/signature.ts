import { sign, verify, type KeyObject } from 'node:crypto';
import { BerthError } from '../../model/errors.ts';
import { fields, oneOf, text } from '../../model/backup/shape.ts';
import { damaged } from './damage.ts';
import { keyIdOf } from './keys.ts';

const lastLine = fields({
  signature: fields({
    algorithm: oneOf('ed25519'),
    key: text(/^[0-9a-f]{16}$/, '16 hexadecimal digits'),
    value: text(/^[A-Za-z0-9+/]{86}==$/, 'the base64 of 64 bytes'),
  }),
});

/** Who signs: an Ed25519 pair. */
export interface Signer {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export type TrustedSigners = readonly KeyObject[] | 'any';

/**
 * A document and, as one more line, its signature: both in one object, so neither can be there without the other. What is signed are
 * the bytes above that line, so `sed '$d'` and `openssl pkeyutl -verify -rawin` check it.
 *
 * @param document - Ends with a line break.
 */
export function signDocument(document: string, { privateKey, publicKey }: Signer): string {
  const value = sign(null, Buffer.from(document), privateKey).toString('base64');
  return `${document}${JSON.stringify({ signature: { algorithm: 'ed25519', key: keyIdOf(publicKey), value } })}\n`;
}

/**
 * The document without its signature.
 *
 * @param trusted - Public keys of those who may sign, past ones included; `any` when they are lost and somebody looks at what there is.
 * @param isKnown - These very bytes were found to be signed before: only who has signed them is asked once more.
 * @throws BerthError `damaged` when it was changed, is cut short, or was signed by somebody else.
 */
export function openSigned(signed: Uint8Array, path: string, trusted: TrustedSigners, isKnown = false): string {
  const end = signed.lastIndexOf(lineBreak, -2) + 1;
  if (end === 0 || signed.at(-1) !== lineBreak) throw damaged(path, 'it has no signature, or is cut short');
  const document = signed.subarray(0, end);
  const { key, value } = readSignature(signed.subarray(end), path);
  if (trusted === 'any') return Buffer.from(document).toString('utf8');
  const signer = trusted.find((each) => keyIdOf(each) === key);
  if (signer === undefined)
    throw new BerthError(
      'damaged',
      `${path} is signed with key ${key}, which is not trusted here`,
      'if a former signer of this site had that key, add its public half to the signers; if not, somebody else wrote to the store',
    );
  if (!isKnown && !verify(null, document, signer, Buffer.from(value, 'base64')))
    throw damaged(path, 'its signature does not fit: it was changed');
  return Buffer.from(document).toString('utf8');
}

const lineBreak = 0x0a;

function readSignature(line: Uint8Array, path: string): { readonly key: string; readonly value: string } {
  const source = Buffer.from(line).toString('utf8');
  try {
    const { signature } = lastLine(JSON.parse(source), '');
    // One spelling alone: base64 has spare bits, and JSON spare blanks.
    if (`${JSON.stringify({ signature })}\n` === source && canonical(signature.value)) return signature;
  } catch {
    // Said below.
  }
  throw damaged(path, 'its signature cannot be read');
}

const canonical = (base64: string): boolean => Buffer.from(base64, 'base64').toString('base64') === base64;
