import { createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeBytes } from '../model/backup/bytes.ts';
import { manifestPrefix } from '../model/backup/layout.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import type { ObjectRow } from '../model/backup/object-row.ts';
import { BerthError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { pointLevel } from '../runtime/bucket-backups.ts';
import { isBucket, openBucket, type BucketAccount, type BucketJob } from '../runtime/buckets.ts';
import { planBucketRestore, restoreIntoBucket, type BucketDifferences } from '../runtime/jobs/bucket/restore-bucket.ts';
import { readObjects, restoreObjects } from '../runtime/jobs/bucket/restore-objects.ts';
import { readCatalogue } from '../runtime/jobs/catalogue.ts';
import { shrinkageOf } from '../runtime/jobs/shrinkage.ts';
import { readVerifications } from '../runtime/jobs/verifications.ts';
import { ownIdentity } from '../runtime/keys/own-identity.ts';
import { readIdentity, readSecret } from '../runtime/keys/read-keys.ts';
import { levelOf } from '../runtime/look-again.ts';
import { openStore, trustedSigners } from '../runtime/open-store.ts';
import { ObjectFiles } from '../runtime/restore/object-files.ts';
import { inAgent, type AgentHome, type ClusterChoice } from './agent-exec.ts';
import { ageOf, shownTime } from './backup-text.ts';
import { momentOf } from './moment.ts';
import { firstPlaceAlone, openCatalogue, runtimeOf, type PlaceName } from './open-catalogue.ts';
import { progressOn } from './progress.ts';
import { worldOf, type FoundRuntime } from './runtime-config.ts';
import { openedKey } from './restore-database.ts';
import { keyFileOf } from './restore-verbs.ts';
import { stoppable, type RuntimeContext } from './stoppable.ts';
import { paint } from './text.ts';

export interface BucketRestoreAsked {
  readonly site: string;
  readonly from: PlaceName;
  readonly json: boolean;
  /** Of the bucket, alone or behind that of its store; none where there is but one. */
  readonly name: string | undefined;
  /** Nothing for the newest point. */
  readonly at: string | undefined;
  /** Only objects whose key begins so. */
  readonly prefix: string;
  readonly into: 'live' | { readonly folder: string };
  /** Delete what came later. */
  readonly exact: boolean;
  /** The private key of a recipient. */
  readonly key: string | undefined;
  /** Keys come by the standard input: this is the container of an agent. */
  readonly given: Secret | undefined;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly cluster?: ClusterChoice;
}

/** What a restore does, or has done. */
interface RestoredBucket extends BucketDifferences {
  readonly bucket: string;
  readonly point: { readonly id: string; readonly madeAt: string; readonly objects: number };
  readonly prefix: string;
  readonly into: string;
  readonly exact: boolean;
  /** `null` when it was only planned. */
  readonly seconds: number | null;
}

/** What goes to the agent for one restore, and stays nowhere: what opens the backups, and who may write to the bucket. */
interface Given {
  /** In PEM; without it the agent's own. */
  readonly key: string | null;
  readonly writer: { readonly accessKey: string; readonly secretKey: string } | null;
}

const width = 3;

/** Puts a bucket back to a point in time: in its place, by the agent that reaches it, or as files of this host. */
export const restoreBucket = (asked: BucketRestoreAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    if (asked.into !== 'live') return restoreAsFiles(asked, asked.into.folder, context, signal);
    if (asked.from === 'offsite') throw firstPlaceAlone();
    const found = runtimeOf(asked.site);
    const job = jobOf(found, asked.name);
    if (job.agent === undefined) {
      const restored = await restoreHere(found, job, asked, context, signal);
      return context.out(`${JSON.stringify(restored, null, 2)}\n`);
    }
    await restoreByAgent(found, { ...job, agent: job.agent }, asked, context, signal);
  });

/** @throws BerthError `usage` when it is not clear which bucket is meant. */
function theOne<T extends { readonly name: string }>(all: readonly T[], name: string | undefined): T {
  const names = all.map((each) => each.name).join(', ');
  if (all.length === 0)
    throw new BerthError('usage', 'no bucket of this site is in its backups', 'see the notes of `berth plan` for what is');
  const exact = all.find((each) => each.name === name);
  if (exact !== undefined) return exact;
  const found = all.filter((each) => name === undefined || each.name.endsWith(`.${name}`));
  const [one] = found;
  if (one === undefined) throw new BerthError('usage', `there is no bucket ${name ?? ''}`, `write one of: ${names}`);
  if (found.length > 1) throw new BerthError('usage', 'which bucket?', `write --name with one of: ${names}`);
  return one;
}

