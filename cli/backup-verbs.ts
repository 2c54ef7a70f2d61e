import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Manifest } from '../model/backup/manifest.ts';
import type { Verification } from '../model/backup/verification.ts';
import { kitFile } from '../model/backup/site-files.ts';
import { BerthError } from '../model/errors.ts';
import type { BackupJob } from '../model/runtime-config.ts';
import { systemClock } from '../runtime/clocks/system-clock.ts';
import { readCatalogue, type Catalogue } from '../runtime/jobs/catalogue.ts';
import { leaveInstructions } from '../runtime/jobs/leave-instructions.ts';
import { readKeyFiles } from '../runtime/jobs/open-backup.ts';
import type { RetentionPlan } from '../runtime/jobs/retention.ts';
import type { Taken } from '../runtime/jobs/take-backup.ts';
import { readVerifications, type RecordTools } from '../runtime/jobs/verifications.ts';
import { readIdentity, readSigner } from '../runtime/keys/read-keys.ts';
import type { Store } from '../runtime/ports/store.ts';
import { describeBytes, plainBytesOf } from '../runtime/restore/describe.ts';
import { levelOf, lookAgain } from '../runtime/look-again.ts';
import { openStore, trustedSigners, type World } from '../runtime/open-store.ts';
import { chownFor } from '../runtime/stores/folder-owner.ts';
import { isDatabase, rulesOf, type DatabaseKind } from '../runtime/databases.ts';
import { chainsOf, restorableSpans, type Span } from '../runtime/jobs/coverage.ts';
import { askAgent } from '../runtime/requests.ts';
import { openBackups, type Backups } from '../runtime/wire.ts';
import { agentsOf, inAgent } from './agent-exec.ts';
import { asJson, ageOf, describeAge, levels, shortName, shownTime } from './backup-text.ts';
import { readKit } from './kit-record.ts';
import { progressOn } from './progress.ts';
import { readRuntime, worldOf, type FoundRuntime } from './runtime-config.ts';
import { stoppable, type RuntimeContext } from './stoppable.ts';
import { paint, table, wrap } from './text.ts';

interface Asked {
  readonly site: string;
  readonly json: boolean;
}

const runtimeOf = (site: string): FoundRuntime => readRuntime(join(site, 'runtime.yaml'));

/** A store to be read, and who may have signed what lies there. */
interface Opened extends FoundRuntime {
  readonly store: Store;
  readonly catalogue: Catalogue;
  readonly world: World;
  /** How far a backup was proven; below zero it was found to be broken. */
  readonly levelOf: (id: string) => number;
}

export async function openCatalogue(site: string, context: RuntimeContext, signal: AbortSignal): Promise<Opened> {
  const found = runtimeOf(site);
  const { config, folder } = found;
  const world = worldOf(context);
  const store = await openStore(config.backups, folder, 'open', world);
  const trusted = trustedSigners(config.backups, folder);
  const catalogue = await readCatalogue(store, `v1/${config.site}/`, trusted, signal);
  const sources = [...new Set(catalogue.manifests.map(({ source }) => source))];
  const read = await Promise.all(sources.map((source) => readVerifications({ site: config.site, source }, store, trusted, signal)));
  const proofs = new Map(read.flatMap((each) => [...each.proofs]));
  return { ...found, store, catalogue, world, levelOf: (id) => levelOf(proofs, id) };
}

const tierOf = (tier: number): string => (tier === 0 ? 'tier 0: lost with this host' : `tier ${tier}`);

/** The jobs that were named, by their whole or short names; all of them when none was. */
function jobsOf(jobs: readonly BackupJob[], names: readonly string[]): readonly BackupJob[] {
  const unknown = names.find((name) => !jobs.some((job) => job.name === name || shortName(job.name) === name));
  if (unknown !== undefined)
    throw new BerthError(
      'usage',
      `nothing here is called ${unknown}`,
      `write one of: ${jobs.map(({ name }) => shortName(name)).join(', ')}`,
    );
  return names.length === 0 ? jobs : jobs.filter(({ name }) => names.includes(name) || names.includes(shortName(name)));
}

