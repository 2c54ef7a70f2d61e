import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { pointLevel } from '../../runtime/bucket-backups.ts';
import type { BucketDifferences } from '../../runtime/jobs/bucket/restore-bucket.ts';
import type { ClusterChoice } from '../agent-exec.ts';
import type { PlaceName } from '../open-catalogue.ts';
import { newestUntil, refuseShrunk } from './choose-backup.ts';
import { theOne } from './choose-named.ts';

export interface BucketRestoreAsked {
  readonly site: string;
  readonly from: PlaceName;
  readonly json: boolean;
  /** Of the bucket, alone or behind that of its store; none where there is but one. */
  readonly name: string | undefined;
  /** Nothing for the newest point. */
  readonly at: string | undefined;
  /** Only objects whose key begins so. */
  readonly prefix: string;
  readonly into: 'live' | { readonly folder: string };
  /** Delete what came later. */
  readonly exact: boolean;
  /** The private key of a recipient. */
  readonly key: string | undefined;
  /** Keys come by the standard input: this is the container of an agent. */
  readonly given: Secret | undefined;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly cluster?: ClusterChoice;
}

/** What a restore does, or has done. */
export interface RestoredBucket extends BucketDifferences {
  readonly bucket: string;
  readonly point: { readonly id: string; readonly madeAt: string; readonly objects: number };
  readonly prefix: string;
  readonly into: string;
  readonly exact: boolean;
  /** `null` when it was only planned. */
  readonly seconds: number | null;
}

export const width = 3;

/**
 * The newest point that was whole by then.
 *
 * @throws BerthError `usage` where there is none, `damaged` when something that it needs is broken, `conflict` for a newest one that may be of a bucket
 * that was begun anew.
 */
export function choosePoint(manifests: readonly Manifest[], at: string | undefined, level: (id: string) => number): Manifest {
  const points = manifests.filter(({ kind }) => kind === 'bucket');
  const { newest, reached } = newestUntil(points, 'point in time of this bucket', at);
  refuseShrunk(reached, 'point of this bucket', at);
  if (pointLevel(newest, level) >= 0) return newest;
  const sound = reached.findLast((point) => pointLevel(point, level) >= 0);
  throw new BerthError(
    'damaged',
    `the point of ${newest.finishedAt} was found to be broken`,
    sound === undefined
      ? 'bring it back from the second place: `berth backup copy --from offsite`'
      : `the newest sound one before it is of ${sound.finishedAt}: write --at ${sound.finishedAt}`,
  );
}

/** By its whole name, or by what stands behind that of its store. */
export const theBucket = <T extends { readonly name: string }>(all: readonly T[], name: string | undefined): T =>
  theOne(all, 'bucket', name, (one, asked) => one.name.endsWith(`.${asked}`));

export const pointOf = (bucket: string, { id, finishedAt, facts }: Manifest, { prefix, exact }: BucketRestoreAsked, into: string) => ({
  bucket,
  point: { id, madeAt: finishedAt, objects: Number(facts['objects'] ?? 0) },
  prefix,
  into,
  exact,
});

export const counted = (objects: number): string => (objects === 1 ? '1 object' : `${objects} objects`);