const jobOf = ({ config }: FoundRuntime, name: string | undefined): BucketJob => theOne(config.backups.jobs.filter(isBucket), name);

/**
 * The newest point that was whole by then.
 *
 * @throws BerthError `usage` where there is none, `damaged` when something that it needs is broken, `conflict` for a newest one that may be of a bucket
 * that was begun anew.
 */
export function choosePoint(manifests: readonly Manifest[], at: string | undefined, level: (id: string) => number): Manifest {
  const moment = at === undefined ? undefined : momentOf(at);
  const points = manifests.filter(({ kind }) => kind === 'bucket');
  const [oldest] = points;
  if (oldest === undefined)
    throw new BerthError('usage', 'there is no point in time of this bucket yet', 'make one with `berth backup now`');
  const reached = points.filter(({ finishedAt }) => moment === undefined || new Date(finishedAt) <= moment);
  const chosen = reached.at(-1);
  if (chosen === undefined)
    throw new BerthError(
      'usage',
      `no point in time of this bucket is as old as ${moment?.toISOString() ?? ''}`,
      `the oldest is of ${oldest.finishedAt}: write --at ${oldest.finishedAt} or later`,
    );
  const before = at === undefined ? points.at(-2) : undefined;
  const shrunk = before && shrinkageOf(before, chosen);
  if (before !== undefined && shrunk !== undefined)
    throw new BerthError(
      'conflict',
      `the newest point of this bucket holds ${shrunk}: it may be of one that was begun anew`,
      `write --at ${before.finishedAt}; or, if that is what you want, --at ${chosen.finishedAt}`,
    );
  if (pointLevel(chosen, level) >= 0) return chosen;
  const sound = reached.findLast((point) => pointLevel(point, level) >= 0);
  throw new BerthError(
    'damaged',
    `the point of ${chosen.finishedAt} was found to be broken`,
    sound === undefined
      ? 'bring it back from the second place: `berth backup copy --from offsite`'
      : `the newest sound one before it is of ${sound.finishedAt}: write --at ${sound.finishedAt}`,
  );
}