/** Makes the folder a store, or sees that the bucket will do, and leaves there what restores without Berth. */
export const createStore = ({ site, json }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const world = worldOf(context);
    const { backups } = config;
    const store = await openStore(backups, folder, 'create', world);
    if (backups.store.lease === 'store' && !(await store.exclusive(signal)))
      throw new BerthError(
        'unsupported',
        `${store.name} overwrites where it is told not to, so it cannot keep two agents apart`,
        'update the store to one that knows If-None-Match; or make sure that one agent alone writes, and set lease: file under backups.bucket',
      );
    await leaveInstructions(store, world.instructions, signal);
    if (backups.store.folder !== undefined && backups.store.owner !== undefined)
      chownFor(backups.store.folder, config.site, backups.store.owner);
    if (json) return context.out(`${JSON.stringify({ site, store: store.name, tier: backups.store.tier }, null, 2)}\n`);
    context.out(
      `${store.name} is ready (${tierOf(backups.store.tier)}). RESTORE.md there says how to restore without Berth.\n\n→ berth backup keys create --into FOLDER, and berth kit export --into FOLDER, unless that is done\n→ berth backup now\n`,
    );
  });

interface NowAsked extends Asked {
  readonly sources: readonly string[];
  readonly label?: string;
}

type Made = ReturnType<typeof asJson> & { readonly outcome: string };

/** By this process, by the agent in its container, or, in that container, by the agent itself. */
async function takeOne(
  job: BackupJob,
  {
    site,
    label,
    backups,
    found: { config, folder },
    say,
  }: {
    readonly site: string;
    readonly label: string | null;
    readonly backups: Backups;
    readonly found: FoundRuntime;
    readonly say: (what: string) => void;
  },
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<Made> {
  if (job.agent !== undefined) {
    say('a full backup is made');
    const verb = ['backup', 'now', job.name, ...(label === null ? [] : ['--label', label])];
    const { backups: made } = await inAgent(site, job.agent, verb, context, signal);
    const [one] = made as readonly Made[];
    if (one === undefined) throw new Error(`${job.agent} made no backup and said nothing`);
    return one;
  }
  const shown = ({ outcome, manifest }: Taken): Made => ({ outcome, ...asJson(manifest, 1, context.now()) });
  if (!isDatabase(job)) return shown(await backups.take(job, { due: null, label }, signal, (bytes) => say(describeBytes(bytes))));
  say('waiting for the agent');
  const name = Buffer.from(context.random(8)).toString('hex');
  const state = resolve(folder, config.backups.state);
  const taken = await askAgent(state, { job: job.name, what: { full: label } }, name, systemClock, signal);
  if (taken === null) throw new Error('a full backup was asked for, and none came');
  return shown(taken);
}

/** Has every agent bring the log of its databases to the store, up to now. */
export const shipNow = ({ site, json, sources }: NowAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const jobs = jobsOf(config.backups.jobs.filter(isDatabase), sources);
    using progress = progressOn(context, json);
    for (const job of jobs) {
      progress.say(`${job.name}: its log is shipped`);
      if (job.agent !== undefined) await inAgent(site, job.agent, ['backup', 'now', job.name, '--log'], context, signal);
      else {
        const name = Buffer.from(context.random(8)).toString('hex');
        await askAgent(resolve(folder, config.backups.state), { job: job.name, what: 'log' }, name, systemClock, signal);
      }
    }
    progress[Symbol.dispose]();
    const names = jobs.map((job) => job.name);
    if (json) return context.out(`${JSON.stringify({ site: config.site, shipped: names }, null, 2)}\n`);
    context.out(`All that was committed by now is in the backups: ${names.join(', ')}.\n`);
  });

