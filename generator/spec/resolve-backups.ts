import { usualSuite } from '../../model/backup/suites.ts';
import type { BackupPlaceSpec, BackupsSpec, KeepSpec } from '../../model/backups-spec.ts';
import { seconds } from '../../model/units.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';

type Written = NonNullable<WrittenSpec['backups']>;

/** All defaults of backups live here. */
const defaults = {
  look: '*/5 * * * *',
  copy: '*/10 * * * *',
  verify: '47 3 * * 0',
  prune: '17 4 * * *',
  timeZone: 'UTC',
  region: 'us-east-1',
  addressing: 'path',
  lockMode: 'governance',
  configuration: 'forever',
  secrets: { last: 30 },
  full: '30 1 * * *',
  fulls: { days: 14, weekly: 8, monthly: 12 },
  prove: '30 3 * * *',
  rpo: 60,
  archives: '53 1 * * *',
  keptArchives: { days: 7, weekly: 8, monthly: 12 },
  copies: '23 * * * *',
  keptCopies: { days: 2, daily: 14, weekly: 8 },
  points: '7 * * * *',
  kept: { days: 2, daily: 14, weekly: 8, monthly: 12 },
  provePoints: '37 4 * * 6',
  drill: '15 4 1 * *',
  drilledWithin: 35,
} as const;

const files = (written: Written['configuration'], kept: KeepSpec, schedule: string = defaults.look): BackupsSpec['configuration'] => ({
  schedule: written?.schedule ?? schedule,
  keep: written?.keep ?? kept,
  ...(written?.recipients === undefined ? {} : { recipients: written.recipients }),
});

/** On one host a lock of the kernel keeps agents apart; a bucket is seen from several. */
function placeOf({ folder, bucket }: Pick<Written, 'folder' | 'bucket'>): BackupPlaceSpec {
  if (bucket === undefined) return { store: { folder: folder ?? '' }, lease: 'file' };
  const { endpoint, name, accessKey, ca, lock } = bucket;
  return {
    store: {
      bucket: {
        endpoint,
        name,
        accessKey,
        region: bucket.region ?? defaults.region,
        addressing: bucket.addressing ?? defaults.addressing,
        ...(ca === undefined ? {} : { ca }),
        ...(lock === undefined ? {} : { lock: { days: lock.days, mode: lock.mode ?? defaults.lockMode } }),
      },
    },
    lease: bucket.lease ?? 'store',
  };
}

export const backupsOf = (written: Written): BackupsSpec => ({
  ...placeOf(written),
  ...(written.offsite === undefined
    ? {}
    : { offsite: { ...placeOf(written.offsite), schedule: written.offsite.schedule ?? defaults.copy } }),
  suite: written.suite ?? usualSuite,
  timeZone: written.timeZone ?? defaults.timeZone,
  configuration: files(written.configuration, defaults.configuration),
  secrets: files(written.secrets, defaults.secrets),
  ...(written.databases === 'none'
    ? {}
    : {
        databases: {
          ...files(written.databases, defaults.fulls, defaults.full),
          prove: written.databases?.prove ?? defaults.prove,
          rpo: seconds(written.databases?.rpo ?? defaults.rpo),
          ...(written.databases?.increments === undefined ? {} : { increments: written.databases.increments }),
          ...(written.databases?.storageClass === undefined ? {} : { storageClass: written.databases.storageClass }),
        },
      }),
  ...(written.buckets === 'none'
    ? {}
    : {
        buckets: {
          ...files(written.buckets, defaults.kept, defaults.points),
          prove: written.buckets?.prove ?? defaults.provePoints,
          ...(written.buckets?.names === undefined ? {} : { names: written.buckets.names }),
        },
      }),
  ...(written.caches === 'none' ? {} : { caches: files(written.caches, defaults.keptCopies, defaults.copies) }),
  ...(written.volumes === 'none' ? {} : { volumes: files(written.volumes, defaults.keptArchives, defaults.archives) }),
  ...(written.drill === undefined
    ? {}
    : {
        drill: {
          key: written.drill.key,
          schedule: written.drill.schedule ?? defaults.drill,
          every: written.drill.every ?? defaults.drilledWithin,
          tight: written.drill.tight ?? false,
        },
      }),
  ...(written.image === undefined ? {} : { image: written.image }),
  ...(written.user === undefined ? {} : { user: written.user }),
  verify: written.verify ?? defaults.verify,
  prune: written.prune ?? defaults.prune,
});
