import { createCipheriv, createDecipheriv } from 'node:crypto';
import { inBlocks, type Bytes } from '../../streams/blocks.ts';
import type { ByteReader } from '../../streams/byte-reader.ts';
import { giveAway } from '../../streams/given-away.ts';
import { damaged } from '../damage.ts';
import { hkdf } from './header.ts';

/**
 * What follows the header: a nonce, then chunks of 64 KiB, each with a tag of its own. Its number and whether it is the last go into each, so that none can be
 * left out, moved or cut off. By the ciphers of Node itself: the packages that write age compute it in JavaScript, at four times the cost.
 */
const cipher = 'chacha20-poly1305';
export const chunkBytes = 64 * 2 ** 10;
export const tagBytes = 16;
export const nonceBytes = 16;
const cipherNonceBytes = 12;

/** Of the nonce: eleven bytes of the number, of which six are more than enough, and one that is 1 in the last. */
function nonceOf(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(cipherNonceBytes);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

export function* sealChunk(key: Uint8Array, index: number, isLast: boolean, chunks: readonly Uint8Array[]): Generator<Uint8Array> {
  const seal = createCipheriv(cipher, key, nonceOf(index, isLast), { authTagLength: tagBytes });
  for (const chunk of chunks) yield giveAway(seal.update(chunk));
  seal.final();
  yield seal.getAuthTag();
}

export function openChunk(key: Uint8Array, index: number, isLast: boolean, sealed: Uint8Array): Uint8Array {
  const open = createDecipheriv(cipher, key, nonceOf(index, isLast), { authTagLength: tagBytes });
  const end = sealed.length - tagBytes;
  if (end < 0) throw damaged('a file of age', 'it ends inside of a chunk');
  open.setAuthTag(sealed.subarray(end));
  const plain = open.update(sealed.subarray(0, end));
  try {
    open.final();
  } catch (error) {
    throw damaged('a file of age', `chunk ${index + 1} is not what was written, or was the last and is not now`, { cause: error });
  }
  return plain;
}

export async function* encryptPayload(
  source: Bytes,
  fileKey: Uint8Array,
  random: (bytes: number) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  const nonce = random(nonceBytes);
  yield nonce;
  const key = hkdf(fileKey, nonce, 'payload');
  let index = 0;
  // One is held back, as only the end of the source tells that it was the last.
  let held: readonly Uint8Array[] | undefined;
  for await (const { chunks } of inBlocks(source, chunkBytes)) {
    if (held !== undefined) yield* sealChunk(key, index++, false, held);
    held = chunks;
  }
  yield* sealChunk(key, index, true, held ?? []);
}

/** No byte comes out before its chunk was found to be what was written. @throws BerthError `damaged`. */
export async function* decryptPayload(reader: ByteReader, fileKey: Uint8Array): AsyncGenerator<Uint8Array> {
  const nonce = await reader.take(nonceBytes);
  if (nonce.length < nonceBytes) throw damaged('a file of age', 'it ends before its first chunk');
  const key = hkdf(fileKey, nonce, 'payload');
  let chunk = await reader.take(chunkBytes + tagBytes);
  for (let index = 0; ; index += 1) {
    const next = await reader.take(chunkBytes + tagBytes);
    const isLast = next.length === 0;
    const plain = openChunk(key, index, isLast, chunk);
    if (plain.length > 0) yield plain;
    else if (index > 0) throw damaged('a file of age', 'its last chunk is empty');
    if (isLast) return;
    chunk = next;
  }
}