/** Copies what has changed, now. */
export const backupNow = ({ site, json, sources, label }: NowAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const backups = await openBackups(config, folder, worldOf(context));
    const made: Made[] = [];
    using progress = progressOn(context, json);
    for (const job of jobsOf(config.backups.jobs, sources)) {
      const say = (what: string) => progress.say(`${shortName(job.name)}: ${what}`);
      made.push(await takeOne(job, { site, label: label ?? null, backups, found: { config, folder }, say }, context, signal));
    }
    if (json) {
      return context.out(`${JSON.stringify({ site, store: { name: backups.store.name, tier: backups.tier }, backups: made }, null, 2)}\n`);
    }
    const rows = made.map(({ outcome, source, id, bytes, durationMs, ageSeconds }) => [
      shortName(source),
      id,
      describeBytes(bytes),
      outcome === 'made'
        ? `made in ${(durationMs / 1000).toFixed(1)} s`
        : `as it was ${describeAge(ageSeconds * 1000)} ago; nothing to copy`,
    ]);
    context.out(`${table(rows, [2])}\n\nin ${backups.store.name} (${tierOf(backups.tier)})\n`);
  });

/** Up to when each kind can be restored; what has a log, from when on to any time. */
interface Restorable {
  readonly newest: Manifest;
  /** Nothing for what is copied as a whole. */
  readonly spans: readonly Span[] | undefined;
}

function restorable(manifests: readonly Manifest[]): readonly Restorable[] {
  const bySource = [...Map.groupBy(manifests, ({ source }) => source)].sort(([a], [b]) => (a < b ? -1 : 1));
  return bySource.flatMap(([, all]) => {
    const newest = all.at(-1);
    if (newest === undefined) return [];
    const rules = Object.hasOwn(rulesOf, newest.engine) ? rulesOf[newest.engine as DatabaseKind] : undefined;
    return [{ newest, spans: rules && restorableSpans(chainsOf(all, rules)) }];
  });
}

/** Of the log of a database there is a backup every half minute: it is counted with what it follows. */
const logsOf = (manifests: readonly Manifest[]): ReadonlyMap<string, number> =>
  new Map(
    [
      ...Map.groupBy(
        manifests.filter(({ kind }) => kind === 'log'),
        ({ chain }) => chain,
      ),
    ].map(([chain, logs]) => [chain, logs.length]),
  );

function describeRestorable({ newest, spans }: Restorable, now: Date): readonly string[] {
  const what = shortName(newest.source);
  if (spans === undefined) return [what, `restorable to ${newest.finishedAt} (${ageOf(newest, now)} ago)`];
  const last = spans.at(-1);
  if (last === undefined) return [what, 'restorable to the end of a full backup alone, until its log was shipped'];
  const age = describeAge(now.getTime() - last.until.getTime());
  return [what, `restorable to ${last.until.toISOString()} (${age} ago), and any time since ${last.from.toISOString()}`];
}

