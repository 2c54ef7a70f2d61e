import { isDependent, type BackupKind } from '../../model/backup/manifest.ts';
import { periods, type Period } from './calendar.ts';
import { aheadOf } from './clock-jumps.ts';

/** One backup, as far as keeping it is concerned. */
export interface Point {
  /** Sorts by time. */
  readonly id: string;
  readonly kind: BackupKind;
  /** In the order of ids, by a clock that was right. */
  readonly begunAt: Date;
  /** The time that it restores to. */
  readonly at: Date;
  readonly parent: string | null;
  readonly label: string | null;
  /** How far it was proven, from 0 (uploaded) to 4 (drilled); below zero it was found to be broken. */
  readonly level: number;
}

/**
 * How much to keep. A point is kept when any of these wants it; what none wants goes. What is broken, or rests on what is, never takes the place of another in a
 * count: it is kept as long as everything is, by its name, or as the newest.
 */
export interface RetentionPolicy {
  /** Everything is wanted, and nothing ever goes. */
  readonly forever?: boolean;
  /** The newest so many. Logs are not counted here or in the three below: they come and go with what they follow. */
  readonly last?: number | undefined;
  /** Everything, logs included, that is at most so much older than the newest backup: any moment of this time can be restored to. */
  readonly days?: number | undefined;
  /** The newest of each of so many days, weeks and months on which there were any. Those without backups do not count. */
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  /** Points with a name, for so many days. Without it, for ever. */
  readonly labelledDays?: number;
  /** Whose days, weeks and months they are. */
  readonly zone: string;
  /** The level at which a point counts as proven. */
  readonly provenLevel: number;
}

/** Now, as the host has it, and as it should be by a clock that nobody sets. */
export interface TimeCheck {
  readonly now: Date;
  readonly expected: Date;
}

interface Kept {
  readonly point: Point;
  readonly because: readonly string[];
}
interface Removed {
  readonly point: Point;
  readonly because: string;
}
export interface RetentionPlan {
  readonly keep: readonly Kept[];
  /** In the order in which to remove: nothing before what rests on it. Empty when {@link RetentionPlan.refused} is there. */
  readonly remove: readonly Removed[];
  /** Why nothing may be removed now, though the policy would. */
  readonly refused?: string;
}

const dayMs = 86_400_000;
/** NTP corrects less at a time; more is somebody's hand or a broken clock. */
const mostJumpMs = 3_600_000;

/**
 * What to keep and what to remove, each with its reason. Whatever is kept can be restored: all that it rests on is kept as well.
 * Days are counted from the newest backup, so nothing expires while no new ones are made.
 */
export function planRetention(points: readonly Point[], policy: RetentionPolicy, time: TimeCheck): RetentionPlan {
  const sorted = setRight(points.toSorted((a, b) => (a.id < b.id ? -1 : 1))).reverse();
  const holes = findHoles([...sorted].reverse());
  const present = sorted.filter(({ id }) => !holes.has(id));
  const broken = findBroken([...present].reverse());
  const sound = present.filter(({ id }) => !broken.has(id));
  const reasons = closed(wanted(present, sound, policy, time.now), new Map(sorted.map((point) => [point.id, point])));
  const since = startOfWindow(sorted, policy);
  for (const { id, at } of sorted)
    if (holes.has(id) && at.getTime() >= since) reasons.set(id, [`cannot be restored, ${holes.get(id)} is missing; kept for inquiry`]);
  const keep = sorted.flatMap((point) => {
    const because = reasons.get(point.id);
    return because === undefined ? [] : [{ point, because }];
  });
  const whyNot = (id: string): string =>
    holes.has(id)
      ? `cannot be restored, ${holes.get(id)} is missing`
      : broken.has(id)
        ? `cannot be restored, ${broken.get(id)} was found to be broken`
        : 'no rule of the policy wants it';
  const remove = sorted.filter(({ id }) => !reasons.has(id)).map((point) => ({ point, because: whyNot(point.id) }));
  const refused =
    remove.length === 0
      ? undefined
      : refusal(
          sorted,
          keep.some(({ point: { id, level } }) => !broken.has(id) && level >= policy.provenLevel),
          policy,
          time,
        );
  if (refused === undefined) return { keep, remove };
  return { keep: [...keep, ...remove.map(({ point }) => ({ point, because: ['nothing is removed now'] }))], remove: [], refused };
}

/** One of a clock that was ahead is as old as what was made just before it: else it would be the newest for a year. */
function setRight(oldestFirst: readonly Point[]): Point[] {
  const ahead = aheadOf(oldestFirst, ({ begunAt }) => begunAt.getTime());
  if (ahead.size === 0) return [...oldestFirst];
  let before: Date | undefined;
  return oldestFirst.map((point) => {
    if (!ahead.has(point)) before = point.at;
    return ahead.has(point) && before !== undefined ? { ...point, at: before } : point;
  });
}

