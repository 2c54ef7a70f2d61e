import { applyChanges, isHalfDone, readState, recoverSite } from '../generator/io/disk.ts';
import { emptyLedger, ledgerPath, parseLedger } from '../generator/io/ledger.ts';
import type { Ledger } from '../generator/io/ledger.ts';
import { lockSite } from '../generator/io/lock.ts';
import { BerthError } from '../model/errors.ts';
import type { Plan } from '../model/plan.ts';
import type { Context } from './context.ts';
import { loadSite, prepareSite, refuseConflicts, refuseNoSite, reloadSite } from './site.ts';
import type { LoadedSite, PreparedSite } from './site.ts';

/** An edit of berth.yaml that waits for `generate` is not brought in by the way: whoever changes a secret wants that and nothing else. */
async function refuseWaiting(site: string, loaded: LoadedSite, json: boolean, context: Context): Promise<void> {
  const prepared = await prepareSite(site, loaded, [], context);
  refuseConflicts(prepared, json, context);
  const waiting = prepared.decision.changes.filter(({ secret, path }) => !secret && !path.startsWith('.berth/'));
  if (waiting.length > 0)
    throw new BerthError(
      'stale',
      `the site differs from its spec: ${waiting.map(({ path }) => path).join(', ')}; no secret was changed`,
      'run `berth generate` first and see what it says, then this again',
    );
}

export interface SecretChange {
  readonly site: string;
  readonly json: boolean;
  /** What is done to the ledger. It may refuse by throwing; nothing is written then. */
  readonly change: (ledger: Ledger, plan: Plan) => Ledger | Promise<Ledger>;
}

/** Changes the ledger and everything that is made of it in one step: locked, journalled, all of it or nothing. */
export async function changeSecrets({ site, json, change }: SecretChange, context: Context): Promise<PreparedSite> {
  const known = isHalfDone(site) ? undefined : loadSite(site, context);
  using _lock = lockSite(site);
  const { outcome, setAside } = recoverSite(site);
  if (outcome === 'finished') context.err('An interrupted run was finished first.\n');
  if (setAside.length > 0) context.err(`Files that were edited meanwhile are kept as ${setAside.join(', ')}.\n`);
  const loaded = reloadSite(site, known, context);
  await refuseWaiting(site, loaded, json, context);
  const prepared = await prepareSite(site, loaded, [], context, (ledger) => change(ledger, loaded.plan));
  refuseConflicts(prepared, json, context);
  await context.uninterrupted(() => applyChanges(site, prepared.decision));
  return prepared;
}

/** The ledger as it is. Nothing is drawn. @throws BerthError for a folder that is no site, or has none. */
export function readLedger(site: string): Ledger {
  refuseNoSite(site);
  const { current, hashes } = readState(site, [ledgerPath]);
  const ledger = parseLedger(current.get(ledgerPath));
  if (ledger === emptyLedger)
    throw new BerthError(
      'io',
      `${ledgerPath} is not there`,
      hashes.has(ledgerPath)
        ? `restore ${ledgerPath} from your last copy of the site folder`
        : 'run `berth generate`, which draws what the site needs',
    );
  return ledger;
}
