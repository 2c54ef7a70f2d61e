import type { KeyObject } from 'node:crypto';
import { plainBytesOf } from '../model/backup/bytes.ts';
import { manifestPrefix, type Place } from '../model/backup/layout.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import type { Verification } from '../model/backup/verification.ts';
import { BerthError } from '../model/errors.ts';
import type { BackupJob } from '../model/runtime-config.ts';
import { damaged } from './format/damage.ts';
import type { TrustedSigners } from './format/signature.ts';
import { readCatalogue } from './jobs/catalogue.ts';
import { openBackup } from './jobs/open-backup.ts';
import { wholeOf } from './jobs/rates.ts';
import type { RestoreTools } from './jobs/restore-engine.ts';
import type { BackupSource } from './jobs/take-backup.ts';
import type { RecordTools } from './jobs/verifications.ts';
import { decode, found, rehash } from './jobs/verify.ts';
import { keyMarkOf, sumOfArchive } from './volume/contents-sum.ts';
import { fingerprintOfVolume, volumeProducer } from './volume/volume-producer.ts';

/** Copies the files of a volume. */
export type VolumeJob = BackupJob & { readonly kind: 'volume'; readonly volume: NonNullable<BackupJob['volume']> };

export const isVolume = (job: BackupJob): job is VolumeJob => job.volume !== undefined;

/** Copied when something in it is another than in the newest copy, or when that one could not have it whole. */
export function copyOf({ volume: { folder } }: VolumeJob, key: KeyObject, berth: string): Pick<BackupSource, 'producer' | 'holds'> {
  const source = { folder, key, berth };
  return {
    producer: volumeProducer(source),
    holds: async ({ facts }, signal) => facts['changed'] === 0 && (await fingerprintOfVolume(source, signal)) === facts['fingerprint'],
  };
}

export interface ProveVolumeTools extends RecordTools, Pick<RestoreTools, 'identity' | 'width'> {
  readonly trusted: TrustedSigners;
  /** Of the sums that copies were made with. */
  readonly key: KeyObject;
}

/**
 * Takes all files out of the newest copy, as a restore does, and holds them against what was read from the volume when it was made. Keeps nothing, so it needs no room.
 * A copy that was made with another signer, or before there were sums, is opened and found to be sound.
 *
 * @param isProven - Whether a copy need not be looked at.
 */
export async function proveVolume(
  place: Place,
  isProven: (id: string) => boolean,
  tools: ProveVolumeTools,
  signal: AbortSignal,
): Promise<Verification | undefined> {
  const { manifests } = await readCatalogue(tools.store, manifestPrefix(place), tools.trusted, signal);
  const newest = manifests.at(-1);
  if (newest === undefined || isProven(newest.id)) return undefined;
  const compared = newest.facts['contentsKey'] === keyMarkOf(tools.key);
  try {
    return await (compared ? proveCopy : decode)(place, newest, tools, signal);
  } catch (error) {
    // Made by an agent with another key, on a host that this one took the place of: whether every byte lies there can be seen without it.
    if (!(error instanceof BerthError) || error.kind !== 'usage') throw error;
    return rehash(place, newest, tools, signal);
  }
}

const proveCopy = (place: Place, copy: Manifest, tools: ProveVolumeTools, signal: AbortSignal): Promise<Verification> => {
  const unpacked = async (): Promise<readonly string[]> => {
    const [archive] = copy.streams;
    if (archive === undefined) throw damaged(copy.id, 'it has no archive');
    const open = await openBackup(tools.store, copy, tools.identity, tools.width, signal);
    const { contents, files, bytes } = await sumOfArchive(open(archive), tools.key);
    if (contents !== copy.facts['contents']) throw damaged(copy.id, 'what comes out of it is not what was read from the volume');
    return [`${files} files with ${bytes} bytes are what was in the volume, with their owners, modes and times`];
  };
  return found(place, [copy], 3, tools, signal, unpacked, (milliseconds) => wholeOf(plainBytesOf(copy), milliseconds));
};
