import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { RestorePlan } from '../../runtime/jobs/plan-restore.ts';
import { countedBehind, describeAge, shownTime } from '../backup/text.ts';
import { counted } from './bucket-point.ts';
import { lateCanary } from './canary.ts';
import { describeEstimate, describeExceeded } from './estimate.ts';
import type { Apart } from './choose-copies.ts';
import type { Chosen } from './choose-whole.ts';
import type { SiteFilled } from './fill-site.ts';
import type { CopyOutcome } from './refill-cache.ts';
import type { Restored } from './database-here.ts';
import { type FolderPlan, report, type RestoreAsked } from './site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { noteOf, paint, table, typed } from '../text.ts';

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

export type Outcome = Pick<Restored, 'database' | 'position' | 'until' | 'left' | 'canary'> & { readonly seconds: number };

/** The command that gets what could not be put back, once the site runs. @param key - A file with the key of a recipient. */
export const commandFor = ({ name, madeAt, into }: Apart, key: string): string =>
  `berth restore --only cache --name ${name} --at ${madeAt} --into ${into} --key ${typed(key)}`;

/** Of each database, bucket, cache and volume what it comes from, in columns. */
export function wantedRows(
  { wanted, wantedBuckets, copies }: Pick<Chosen, 'wanted' | 'wantedBuckets' | 'copies'>,
  now: Date,
): readonly string[][] {
  const asItWas = (at: Date): string => `as it was at ${shownTime(at.toISOString())}, ${describeAge(now.getTime() - at.getTime())} ago`;
  const rowOf = (name: string, { id, finishedAt }: Manifest, holds: string): string[] => [name, id, holds, asItWas(new Date(finishedAt))];
  return [
    ...wanted.map(({ database, full, increments, logs, until }) => [
      database,
      full.id,
      `and ${countedBehind(increments.length, logs.length)}`,
      asItWas(until),
    ]),
    ...copies.map(({ kind, name, copy }) => rowOf(name, copy, holding(kind, Number(copy.facts[kind === 'cache' ? 'keys' : 'files'])))),
    ...wantedBuckets.map(({ bucket, point }) => rowOf(bucket, point, counted(Number(point.facts['objects'])))),
  ];
}

/** What would be taken, for programs. */
export const chosenAsJson = ({ wanted, wantedBuckets, copies, apart, empty, broken, elsewhere, expected }: Chosen) => ({
  expected: expected ?? null,
  databases: wanted.map(({ database, full, increments, logs, until }) => ({
    database,
    full: full.id,
    increments: increments.map(({ id }) => id),
    logs: logs.length,
    until: until.toISOString(),
  })),
  buckets: wantedBuckets.map(({ bucket, point }) => ({ bucket, point: point.id, madeAt: point.finishedAt })),
  copies: copies.map(({ kind, name, copy }) => ({ kind, name, copy: copy.id, madeAt: copy.finishedAt })),
  empty,
  broken,
  ...(elsewhere === undefined ? {} : { elsewhere }),
  left: apart.map(({ name, because }) => ({ name, because })),
});

/** Of each what came of it, in columns. */
export function filledRows({ outcomes, copies, buckets }: SiteFilled): readonly string[][] {
  const rowOf = (name: string, madeAt: string, done: string): string[] => [name, `as it was at ${shownTime(madeAt)}`, done];
  return [
    ...outcomes.map(({ database, position, until, canary, seconds }) => [
      database,
      until === null
        ? ''
        : `all that was committed by ${shownTime(until)}${canary === null ? '' : `, with a canary of ${shownTime(canary.moment)}`}`,
      position === null ? 'was back already' : `up to ${position}, in ${seconds} s`,
    ]),
    ...copies.map(({ kind, name, madeAt, holds, already, seconds }) =>
      rowOf(name, madeAt, already ? 'was back already' : `${holding(kind, holds)}, in ${seconds} s`),
    ),
    ...buckets.map(({ bucket, madeAt, objects, seconds }) => rowOf(bucket, madeAt, `${counted(objects)}, in ${seconds} s`)),
  ];
}

const holding = (kind: CopyOutcome['kind'], count: number): string =>
  `${count} ${kind === 'cache' ? 'key' : 'file'}${count === 1 ? '' : 's'}`;

export function say(asked: WholeAsked, plan: FolderPlan, chosen: Chosen, context: RuntimeContext): void {
  const { apart, empty, broken, elsewhere = [] } = chosen;
  report({ ...asked, only: undefined }, plan, context);
  for (const id of broken) context.err(`${noteOf(`${id} was found to be broken, and is left out`, context)}\n`);
  const rows = wantedRows(chosen, context.now());
  const lines = [
    rows.length === 0 ? '  no data are in the backups' : table(rows),
    ...(empty.length === 0 ? [] : [`  empty, as there is no backup: ${empty.join(', ')}`]),
    ...(elsewhere.length === 0 ? [] : [`  left as it is, as it stands elsewhere: ${elsewhere.join(', ')}`]),
    '  then everything is started',
    ...expectedLines(chosen),
    ...(apart.length === 0
      ? []
      : [`  empty at first: ${apart.map(({ name }) => name).join(', ')}; the last lines say why, and what to do`]),
  ];
  context.out(`${lines.join('\n')}\n\n`);
  warnOfRto(chosen, context);
}

/** How long it should take, on a line of its own. */
export const expectedLines = ({ expected }: Pick<Chosen, 'expected'>): readonly string[] =>
  expected === undefined ? [] : [`  takes ${describeEstimate(expected)}`];

/** Where that is longer than the site may be away. */
export function warnOfRto({ expected }: Pick<Chosen, 'expected'>, context: RuntimeContext): void {
  const exceeded = expected && describeExceeded(expected);
  if (exceeded !== undefined) context.err(`${noteOf(exceeded, context)}\n`);
}

interface Done extends SiteFilled, Pick<Chosen, 'empty' | 'apart'> {
  /** A file with the key of a recipient. */
  readonly key: string;
  readonly seconds: number;
}

export function tell({ into }: WholeAsked, done: Done, context: RuntimeContext): void {
  const { outcomes, empty, apart, key, seconds } = done;
  const style = paint(context.color);
  const rows = filledRows(done);
  context.out(`${style('bold', 'The site is back and runs')}, after ${seconds} s.\n${rows.length === 0 ? '' : `${table(rows)}\n`}\n`);
  for (const { database, left = [] } of outcomes) for (const one of left) context.out(`→ ${database}: ${one}\n`);
  for (const { database, canary } of outcomes)
    if (canary?.late === true) context.err(`${noteOf(`${database}: ${lateCanary(canary)}`, context)}\n`);
  for (const name of empty) context.out(`→ ${name} has begun empty: there is no backup of it by then\n`);
  for (const one of apart)
    context.out(`→ ${one.name} has begun empty. It ${one.because}, in ${typed(into)}:\n    ${commandFor(one, key)}\n`);
  const unit = existsSync(join(into, 'systemd')) ? '; then set up the units in systemd/, as SITE.md says' : '';
  context.out(`→ cd ${typed(into)} && berth backup list   shows that backups go on${unit}\n`);
}
