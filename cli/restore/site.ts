import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { describeBytes, plainBytesOf } from '../../model/backup/bytes.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { isHalfDone } from '../../generator/io/disk.ts';
import { lockSite } from '../../generator/io/lock.ts';
import { openBackup } from '../../runtime/jobs/open-backup.ts';
import type { Store } from '../../runtime/ports/store.ts';
import { archiveOf } from '../../runtime/site/site-producer.ts';
import { compareWith, placeEntries, stageArchive } from '../../runtime/site/unpack.ts';
import type { SitePart } from '../../runtime/site/walk.ts';
import { ageOf, shownTime } from '../backup/text.ts';
import { openCatalogue, type PlaceName } from '../open-catalogue.ts';
import { momentOf, fileStamp } from '../moment.ts';
import { progressOn } from '../progress.ts';
import { stoppable, type RuntimeContext } from '../stoppable.ts';
import { noteOf, paint, table, typed } from '../text.ts';
import { newestUntil } from './choose-backup.ts';
import { identityIn, keyFileOf } from './keys.ts';
import { makeFolder } from './make-folder.ts';

export interface RestoreAsked {
  /** The folder of a site or of a recovery kit. */
  readonly site: string;
  readonly from: PlaceName;
  readonly json: boolean;
  /** `undefined` for the newest. */
  readonly at: string | undefined;
  readonly only: SitePart | undefined;
  readonly into: string;
  readonly key: string | undefined;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

const stageFolder = '.berth/restore';

/** Puts the folder of a site back. Says first what it will do, and replaces nothing unless it was told to. */
export const restoreSite = (asked: RestoreAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const opened = await openCatalogue(asked.site, context, signal, asked.from);
    const restored = await restoreFolder(asked, opened, context, signal, { planned: (plan) => report(asked, plan, context) });
    if (restored !== undefined && !asked.json)
      context.out(`${describeFolder(restored)}\n→ cd ${typed(asked.into)} && berth generate --check\n`);
  });

interface Telling {
  /** Told of what will be done, before it is. */
  readonly planned: (plan: FolderPlan) => void;
  /** More follows, which a signal may stop. */
  readonly goesOn?: boolean;
}

/** What was written. */
export interface FolderRestored {
  readonly written: number;
  /** Where what was there before is, if anything was. */
  readonly replaced: string | undefined;
}

/**
 * The configuration of a site, its secrets, or both, into a folder.
 *
 * @returns nothing where it was only to be planned.
 * @throws BerthError `conflict` for files that are others, unless they may be replaced.
 */
export async function restoreFolder(
  asked: RestoreAsked,
  { folder, store, catalogue, config, levelOf }: Awaited<ReturnType<typeof openCatalogue>>,
  context: RuntimeContext,
  signal: AbortSignal,
  { planned, goesOn = false }: Telling,
): Promise<FolderRestored | undefined> {
  const { into, key } = asked;
  const at = asked.at === undefined ? undefined : momentOf(asked.at);
  const parts: readonly SitePart[] = asked.only === undefined ? ['configuration', 'secrets'] : [asked.only];
  const chosen = parts.map((part) => ({
    part,
    manifest: newestUntil(
      catalogue.manifests.filter(({ source }) => source === `site.${part}`),
      `backup of the ${part}`,
      asked.at,
      { levelOf, config, from: asked.from },
    ).newest,
  }));
  for (const { part, manifest } of chosen)
    for (const { id, kind, finishedAt } of catalogue.manifests)
      if (kind === part && id > manifest.id && levelOf(id) < 0 && (at === undefined || new Date(finishedAt) <= at))
        context.err(`${noteOf(`${id} was found to be broken, and is left out`, context)}\n`);
  if (isHalfDone(into))
    throw new BerthError(
      'conflict',
      `a change of ${into} is half done`,
      'run `berth generate` there, which finishes it, or restore into an empty folder',
    );
  const identity = identityIn(keyFileOf(folder, key), context);
  const fresh = !existsSync(into);
  makeFolder(into);
  try {
    using _lock = lockSite(into);
    const stage = join(into, stageFolder);
    try {
      const staged = await unpack({ store, chosen, identity, stage }, context, asked.json, signal);
      const compared = compareWith(into, stage, staged);
      planned({ config: config.site, store: store.name, chosen, compared, stage });
      refuseReplacing(
        asked,
        compared.filter(({ verdict }) => verdict === 'other').map(({ entry }) => entry.path),
      );
      if (asked.dryRun) return undefined;
      signal.throwIfAborted();
      const replaced = `${into.endsWith(sep) ? into.slice(0, -1) : into}.replaced-${fileStamp(context.now())}`;
      await context.uninterrupted(() => placeEntries(into, stage, compared, replaced), goesOn);
      return {
        written: compared.filter(({ verdict }) => verdict !== 'same').length,
        replaced: existsSync(replaced) ? replaced : undefined,
      };
    } finally {
      rmSync(stage, { recursive: true, force: true });
    }
  } finally {
    // What was made for nothing goes again.
    if (fresh && readdirSync(into).every((name) => name === '.berth') && !existsSync(join(into, '.berth/hashes.json')))
      rmSync(into, { recursive: true, force: true });
  }
}

