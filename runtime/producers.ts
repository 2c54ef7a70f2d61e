import type { KeyObject } from 'node:crypto';
import type { BackupJob } from '../model/runtime-config.ts';
import type { BackupSource } from './jobs/take-backup.ts';
import { lookAt, siteProducer, type SiteSource } from './site/site-producer.ts';

/** What a producer may know of its site. */
export interface Surroundings {
  readonly job: BackupJob;
  /** The folder of the site. */
  readonly folder: string;
  readonly berth: string;
  /** Of fingerprints of what is copied on change. */
  readonly fingerprints: KeyObject;
}

type Made = Pick<BackupSource, 'producer' | 'holds'>;

/** Copied on change: only when its fingerprint is another than that of the newest copy. */
function ofSite(part: SiteSource['part']) {
  return ({ folder, berth, fingerprints }: Surroundings): Made => {
    const source = { site: folder, part, key: fingerprints, berth };
    return {
      producer: siteProducer(source),
      holds: async ({ facts }, signal) => (await lookAt(source, signal)).fingerprint === facts['fingerprint'],
    };
  };
}

/** What makes the backups of each kind of job that copies a folder. */
export const producers: Readonly<Record<SiteSource['part'], (surroundings: Surroundings) => Made>> = {
  configuration: ofSite('configuration'),
  secrets: ofSite('secrets'),
};
