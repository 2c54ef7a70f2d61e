import { createPublicKey } from 'node:crypto';
import type { Artifact } from '../../model/artifact.ts';
import {
  offsiteKeyFile,
  offsiteSecret,
  signerFile,
  signersFile,
  signerSecret,
  storeKeyFile,
  storeSecret,
} from '../../model/backup/site-files.ts';
import type { Plan } from '../../model/plan.ts';
import type { BackupsConfig } from '../../model/runtime-config.ts';
import type { Ledger } from './ledger.ts';
import { textOf } from './secret-files.ts';

/**
 * Keys of who may write to a bucket, which a restore gives to its agent. On one host they are among the files of the secrets anyway; in a cluster nothing else
 * reads them from this folder.
 */
function writerKeys({ runtime, secretFiles, target }: Plan, ledger: Ledger): readonly Artifact[] {
  if (target === 'compose') return [];
  const paths = new Set(runtime.backups?.jobs.flatMap(({ bucket }) => (bucket?.writer ? [bucket.writer.secretKey] : [])));
  return secretFiles
    .filter(({ name }) => paths.has(`secrets/${name}`))
    .map((file) => ({ path: `secrets/${file.name}`, content: textOf(file, ledger), mode: 0o600, policy: 'secret' }));
}

type BackupPlace = Pick<BackupsConfig['store'], 'bucket'>;

/**
 * What the runtime signs with and logs in to the store with, and the public halves of all that ever signed here: a backup stays good
 * when its signer was drawn anew.
 */
export function renderBackupKeys(plan: Plan, ledger: Ledger): readonly Artifact[] {
  const { runtime, agents, target } = plan;
  const signers = ledger.secrets.get(signerSecret) ?? [];
  const signer = signers.at(-1);
  if (runtime.backups === undefined || signer === undefined) return [];
  const accountKey = (place: BackupPlace | undefined, path: string, secret: string, readers: Artifact['mode']): readonly Artifact[] =>
    place?.bucket === undefined
      ? []
      : [{ path, content: ledger.secrets.get(secret)?.at(-1)?.reveal() ?? '', mode: readers, policy: 'secret' }];
  const publicHalf = (pem: string): string => createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
  const { store, offsite } = runtime.backups;
  // What a container mounts is read by whoever it runs as; nobody else on the host may enter the folder.
  const mode = agents.length > 0 && target === 'compose' ? 0o444 : 0o600;
  return [
    { path: signerFile, content: signer.reveal(), mode, policy: 'secret' },
    // There and empty until it is supplied, as with other secrets of somebody else.
    ...accountKey(store, storeKeyFile, storeSecret, mode),
    ...accountKey(offsite, offsiteKeyFile, offsiteSecret, 0o600),
    ...writerKeys(plan, ledger),
    {
      path: signersFile,
      content: [...signers]
        .reverse()
        .map((each) => publicHalf(each.reveal()))
        .join(''),
      mode: 0o644,
      policy: 'owned',
    },
  ];
}
