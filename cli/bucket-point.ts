import type { Manifest } from '../model/backup/manifest.ts';
import { BerthError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { pointLevel } from '../runtime/bucket-backups.ts';
import type { BucketDifferences } from '../runtime/jobs/bucket/restore-bucket.ts';
import { shrinkageOf } from '../runtime/jobs/shrinkage.ts';
import type { ClusterChoice } from './agent-exec.ts';
import { momentOf } from './moment.ts';
import type { PlaceName } from './open-catalogue.ts';

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

/** @throws BerthError `usage` when it is not clear which bucket is meant. */
export function theOne<T extends { readonly name: string }>(all: readonly T[], name: string | undefined): T {
  const names = all.map((each) => each.name).join(', ');
  if (all.length === 0)
    throw new BerthError('usage', 'no bucket of this site is in its backups', 'see the notes of `berth plan` for what is');
  const exact = all.find((each) => each.name === name);
  if (exact !== undefined) return exact;
  const found = all.filter((each) => name === undefined || each.name.endsWith(`.${name}`));
  const [one] = found;
  if (one === undefined) throw new BerthError('usage', `there is no bucket ${name ?? ''}`, `write one of: ${names}`);
  if (found.length > 1) throw new BerthError('usage', 'which bucket?', `write --name with one of: ${names}`);
  return one;
}

/**
 * The newest point that was whole by then.
 *
 * @throws BerthError `usage` where there is none, `damaged` when something that it needs is broken, `conflict` for a newest one that may be of a bucket
 * that was begun anew.
 */
export function choosePoint(manifests: readonly Manifest[], at: string | undefined, level: (id: string) => number): Manifest {
  const moment = at === undefined ? undefined : momentOf(at);
  const points = manifests.filter(({ kind }) => kind === 'bucket');
  const [oldest] = points;
  if (oldest === undefined)
    throw new BerthError('usage', 'there is no point in time of this bucket yet', 'make one with `berth backup now`');
  const reached = points.filter(({ finishedAt }) => moment === undefined || new Date(finishedAt) <= moment);
  const chosen = reached.at(-1);
  if (chosen === undefined)
    throw new BerthError(
      'usage',
      `no point in time of this bucket is as old as ${moment?.toISOString() ?? ''}`,
      `the oldest is of ${oldest.finishedAt}: write --at ${oldest.finishedAt} or later`,
    );
  const before = at === undefined ? points.at(-2) : undefined;
  const shrunk = before && shrinkageOf(before, chosen);
  if (before !== undefined && shrunk !== undefined)
    throw new BerthError(
      'conflict',
      `the newest point of this bucket holds ${shrunk}: it may be of one that was begun anew`,
      `write --at ${before.finishedAt}; or, if that is what you want, --at ${chosen.finishedAt}`,
    );
  if (pointLevel(chosen, level) >= 0) return chosen;
  const sound = reached.findLast((point) => pointLevel(point, level) >= 0);
  throw new BerthError(
    'damaged',
    `the point of ${chosen.finishedAt} was found to be broken`,
    sound === undefined
      ? 'bring it back from the second place: `berth backup copy --from offsite`'
      : `the newest sound one before it is of ${sound.finishedAt}: write --at ${sound.finishedAt}`,
  );
}

export const secondsSince = (begun: number): number => Math.round((performance.now() - begun) / 100) / 10;

export const pointOf = (bucket: string, { id, finishedAt, facts }: Manifest, { prefix, exact }: BucketRestoreAsked, into: string) => ({
  bucket,
  point: { id, madeAt: finishedAt, objects: Number(facts['objects'] ?? 0) },
  prefix,
  into,
  exact,
});

export const counted = (objects: number): string => (objects === 1 ? '1 object' : `${objects} objects`);
