import { reachOf } from '../../model/backup/reach.ts';
import { backupsIn } from './coverage.ts';
import type { RestorePlan } from './plan-restore.ts';

/** What the time that came back with a database says of its restore. */
export interface Canary {
  /** When it was written, by the clock of the database. */
  readonly moment: string;
  /** From then to the moment that was restored to; what would have been lost at most. */
  readonly ageSeconds: number;
  /** What may be lost. Of a database that nobody writes to the canary is older, as is said of it every quarter of an hour. */
  readonly rpoSeconds: number;
  /** Up to when the backups say that they hold everything; nothing where the target is no time. */
  readonly claimed: string | null;
  /** Older than that by more than what may be lost: the backups do not hold what they say, or nobody writes it any more. */
  readonly late: boolean;
}

/** The canary of a log is written after the moment up to which that claims to hold everything, which engines set a second back. */
const behindClaimMs = 2000;

/** What the backups say of themselves, as far as they are restored; nothing for a target that is no time. */
function claimOf(plan: RestorePlan): Date | undefined {
  const { target } = plan;
  if (target.kind !== 'latest' && target.kind !== 'time') return undefined;
  const said = backupsIn(plan).map((manifest) => reachOf(manifest).coveredUntil);
  const within = target.kind === 'time' ? said.filter((each) => each.getTime() + behindClaimMs <= target.at.getTime()) : said;
  return within.length === 0 ? undefined : new Date(Math.max(...within.map((each) => each.getTime())));
}

/**
 * @param found - In the restored database; nothing where backups have never written one.
 * @param rpo - What may be lost, in seconds.
 */
export function measureCanary(found: Date | undefined, plan: RestorePlan, rpo: number, now: Date): Canary | null {
  if (found === undefined) return null;
  const claim = claimOf(plan);
  const moment = plan.target.kind === 'time' ? plan.target.at : now;
  return {
    moment: found.toISOString(),
    ageSeconds: Math.max(0, Math.round((moment.getTime() - found.getTime()) / 1000)),
    rpoSeconds: rpo,
    claimed: claim?.toISOString() ?? null,
    late: claim !== undefined && claim.getTime() - found.getTime() > rpo * 1000,
  };
}
