import { type Dirent, existsSync, globSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { chooseNetwork } from '../../generator/io/host-facts.ts';
import { overlap, parseRange } from '../../model/addresses.ts';
import { drillsOf } from '../../model/backup/layout.ts';
import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import { contentsOf } from '../../runtime/jobs/bucket/listing.ts';
import { backupsIn } from '../../runtime/jobs/coverage.ts';
import { wholeOf } from '../../runtime/jobs/rates.ts';
import { readRanges } from '../../runtime/host/network.ts';
import { viewOf } from '../../runtime/host/view.ts';
import { forgetFindings, readVerifications, recordFinding } from '../../runtime/jobs/verifications.ts';
import { trustedSigners } from '../../runtime/open-store.ts';
import { outputOf } from '../../runtime/programs/local-programs.ts';
import { describeAge } from '../backup/text.ts';
import { recorderOf } from '../backup/verify.ts';
import type { Chosen } from '../restore/choose-whole.ts';
import { composeIn, programsApart } from '../compose.ts';
import { type Drilled, type DrillPlan, lossOf, measuredLossOf, planAsJson, sayDrill, tellDrill } from './describe.ts';
import { describeLate, filledUntil, lateOf } from './late.ts';
import { needsOf, refuseNeeds } from './needs.ts';
import { DrillRoom } from './room.ts';
import { canaryCure, lateCanary } from '../restore/canary.ts';
import { composeFiles, readSecondPlace } from '../restore/second-place.ts';
import { fillSite, type SiteFilled } from '../restore/fill-site.ts';
import { partsOf } from '../restore/estimate.ts';
import { momentOf, secondsSince } from '../moment.ts';
import { openCatalogue, type PlaceName } from '../open-catalogue.ts';
import { planWhole } from '../restore/plan-whole.ts';
import { progressOn, type Progress } from '../progress.ts';
import { provideAgent } from '../provide-agent.ts';
import { Refilling } from '../restore/refilling.ts';
import { type ComposeConfig, moved, type Rehearsal, rehearse } from './rehearsal.ts';
import { keyFileOf } from '../restore/keys.ts';
import { type FolderPlan, restoreFolder } from '../restore/site.ts';
import { readRuntime } from '../runtime-config.ts';
import { loadSite, specFile } from '../site.ts';
import { seeServed } from './see-served.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { noteOf, typed } from '../text.ts';

export interface DrillAsked {
  /** The folder of a site or of a recovery kit. */
  readonly site: string;
  readonly from: PlaceName;
  /** As it was then; the newest without it. */
  readonly at: string | undefined;
  /** Where its folder lies meanwhile. */
  readonly into: string | undefined;
  readonly key: string | undefined;
  /** Its addresses, such as `10.201.4.0/22`. */
  readonly network: string | undefined;
  readonly keep: boolean;
  /** Also where memory or disk may become short. */
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

type Opened = Awaited<ReturnType<typeof openCatalogue>>;

/**
 * The whole site from its backups, as after the loss of its host, but beside whatever runs here: with another name, no ports and no way out. Whatever comes of it,
 * all of it is taken away again. What served is written down as proven, with the time that it took and what would have been lost.
 */
export const drillSite = (asked: DrillAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      const [begun, startedAt] = [performance.now(), context.now()];
      wishedRange(asked.network);
      if (asked.at !== undefined) momentOf(asked.at);
      const opened = await openCatalogue(asked.site, context, signal, asked.from);
      if (opened.config.target === 'kubernetes')
        throw new BerthError(
          'unsupported',
          'a site in a cluster is not drilled by this',
          '`berth backup verify --restore` restores its newest backups and compares them',
        );
      const key = keyFileOf(opened.folder, asked.key);
      if (isOpen(key))
        context.err(`${noteOf(`${key} opens every backup, and others may read it: \`chmod 400 ${typed(key)}\``, context)}\n`);
      if (isCopied(key, opened.folder))
        context.err(`${noteOf(`${key} lies in the site: each backup holds the key to itself. Put it elsewhere on this host`, context)}\n`);
      using room = await DrillRoom.open(folderFor(asked, opened.config.backups.store.folder), opened.config.site, context);
      let stays = false;
      let done: Drilled;
      using progress = progressOn(context, asked.json);
      try {
        const { folder, chosen } = await restoreInto(room, asked, opened, context, signal);
        const { plan } = loadSite(room.site, context);
        const needs = await needsOf(plan, chosen, context);
        const { backups } = readRuntime(join(room.site, 'runtime.yaml')).config;
        const late = asked.at === undefined ? lateOf(chosen, backups.jobs, filledUntil(asked.from, backups, startedAt), startedAt) : [];
        const drill: DrillPlan = { site: plan.name, at: asked.at, startedAt, folder, chosen, late, needs, room };
        if (!asked.json) sayDrill(drill, opened.store.name, context);
        if (asked.dryRun) return context.out(asked.json ? `${JSON.stringify(planAsJson(drill), null, 2)}\n` : 'Nothing was started.\n');
        if (!asked.yes) refuseNeeds(needs);
        stays = asked.keep;
        const range = await rangeFor(asked, room.project, context);
        const fill = { range, plan, chosen, from: asked.from, opened, at: asked.at, key, progress, context };
        const { compose, filled } = await fillRoom(room, fill, signal);
        progress.say('starting everything');
        const answers = await seeServed({ compose, plan, site: room.site }, context, signal);
        const seconds = secondsSince(begun);
        refuseLate(filled);
        const proven = await writeDown({ ...drill, ...filled, seconds }, opened, signal);
        done = { ...drill, ...filled, answers, seconds, kept: asked.keep, proven };
      } catch (error) {
        if (signal.aborted) stays = false;
        throw error;
      } finally {
        if (!stays) {
          progress.say('taking it away');
          await room.clear();
        }
      }
      progress[Symbol.dispose]();
      tellDrill(done, asked.json, context);
    },
    'stopping, and taking away what was made; once more to leave that to the next drill',
  );

/** Whether it lies in a site, all of which is copied; a kit has its key in it. */
const isCopied = (file: string, folder: string): boolean => existsSync(join(folder, specFile)) && file.startsWith(`${folder}/`);

/** Whether somebody else than its owner may read it; of a file that is not there others say that. */
const isOpen = (file: string): boolean => ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;

/**
 * Beside the site; a kit lies on a stick, where neither room nor rights are to be counted on.
 *
 * @throws BerthError `usage` for a folder of which copies are made, or in which they lie: what is drilled has secrets in it.
 */
function folderFor({ site, into }: DrillAsked, store: string | undefined): string {
  const around =
    into === undefined ? undefined : [site, store].find((folder) => folder !== undefined && `${into}/`.startsWith(`${folder}/`));
  if (around !== undefined) throw new BerthError('usage', `${into ?? ''} lies in ${around}`, 'name a folder elsewhere with --into');
  if (into !== undefined) return into;
  if (existsSync(join(site, specFile))) return join(dirname(site), `${basename(site)}-drill`);
  throw new BerthError(
    'usage',
    'a kit is no place for a drill',
    'name a folder on a disk of this host with --into, such as --into /srv/drill',
  );
}

/** The folder of the site, and what its data come from. */
async function restoreInto(
  room: DrillRoom,
  { at, key, site, json, from }: DrillAsked,
  opened: Opened,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<{ readonly folder: FolderPlan; readonly chosen: Chosen }> {
  let planned: { readonly folder: FolderPlan; readonly chosen: Chosen } | undefined;
  const asked = { site, at, key, json, from, only: undefined, into: room.site, yes: false, dryRun: false } as const;
  await restoreFolder(asked, opened, context, signal, {
    planned: (folder) => {
      planned = { folder, chosen: planWhole(folder.stage, opened, { at, pointOf: () => undefined }, context) };
    },
    goesOn: true,
  });
  if (planned === undefined) throw new Error('the folder was restored without a plan');
  return planned;
}

/** @throws BerthError `usage` for what somebody mistyped. */
function wishedRange(network: string | undefined): ReturnType<typeof parseRange> {
  const wished = network === undefined ? undefined : parseRange(network);
  if (network === undefined || wished !== undefined) return wished;
  throw new BerthError('usage', `${network} is no range of addresses`, 'write one such as 10.201.4.0/22');
}

/** @throws BerthError `usage` where nobody can tell which addresses are free. */
async function rangeFor({ network }: DrillAsked, project: string, context: RuntimeContext): Promise<string> {
  const wished = wishedRange(network);
  const taken = await readRanges(viewOf(context.env));
  if ('notKnown' in taken) {
    if (network !== undefined) return network;
    throw new BerthError(
      'unreachable',
      `nobody can tell which addresses are free here: ${taken.notKnown}`,
      'name some with --network, such as 10.201.4.0/22',
    );
  }
  const ranges = taken.flatMap(({ range, by }) => {
    const parsed = parseRange(range);
    return parsed === undefined ? [] : [{ ...parsed, range, by }];
  });
  if (network === undefined || wished === undefined) return chooseNetwork(project, ranges);
  const holder = ranges.find((range) => overlap(range, wished));
  if (holder === undefined) return network;
  throw new BerthError(
    'conflict',
    `${network} covers ${holder.range}, which ${holder.by} has`,
    'leave --network out, or name addresses that nobody here has',
  );
}

interface Fill {
  readonly range: string;
  readonly plan: Plan;
  readonly chosen: Chosen;
  readonly from: PlaceName;
  readonly opened: Opened;
  readonly at: string | undefined;
  readonly key: string;
  readonly progress: Progress;
  readonly context: RuntimeContext;
}

async function fillRoom(room: DrillRoom, { range, plan, chosen, from, opened, at, key, progress, context }: Fill, signal: AbortSignal) {
  progress.say('making it one that reaches nobody');
  const apart = room.begin(context);
  // It goes with the folder of the drill.
  if (from === 'offsite') readSecondPlace(room.site, plan, opened);
  await setApart(room, range, context, signal);
  await provideAgent(room.site, plan, context);
  const compose = composeIn(room.site, apart);
  const { config } = readRuntime(join(room.site, 'runtime.yaml'));
  const refilling = new Refilling(room.site, at ?? null);
  const named = { ...plan, name: room.project };
  const filler = { site: room.site, config, store: opened.store, plan: named, compose, at, key, refilling, progress, context: apart };
  return { compose, filled: await fillSite(chosen, filler, signal) };
}

/** What Compose makes of the site, with its override, becomes the whole of what it is started from. */
async function setApart({ site, project }: DrillRoom, range: string, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const files = composeFiles(site);
  const words = ['--project-directory', site, '--project-name', project, ...files.flatMap((file) => ['--file', file])];
  // What a shell has set for the real site is not for this one; what .env of the backup says is.
  const unset = ['COMPOSE_PROFILES', 'COMPOSE_ENV_FILES', 'COMPOSE_DISABLE_ENV_FILE'].flatMap((name) => ['-u', name]);
  const argv = ['env', ...unset, 'docker', 'compose', ...words, 'config', '--format', 'json'] as const;
  const config = JSON.parse(await outputOf(programsApart(context), { argv }, signal)) as ComposeConfig;
  const drilled = rehearse(config, { project, folder: realpathSync(site), range, look: lookAt });
  for (const file of files) rmSync(file);
  // It holds the environment of applications.
  writeFileSync(join(site, 'compose.yaml'), JSON.stringify(drilled), { mode: 0o600 });
  for (const file of globSync('config/**', { cwd: site, withFileTypes: true }).filter((entry) => entry.isFile())) {
    const path = join(file.parentPath, file.name);
    const text = readFileSync(path, 'utf8');
    const changed = moved(text, config, drilled);
    if (changed !== text) writeFileSync(path, changed);
  }
}

/** A path that is not there stays as it is: its container does not start then. */
function lookAt(source: string): ReturnType<Rehearsal['look']> {
  if (!existsSync(source)) return { path: source, sockets: false };
  const path = realpathSync(source);
  const found = statSync(path);
  const within = found.isDirectory() ? listed(path) : [];
  return { path, sockets: found.isSocket() || within.some((entry) => entry.isSocket()) };
}

/** Of a folder that may not be read nobody knows what is in it; who runs the containers may read more. */
function listed(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Everything that was restored, and what that rests on. */
const provenBy = ({ folder, chosen: { wanted, wantedBuckets, copies } }: DrillPlan): readonly string[] => [
  ...folder.chosen.map(({ manifest }) => manifest.id),
  ...wanted.flatMap((plan) => backupsIn(plan).map(({ id }) => id)),
  ...copies.map(({ copy }) => copy.id),
  ...wantedBuckets.flatMap(({ point }) => [point, ...contentsOf(point)].map(({ id }) => id)),
];

/** @throws BerthError `unfit` for a database that does not hold what its backups say: then nothing is proven. */
function refuseLate({ outcomes }: SiteFilled): void {
  for (const { database, canary } of outcomes)
    if (canary?.late === true) throw new BerthError('unfit', `${database}: ${lateCanary(canary)}`, canaryCure);
}

/** @returns what is proven by it; nothing where there is no key that signs. */
async function writeDown(
  done: DrillPlan & Pick<Drilled, 'outcomes' | 'seconds'>,
  { store, config, folder, world, catalogue }: Opened,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const recorder = recorderOf(config.backups.signer, done.room.site, store, world);
  if (recorder === undefined) return [];
  const place = drillsOf(config.site);
  const [lost, canary] = [lossOf(done), measuredLossOf(done)];
  const proven = provenBy(done);
  const detail = [
    `the whole site served after ${done.seconds} s`,
    ...(lost === undefined ? [] : [`at most the last ${describeAge(lost * 1000)} of its databases would have been lost`]),
    ...(canary === undefined ? [] : [`the newest canary that came back was ${describeAge(canary * 1000)} old when it began`]),
    ...done.late.map(describeLate),
  ];
  const bytes = partsOf(done.chosen).reduce((sum, part) => sum + part.bytes, 0);
  const measured = wholeOf(bytes, done.seconds * 1000);
  await recordFinding(place, { backups: proven, level: 4, result: 'sound', detail, measured }, recorder, signal);
  const known = new Set(catalogue.manifests.map(({ id }) => id));
  const findings = await readVerifications(place, store, trustedSigners(config.backups, folder), signal);
  await forgetFindings(place, findings, (id) => known.has(id), done.startedAt, store, signal);
  return proven;
}
