import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import { BerthError } from '../../model/errors.ts';
import type { ChainRules } from '../ports/log-source.ts';
import type { RestoreTarget } from '../ports/scratch-engine.ts';
import { backupsIn, baseOf, chainsOf, latestOf, restorableSpans, spanOf, trustedUntil, type Chain, type Span } from './coverage.ts';

/** What will be restored, before anything is done. */
export interface RestorePlan {
  readonly full: Manifest;
  /** In order; none where the log follows the full backup itself. */
  readonly increments: readonly Manifest[];
  /** In order; no more than it takes. */
  readonly logs: readonly Manifest[];
  readonly target: RestoreTarget;
  readonly because: string;
}

/**
 * The newest full backup, or increment with what it rests on, from which the target can be reached, and the logs up to it.
 *
 * @param manifests - Of one source.
 * @param fullId - The full backup that it is to begin with, where a transaction alone does not say which.
 * @throws BerthError `damaged` when the target lies in a hole, and `usage` when it lies outside of all that there is, which both name the nearest points; or when
 * a transaction may be one of several histories.
 */
export function planRestore(manifests: readonly Manifest[], target: RestoreTarget, rules: ChainRules, fullId?: string): RestorePlan {
  if (target.kind === 'transaction' && !rules.transaction.form.test(target.id))
    throw new BerthError('usage', `${target.id} is no transaction`, `write one such as ${rules.transaction.example}`);
  const all = chainsOf(manifests, rules);
  const chains = fullId === undefined ? all : all.filter(({ full }) => full.id === fullId);
  if (fullId !== undefined && chains.length === 0)
    throw new BerthError(
      'usage',
      `there is no full backup ${fullId} to restore from`,
      '`berth backup list` names those that there are; one that was found to be broken is none',
    );
  const newestFirst = chains.toReversed();
  const latest = latestOf(chains, rules);
  if (latest === undefined)
    throw new BerthError(
      'usage',
      'there is no full backup to restore from',
      'make one with `berth backup now`, or look into another store',
    );
  if (target.kind === 'latest')
    return { full: latest.full, increments: latest.increments, logs: latest.logs, target, because: reasonForLatest(latest, newestFirst) };
  if (target.kind === 'transaction') return planBefore(chains, target, rules);
  for (const chain of newestFirst) {
    const logs = logsUpTo(chain, target, rules);
    if (logs !== undefined) return { full: chain.full, increments: chain.increments, logs, target, because: reasonFor(chain, logs) };
  }
  throw outOfReach(chains, target);
}

/**
 * A number is given once in one history. A restore begins another one, which may give it again to another transaction: where both may have it, neither is taken
 * for the other.
 */
function planBefore(chains: readonly Chain[], target: Extract<RestoreTarget, { kind: 'transaction' }>, rules: ChainRules): RestorePlan {
  const reaching = chains.flatMap((chain) => reachingTo(chain, target.id, rules) ?? []);
  const choices = historiesOf(reaching, rules).flatMap((history) => choose(history, rules) ?? []);
  const [only] = choices;
  if (only === undefined) throw outOfReach(chains, target);
  if (choices.length > 1) throw ofSeveralHistories(target, choices.toReversed());
  const { full, increments, logs } = only.chain;
  const newer = chains.findLast(
    (chain) => chain.full.id > full.id && rules.isAfter(baseOf(chain), target.id) && !isOneHistory(chain, only.chain, rules),
  );
  const other =
    newer && `${baseOf(newer).id} of ${baseOf(newer).finishedAt} is newer, and of another history, which has no such transaction`;
  return { full, increments, logs, target, because: [only.because, ...(other === undefined ? [] : [other])].join('; ') };
}

interface Reaching {
  readonly whole: Chain;
  /** With no more logs than it takes, where they tell. */
  readonly chain: Chain;
  /** Nothing says that it is not there, and nothing that it is. */
  readonly isGuess: boolean;
}

