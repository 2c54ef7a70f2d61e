import { generateKeyPairSync } from 'node:crypto';

/** Drawn once for a run: RSA keys take a while. */
export const operator = generateKeyPairSync('rsa', { modulusLength: 3072 });
export const escrow = generateKeyPairSync('rsa', { modulusLength: 3072 });
export const stranger = generateKeyPairSync('rsa', { modulusLength: 3072 });
export const signer = generateKeyPairSync('ed25519');
export const formerSigner = generateKeyPairSync('ed25519');

export const recipients = [
  { name: 'operator', key: operator.publicKey },
  { name: 'escrow', key: escrow.publicKey },
];
