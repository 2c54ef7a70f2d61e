import type { Manifest } from '../../model/backup/manifest.ts';
import { pointLevel } from '../../runtime/bucket-backups.ts';
import { type DatabaseKind, rulesOf } from '../../runtime/databases.ts';
import { type Span, chainsOf, restorableSpans, trustedUntil } from '../../runtime/jobs/coverage.ts';
import { isWhole, shrinkageOf } from '../../runtime/jobs/shrinkage.ts';
import { ageOf, describeAge, shortName } from './text.ts';

/** Up to when each kind can be restored; what has a log, from when on to any time. */
export interface Restorable {
  readonly newest: Manifest;
  /** Nothing for what is copied as a whole. */
  readonly spans: readonly Span[] | undefined;
  /** Of a bucket, the points before the newest, the oldest first. */
  readonly earlier: readonly Manifest[];
  /** Up to when times of the newest can be chosen, where a clock was ahead then. */
  readonly trustedUntil: Date | undefined;
  /** What the newest full backup, point of a bucket, or copy holds much less of than the one before. */
  readonly shrunk: string | undefined;
}

/** How far it was proven. A point in time of a bucket is as good as the least of what it needs. */
export const ownLevel = (manifest: Manifest, level: (id: string) => number): number =>
  manifest.kind === 'bucket' ? pointLevel(manifest, level) : level(manifest.id);

export function restorable(manifests: readonly Manifest[]): readonly Restorable[] {
  // Contents of a bucket are no points in time.
  const points = manifests.filter(({ kind }) => kind !== 'contents');
  const bySource = [...Map.groupBy(points, ({ source }) => source)].sort(([a], [b]) => (a < b ? -1 : 1));
  return bySource.flatMap(([, all]) => {
    const newest = all.at(-1);
    if (newest === undefined) return [];
    const rules = Object.hasOwn(rulesOf, newest.engine) ? rulesOf[newest.engine as DatabaseKind] : undefined;
    const [before, whole] = all.filter(isWhole).slice(-2);
    const shrunk = before && whole && shrinkageOf(before, whole);
    const earlier = newest.kind === 'bucket' ? all.slice(0, -1) : [];
    const chains = rules && chainsOf(all, rules);
    const last = chains?.at(-1);
    return [{ newest, earlier, spans: chains && restorableSpans(chains), trustedUntil: last && trustedUntil(last), shrunk }];
  });
}

/** In columns. @param unlogged - Whose log nobody receives. */
export function describeRestorable({ newest, spans, earlier }: Restorable, unlogged: readonly string[], now: Date): readonly string[] {
  const what = shortName(newest.source);
  const [oldest] = earlier;
  const points = earlier.length === 1 ? 'one point' : `${earlier.length} points`;
  const before = oldest === undefined ? '' : `, and ${points} before it since ${oldest.finishedAt}`;
  if (spans === undefined) return [what, `restorable to ${newest.finishedAt} (${ageOf(newest, now)} ago)${before}`];
  const last = spans.at(-1);
  if (unlogged.includes(newest.source) && newest.kind !== 'log') {
    const logged = last === undefined ? '' : `; and to any time from ${last.from.toISOString()} to ${last.until.toISOString()}`;
    return [
      what,
      `restorable to the end of its newest backup, ${newest.finishedAt} (${ageOf(newest, now)} ago), and of each before it${logged}`,
    ];
  }
  if (last === undefined) return [what, 'restorable to the end of a full backup alone, until its log was shipped'];
  const age = describeAge(now.getTime() - last.until.getTime());
  return [what, `restorable to ${last.until.toISOString()} (${age} ago), and any time since ${last.from.toISOString()}`];
}