/** Nothing where the transaction is for certain not in the logs. */
function reachingTo(chain: Chain, id: string, rules: ChainRules): Reaching | undefined {
  const tip = chain.logs.at(-1);
  if (tip === undefined || !rules.isAfter(baseOf(chain), id)) return undefined;
  const index = chain.logs.findIndex((log) => rules.comesTo(log, id) === true);
  if (index >= 0) return { whole: chain, chain: { ...chain, logs: chain.logs.slice(0, index + 1) }, isGuess: false };
  return rules.comesTo(tip, id) === undefined ? { whole: chain, chain, isGuess: true } : undefined;
}

/** Those that one server has written one after the other. The newest history first, and in each the newest. */
function historiesOf(reaching: readonly Reaching[], rules: ChainRules): readonly (readonly Reaching[])[] {
  const histories: Reaching[][] = [];
  for (const each of reaching.toReversed()) {
    const history = histories.find((others) => others.some(({ whole }) => isOneHistory(whole, each.whole, rules)));
    if (history === undefined) histories.push([each]);
    else history.push(each);
  }
  return histories;
}

/** The log of one has all that the other begins with, and the newer no less than what was there of the older when it began. */
const isOneHistory = (newer: Chain, older: Chain, rules: ChainRules): boolean =>
  (goesInto(newer, older, rules) || goesInto(older, newer, rules)) && goesOnFrom(older, newer, rules);

/** PostgreSQL has one name for all timelines that begin behind the same one. */
function goesOnFrom({ logs }: Chain, newer: Chain, rules: ChainRules): boolean {
  const base = baseOf(newer);
  const log = logs.findLast(({ id, finishedAt }) => id < base.id && finishedAt <= base.startedAt);
  return log === undefined || rules.reaches(base, log.position.to ?? '') || rules.holdsAllOf(base, log);
}

const goesInto = (chain: Chain, other: Chain, rules: ChainRules): boolean =>
  [baseOf(chain), ...chain.logs].findLast((each) => rules.holdsAllOf(each, baseOf(other))) !== undefined;

interface Choice {
  readonly chain: Chain;
  readonly because: string;
}

/** Of one history: what has it, from the newest on; else what goes furthest. */
function choose(newestFirst: readonly Reaching[], rules: ChainRules): Choice | undefined {
  const known = newestFirst.find(({ isGuess }) => !isGuess);
  if (known !== undefined) return { chain: known.chain, because: reasonFor(known.chain, known.chain.logs) };
  const chains = newestFirst.map(({ chain }) => chain);
  const furthest = latestOf(chains.toReversed(), rules);
  return furthest && { chain: furthest, because: reasonForLatest(furthest, chains) };
}

function ofSeveralHistories({ id }: { readonly id: string }, candidates: readonly Choice[]): BerthError {
  const told = candidates.map(({ chain }) => {
    const from = reachOf(baseOf(chain)).restorableFrom?.toISOString() ?? baseOf(chain).finishedAt;
    return `the log behind ${baseOf(chain).id}, from ${from} to ${reachOf(chain.logs.at(-1) ?? baseOf(chain)).coveredUntil.toISOString()}`;
  });
  const ways = candidates.map(({ chain }) => `\`--full ${chain.full.id}\``);
  return new BerthError(
    'usage',
    `there may be ${candidates.length} transactions ${id}, as the database was put back or another server has taken its place in between: ${told.join('; or ')}`,
    `say which is meant by the full backup before it: add ${ways.join(' or ')}`,
  );
}

/** `undefined` when the target cannot be reached from there. */
function logsUpTo(
  chain: Chain,
  target: Extract<RestoreTarget, { kind: 'time' | 'position' }>,
  rules: ChainRules,
): readonly Manifest[] | undefined {
  const { logs } = chain;
  const base = baseOf(chain);
  const upTo = (index: number): readonly Manifest[] | undefined => (index < 0 ? undefined : logs.slice(0, index + 1));
  switch (target.kind) {
    case 'time': {
      const span = spanOf(chain);
      if (span === undefined || target.at < span.from || target.at > span.until) return undefined;
      return upTo((chain.timely ?? []).findIndex((log) => reachOf(log).coveredUntil >= target.at));
    }
    case 'position':
      if (rules.endsAt(base, target.position)) return [];
      if (rules.reaches(base, target.position)) return undefined;
      return upTo(logs.findIndex((log) => rules.reaches(log, target.position)));
  }
}

