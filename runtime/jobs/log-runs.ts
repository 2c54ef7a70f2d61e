import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import { baseOf, joined, type Chain, type Span } from './coverage.ts';

/** Logs of a chain that can be read one after the other. */
export interface Run {
  /** What the logs of its chain follow. */
  readonly base: Manifest;
  /** What the first of them follows: that, or a log. */
  readonly after: Manifest;
  /** One or more, in order. */
  readonly logs: readonly Manifest[];
}

/** A time of which no log was read. */
export interface Hole extends Span {
  /** Logs of that time that lie there all the same: they are broken, or what they follow is missing. */
  readonly unreadable?: readonly string[];
}

/** What one log adds to the one before. */
interface Stretch extends Span {
  readonly id: string;
}

export interface LogTimes {
  /** Of which the log can be read; the oldest first. */
  readonly spans: readonly Span[];
  readonly unreadable: readonly Stretch[];
}

/** A commit notes its time before it is written, by another clock than that of the agent; MariaDB notes when its last statement began. */
const slackMs = 300_000;

const covered = (manifest: Manifest): number => reachOf(manifest).coveredUntil.getTime();

/**
 * @param chains - Whatever was found of what they rest on: where a log begins is all that it takes to read it.
 * @param manifests - Of the same source.
 */
export function timesOf(chains: readonly Chain[], manifests: readonly Manifest[], isBroken: (id: string) => boolean): LogTimes {
  const stretches = chains.flatMap(stretchesOf);
  const known = new Set(stretches.map(({ id }) => id));
  const isSound = ({ from, until }: Span): boolean => from <= until;
  const strays = manifests
    .filter(({ id, kind }) => kind === 'log' && !known.has(id))
    .map((log) => ({ id: log.id, from: new Date(Math.min(Date.parse(log.startedAt), covered(log))), until: new Date(covered(log)) }));
  return {
    spans: joined(stretches.filter((each) => isSound(each) && !isBroken(each.id))),
    unreadable: [...stretches.filter((each) => isSound(each) && isBroken(each.id)), ...strays],
  };
}

/** Those from before the base had ended lie before the times that are counted, and end before they begin. */
function stretchesOf(chain: Chain): readonly Stretch[] {
  const base = baseOf(chain);
  const begun = reachOf(base).restorableFrom?.getTime() ?? Infinity;
  let passed = covered(base);
  return chain.logs.map((log) => {
    const from = new Date(Math.max(begun, passed));
    passed = Math.max(passed, covered(log));
    return { id: log.id, from, until: new Date(passed) };
  });
}

/** The logs that can hold a commit of that time. A clock that was set back once leaves none of them out. */
export const runsWithin = (chain: Chain, { from, until }: Span, isBroken: (id: string) => boolean): readonly Run[] =>
  runsOf(chain, isBroken).flatMap(({ base, after, logs }) => {
    const line = [after, ...logs];
    const timely = new Set([base, ...(chain.timely ?? [])]);
    const isWanted = (log: Manifest, index: number): boolean => {
      const previous = line[index] ?? after;
      const ended = Math.max(Date.parse(log.finishedAt), covered(log));
      return (
        ended + slackMs >= from.getTime() && (previous === base || !timely.has(previous) || covered(previous) <= until.getTime() + slackMs)
      );
    };
    const [first, last] = [logs.findIndex(isWanted), logs.findLastIndex(isWanted)];
    return first < 0 ? [] : [{ base, after: line[first] ?? after, logs: logs.slice(first, last + 1) }];
  });

/** One that is broken ends what can be read in one go. */
function runsOf(chain: Chain, isBroken: (id: string) => boolean): readonly Run[] {
  const base = baseOf(chain);
  const runs: { readonly base: Manifest; readonly after: Manifest; readonly logs: Manifest[] }[] = [{ base, after: base, logs: [] }];
  for (const log of chain.logs)
    if (isBroken(log.id)) runs.push({ base, after: log, logs: [] });
    else runs.at(-1)?.logs.push(log);
  return runs.filter(({ logs }) => logs.length > 0);
}

/** What of a time no log was read of, and why; the earliest first. */
export const holesIn = (window: Span, { spans, unreadable }: LogTimes): readonly Hole[] =>
  without(window, spans).flatMap((gap) => {
    const here = unreadable.filter(({ from, until }) => until > gap.from && from < gap.until);
    const lying = joined(here);
    const unread = lying.map(({ from, until }) => ({
      from: from > gap.from ? from : gap.from,
      until: until < gap.until ? until : gap.until,
      unreadable: here.filter((each) => each.from >= from && each.until <= until).map(({ id }) => id),
    }));
    return [...without(gap, lying), ...unread].sort((a, b) => a.from.getTime() - b.from.getTime());
  });

/** @param taken - The oldest first, none of which touches another. */
function without({ from, until }: Span, taken: readonly Span[]): readonly Span[] {
  const within = taken.filter((each) => each.until > from && each.from < until);
  const ends = [from, ...within.map((each) => each.until)];
  const begins = [...within.map((each) => each.from), until];
  return ends.flatMap((end, index) => {
    const next = begins[index] ?? until;
    return next > end ? [{ from: end, until: next }] : [];
  });
}
