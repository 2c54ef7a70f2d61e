import { join } from 'node:path';
import { describeBytes, plainBytesOf } from '../../model/backup/bytes.ts';
import { manifestPrefix, type Place } from '../../model/backup/layout.ts';
import { givenKey } from '../../model/backup/site-files.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { Measured } from '../../model/backup/verification.ts';
import { reachOf } from '../../model/backup/reach.ts';
import { BerthError, EXIT } from '../../model/errors.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { engineOf, isDatabase, type DatabaseJob, type DatabaseKind } from '../../runtime/databases.ts';
import { readCatalogue } from '../../runtime/jobs/catalogue.ts';
import { backupsIn, baseOf } from '../../runtime/jobs/coverage.ts';
import { type Canary, measureCanary } from '../../runtime/jobs/measure-canary.ts';
import { planRestore, type RestorePlan } from '../../runtime/jobs/plan-restore.ts';
import { amountOf, ratesOf, timed } from '../../runtime/jobs/rates.ts';
import { readVerifications, recordFinding, type RecordMark, type RecordTools } from '../../runtime/jobs/verifications.ts';
import { restoreToScratch } from '../../runtime/jobs/restore-engine.ts';
import { Secret } from '../../model/secret.ts';
import { levelOf } from '../../runtime/look-again.ts';
import { openStore, trustedSigners } from '../../runtime/open-store.ts';
import type { RestoreTarget } from '../../runtime/ports/scratch-engine.ts';
import { type ClusterChoice, inAgent } from '../agent-exec.ts';
import { momentOf, secondsSince } from '../moment.ts';
import { progressOn } from '../progress.ts';
import { firstPlaceAlone, type PlaceName } from '../open-catalogue.ts';
import { readRuntime, worldOf, type FoundRuntime } from '../runtime-config.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { paint, table } from '../text.ts';
import { countedBehind } from '../backup/text.ts';
import { recorderOf } from '../backup/verify.ts';
import { theOne } from './choose-named.ts';
import { agentIdentity, identityIn, openedKey } from './keys.ts';
import { describeCanary, tooOld } from './canary.ts';
import { describeEstimate, type Estimate, estimate } from './estimate.ts';
import { leftOut } from './left-out.ts';
import { another, type LiveEnding, LiveRecordFile, nothingLeft } from './database-live-record.ts';

/** A server of its own that is thrown away, one that stays beside the site, the place of the database in its site, or a new folder in the container of an agent. */
type DatabasePlace = 'scratch' | 'new' | 'live' | { readonly folder: string };

export interface DatabaseRestoreAsked {
  readonly site: string;
  readonly from: PlaceName;
  readonly json: boolean;
  /** Of the database; none where there is but one. */
  readonly name: string | undefined;
  /** One of the two, or neither for the latest point. */
  readonly at: string | undefined;
  readonly before: string | undefined;
  /** Of the full backup in whose log that transaction is, where two histories may have it. */
  readonly full?: string | undefined;
  readonly into: DatabasePlace;
  /** The private key of a recipient; without it the agent's own. */
  readonly key: string | undefined;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly cluster?: ClusterChoice;
  /** Of a restore into its place that was cut off. */
  readonly ending?: LiveEnding | undefined;
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

/** Restores a database into a server of its own, of which nothing stays, and says what it held. */
export const restoreDatabase = (given: DatabaseRestoreAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      const asked = given.ending === undefined ? given : asBegun(given, given.ending);
      if (asked.from === 'offsite') throw firstPlaceAlone();
      const found = readRuntime(join(asked.site, 'runtime.yaml'));
      const job = jobOf(found.config.backups.jobs, asked.name);
      const { agent } = job;
      const home = { site: asked.site, config: found.config, ...(asked.cluster && { cluster: asked.cluster }) };
      if (typeof asked.into === 'object' && agent !== undefined)
        throw new BerthError(
          'usage',
          `a database is not restored into ${asked.into.folder}`,
          'write --into scratch, which tries it in the agent, --into new, which keeps it beside the site, or --into live, which puts it in its place',
        );
      if (asked.into === 'live' || asked.into === 'new') {
        if (agent === undefined) throw new BerthError('usage', 'an agent has nothing but itself', 'run this in the folder of the site');
        if (asked.into === 'live' && job.database.elsewhere !== undefined)
          throw new BerthError(
            'unsupported',
            `${job.name} stands elsewhere, at ${job.database.host}: what runs there is for its administrator to stop and to replace`,
            `try it with --into scratch, or keep it beside the site with --into new; "Put ${job.name} back over there" in SITE.md makes a dump of that time, for that server or another`,
          );
        if (found.config.target === 'kubernetes') throw byHandAlone(asked.into);
        // To undo it nothing is opened.
        const key = asked.ending === 'undo' ? undefined : keyOf(asked, context);
        const look = async (): Promise<Restored> =>
          (await inAgent(home, agent, verbOf(job.name, { ...asked, dryRun: true }, 'scratch'), context, signal)) as unknown as Restored;
        const verb = (folder: string): readonly string[] => verbOf(job.name, asked, folder);
        const filling = { ...asked, key, database: job.name, agent, look, verb };
        if (asked.into === 'new') {
          const { restoreNew } = await import('./database-new.ts');
          return restoreNew({ ...filling, kind: job.kind }, context, signal);
        }
        const { restoreLive } = await import('./database-live.ts');
        const ship = () => inAgent(home, agent, ['backup', 'now', job.name, '--log'], context, signal);
        return restoreLive({ ...filling, ending: asked.ending, keyFile: asked.key, ship }, context, signal);
      }
      using progress = progressOn(context, asked.json);
      progress.say(`${job.name} is restored into a server of its own`);
      const restored =
        agent === undefined
          ? await restoreHere(found, job, asked, context, signal)
          : ((await inAgent(
              home,
              agent,
              verbOf(job.name, asked, 'scratch'),
              context,
              signal,
              keyOf(asked, context),
            )) as unknown as Restored);
      progress[Symbol.dispose]();
      if (asked.json) context.out(`${JSON.stringify(restored, null, 2)}\n`);
      else describe(restored, job.kind, asked.into, context);
      // Whoever has asked an agent tells it; the agent itself only says what it found.
      const isTold = agent !== undefined || !asked.json;
      if (restored.canary?.late === true && isTold) {
        if (asked.json) return context.exit(EXIT.damaged);
        throw tooOld(restored.database, restored.canary);
      }
    },
    given.ending !== undefined
      ? 'it comes to its end first, which keeps the site whole; once more to leave it, and the same command goes on'
      : given.into === 'live'
        ? 'stopping, and starting everything as it was; once more to leave it'
        : undefined,
  );

