import { hasLogBehind, type Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import type { ChainRules } from '../ports/log-source.ts';
import { aheadOf } from './clock-jumps.ts';

/**
 * A full backup, or an increment with all that it rests on, and the logs that follow it without a hole, in order. Every one of the logs is a place up to which it
 * can be restored.
 */
export interface Chain {
  readonly full: Manifest;
  /** In order, each resting on the one before; the logs follow the last of them. */
  readonly increments: readonly Manifest[];
  readonly logs: readonly Manifest[];
  /**
   * Of these the first ones, up to where a clock was ahead: an engine that restores to a time stops at the first commit that bears a later one, so nothing behind that
   * can be chosen by a time. Nothing at all where it was ahead when what they follow was made.
   */
  readonly timely: readonly Manifest[] | undefined;
  /** Why it does not go on, where logs of it lie there that nothing leads to. */
  readonly hole: string | undefined;
}

/** What is restored, in that order. */
export const backupsIn = ({ full, increments, logs }: Pick<Chain, 'full' | 'increments' | 'logs'>): readonly Manifest[] => [
  full,
  ...increments,
  ...logs,
];

/** What the logs follow. */
export const baseOf = ({ full, increments }: Pick<Chain, 'full' | 'increments'>): Manifest => increments.at(-1) ?? full;

/** The times that can be restored to: from one to the other, both included. */
export interface Span {
  readonly from: Date;
  readonly until: Date;
}

/** What there is to restore from, the oldest first. @param manifests - Of one source. */
export function chainsOf(manifests: readonly Manifest[], rules: ChainRules): readonly Chain[] {
  const sorted = [...manifests].sort((a, b) => (a.id < b.id ? -1 : 1));
  const lines = linesOf(sorted, rules);
  const logs = logsByBase(sorted);
  // Begun in the order of their ids; a full backup may end long after logs that were begun behind it.
  const ahead = aheadOf(sorted, ({ startedAt }) => Date.parse(startedAt));
  return [...lines].map(([base, [full, ...increments]]) => chainFrom({ full, increments }, logs.get(base) ?? [], ahead, rules));
}

/** For each full backup, and each increment of which nothing is missing, what is restored up to itself. */
function linesOf(sorted: readonly Manifest[], rules: ChainRules): ReadonlyMap<string, readonly [Manifest, ...Manifest[]]> {
  const lines = new Map<string, readonly [Manifest, ...Manifest[]]>();
  for (const each of sorted) {
    if (each.kind === 'full') lines.set(each.id, [each]);
    const line = each.kind === 'increment' ? lines.get(each.parent ?? '') : undefined;
    const parent = line?.at(-1);
    if (line !== undefined && parent !== undefined && rules.follows(parent, each)) lines.set(each.id, [...line, each]);
  }
  return lines;
}

/** A log whose parent is missing counts to the newest that it can have followed: there it shows that something is missing. */
function logsByBase(sorted: readonly Manifest[]): ReadonlyMap<string, readonly Manifest[]> {
  const bases = new Map<string, string>();
  const newest = new Map<string, string>();
  for (const { id, kind, chain, parent } of sorted) {
    const base = hasLogBehind(kind) ? id : kind === 'log' ? (bases.get(parent ?? '') ?? newest.get(chain)) : undefined;
    if (base !== undefined) bases.set(id, base);
    if (hasLogBehind(kind)) newest.set(chain, id);
  }
  return Map.groupBy(
    sorted.filter(({ kind }) => kind === 'log'),
    ({ id }) => bases.get(id) ?? '',
  );
}

/** Of two logs with the same parent the one counts that others follow, and else the one that reaches further. */
function chainFrom(
  whole: Pick<Chain, 'full' | 'increments'>,
  logs: readonly Manifest[],
  ahead: ReadonlySet<Manifest>,
  rules: ChainRules,
): Chain {
  const base = baseOf(whole);
  const sound = new Map([[base.id, base]]);
  for (const log of logs) {
    const parent = sound.get(log.parent ?? '');
    if (parent !== undefined && rules.follows(parent, log)) sound.set(log.id, log);
  }
  const end = [...sound.values()].reduce((best, each) => (reachOf(each).coveredUntil >= reachOf(best).coveredUntil ? each : best));
  const line: Manifest[] = [];
  for (let next: Manifest | undefined = end; next !== undefined && next.kind === 'log'; next = sound.get(next.parent ?? ''))
    line.unshift(next);
  const stray = logs.find(({ id }) => !sound.has(id));
  const timely = ahead.has(base) ? undefined : timelyOf(base, line, ahead);
  return { ...whole, logs: line, timely, hole: stray && `${stray.id} does not follow ${end.id}, or what it follows is missing` };
}

/** The clock of a server may differ from that of its agent for good, by an hour or two of a zone. By more than a day none does that anybody works with. */
const mostAheadMs = 86_400_000;

function timelyOf(base: Manifest, line: readonly Manifest[], ahead: ReadonlySet<Manifest>): readonly Manifest[] {
  let passed = Date.parse(base.finishedAt);
  const wrong = line.findIndex((log) => {
    passed = Math.max(passed, Date.parse(log.finishedAt));
    return ahead.has(log) || reachOf(log).coveredUntil.getTime() > passed + mostAheadMs;
  });
  return wrong < 0 ? line : line.slice(0, wrong);
}

/** Up to when its times are to be believed, where a clock was ahead then; nothing where none was. */
export function trustedUntil(chain: Chain): Date | undefined {
  const { timely, logs } = chain;
  return timely?.length === logs.length ? undefined : coveredBy({ ...chain, logs: timely ?? [] });
}

/** Nothing, as long as no log says what was committed after what it follows had become complete. */
export function spanOf(chain: Chain): Span | undefined {
  const from = chain.timely && reachOf(baseOf(chain)).restorableFrom;
  const until = coveredBy({ ...chain, logs: chain.timely ?? [] });
  return from === undefined || until < from ? undefined : { from, until };
}

const coveredBy = (chain: Pick<Chain, 'full' | 'increments' | 'logs'>): Date =>
  new Date([baseOf(chain), ...chain.logs].reduce((latest, each) => Math.max(latest, reachOf(each).coveredUntil.getTime()), -Infinity));

/** Times that can be restored to, where one goes into the next made one; the oldest first. */
export const restorableSpans = (chains: readonly Chain[]): readonly Span[] => joined(chains.flatMap((chain) => spanOf(chain) ?? []));

/** The same times, where one goes into the next made one; the oldest first. */
export function joined(spans: readonly Span[]): readonly Span[] {
  const made: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from.getTime() - b.from.getTime())) {
    const last = made.at(-1);
    if (last === undefined || span.from > last.until) made.push({ from: span.from, until: span.until });
    else if (span.until > last.until) made.splice(-1, 1, { from: last.from, until: span.until });
  }
  return made;
}

/**
 * What the latest point is restored from: the newest, unless the log that went on behind an older one holds all of it and more. That is so as long as
 * no log, or not all of it, was shipped behind the newest.
 *
 * @param chains - The oldest first.
 */
export const latestOf = (chains: readonly Chain[], rules: ChainRules): Chain | undefined =>
  chains
    .toReversed()
    .reduce<Chain | undefined>((best, chain) => (best !== undefined && !goesFurther(chain, best, rules) ? best : chain), undefined);

/**
 * Times alone would let a clock win that once ran ahead, and places alone a history that was given up by a restore. Ids keep their order whatever the clock does:
 * a log that was begun after the newer one was shows that the older one went on beside it.
 */
function goesFurther(older: Chain, newer: Chain, rules: ChainRules): boolean {
  const tip = older.logs.at(-1);
  if (tip === undefined || tip.id < baseOf(newer).id || coveredBy(older) <= coveredBy(newer)) return false;
  return rules.holdsAllOf(tip, newer.logs.at(-1) ?? baseOf(newer));
}