export const listBackups = ({ site, json }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder, store, catalogue, levelOf: level } = await openCatalogue(site, context, signal);
    const { manifests, refused } = catalogue;
    const good = manifests.filter(({ id }) => level(id) >= 0);
    const { tier } = config.backups.store;
    const now = context.now();
    const kit = readKit(join(folder, kitFile));
    if (json)
      return context.out(
        `${JSON.stringify(
          {
            site: config.site,
            store: { name: store.name, tier },
            backups: manifests.map((manifest) => asJson(manifest, level(manifest.id), now)),
            refused,
            restorable: restorable(good).map(({ newest, spans }) => ({
              ...asJson(newest, level(newest.id), now),
              tier,
              ...(spans === undefined ? {} : { spans }),
            })),
            kit: kit ?? null,
          },
          null,
          2,
        )}\n`,
      );
    const style = paint(context.color);
    const heading = `${style('bold', config.site)} in ${store.name} (${tierOf(tier)})\n`;
    const logs = logsOf(manifests);
    const rows = manifests
      .filter(({ kind }) => kind !== 'log')
      .map((manifest) => [
        shortName(manifest.source),
        manifest.id,
        shownTime(manifest.finishedAt),
        ageOf(manifest, now),
        describeBytes(plainBytesOf(manifest)),
        level(manifest.id) < 0 ? style('red', 'broken') : String(level(manifest.id)),
        [
          ...(manifest.label === null ? [] : [`"${manifest.label}"`]),
          ...(manifest.kind === 'full' ? [`and ${logs.get(manifest.id) ?? 0} ${logs.get(manifest.id) === 1 ? 'log' : 'logs'}`] : []),
        ].join(', '),
      ]);
    const columns = ['what', 'id', 'made', 'age', 'size', 'level', ''];
    context.out(`${heading}\n${rows.length === 0 ? '  nothing yet: run `berth backup now`' : table([columns, ...rows], [3, 4])}\n\n`);
    for (const { key, message } of refused) context.err(`${style('yellow', 'left out')}: ${key}: ${message}\n`);
    const used = [...new Set(good.map(({ id }) => level(id)))].sort((a, b) => a - b);
    for (const each of used) context.out(`level ${each}: ${levels[each]}\n`);
    if (kit?.confirmedAt == null)
      context.out(
        `${style('yellow', 'note')}: ${wrap(kit === undefined ? 'there is no recovery kit: when this host is lost, so is what opens the backups. `berth kit export --into FOLDER` makes one' : 'nobody has shown that the recovery kit opens a backup: `berth kit confirm --kit FOLDER` does', Math.min(context.columns, 110) - 6, '      ')}\n`,
      );
    const lines = restorable(good).map((each) => [...describeRestorable(each, now), tierOf(tier)]);
    if (lines.length > 0) context.out(`${table(lines, [], '')}\n`);
  });

/** @throws BerthError `usage` for an id that is not there. */
export function findBackup({ manifests }: Catalogue, id: string): Manifest {
  const found = manifests.filter((manifest) => manifest.id.startsWith(id.toUpperCase()));
  const [one] = found;
  if (one !== undefined && found.length === 1) return one;
  throw new BerthError(
    'usage',
    found.length === 0 ? `there is no backup ${id}` : `${found.length} backups begin with ${id}`,
    'see `berth backup list` for what there is; the beginning of an id will do where it names one',
  );
}

export const showBackup = ({ site, json, id }: Asked & { readonly id: string }, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { store, catalogue, levelOf: proven } = await openCatalogue(site, context, signal);
    const manifest = findBackup(catalogue, id);
    const level = proven(manifest.id);
    const wraps = (await readKeyFiles(store, manifest, signal)).flatMap((file) => file.wraps);
    const recipients = [...new Map(wraps.map(({ recipient, name }) => [recipient, name]))].map(([key, name]) => ({ name, key }));
    if (json) return context.out(`${JSON.stringify({ level, recipients, manifest }, null, 2)}\n`);
    const rows = [
      ['what', `${shortName(manifest.source)} of ${manifest.site}`],
      ['made', `${shownTime(manifest.finishedAt)}, ${ageOf(manifest, context.now())} ago, in ${(manifest.durationMs / 1000).toFixed(1)} s`],
      ['because', manifest.scheduledFor === null ? 'somebody asked' : `it was due at ${shownTime(manifest.scheduledFor)}`],
      ...(manifest.label === null ? [] : [['label', manifest.label]]),
      ['level', level < 0 ? 'broken: see `berth backup verify`' : `${level}: ${levels[level]}`],
      ['opens with', recipients.map(({ name, key }) => `${name} (${key})`).join(', ')],
      ...(manifest.parent === null ? [] : [['rests on', manifest.parent]]),
      ...manifest.streams.map(({ name, plainBytes, objects }) => [
        name,
        `${describeBytes(plainBytes)}; ${describeBytes(objects.reduce((sum, { bytes }) => sum + bytes, 0))} in the store`,
      ]),
      ...Object.entries(manifest.facts).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
      ['made by', `${manifest.tool.name} ${manifest.tool.version}; Berth ${manifest.berth}`],
    ];
    context.out(`${paint(context.color)('bold', manifest.id)}\n${table(rows)}\n`);
  });

interface VerifyAsked extends Asked {
  readonly id?: string;
  readonly key?: string;
}

