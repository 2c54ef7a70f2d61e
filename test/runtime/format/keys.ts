import { generateKeyPairSync, type KeyObject } from 'node:crypto';

/** Drawn once for a run: RSA keys take a while. */
export const operator = generateKeyPairSync('rsa', { modulusLength: 3072 });
const escrow = generateKeyPairSync('rsa', { modulusLength: 3072 });
export const stranger = generateKeyPairSync('rsa', { modulusLength: 3072 });
export const signer = generateKeyPairSync('ed25519');
export const formerSigner = generateKeyPairSync('ed25519');

const pair = (name: string, { publicKey }: { readonly publicKey: KeyObject }) => ({ name, key: publicKey });
export const recipients = [pair('operator', operator), pair('escrow', escrow)];

const ofAge = { operator: generateKeyPairSync('x25519'), escrow: generateKeyPairSync('x25519'), stranger: generateKeyPairSync('x25519') };

/** The same people, with keys that the tools of each suite open. */
export const peopleOf = {
  aes256: { operator, escrow, stranger, recipients },
  age: { ...ofAge, recipients: [pair('operator', ofAge.operator), pair('escrow', ofAge.escrow)] },
};
