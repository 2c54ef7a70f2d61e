import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { fromBech32, toBech32 } from './bech32.ts';

const recipientPrefix = 'age';
const identityPrefix = 'age-secret-key-';
export const keyBytes = 32;

/** What stands before the 32 bytes in DER; RFC 8410. */
const publicHead = Buffer.from('302a300506032b656e032100', 'hex');
const privateHead = Buffer.from('302e020100300506032b656e04220420', 'hex');

export const publicKeyFrom = (bytes: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicHead, bytes]), format: 'der', type: 'spki' });

/** Any 32 bytes are a private key of X25519. */
export const privateKeyFrom = (bytes: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([privateHead, bytes]), format: 'der', type: 'pkcs8' });

/** The 32 bytes of the public half, of either. */
export const publicBytes = (key: KeyObject): Buffer =>
  (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' }).subarray(-keyBytes);

/** `age1…`, of either half. */
export const recipientText = (key: KeyObject): string => toBech32(recipientPrefix, publicBytes(key));

/** `AGE-SECRET-KEY-1…`. */
export const identityText = (key: KeyObject): string =>
  toBech32(identityPrefix, key.export({ type: 'pkcs8', format: 'der' }).subarray(-keyBytes)).toUpperCase();

/** Nothing for what is no recipient of X25519: that of a plugin, of the hybrid kind, or one that was mistyped. */
export function recipientFrom(text: string): KeyObject | undefined {
  const bytes = text === text.toLowerCase() ? fromBech32(recipientPrefix, text) : undefined;
  return bytes?.length === keyBytes ? publicKeyFrom(bytes) : undefined;
}

export function identityFrom(text: string): KeyObject | undefined {
  const bytes = text === text.toUpperCase() ? fromBech32(identityPrefix, text) : undefined;
  return bytes?.length === keyBytes ? privateKeyFrom(bytes) : undefined;
}