/**
 * @param present - What nothing is missing of, the newest first.
 * @param sound - What of that is not broken either.
 */
function wanted(
  present: readonly Point[],
  sound: readonly Point[],
  policy: RetentionPolicy,
  now: Date,
): ReadonlyMap<string, readonly string[]> {
  const reasons = new Map<string, readonly string[]>();
  // Of the log of weeks nearly all are kept for the same reason.
  const single = new Map<string, readonly string[]>();
  const alone = (because: string): readonly string[] => {
    const found = single.get(because) ?? [because];
    single.set(because, found);
    return found;
  };
  const want = (point: Point | undefined, because: string): void => {
    if (point === undefined) return;
    const others = reasons.get(point.id);
    reasons.set(point.id, others === undefined ? alone(because) : [...others, because]);
  };
  const whole = sound.filter((point) => point.kind !== 'log');
  want(present[0], 'newest');
  want(
    sound.find((point) => point.level >= policy.provenLevel),
    `newest at level ${policy.provenLevel} or above`,
  );
  for (const [index, point] of whole.slice(0, policy.last ?? 0).entries()) want(point, `last ${index + 1}/${policy.last}`);
  for (const period of Object.keys(periods) as Period[]) {
    const most = policy[period] ?? 0;
    for (const [index, point] of newestOfEach(whole, period, policy.zone).slice(0, most).entries())
      want(point, `${period} ${index + 1}/${most}`);
  }
  const since = startOfWindow(present, policy);
  for (const point of present) {
    if (policy.forever === true) want(point, 'kept for ever');
    if (policy.days !== undefined && point.at.getTime() >= since) want(point, `within ${policy.days} days`);
    if (point.label === null) continue;
    if (policy.labelledDays === undefined) want(point, `named ${point.label}`);
    else if (now.getTime() - point.at.getTime() <= policy.labelledDays * dayMs)
      want(point, `named ${point.label}, within ${policy.labelledDays} days`);
  }
  return reasons;
}

function newestOfEach(points: readonly Point[], period: Period, zone: string): readonly Point[] {
  const seen = new Set<string>();
  return points.filter((point) => {
    const name = periods[period](point.at, zone);
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

const startOfWindow = (points: readonly Point[], { days }: RetentionPolicy): number =>
  days === undefined ? Infinity : newestTime(points) - days * dayMs;

/** No spread: there may be tens of thousands. */
const newestTime = (points: readonly Point[]): number => points.reduce((newest, { at }) => Math.max(newest, at.getTime()), -Infinity);

/** All that is wanted, and all that it rests on. */
function closed(reasons: ReadonlyMap<string, readonly string[]>, byId: ReadonlyMap<string, Point>): Map<string, readonly string[]> {
  const all = new Map(reasons);
  const walked = new Set<string>();
  for (const id of reasons.keys())
    for (let parent = byId.get(id)?.parent ?? null; parent !== null && !walked.has(parent); parent = byId.get(parent)?.parent ?? null) {
      walked.add(parent);
      if (!all.has(parent)) all.set(parent, [`needed by ${id}`]);
    }
  return all;
}

/** For each backup that cannot be restored the first one that a restore would look for in vain. */
function findHoles(oldestFirst: readonly Point[]): ReadonlyMap<string, string> {
  const sound = new Set<string>();
  const holes = new Map<string, string>();
  for (const { id, kind, parent } of oldestFirst) {
    // A parent is older than its child, so it was seen before; one that was not is not there.
    const missing =
      parent === null ? (isDependent(kind) ? 'its full' : undefined) : sound.has(parent) ? undefined : (holes.get(parent) ?? parent);
    if (missing === undefined) sound.add(id);
    else holes.set(id, missing);
  }
  return holes;
}

/** For each backup that is broken, or rests on what is, the first one that is. */
function findBroken(oldestFirst: readonly Point[]): ReadonlyMap<string, string> {
  const broken = new Map<string, string>();
  for (const { id, parent, level } of oldestFirst) {
    const culprit = broken.get(parent ?? '') ?? (level < 0 ? id : undefined);
    if (culprit !== undefined) broken.set(id, culprit);
  }
  return broken;
}

function refusal(
  sorted: readonly Point[],
  isProvenLeft: boolean,
  policy: RetentionPolicy,
  { now, expected }: TimeCheck,
): string | undefined {
  const newest = newestTime(sorted);
  if (newest > now.getTime() + mostJumpMs / 60)
    return `the clock is wrong now, or was: the newest backup is of ${new Date(newest).toISOString()}, and it is ${now.toISOString()}`;
  if (Math.abs(now.getTime() - expected.getTime()) > mostJumpMs)
    return `the clock has jumped: it is ${now.toISOString()}, and should be ${expected.toISOString()}`;
  if (!isProvenLeft) return `no backup at level ${policy.provenLevel} or above would remain`;
  return undefined;
}