function reasonForLatest(latest: Chain, [newest]: readonly Chain[]): string {
  if (newest === undefined || newest === latest) return reasonFor(latest, latest.logs);
  const further = `the log behind ${baseOf(latest).id} reaches further than what there is of the newer ${baseOf(newest).id}`;
  return `${further}, and holds all of it; ${followed(latest.logs)}`;
}

function reasonFor(chain: Chain, logs: readonly Manifest[]): string {
  const { id, kind, finishedAt } = baseOf(chain);
  const rests =
    chain.increments.length === 0
      ? ''
      : ` and rests on ${backupsIn({ ...chain, logs: [] })
          .slice(0, -1)
          .map((each) => each.id)
          .join(', ')}`;
  return `${id} of ${finishedAt} is the newest ${kind === 'full' ? 'full backup' : 'increment'} before it${rests}; ${followed(logs)}`;
}
function followed(logs: readonly Manifest[]): string {
  const last = logs.at(-1);
  if (last === undefined) return 'no logs are needed';
  return logs.length === 1 ? `log ${last.id} follows` : `${logs.length} logs follow, the last is ${last.id}`;
}

function outOfReach(chains: readonly Chain[], target: RestoreTarget): BerthError {
  const spans = restorableSpans(chains);
  const first = spans[0];
  const last = spans.at(-1);
  if (first === undefined || last === undefined)
    return new BerthError(
      'damaged',
      'no full backup that is there can be restored to a time of choice',
      'restore the newest full backup: `--latest`',
    );
  const wanted = describeTarget(target);
  if (target.kind !== 'time')
    return new BerthError(
      'usage',
      `${wanted} is in no backup`,
      `choose a time: backups reach from ${first.from.toISOString()} to ${last.until.toISOString()}`,
    );
  const behind = untimelyAt(chains, target.at);
  if (behind !== undefined)
    return new BerthError(
      'usage',
      `${wanted} cannot be chosen: a clock was ahead after ${behind.toISOString()}, and a restore to a later time would end where it was`,
      `the nearest points are ${nearest(spans, target.at).join(' and ')}; \`--latest\` has all that was written since`,
    );
  const points = nearest(spans, target.at);
  if (points.length > 1)
    return new BerthError(
      'damaged',
      `${wanted} lies in a hole: the log of that time was never received`,
      `the nearest points are ${points.join(' and ')}`,
    );
  return new BerthError(
    'usage',
    `${wanted} lies ${target.at < first.from ? 'before the first backup' : 'after all that has been backed up'}`,
    `the nearest point is ${points.join('')}`,
  );
}

/** Up to when a chain reaches by its times, where it goes on behind that, and nothing newer has begun by the time that is wanted. */
function untimelyAt(chains: readonly Chain[], at: Date): Date | undefined {
  const chain = chains.findLast((each) => new Date(baseOf(each).startedAt) <= at);
  const until = chain && trustedUntil(chain);
  return until !== undefined && until < at ? until : undefined;
}

function nearest(spans: readonly Span[], at: Date): readonly string[] {
  const points = [spans.findLast(({ until }) => until < at)?.until, spans.find(({ from }) => from > at)?.from];
  return points.flatMap((point) => point?.toISOString() ?? []);
}

function describeTarget(target: RestoreTarget): string {
  switch (target.kind) {
    case 'latest':
      return 'the latest point';
    case 'time':
      return target.at.toISOString();
    case 'position':
      return `position ${target.position}`;
    case 'transaction':
      return `transaction ${target.id}`;
  }
}
