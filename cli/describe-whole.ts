import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../model/backup/manifest.ts';
import type { RestorePlan } from '../runtime/jobs/plan-restore.ts';
import { describeAge, shownTime } from './backup-text.ts';
import { momentOf } from './moment.ts';
import type { Restored } from './restore-database.ts';
import { type FolderPlan, report, type RestoreAsked } from './restore-site.ts';
import type { RuntimeContext } from './stoppable.ts';
import { paint, table, typed } from './text.ts';

export type WholeAsked = Omit<RestoreAsked, 'only'>;

/** A database that will be there again, and as it was when. */
export interface Wanted extends RestorePlan {
  readonly database: string;
  readonly until: Date;
}

/** A bucket, and the point in time that it will be as at. */
export interface WantedBucket {
  readonly bucket: string;
  readonly point: Manifest;
}

export interface BucketOutcome {
  readonly bucket: string;
  readonly point: string;
  readonly madeAt: string;
  readonly objects: number;
  readonly seconds: number;
}

export type Outcome = Pick<Restored, 'database' | 'position' | 'until' | 'left'> & { readonly seconds: number };

/** A cache or a volume, which begins empty, and the command that puts it back once the site runs. */
export interface Left {
  readonly name: string;
  readonly command: string;
}

/** By the time of its copy: the newest may soon be one of what has begun empty. @param key - A file with the key of a recipient. */
export function leftOf(manifests: readonly Manifest[], at: string | undefined, key: string): readonly Left[] {
  const reached = manifests.filter(({ finishedAt }) => at === undefined || new Date(finishedAt) <= momentOf(at));
  const newest = new Map(
    reached.flatMap((each) => (each.kind === 'cache' || each.kind === 'volume' ? [[each.source, each] as const] : [])),
  );
  return [...newest.values()].map(({ source, kind, finishedAt }) => ({
    name: source,
    command: `berth restore --only ${kind} --name ${source} --at ${finishedAt} --into live --key ${typed(key)}`,
  }));
}

interface AllWanted {
  readonly wanted: readonly Wanted[];
  readonly wantedBuckets: readonly WantedBucket[];
  readonly empty: readonly string[];
  readonly left: readonly Left[];
}

/** Of each database and bucket what it comes from, in columns. */
export function wantedRows({ wanted, wantedBuckets }: Pick<AllWanted, 'wanted' | 'wantedBuckets'>, now: Date): readonly string[][] {
  const asItWas = (at: Date): string => `as it was at ${shownTime(at.toISOString())}, ${describeAge(now.getTime() - at.getTime())} ago`;
  return [
    ...wanted.map(({ database, full, logs, until }) => [
      database,
      full.id,
      `and ${logs.length === 1 ? '1 log' : `${logs.length} logs`}`,
      asItWas(until),
    ]),
    ...wantedBuckets.map(({ bucket, point: { id, finishedAt, facts } }) => [
      bucket,
      id,
      `${Number(facts['objects'])} objects`,
      asItWas(new Date(finishedAt)),
    ]),
  ];
}

export function say(
  asked: WholeAsked,
  plan: FolderPlan,
  { wanted, wantedBuckets, empty, left: apart }: AllWanted,
  context: RuntimeContext,
): void {
  report({ ...asked, only: undefined }, plan, context);
  const rows = wantedRows({ wanted, wantedBuckets }, context.now());
  const without = empty.length === 0 ? '' : `  empty, as there is no backup: ${empty.join(', ')}\n`;
  context.out(
    `${rows.length === 0 ? '  no database is in the backups' : table(rows)}\n${without}  then everything is started\n${apart.length === 0 ? '' : `  empty at first: ${apart.map(({ name }) => name).join(', ')}; the last lines say how to put that back\n`}\n`,
  );
}

interface Done {
  readonly outcomes: readonly Outcome[];
  readonly buckets: readonly BucketOutcome[];
  readonly empty: readonly string[];
  readonly left: readonly Left[];
  readonly seconds: number;
}

export function tell({ into }: WholeAsked, { outcomes, buckets, empty, left: apart, seconds }: Done, context: RuntimeContext): void {
  const style = paint(context.color);
  const rows = outcomes.map(({ database, position, until, seconds: took }) => [
    database,
    until === null ? '' : `all that was committed by ${shownTime(until)}`,
    position === null ? 'was back already' : `up to ${position}, in ${took} s`,
  ]);
  for (const { bucket, madeAt, objects, seconds: took } of buckets)
    rows.push([bucket, `as it was at ${shownTime(madeAt)}`, `${objects} objects, in ${took} s`]);
  context.out(`${style('bold', 'The site is back and runs')}, after ${seconds} s.\n${rows.length === 0 ? '' : `${table(rows)}\n`}\n`);
  for (const { database, left = [] } of outcomes) for (const one of left) context.out(`→ ${database}: ${one}\n`);
  for (const name of empty) context.out(`→ ${name} has begun empty: there is no backup of it by then\n`);
  for (const { name, command } of apart) context.out(`→ ${name} has begun empty; this puts it back, in ${typed(into)}:\n    ${command}\n`);
  const unit = existsSync(join(into, 'systemd')) ? '; then set up the units in systemd/, as SITE.md says' : '';
  context.out(`→ cd ${typed(into)} && berth backup list   shows that backups go on${unit}\n`);
}
