import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import { BerthError } from '../../model/errors.ts';
import type { ChainRules } from '../ports/log-source.ts';
import type { RestoreTarget } from '../ports/scratch-engine.ts';
import { backupsIn, baseOf, chainsOf, latestOf, restorableSpans, spanOf, type Chain } from './coverage.ts';

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
 * @throws BerthError `damaged` when the target lies in a hole, and `usage` when it lies outside of all that there is; both name the nearest points.
 */
export function planRestore(manifests: readonly Manifest[], target: RestoreTarget, rules: ChainRules): RestorePlan {
  if (target.kind === 'transaction' && !rules.transaction.form.test(target.id))
    throw new BerthError('usage', `${target.id} is no transaction`, `write one such as ${rules.transaction.example}`);
  const chains = chainsOf(manifests, rules);
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
  if (target.kind === 'transaction') {
    // Which log it lies in no manifest says: it is in what goes furthest, if it is anywhere.
    const before = chains.filter((chain) => rules.isAfter(baseOf(chain), target.id));
    const furthest = latestOf(before, rules);
    if (furthest === undefined) throw outOfReach(chains, target);
    const { full, increments, logs } = furthest;
    return { full, increments, logs, target, because: reasonForLatest(furthest, before.toReversed()) };
  }
  for (const chain of newestFirst) {
    const logs = logsUpTo(chain, target, rules);
    if (logs !== undefined) return { full: chain.full, increments: chain.increments, logs, target, because: reasonFor(chain, logs) };
  }
  throw outOfReach(chains, target);
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
      return upTo(logs.findIndex((log) => reachOf(log).coveredUntil >= target.at));
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
  const before = spans.findLast(({ until }) => until < target.at)?.until.toISOString();
  const after = spans.find(({ from }) => from > target.at)?.from.toISOString();
  if (before !== undefined && after !== undefined)
    return new BerthError(
      'damaged',
      `${wanted} lies in a hole: the log of that time was never received`,
      `the nearest points are ${before} and ${after}`,
    );
  return new BerthError(
    'usage',
    `${wanted} lies ${before === undefined ? 'before the first backup' : 'after all that has been backed up'}`,
    `the nearest point is ${before ?? after}`,
  );
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
