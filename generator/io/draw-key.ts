import { createPrivateKey } from 'node:crypto';
import type { Random } from './random-text.ts';

/** RFC 8410: what stands before the 32 random bytes of a private key of Ed25519 in PKCS #8. */
const before = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A private key in PEM, made of nothing but random bytes. */
export const drawEd25519 = (random: Random): string =>
  createPrivateKey({ key: Buffer.concat([before, random(32)]), format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