const byHandAlone = (into: 'live' | 'new'): BerthError =>
  new BerthError(
    'unsupported',
    into === 'live'
      ? 'in a cluster this version puts no database back in its place by itself'
      : 'in a cluster this version keeps no restored database beside the site',
    'see "Put a database back" in SITE.md for the way by hand; --into scratch tries the restore first',
  );

/** What that restore was asked for. */
function asBegun(asked: DatabaseRestoreAsked, ending: LiveEnding): DatabaseRestoreAsked {
  const left = new LiveRecordFile(asked.site).read();
  if (left === undefined) throw nothingLeft(ending);
  const { database, at, before, full, keyFile } = left;
  if (asked.name !== undefined && asked.name !== database) throw another(left);
  return { ...asked, name: database, at, before, full, key: asked.key ?? keyFile };
}

const keyOf = ({ key }: DatabaseRestoreAsked, context: RuntimeContext): Secret | undefined =>
  key === undefined ? undefined : openedKey(key, context);

/** What its agent is told to do. */
export const verbOf = (
  name: string,
  { at, before, full, dryRun, key }: Pick<DatabaseRestoreAsked, 'at' | 'before' | 'full' | 'dryRun' | 'key'>,
  into: string,
): readonly string[] => [
  'restore',
  '--only',
  'database',
  '--name',
  name,
  '--into',
  into,
  ...(at === undefined ? [] : ['--at', at]),
  ...(before === undefined ? [] : ['--before', before]),
  ...(full === undefined ? [] : ['--full', full]),
  ...(at === undefined && before === undefined ? ['--latest'] : []),
  ...(dryRun ? ['--dry-run'] : key === undefined ? [] : ['--key', givenKey]),
];

const jobOf = (jobs: readonly BackupJob[], name: string | undefined): DatabaseJob => theOne(jobs.filter(isDatabase), 'database', name);

function targetOf({ at, before }: DatabaseRestoreAsked): RestoreTarget {
  if (at !== undefined) return { kind: 'time', at: momentOf(at) };
  return before === undefined ? { kind: 'latest' } : { kind: 'transaction', id: before, inclusive: false };
}

/** In the container of the agent, whose image is that of the database. */
async function restoreHere(
  found: FoundRuntime,
  job: DatabaseJob,
  asked: DatabaseRestoreAsked,
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
  const since = {
    newest: records
      .map(({ id }) => id)
      .toSorted()
      .at(-1),
  };
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

interface Holding {
  readonly databases: readonly {
    readonly name: string;
    readonly tables: readonly { readonly name: string; readonly rows: string | null }[];
  }[];
}

function describe(
  { database, full, increments, logs, because, expected, position, seconds, holds, canary, left = [] }: Restored,
  kind: DatabaseKind,
  into: DatabasePlace,
  context: RuntimeContext,
): void {
  const style = paint(context.color);
  context.out(
    `${style('bold', database)} from ${full.id} (${describeBytes(full.bytes)}) and ${countedBehind(increments.length, logs)}\n  ${because}\n${expected === undefined ? '' : `  takes ${describeEstimate(expected)}\n`}`,
  );
  if (position === null) return context.out('\nNothing was restored.\n');
  if (typeof into === 'object')
    return context.out(
      `\nrestored up to ${position} in ${seconds ?? 0} s, into ${join(into.folder, restoredData)}\n${left.map((one) => `→ ${one}\n`).join('')}`,
    );
  const rows = (holds as Holding).databases.flatMap(({ name, tables }) =>
    tables.map((one) => [`${name}: ${one.name}`, one.rows === null ? 'not counted' : `${one.rows} rows`]),
  );
  context.out(
    `\n${rows.length === 0 ? '  no tables' : table(rows, [1])}\n\nrestored up to ${position} in ${seconds ?? 0} s, and thrown away again\n${describeCanary(canary, kind)}\n`,
  );
}
