import { join } from 'node:path';
import type { Manifest } from '../model/backup/manifest.ts';
import { kitFile } from '../model/backup/site-files.ts';
import { BerthError } from '../model/errors.ts';
import { type DatabaseKind, rulesOf } from '../runtime/databases.ts';
import { type Span, chainsOf, restorableSpans } from '../runtime/jobs/coverage.ts';
import { readKeyFiles } from '../runtime/jobs/open-backup.ts';
import { shrinkageOf } from '../runtime/jobs/shrinkage.ts';
import { describeBytes, plainBytesOf } from '../model/backup/bytes.ts';
import { ageOf, asJson, describeAge, levels, shortName, shownTime, tierOf } from './backup-text.ts';
import { readKit } from './kit-record.ts';
import { type Asked, findBackup, openCatalogue, runtimeOf } from './open-catalogue.ts';
import { type RuntimeContext, stoppable } from './stoppable.ts';
import { noteOf, paint, table } from './text.ts';

/** Up to when each kind can be restored; what has a log, from when on to any time. */
interface Restorable {
  readonly newest: Manifest;
  /** Nothing for what is copied as a whole. */
  readonly spans: readonly Span[] | undefined;
  /** What the newest full backup holds much less of than the one before. */
  readonly shrunk: string | undefined;
}

function restorable(manifests: readonly Manifest[]): readonly Restorable[] {
  const bySource = [...Map.groupBy(manifests, ({ source }) => source)].sort(([a], [b]) => (a < b ? -1 : 1));
  return bySource.flatMap(([, all]) => {
    const newest = all.at(-1);
    if (newest === undefined) return [];
    const rules = Object.hasOwn(rulesOf, newest.engine) ? rulesOf[newest.engine as DatabaseKind] : undefined;
    const [before, last] = all.filter(({ kind }) => kind === 'full').slice(-2);
    const shrunk = before && last && shrinkageOf(before, last);
    return [{ newest, spans: rules && restorableSpans(chainsOf(all, rules)), shrunk }];
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

/** A stick that lies in a drawer is looked at once a month. */
const confirmedForMs = 31 * 86_400_000;

/** What a second place holds of all this. */
interface OffsiteView {
  readonly name: string;
  readonly tier: number;
  readonly found: readonly Restorable[];
  /** Made, and not there yet, or for good where they are broken. The oldest first. */
  readonly missing: readonly Manifest[];
  /** Why it could not be looked at. */
  readonly trouble?: string;
}

async function lookOffsite(
  site: string,
  manifests: readonly Manifest[],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<OffsiteView> {
  const { store: place } = runtimeOf(site, 'offsite').config.backups;
  const name = place.folder ?? `${place.bucket?.name ?? ''} at ${place.bucket?.endpoint ?? ''}`;
  try {
    const { catalogue, levelOf: level } = await openCatalogue(site, context, signal, 'offsite');
    const there = new Set(catalogue.manifests.map(({ id }) => id));
    return {
      name,
      tier: place.tier,
      found: restorable(catalogue.manifests.filter(({ id }) => level(id) >= 0)),
      missing: manifests.filter(({ id }) => !there.has(id)),
    };
  } catch (error) {
    if (!(error instanceof BerthError) || signal.aborted) throw error;
    return { name, tier: place.tier, found: [], missing: manifests, trouble: error.message };
  }
}

function describeLag({ name, missing, trouble }: OffsiteView, now: Date): readonly string[] {
  if (trouble !== undefined) return [`the second place cannot be looked at: ${trouble}`];
  const [oldest] = missing;
  if (oldest === undefined) return [];
  const many = missing.length === 1 ? '1 backup is' : `${missing.length} backups are`;
  return [`${many} not in ${name} yet, the oldest made ${ageOf(oldest, now)} ago; \`berth backup copy\` brings them there now`];
}

const offsiteJson = ({ name, tier, found, missing, trouble }: OffsiteView, now: Date): object => ({
  store: { name, tier },
  restorable: found.map(({ newest, spans }) => ({
    id: newest.id,
    source: newest.source,
    madeAt: newest.finishedAt,
    ...(spans === undefined ? {} : { spans }),
  })),
  missing: missing.length,
  lagSeconds: missing[0] === undefined ? 0 : Math.max(0, Math.round((now.getTime() - new Date(missing[0].finishedAt).getTime()) / 1000)),
  trouble: trouble ?? null,
});

export const listBackups = ({ site, json, from }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { config, folder, store, catalogue, levelOf: level } = await openCatalogue(site, context, signal, from);
    const { manifests, refused } = catalogue;
    const good = manifests.filter(({ id }) => level(id) >= 0);
    const { tier } = config.backups.store;
    const now = context.now();
    const kit = readKit(join(folder, kitFile));
    const offsite =
      config.backups.offsite === undefined || from === 'offsite' ? undefined : await lookOffsite(site, manifests, context, signal);
    if (json)
      return context.out(
        `${JSON.stringify(
          {
            site: config.site,
            store: { name: store.name, tier },
            backups: manifests.map((manifest) => asJson(manifest, level(manifest.id), now)),
            refused,
            restorable: restorable(good).map(({ newest, spans, shrunk }) => ({
              ...asJson(newest, level(newest.id), now),
              tier,
              ...(spans === undefined ? {} : { spans }),
              ...(shrunk === undefined ? {} : { shrunk }),
            })),
            ...(offsite === undefined ? {} : { offsite: offsiteJson(offsite, now) }),
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
    const notes: string[] = [];
    if (kit === undefined)
      notes.push(
        'there is no recovery kit: when this host is lost, so is what opens the backups. `berth kit export --into FOLDER` makes one',
      );
    else if (kit.confirmedAt === null)
      notes.push('nobody has shown that the recovery kit opens a backup: `berth kit confirm --kit FOLDER` does');
    else if (now.getTime() - new Date(kit.confirmedAt).getTime() > confirmedForMs)
      notes.push(
        `the recovery kit was shown to open backups ${describeAge(now.getTime() - new Date(kit.confirmedAt).getTime())} ago; \`berth kit confirm --kit FOLDER\` shows it again`,
      );
    const found = restorable(good);
    for (const { newest, shrunk } of found)
      if (shrunk !== undefined)
        notes.push(
          `the newest full backup of ${shortName(newest.source)} holds ${shrunk}: if nobody meant that, restore an older one before it expires`,
        );
    if (offsite !== undefined) notes.push(...describeLag(offsite, now));
    for (const note of notes) context.out(`${noteOf(note, context)}\n`);
    const lines = [
      ...found.map((each) => [...describeRestorable(each, now), tierOf(tier)]),
      ...(offsite?.found ?? []).map((each) => [...describeRestorable(each, now), `${tierOf(offsite?.tier ?? 0)}, offsite`]),
    ];
    if (lines.length > 0) context.out(`${table(lines, [], '')}\n`);
  });

export const showBackup = ({ site, json, from, id }: Asked & { readonly id: string }, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    const { store, catalogue, levelOf: proven } = await openCatalogue(site, context, signal, from);
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
