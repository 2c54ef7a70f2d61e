import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { KeyObject } from 'node:crypto';
import { agentName, type Recipient } from '../format/keys.ts';

/** The agent's own pair, with which it opens its backups to try them: one of RSA, whatever the suite, so that it opens those of before as well. Lost with its volume, which loses nothing but that. */
export interface OwnIdentity {
  readonly privateKey: KeyObject;
  readonly recipient: Recipient;
}

/** Reads it, or draws it where there is none. */
export async function ownIdentity(file: string): Promise<OwnIdentity> {
  if (!existsSync(file)) await drawIdentity(file);
  const privateKey = createPrivateKey(readFileSync(file));
  return { privateKey, recipient: { name: agentName, key: createPublicKey(privateKey) } };
}

async function drawIdentity(file: string): Promise<void> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 3072 });
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const beside = `${file}.${process.pid}.new`;
  writeFileSync(beside, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  renameSync(beside, file);
}
