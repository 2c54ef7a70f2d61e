import { createPrivateKey, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { givenKey } from '../../model/backup/site-files.ts';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { ownIdentity } from '../../runtime/keys/own-identity.ts';
import { readIdentity } from '../../runtime/keys/read-keys.ts';
import { escrowKeyFile } from '../backup/kit-verbs.ts';
import type { FoundRuntime } from '../runtime-config.ts';
import type { RuntimeContext } from '../stoppable.ts';

/** The key that was named, or that of the kit, where `folder` is one. */
export function givenKeyFile(folder: string, key: string | undefined): string | undefined {
  return key ?? (existsSync(join(folder, escrowKeyFile)) ? join(folder, escrowKeyFile) : undefined);
}

/** @throws BerthError `usage` where there is none. */
export function keyFileOf(folder: string, key: string | undefined): string {
  const found = givenKeyFile(folder, key);
  if (found !== undefined) return found;
  throw new BerthError('usage', 'nothing says which key opens the backups', 'name the private key of a recipient with --key FILE');
}

/** Opened here if it is encrypted. */
export const identityIn = (file: string, { env, given }: RuntimeContext): KeyObject =>
  file === givenKey && given !== undefined ? createPrivateKey(given.reveal()) : readIdentity(file, env['BERTH_KEY_PASSPHRASE']);

/** For the pipe to an agent: in PEM. */
export const openedKey = (file: string, context: RuntimeContext): Secret =>
  new Secret(identityIn(file, context).export({ type: 'pkcs8', format: 'pem' }).toString());

/** In the container of an agent: its own. */
export async function agentIdentity({ config: { backups }, folder }: Pick<FoundRuntime, 'config' | 'folder'>): Promise<KeyObject> {
  if (backups.identity === undefined) throw new BerthError('spec', 'runtime.yaml names no identity for the agent', 'run `berth generate`');
  return (await ownIdentity(resolve(folder, backups.identity))).privateKey;
}
