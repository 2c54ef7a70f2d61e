import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Bytes } from '../streams/blocks.ts';
import { giveAway, letGo } from '../streams/given-away.ts';
import type { DataKey } from './keys.ts';

/**
 * AES-256 in counter mode: what `openssl enc -aes-256-ctr -K KEY -iv IV` does. It hides and does not protect; that nobody changed
 * anything is for the hashes of the parts to say, and for the signature of the manifest that holds them.
 *
 * An iv is a nonce of eight bytes and a counter from zero. Two streams under one key and nonce would give both away, so a key is
 * drawn for each backup and a nonce for each stream of it.
 */
export const makeIv = (nonce: Uint8Array): string => Buffer.concat([nonce, Buffer.alloc(8)]).toString('hex');

export const nonceBytes = 8;

export async function* encrypt(source: Bytes, key: DataKey, iv: string): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.from(iv, 'hex'));
  for await (const chunk of source) {
    yield giveAway(cipher.update(chunk));
    letGo(chunk);
  }
}

export async function* decrypt(source: Bytes, key: DataKey, iv: string): AsyncGenerator<Uint8Array> {
  const cipher = createDecipheriv('aes-256-ctr', key, Buffer.from(iv, 'hex'));
  for await (const chunk of source) {
    yield cipher.update(chunk);
    letGo(chunk);
  }
}
