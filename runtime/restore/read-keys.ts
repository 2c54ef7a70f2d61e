import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BerthError } from '../../model/errors.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { CommandLine } from './command-line.ts';

/** @param passphrase - Of an encrypted PEM. */
export function readIdentity(file: string, passphrase: string | undefined): KeyObject {
  const pem = readText(file);
  try {
    return createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(pem);
    throw new BerthError(
      'usage',
      `${file} cannot be used as a private key: ${error instanceof Error ? error.message : String(error)}`,
      encrypted ? 'put its passphrase into the variable BERTH_KEY_PASSPHRASE' : 'name the private key of a recipient, in PEM',
      { cause: error },
    );
  }
}

export function readSigners({ values }: CommandLine): TrustedSigners {
  if (values['any-signer'] === true) return 'any';
  return (values.signer ?? []).map((file) => {
    try {
      return createPublicKey(readText(file));
    } catch (error) {
      if (error instanceof BerthError) throw error;
      throw new BerthError('usage', `${file} is not a public key`, 'name the public key of the signer, in PEM', { cause: error });
    }
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BerthError('io', `cannot read ${file}: ${error instanceof Error ? error.message : ''}`, 'correct the path', { cause: error });
  }
}