/** Who writes down what was found: the signer of the site, whom a kit does not have. */
export const recorderOf = (signer: string, folder: string, store: Store, { clock, random, berth }: World): RecordTools | undefined =>
  existsSync(join(folder, signer)) ? { store, signer: readSigner(join(folder, signer)), clock, random, berth } : undefined;

/** Every byte of one backup, or of all, against what its signer wrote down; with a key also what comes out. */
export const verifyBackups = ({ site, json, id, key }: VerifyAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { store, catalogue, config, folder, world } = await openCatalogue(site, context, signal);
    const wanted = id === undefined ? catalogue.manifests : [findBackup(catalogue, id)];
    const identity = key === undefined ? undefined : readIdentity(key, context.env['BERTH_KEY_PASSPHRASE']);
    using progress = progressOn(context, json);
    const recorder = recorderOf(config.backups.signer, folder, store, world);
    const heard = (bytes: number): void => progress.say(`${describeBytes(bytes)} compared`);
    // An agent writes down itself what it finds, every week; what another user wrote into its folders would be in its way.
    const foreign = new Set(config.backups.jobs.filter(({ agent }) => agent !== undefined).map(({ name }) => name));
    const own = await lookAgain(
      wanted.filter(({ source }) => !foreign.has(source)),
      { store, identity, heard, recorder },
      signal,
    );
    const theirs = await lookAgain(
      wanted.filter(({ source }) => foreign.has(source)),
      { store, identity, heard, recorder: undefined },
      signal,
    );
    const bad = [...catalogue.refused.map((each) => ({ id: each.key, message: each.message })), ...own.broken, ...theirs.broken];
    progress[Symbol.dispose]();
    if (json) {
      context.out(`${JSON.stringify({ site: config.site, store: store.name, verified: wanted.length, level: own.level, bad }, null, 2)}\n`);
      if (bad.length > 0) context.exit(13);
      return;
    }
    for (const each of bad) context.err(`${paint(context.color)('red', 'bad')}  ${each.id}\n     ${each.message}\n`);
    if (bad.length > 0)
      throw new BerthError(
        'damaged',
        `${bad.length} of ${wanted.length + catalogue.refused.length} backups in ${store.name} cannot be relied on`,
        'make new ones with `berth backup now --label again`, and check the disks under the store',
      );
    const what = wanted.length === 1 ? '1 backup is' : `${wanted.length} backups are`;
    context.out(
      `${what} as signed: ${identity === undefined ? 'every byte lies in the store as it was written' : 'every byte lies there, opens with this key, and is whole'}\n`,
    );
  });

/** Restores the newest full backup of each database, where its agent is, and compares. */
export const proveBackups = ({ site, json }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    using progress = progressOn(context, json);
    progress.say('restoring the newest full backups');
    const proven: Verification[] = [];
    for (const agent of agentsOf(config.backups.jobs)) {
      const answer = await inAgent(site, agent, ['backup', 'verify', '--restore'], context, signal);
      proven.push(...(answer['proven'] as readonly Verification[]));
    }
    const { databases } = await openBackups(config, folder, worldOf(context));
    for (const database of databases) {
      const found = await database.prove(signal);
      if (found !== undefined) proven.push(found);
    }
    progress[Symbol.dispose]();
    if (json) return context.out(`${JSON.stringify({ site: config.site, proven }, null, 2)}\n`);
    for (const { backups, level, result, detail } of proven)
      context.out(
        `${result === 'sound' ? 'sound' : paint(context.color)('red', 'broken')}  ${backups[0] ?? ''}${backups.length > 1 ? ` and ${backups.length - 1} logs` : ''}: level ${level}, ${levels[level]}\n${detail.map((line) => `       ${line}\n`).join('')}`,
      );
    if (proven.length === 0) context.out('There is no full backup of a database yet.\n');
    if (proven.some(({ result }) => result === 'broken'))
      throw new BerthError(
        'damaged',
        'a backup cannot be relied on',
        'make a new one with `berth backup now --label again`, and check the disks under the store',
      );
  });

