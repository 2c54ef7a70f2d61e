import type { SuiteName } from './backup/suites.ts';
import type { Seconds } from './units.ts';

/** How much of one kind is kept. */
export type KeepSpec = 'forever' | { readonly [rule in 'last' | 'days' | 'daily' | 'weekly' | 'monthly']?: number | undefined };

interface FilesBackupSpec {
  /** When to look whether something changed. */
  readonly schedule: string;
  readonly keep: KeepSpec;
  /** Names; without them all that are there. */
  readonly recipients?: readonly string[];
}

interface BackupBucketSpec {
  readonly endpoint: string;
  readonly name: string;
  readonly accessKey: string;
  readonly region: string;
  readonly addressing: 'path' | 'host';
  readonly ca?: string;
  /** For how many days nobody can remove what is written. */
  readonly lock?: { readonly days: number; readonly mode: 'governance' | 'compliance' };
}

export interface BackupPlaceSpec {
  readonly store: { readonly folder: string } | { readonly bucket: BackupBucketSpec };
  readonly lease: 'store' | 'file';
}

export interface BackupsSpec extends BackupPlaceSpec {
  /** A second place, to which all that is made is copied. */
  readonly offsite?: BackupPlaceSpec & { readonly schedule: string };
  /** How the data are encrypted. */
  readonly suite: SuiteName;
  readonly timeZone: string;
  readonly configuration: FilesBackupSpec;
  readonly secrets: FilesBackupSpec;
  /** Of each database that Berth can copy; none of them without it. */
  readonly databases?: FilesBackupSpec & {
    readonly prove: string;
    readonly rpo: Seconds;
    /** When what changed since the newest backup is copied; without it each is a full one. */
    readonly increments?: string;
    /** Of the volume by which a SQL Server hands its backups on. */
    readonly storageClass?: string;
  };
  /** Of each bucket, or of those that are named as `STORE.BUCKET`; of none without it. */
  readonly buckets?: FilesBackupSpec & { readonly prove: string; readonly names?: readonly string[] };
  /** Of each cache whose data are on disk; of none without it. */
  readonly caches?: FilesBackupSpec;
  /** Of each volume that services share; of none without it. */
  readonly volumes?: FilesBackupSpec;
  /** Drills at set times: with which key of this host, and after how many days without one that passed it is said. */
  readonly drill?: { readonly key: string; readonly schedule: string; readonly every: number; readonly tight: boolean };
  /** For the agent of buckets, caches and volumes, in place of that of a database. */
  readonly image?: string;
  /** As whom agents run, who then own the folder of backups, where it is not whom the image of the database runs as: `1000:1000`. */
  readonly user?: string;
  readonly verify: string;
  readonly prune: string;
}
