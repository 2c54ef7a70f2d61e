import type { KeyObject } from 'node:crypto';
import type { BackupJob } from '../model/runtime-config.ts';
import type { BackupSource } from './jobs/take-backup.ts';
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