/** What was, or would be, kept and removed of one source, with reasons. */
interface Pruned {
  readonly source: string;
  readonly keep: readonly { readonly id: string; readonly at: string; readonly because: readonly string[] }[];
  readonly remove: readonly { readonly id: string; readonly at: string; readonly because: string }[];
  readonly refused: string | null;
  readonly swept: readonly { readonly id: string; readonly because: string }[];
}

const prunedOf = (source: string, plan: RetentionPlan, swept: Pruned['swept']): Pruned => ({
  source,
  keep: plan.keep.map(({ point, because }) => ({ id: point.id, at: point.at.toISOString(), because })),
  remove: plan.remove.map(({ point, because }) => ({ id: point.id, at: point.at.toISOString(), because })),
  refused: plan.refused ?? null,
  swept,
});

/** Removes what no rule keeps, or says what that would be. */
export const pruneBackups = ({ site, json, dryRun }: Asked & { readonly dryRun: boolean }, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const backups = await openBackups(config, folder, worldOf(context));
    const time = { now: context.now(), expected: context.now() };
    const all: Pruned[] = [];
    for (const job of backups.jobs) {
      if (dryRun) all.push(prunedOf(job.name, await backups.planPrune(job, time, signal), []));
      else {
        const { plan, swept } = await backups.prune(job, time, signal);
        all.push(prunedOf(job.name, plan, swept));
      }
    }
    for (const agent of agentsOf(config.backups.jobs)) {
      const { sources } = await inAgent(site, agent, ['backup', 'prune', ...(dryRun ? ['--dry-run'] : [])], context, signal);
      all.push(...(sources as readonly Pruned[]));
    }
    if (json) return context.out(`${JSON.stringify({ site: config.site, dryRun, sources: all }, null, 2)}\n`);
    const style = paint(context.color);
    for (const { source, keep, remove, refused, swept } of all) {
      const rows = [
        ...keep.map(({ id, at, because }) => ['keep', id, shownTime(at), because.join(', ')]),
        ...remove.map(({ id, at, because }) => [dryRun ? 'would remove' : 'removed', id, shownTime(at), because]),
        ...swept.map(({ id, because }) => ['deleted', id, '', because]),
      ];
      context.out(`${style('bold', shortName(source))}\n${rows.length === 0 ? '  nothing there' : table(rows)}\n`);
      if (refused !== null) context.out(`${style('yellow', 'nothing is removed')}: ${refused}\n`);
      context.out('\n');
    }
    context.out(
      dryRun
        ? 'Nothing was changed.\n'
        : `What was removed can be brought back for ${describeAge(48 * 3_600_000)}: its data are deleted after that.\n`,
    );
  });

/** Makes a backup of what was removed, as long as its data are there. */
export const bringBack = ({ site, json, id }: Asked & { readonly id: string }, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder } = runtimeOf(site);
    const backups = await openBackups(config, folder, worldOf(context));
    const removed = await backups.removed(signal);
    const found = removed.find((each) => each.id === id.toUpperCase());
    const [agent] = agentsOf(config.backups.jobs);
    if (found === undefined && agent !== undefined) {
      const { source } = await inAgent(site, agent, ['backup', 'prune', '--undo', id], context, signal);
      return sayBroughtBack(config.site, { id: id.toUpperCase(), source: String(source) }, json, context);
    }
    if (found === undefined)
      throw new BerthError(
        'usage',
        `${id} was not removed, or its time of grace is over`,
        removed.length === 0 ? 'nothing can be brought back now' : `what can be brought back: ${removed.map((each) => each.id).join(', ')}`,
      );
    await backups.bringBack(found, signal);
    sayBroughtBack(config.site, { id: found.id, source: found.place.source }, json, context);
  });

function sayBroughtBack(
  site: string,
  { id, source }: { readonly id: string; readonly source: string },
  json: boolean,
  context: RuntimeContext,
): void {
  if (json) return context.out(`${JSON.stringify({ site, broughtBack: id, source }, null, 2)}\n`);
  context.out(`${shortName(source)} ${id} is a backup again. Give it a rule that keeps it, or the next run removes it.\n`);
}
