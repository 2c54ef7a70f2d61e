import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve, sep } from 'node:path';
import { BerthError } from '../model/errors.ts';
import type { BackupsConfig } from '../model/runtime-config.ts';
import { Secret } from '../model/secret.ts';
import { readPublicKeys, readSecret, readSigner } from './keys/read-keys.ts';
import type { Clock } from './ports/clock.ts';
import type { Signer } from './format/signature.ts';
import type { Store } from './ports/store.ts';
import { realFiles } from './stores/folder-files.ts';
import { openFolderStore, type FolderOptions } from './stores/folder-store.ts';
import { S3Store } from './stores/s3/s3-store.ts';

/** What the runtime needs of the world around it. */
export interface World {
  readonly clock: Clock;
  /** Random bytes, fit for keys. */
  readonly random: (bytes: number) => Uint8Array;
  /** Names this process to others: host and process. */
  readonly holder: string;
  readonly berth: string;
  /** RESTORE.md and restore.mjs, by their keys in the store. */
  readonly instructions: ReadonlyMap<string, Uint8Array>;
  /** How long to ask for a lease that somebody else holds. */
  readonly leasePatienceMs: number;
}

const inFolder = (folder: string, path: string): boolean => `${path}${sep}`.startsWith(`${folder}${sep}`);

/**
 * The store that runtime.yaml names.
 *
 * @param folder - That of runtime.yaml.
 * @throws BerthError `usage` for a store inside of what it is to hold copies of.
 */
export async function openStore({ store }: BackupsConfig, folder: string, mode: FolderOptions['mode'], world: World): Promise<Store> {
  if (store.folder !== undefined) {
    if (inFolder(folder, store.folder))
      throw new BerthError(
        'usage',
        `${store.folder} lies in the site, and would be copied into itself`,
        'name a folder outside of it in berth.yaml, then run `berth generate`',
      );
    return openFolderStore(store.folder, { mode, files: realFiles, random: () => Buffer.from(world.random(8)).toString('hex') });
  }
  const { bucket } = store;
  if (bucket === undefined) throw new BerthError('spec', 'runtime.yaml names no store', 'run `berth generate`');
  const options = {
    endpoint: new URL(bucket.endpoint),
    bucket: bucket.name,
    region: bucket.region,
    pathStyle: bucket.addressing === 'path',
    credentials: async () => ({ accessKeyId: bucket.accessKey, secretAccessKey: readSecretKey(resolve(folder, bucket.secretKey)) }),
    ...(bucket.ca === undefined ? {} : { ca: readAuthority(resolve(folder, bucket.ca)) }),
    clock: world.clock,
    random: Math.random,
    idleMs: 60_000,
    patienceMs: 120_000,
  };
  return new S3Store(options, bucket.lock);
}

function readSecretKey(file: string): Secret {
  const text = readSecret(file)?.trim() ?? '';
  if (text === '')
    throw new BerthError(
      'usage',
      `${file} is empty: nobody has supplied the secret key of the store`,
      `write it down with \`printf %s 'KEY' > secrets/supplied/backup-${basename(file, '.key')}\`, then run \`berth generate\``,
    );
  return new Secret(text);
}

function readAuthority(file: string): string {
  if (!existsSync(file))
    throw new BerthError(
      'io',
      `${file} is not there: the authority of the store's certificate`,
      'put it there, or remove `ca` from that bucket in berth.yaml',
    );
  return readFileSync(file, 'utf8');
}

/** The one who signs what this site writes. */
export const ownSigner = ({ signer }: BackupsConfig, folder: string): Signer => readSigner(resolve(folder, signer));

/** Whose manifests count here. */
export function trustedSigners({ signers }: BackupsConfig, folder: string): ReturnType<typeof readPublicKeys> {
  const file = resolve(folder, signers);
  if (existsSync(file)) return readPublicKeys(file);
  throw new BerthError(
    'io',
    `${file} is not there, and without it nobody knows whose backups to believe`,
    'run `berth generate`, or take it from the recovery kit',
  );
}