/** In the container of the agent, who reaches store and bucket. */
async function restoreHere(
  found: FoundRuntime,
  job: BucketJob,
  asked: BucketRestoreAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<RestoredBucket> {
  const {
    folder,
    config: { backups, site },
  } = found;
  const world = worldOf(context);
  const store = await openStore(backups, folder, 'open', world);
  const trusted = trustedSigners(backups, folder);
  const place = { site, source: job.name };
  const { manifests } = await readCatalogue(store, manifestPrefix(place), trusted, signal, (key) => key.endsWith('.bucket.json'));
  const { proofs } = await readVerifications(place, store, trusted, signal);
  const listing = choosePoint(manifests, asked.at, (id) => levelOf(proofs, id));
  const { key, writer } = givenIn(asked.given);
  const tools = { store, trusted, identity: await identityFor(key, found), width };
  const restore = {
    listing,
    bucket: openBucket(job, world, writer),
    prefix: asked.prefix,
    others: asked.exact ? ('delete' as const) : ('keep' as const),
  };
  const planned = { ...(await planBucketRestore(restore, tools, signal)), ...pointOf(job.name, listing, asked, 'live') };
  if (asked.dryRun) return { ...planned, seconds: null };
  if (!asked.yes) throw new BerthError('conflict', 'nothing was changed', 'run the same command with --yes');
  const begun = performance.now();
  await restoreIntoBucket(restore, tools, signal);
  return { ...planned, seconds: secondsSince(begun) };
}

const secondsSince = (begun: number): number => Math.round((performance.now() - begun) / 100) / 10;

const pointOf = (bucket: string, { id, finishedAt, facts }: Manifest, { prefix, exact }: BucketRestoreAsked, into: string) => ({
  bucket,
  point: { id, madeAt: finishedAt, objects: Number(facts['objects'] ?? 0) },
  prefix,
  into,
  exact,
});

function givenIn(given: Secret | undefined): { readonly key?: KeyObject; readonly writer?: BucketAccount } {
  if (given === undefined) return {};
  const { key, writer } = JSON.parse(given.reveal()) as Given;
  return {
    ...(key === null ? {} : { key: createPrivateKey(key) }),
    ...(writer === null ? {} : { writer: { accessKey: writer.accessKey, secretKey: new Secret(writer.secretKey) } }),
  };
}

async function identityFor(key: KeyObject | undefined, { config: { backups }, folder }: FoundRuntime): Promise<KeyObject> {
  if (key !== undefined) return key;
  if (backups.identity === undefined) throw new BerthError('spec', 'runtime.yaml names no identity for the agent', 'run `berth generate`');
  return (await ownIdentity(resolve(folder, backups.identity))).privateKey;
}

type AgentJob = BucketJob & { readonly agent: string };

/** Has the agent do it, or look what it would do. */
async function askAgent(
  home: AgentHome,
  job: AgentJob,
  { at, prefix, exact, key }: Pick<BucketRestoreAsked, 'at' | 'prefix' | 'exact' | 'key'>,
  writer: Given['writer'],
  how: readonly string[],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<RestoredBucket> {
  const given: Given = { key: key === undefined ? null : openedKey(key, context).reveal(), writer };
  const words = ['restore', '--only', 'bucket', '--name', job.name, ...(at === undefined ? ['--latest'] : ['--at', at])];
  // A prefix may begin with a dash.
  const which = [`--prefix=${prefix}`, ...(exact ? ['--exact'] : []), '--into', 'live', '--given'];
  const answer = await inAgent(home, job.agent, [...words, ...which, ...how], context, signal, new Secret(JSON.stringify(given)));
  return answer as unknown as RestoredBucket;
}

/** Puts back what is missing or another, of a site whose store and agent run, or only looks. @param at - The time of a point. */
export const putBack = (
  home: AgentHome,
  job: AgentJob,
  { at, key, dryRun }: { readonly at: string; readonly key: string; readonly dryRun: boolean },
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<RestoredBucket> =>
  askAgent(
    home,
    job,
    { at, prefix: '', exact: false, key },
    dryRun ? null : writerOf(job, home.site),
    [dryRun ? '--dry-run' : '--yes'],
    context,
    signal,
  );

/** Says first what it will do. What would be overwritten or deleted is copied before that, so that the restore can be undone. */
async function restoreByAgent(
  { folder, config }: FoundRuntime,
  job: AgentJob,
  asked: BucketRestoreAsked,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<void> {
  const { site, json, exact, cluster } = asked;
  const home: AgentHome = { site, config, ...(cluster && { cluster }) };
  const ask = (at: string | undefined, writer: Given['writer'], how: readonly string[]): Promise<RestoredBucket> =>
    askAgent(home, job, { ...asked, at }, writer, how, context, signal);
  using progress = progressOn(context, json);
  progress.say(`${job.name}: comparing it with its backup`);
  const planned = await ask(asked.at, null, ['--dry-run']);
  progress[Symbol.dispose]();
  if (!json) say(planned, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify(planned, null, 2)}\n`) : undefined;
  const overwritten = planned.different + (exact ? planned.others : 0);
  if (planned.missing + overwritten === 0)
    return context.out(json ? `${JSON.stringify({ ...planned, seconds: 0 }, null, 2)}\n` : 'Nothing is to be done.\n');
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      overwritten === 0
        ? 'objects would be written; nothing was changed'
        : `${overwritten} objects would be another or gone; nothing was changed`,
      'run the same command with --yes, or restore into a folder first: --into DIR --key FILE',
    );
  let before: string | null = null;
  if (overwritten > 0) {
    progress.say(`${job.name}: copying what it holds now`);
    const { backups } = await inAgent(home, job.agent, ['backup', 'now', job.name, '--label', 'before a restore'], context, signal);
    before = (backups as readonly { readonly madeAt: string }[])[0]?.madeAt ?? null;
  }
  progress.say(`${job.name}: putting back ${planned.missing + planned.different} objects`);
  const done = await ask(planned.point.madeAt, writerOf(job, folder), ['--yes']);
  progress[Symbol.dispose]();
  if (json) return context.out(`${JSON.stringify({ ...done, before }, null, 2)}\n`);
  const undo = `berth restore --only bucket --name ${job.name} --at ${before ?? ''} --exact --into live`;
  const gone = exact && done.others > 0 ? `, ${counted(done.others)} deleted` : '';
  context.out(
    `${counted(done.missing + done.different)} put back${gone} in ${done.seconds ?? 0} s.\n${before === null ? '' : `→ to undo it:\n    ${undo}\n`}`,
  );
}

/** Who may write to the bucket: the account of the application. Its secret is read at the site, and the agent has it for this restore alone. */
function writerOf({ name, bucket: { writer } }: BucketJob, folder: string): Given['writer'] {
  if (writer === undefined)
    throw new BerthError('spec', `runtime.yaml does not say who may write to ${name}`, 'run `berth generate`, which writes it anew');
  const secretKey = readSecret(resolve(folder, writer.secretKey))?.trim() ?? '';
  if (secretKey === '')
    throw new BerthError(
      'usage',
      `${writer.secretKey} has no secret key of ${writer.accessKey}`,
      'run `berth generate`, and supply what it asks for',
    );
  return { accessKey: writer.accessKey, secretKey };
}

const counted = (objects: number): string => (objects === 1 ? '1 object' : `${objects} objects`);

function say({ bucket, point, prefix, missing, different, same, others, bytes, exact }: RestoredBucket, context: RuntimeContext): void {
  const age = ageOf({ finishedAt: point.madeAt }, context.now());
  context.out(
    [
      `${paint(context.color)('bold', bucket)} from ${point.id} of ${shownTime(point.madeAt)}, ${age} ago\n`,
      ...(prefix === '' ? [] : [`  only       what begins with ${prefix}\n`]),
      `  puts back  ${counted(missing)} that ${missing === 1 ? 'is' : 'are'} missing and ${different} that changed: ${describeBytes(bytes)}\n`,
      `  leaves     ${same} as they are\n`,
      others === 0 ? '' : `  ${exact ? 'deletes  ' : 'keeps    '}  ${others} that came later${exact ? '' : '; --exact deletes them'}\n`,
      '  stops      nothing: what applications write meanwhile stays\n\n',
    ].join(''),
  );
}

/** The host reads the store itself: nothing of the site has to run for it. What else S3 knows of the objects stays in the listing. */
async function restoreAsFiles(asked: BucketRestoreAsked, into: string, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, prefix } = asked;
  if (asked.exact) throw new BerthError('usage', 'a folder has nothing that came later', 'leave --exact away, or write --into live');
  const { folder, store, catalogue, config, levelOf: level } = await openCatalogue(site, context, signal, asked.from);
  const all = Map.groupBy(catalogue.manifests, ({ source }) => source);
  const sources = [...all].flatMap(([name, ofOne]) => (ofOne.some(({ kind }) => kind === 'bucket') ? [{ name, ofOne }] : []));
  const { name, ofOne } = theOne(sources, asked.name);
  const listing = choosePoint(ofOne, asked.at, level);
  const tools = {
    store,
    trusted: trustedSigners(config.backups, folder),
    identity: readIdentity(keyFileOf(folder, asked.key), context.env['BERTH_KEY_PASSPHRASE']),
    width,
  };
  const wanted = async function* (): AsyncGenerator<ObjectRow> {
    for await (const row of readObjects(listing, tools, signal)) if (row.key.startsWith(prefix)) yield row;
  };
  using progress = progressOn(context, json);
  const total = { missing: 0, bytes: 0 };
  if (asked.dryRun)
    for await (const row of wanted()) {
      total.missing += 1;
      total.bytes += row.bytes;
    }
  const begun = performance.now();
  if (!asked.dryRun) {
    makeFolder(into, asked.yes);
    const files = new ObjectFiles(into);
    const take = async (row: ObjectRow, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
      await files.take(row, bytes, signal);
      total.missing += 1;
      total.bytes += row.bytes;
      progress.say(`${name}: ${counted(total.missing)}, ${describeBytes(total.bytes)}`);
    };
    await restoreObjects(listing, wanted(), take, tools, signal);
  }
  const seconds = asked.dryRun ? null : secondsSince(begun);
  progress[Symbol.dispose]();
  const done: RestoredBucket = { ...pointOf(name, listing, asked, into), ...total, different: 0, same: 0, others: 0, seconds };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  const age = ageOf(listing, context.now());
  context.out(
    `${paint(context.color)('bold', name)} from ${listing.id} of ${shownTime(listing.finishedAt)}, ${age} ago\n${counted(total.missing)}, ${describeBytes(total.bytes)}${seconds === null ? `, would be files in ${into}` : ` in ${into}, ${seconds} s`}\n`,
  );
}

/** @throws BerthError `conflict` for one that holds something, unless it may be written over. */
function makeFolder(into: string, yes: boolean): void {
  try {
    mkdirSync(into, { recursive: true, mode: 0o700 });
    if (yes || readdirSync(into).length === 0) return;
  } catch (error) {
    throw new BerthError(
      'io',
      `cannot make ${into}: ${error instanceof Error ? error.message : ''}`,
      'name a folder that you may write to',
      { cause: error },
    );
  }
  throw new BerthError(
    'conflict',
    `${into} is not empty; nothing was written`,
    'name an empty folder, or write files over what lies there with --yes',
  );
}
