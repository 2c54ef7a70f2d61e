import type { TrustedSigners } from '../format/signature.ts';
import { readPublicKeys } from '../keys/read-keys.ts';
import type { CommandLine } from './command-line.ts';

export const readSigners = ({ values }: CommandLine): TrustedSigners =>
  values['any-signer'] === true ? 'any' : (values.signer ?? []).flatMap((file) => readPublicKeys(file));
