import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import type { ChainRules } from '../ports/log-source.ts';

/** A full backup and the logs that follow it without a hole, in order. Every one of them is a place up to which it can be restored. */
export interface Chain {
  readonly full: Manifest;
  readonly logs: readonly Manifest[];
  /** Why it does not go on, where logs of it lie there that nothing leads to. */
  readonly hole: string | undefined;
}

/** The times that can be restored to: from one to the other, both included. */
export interface Span {
  readonly from: Date;
  readonly until: Date;
}

/** What there is to restore from, the oldest full first. @param manifests - Of one source. */
export function chainsOf(manifests: readonly Manifest[], rules: ChainRules): readonly Chain[] {
  const sorted = [...manifests].sort((a, b) => (a.id < b.id ? -1 : 1));
  const byChain = Map.groupBy(
    sorted.filter(({ kind }) => kind === 'log'),
    ({ chain }) => chain,
  );
  return sorted.filter(({ kind }) => kind === 'full').map((full) => chainFrom(full, byChain.get(full.id) ?? [], rules));
}

/** Of two logs with the same parent the one counts that others follow, and else the one that reaches further. */
function chainFrom(full: Manifest, logs: readonly Manifest[], rules: ChainRules): Chain {
  const sound = new Map([[full.id, full]]);
  for (const log of logs) {
    const parent = sound.get(log.parent ?? '');
    if (parent !== undefined && rules.follows(parent, log)) sound.set(log.id, log);
  }
  const end = [...sound.values()].reduce((best, each) => (reachOf(each).coveredUntil >= reachOf(best).coveredUntil ? each : best));
  const line: Manifest[] = [];
  for (let next: Manifest | undefined = end; next !== undefined && next.kind === 'log'; next = sound.get(next.parent ?? ''))
    line.unshift(next);
  const stray = logs.find(({ id }) => !sound.has(id));
  return { full, logs: line, hole: stray && `${stray.id} does not follow ${end.id}, or what it follows is missing` };
}

/** Nothing, as long as no log says what was committed after the full backup had become complete. */
export function spanOf(chain: Chain): Span | undefined {
  const from = reachOf(chain.full).restorableFrom;
  const until = coveredBy(chain);
  return from === undefined || until < from ? undefined : { from, until };
}

const coveredBy = ({ full, logs }: Chain): Date =>
  new Date([full, ...logs].reduce((latest, each) => Math.max(latest, reachOf(each).coveredUntil.getTime()), -Infinity));

/** Times that can be restored to, where one goes into the next made one; the oldest first. */
export function restorableSpans(chains: readonly Chain[]): readonly Span[] {
  const spans = chains.flatMap((chain) => spanOf(chain) ?? []).sort((a, b) => a.from.getTime() - b.from.getTime());
  const joined: Span[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last === undefined || span.from > last.until) joined.push(span);
    else if (span.until > last.until) joined.splice(-1, 1, { from: last.from, until: span.until });
  }
  return joined;
}

/** All that was committed by then comes back when the latest point is restored; nothing while there is no full backup. */
export function restorableUntil(chains: readonly Chain[]): Date | undefined {
  const newest = chains.at(-1);
  return newest && coveredBy(newest);
}
