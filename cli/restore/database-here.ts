import { join } from 'node:path';
import { plainBytesOf } from '../../model/backup/bytes.ts';
import { manifestPrefix, type Place } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import type { Measured } from '../../model/backup/verification.ts';
import { BerthError } from '../../model/errors.ts';
import { engineOf, type DatabaseJob } from '../../runtime/databases.ts';
import { readCatalogue } from '../../runtime/jobs/catalogue.ts';
import { backupsIn, baseOf } from '../../runtime/jobs/coverage.ts';
import { type Canary, measureCanary } from '../../runtime/jobs/measure-canary.ts';
import { planRestore, type RestorePlan } from '../../runtime/jobs/plan-restore.ts';
import { amountOf, ratesOf, timed } from '../../runtime/jobs/rates.ts';
import { restoreToScratch } from '../../runtime/jobs/restore-engine.ts';
import { markRecords, readVerifications, recordFinding, type RecordMark, type RecordTools } from '../../runtime/jobs/verifications.ts';
import { levelOf } from '../../runtime/look-again.ts';
import { openStore, trustedSigners } from '../../runtime/open-store.ts';
import type { RestoreTarget } from '../../runtime/ports/scratch-engine.ts';
import { recorderOf } from '../backup/verify.ts';
import { momentOf, secondsSince } from '../moment.ts';
import { worldOf, type FoundRuntime } from '../runtime-config.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { type Estimate, estimate } from './estimate.ts';
import { agentIdentity, identityIn } from './keys.ts';
import { leftOut } from './left-out.ts';

/** What the agent of a database is to restore, and where to. */
export interface RestoreHereAsked {
  /** One of the two, or neither for the latest point. */
  readonly at: string | undefined;
  readonly before: string | undefined;
  /** Of the full backup in whose log that transaction is, where two histories may have it. */
  readonly full?: string | undefined;
  /** A folder where the data are kept, and else a server that is thrown away. */
  readonly into: string | { readonly folder: string };
  /** The private key of a recipient; without it the agent's own. */
  readonly key: string | undefined;
  readonly dryRun: boolean;
}

/** What came of it, and what it took. */
export interface Restored {
  readonly database: string;
  readonly full: { readonly id: string; readonly madeAt: string; readonly bytes: number };
  /** Ids of what rests on it, in order. */
  readonly increments: readonly string[];
  readonly logs: number;
  readonly because: string;
  /** All that was committed by then is in it. */
  readonly until: string | null;
  /** Of what follows, nothing is there when it was only planned. */
  readonly position: string | null;
  readonly seconds: number | null;
  readonly holds: unknown;
  /** Nothing where backups have written no time into it, or where nothing was restored. */
  readonly canary: Canary | null;
  /** How long it should take; an agent of an earlier version does not say. */
  readonly expected?: Estimate;
  /** To be done by hand once it runs in its place. */
  readonly left?: readonly string[];
  /** Of data that are kept: what starts a server over them that stays; nothing for an engine that has none, and of an agent of an earlier version. */
  readonly standing?: readonly string[];
}

const width = 3;
/** What is kept has this name in the folder where it was made. */
export const restoredData = 'data';

export function targetOf({ at, before }: Pick<RestoreHereAsked, 'at' | 'before'>): RestoreTarget {
  if (at !== undefined) return { kind: 'time', at: momentOf(at) };
  return before === undefined ? { kind: 'latest' } : { kind: 'transaction', id: before, inclusive: false };
}

/** In the container of the agent, whose image is that of the database. */
export async function restoreHere(
  found: FoundRuntime,
  job: DatabaseJob,
  asked: RestoreHereAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<Restored> {
  const {
    folder,
    config: { backups, site },
  } = found;
  const store = await openStore(backups, folder, 'open', worldOf(context));
  const place = { site, source: job.name };
  const trusted = trustedSigners(backups, folder);
  const since = await markRecords(place, { store }, signal);
  const { manifests: all } = await readCatalogue(store, manifestPrefix(place), trusted, signal);
  const { proofs, records } = await readVerifications(place, store, trusted, signal);
  // What was found to be broken holds nothing.
  const manifests = all.filter(({ id }) => levelOf(proofs, id) >= 0);
  // What is kept is made where it will lie.
  const kept = typeof asked.into === 'object' ? asked.into.folder : undefined;
  const engine = engineOf(kept === undefined ? job : { ...job, database: { ...job.database, folder: kept } });
  const chosen = planRestore(manifests, targetOf(asked), engine.rules, asked.full);
  const isInReach = ({ finishedAt }: Manifest): boolean => asked.at === undefined || new Date(finishedAt) <= momentOf(asked.at);
  const left = leftOut(all.filter(isInReach), baseOf(chosen), (id) => levelOf(proofs, id) < 0);
  const plan = { ...chosen, because: [chosen.because, ...left].join('; ') };
  const expected = estimate(job.name, amountOf(backupsIn(plan)), ratesOf(records));
  if (asked.dryRun) return { ...planned(job, plan), expected, position: null, seconds: null, holds: null, canary: null };
  const identity = asked.key === undefined ? await agentIdentity(found) : identityIn(asked.key, context);
  const [begun, now] = [performance.now(), context.now()];
  const { engine: server, measured } = timed(engine.scratch, engine.rules, () => performance.now());
  await using scratch = await restoreToScratch(plan, { store, engine: server, identity, width }, signal);
  const seconds = secondsSince(begun);
  const canary = measureCanary(await scratch.canary(signal), plan, job.database.rpo, now);
  const done = { ...planned(job, plan), expected, position: scratch.position, seconds, canary };
  const recorder = recorderOf(backups.signer, folder, store, worldOf(context));
  if (recorder !== undefined) await rememberRate(place, plan, { measured: measured(), seconds, since }, { ...recorder, trusted }, signal);
  if (kept === undefined) return { ...done, holds: await scratch.facts(signal) };
  const data = join(kept, restoredData);
  const toDo = await scratch.keep(data, signal);
  const standing = await engine.scratch.standing?.(data, plan.full);
  return { ...done, holds: null, left: toDo, ...(standing && { standing }) };
}

/** As much as a restore proves that is compared with nothing: that its engine accepts it. Who only reads the store, as in a drill, keeps nothing of it. */
export async function rememberRate(
  place: Place,
  plan: RestorePlan,
  took: { readonly measured: Measured | null; readonly seconds: number; readonly since: RecordMark },
  recorder: RecordTools,
  signal: AbortSignal,
): Promise<void> {
  const backups = backupsIn(plan).map(({ id }) => id);
  const detail = [`restored in ${took.seconds} s; compared with nothing`];
  try {
    await recordFinding(
      place,
      { backups, level: 2, result: 'sound', detail, measured: took.measured, since: took.since },
      recorder,
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BerthError)) throw error;
  }
}

const planned = (job: DatabaseJob, { full, increments, logs, because }: RestorePlan) => ({
  until: reachOf(logs.at(-1) ?? baseOf({ full, increments })).coveredUntil.toISOString(),
  database: job.name,
  full: { id: full.id, madeAt: full.finishedAt, bytes: plainBytesOf(full) },
  increments: increments.map(({ id }) => id),
  logs: logs.length,
  because,
});