export const describeFolder = ({ written, replaced }: FolderRestored): string =>
  `${written === 0 ? 'Nothing was to be done.' : `${written} files and folders are back.`}\n${replaced === undefined ? '' : `What was there before is in ${replaced}; delete it once you are sure.\n`}`;

interface Chosen {
  readonly part: SitePart;
  readonly manifest: Manifest;
}

async function unpack(
  {
    store,
    chosen,
    identity,
    stage,
  }: {
    readonly store: Store;
    readonly chosen: readonly Chosen[];
    readonly identity: Parameters<typeof openBackup>[2];
    readonly stage: string;
  },
  context: RuntimeContext,
  json: boolean,
  signal: AbortSignal,
) {
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true, mode: 0o700 });
  using progress = progressOn(context, json);
  const all = [];
  for (const { part, manifest } of chosen) {
    const open = await openBackup(store, manifest, identity, 3, signal);
    const stream = manifest.streams.find(({ name }) => name === archiveOf(part));
    if (stream === undefined) throw new BerthError('damaged', `${manifest.id} has no ${archiveOf(part)}`, 'take another backup with --at');
    progress.say(`${part}: ${describeBytes(plainBytesOf(manifest))}`);
    all.push(...(await stageArchive(stage, open(stream), part, signal)));
  }
  return all;
}

type Compared = ReturnType<typeof compareWith>;

/** What will be written, before it is. */
export interface FolderPlan {
  readonly config: string;
  readonly store: string;
  readonly chosen: readonly Chosen[];
  readonly compared: Compared;
  /** Where all of it lies, until it is put in its place. */
  readonly stage: string;
}

export const folderAsJson = ({ into, dryRun }: RestoreAsked, { config, store, chosen, compared }: FolderPlan) => ({
  site: config,
  store,
  into,
  dryRun,
  from: chosen.map(({ part, manifest }) => ({ part, id: manifest.id, madeAt: manifest.finishedAt })),
  new: pathsOf(compared, 'new'),
  replaced: pathsOf(compared, 'other'),
  same: pathsOf(compared, 'same').length,
});

const pathsOf = (compared: Compared, wanted: string): readonly string[] =>
  compared.filter(({ verdict, entry }) => entry.kind !== 'folder' && verdict === wanted).map(({ entry }) => entry.path);

export function report(asked: RestoreAsked, plan: FolderPlan, context: RuntimeContext): void {
  if (asked.json) return context.out(`${JSON.stringify(folderAsJson(asked, plan), null, 2)}\n`);
  const { config, store, chosen, compared } = plan;
  const paths = (verdict: string) => pathsOf(compared, verdict);
  const style = paint(context.color);
  const rows = chosen.map(({ part, manifest }) => [
    part,
    manifest.id,
    shownTime(manifest.finishedAt),
    `${ageOf(manifest, context.now())} ago`,
    describeBytes(plainBytesOf(manifest)),
  ]);
  context.out(`${style('bold', config)} from ${store} into ${asked.into}\n${table(rows, [4])}\n\n`);
  context.out(
    `  ${paths('new').length} files are new there, ${paths('other').length} would replace others, ${paths('same').length} are there as they were\n`,
  );
  for (const path of paths('other').slice(0, 20)) context.out(`    replaces ${path}\n`);
  if (paths('other').length > 20) context.out(`    and ${paths('other').length - 20} more\n`);
  context.out('  what else lies there stays\n\n');
}

function refuseReplacing({ yes, dryRun, into }: RestoreAsked, others: readonly string[]): void {
  if (yes || dryRun || others.length === 0) return;
  throw new BerthError(
    'conflict',
    `${others.length === 1 ? `${others[0] ?? ''} is` : `${others.length} files are`} there and other than in the backup; nothing was written`,
    `restore into an empty folder with --into, or replace them with --yes: copies of them are kept beside ${into}`,
  );
}
