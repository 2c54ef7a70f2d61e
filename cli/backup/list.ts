import { join } from 'node:path';
import { describeBytes } from '../../model/backup/bytes.ts';
import { hasLogBehind, type Manifest } from '../../model/backup/manifest.ts';
import { kitFile } from '../../model/backup/site-files.ts';
import { ageOf, asJson, bytesOf, countedBehind, describeAge, levels, shortName, shownTime, tierOf } from './text.ts';
import { describeDrill, drillAsJson, drillNotes } from './drill-view.ts';
import { type KitRecord, readKit } from './kit-record.ts';
import { describeLag, lookOffsite, offsiteJson } from './offsite-view.ts';
import { type Asked, openCatalogue } from '../open-catalogue.ts';
import { lackNotes, lacksIn, lacksJson } from './lacks-view.ts';
import { clockNotes, lateBy, lateNotes } from './late-view.ts';
import { describeRestorable, ownLevel, restorable } from './restorable.ts';
import { rememberedManifests } from './remembered-manifests.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { noteUnended } from '../restore/live-record.ts';
import { noteOf, paint, table } from '../text.ts';

/** Of the log of a database there is a backup every half minute: it is counted with what it follows. */
function logsOf(manifests: readonly Manifest[]): ReadonlyMap<string, number> {
  const bases = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const { id, kind, chain, parent } of manifests) {
    const base = kind === 'log' ? (bases.get(parent ?? '') ?? chain) : id;
    bases.set(id, base);
    if (kind === 'log') counts.set(base, (counts.get(base) ?? 0) + 1);
  }
  return counts;
}

/** A stick that lies in a drawer is looked at once a month. */
const confirmedForMs = 31 * 86_400_000;

/** What is to be done about the recovery kit. */
function kitNotes(kit: KitRecord | undefined, now: Date): string[] {
  if (kit === undefined)
    return ['there is no recovery kit: when this host is lost, so is what opens the backups. `berth kit export --into FOLDER` makes one'];
  if (kit.confirmedAt === null) return ['nobody has shown that the recovery kit opens a backup: `berth kit confirm --kit FOLDER` does'];
  const since = now.getTime() - new Date(kit.confirmedAt).getTime();
  if (since <= confirmedForMs) return [];
  return [`the recovery kit was shown to open backups ${describeAge(since)} ago; \`berth kit confirm --kit FOLDER\` shows it again`];
}

/** What there is, how far it was proven, and up to when each kind can be restored, in both places. */
export const listBackups = ({ site, json, from }: Asked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    noteUnended(site, context.err);
    const {
      config,
      folder,
      store,
      catalogue,
      levelOf: level,
      recordsOf,
      drill,
    } = await openCatalogue(site, context, signal, from, rememberedManifests);
    const { manifests, refused } = catalogue;
    const good = manifests.filter((manifest) => ownLevel(manifest, level) >= 0);
    const found = restorable(good);
    const { tier } = config.backups.store;
    const now = context.now();
    const kit = readKit(join(folder, kitFile));
    // Drills are written down in the place that they were made from, which is the first one by the timer.
    const every = from === 'offsite' ? undefined : config.backups.drill?.every;
    // What the second place lacks is told by how far it is behind the first.
    const logged = from === 'offsite' ? [] : config.backups.jobs;
    const lacks = lacksIn(logged, config.backups, { good, recordsOf }, now);
    const offsite = config.backups.offsite === undefined || from === 'offsite' ? undefined : await lookOffsite(site, good, context, signal);
    if (json)
      return context.out(
        `${JSON.stringify(
          {
            site: config.site,
            store: { name: store.name, tier },
            backups: manifests.map((manifest) => asJson(manifest, ownLevel(manifest, level), now)),
            refused,
            restorable: found.map((each) => ({
              ...asJson(each.newest, ownLevel(each.newest, level), now),
              tier,
              ...(each.spans === undefined ? {} : { spans: each.spans }),
              ...(each.shrunk === undefined ? {} : { shrunk: each.shrunk }),
              ...(lateBy(each, logged, now) === undefined ? {} : { late: true }),
              ...(each.trustedUntil === undefined ? {} : { clockAhead: true }),
            })),
            ...(offsite === undefined ? {} : { offsite: offsiteJson(offsite, now) }),
            lacks: lacksJson(lacks),
            ...drillAsJson(every, drill, now),
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
      .filter(({ kind }) => kind !== 'log' && kind !== 'contents')
      .map((manifest) => [
        shortName(manifest.source),
        manifest.id,
        shownTime(manifest.finishedAt),
        ageOf(manifest, now),
        describeBytes(bytesOf(manifest)),
        ownLevel(manifest, level) < 0 ? style('red', 'broken') : String(ownLevel(manifest, level)),
        [
          ...(manifest.label === null ? [] : [`"${manifest.label}"`]),
          ...(manifest.kind === 'bucket'
            ? [`${Number(manifest.facts['objects'])} objects, ${describeBytes(Number(manifest.facts['copiedBytes']))} new`]
            : []),
          ...(manifest.kind === 'increment' ? [`what changed since ${manifest.parent}`] : []),
          ...(hasLogBehind(manifest.kind) ? [`and ${countedBehind(0, logs.get(manifest.id) ?? 0)}`] : []),
        ].join(', '),
      ]);
    const columns = ['what', 'id', 'made', 'age', 'size', 'level', ''];
    context.out(`${heading}\n${rows.length === 0 ? '  nothing yet: run `berth backup now`' : table([columns, ...rows], [3, 4])}\n\n`);
    for (const { key, message } of refused) context.err(`${style('yellow', 'left out')}: ${key}: ${message}\n`);
    const used = [...new Set(good.map((manifest) => ownLevel(manifest, level)))].sort((a, b) => a - b);
    for (const each of used) context.out(`level ${each}: ${levels[each]}\n`);
    const notes = kitNotes(kit, now);
    for (const { newest, shrunk } of found)
      if (shrunk !== undefined)
        notes.push(
          `the newest ${nameOf[newest.kind] ?? 'backup'} of ${shortName(newest.source)} holds ${shrunk}: if nobody meant that, restore an older one before it expires`,
        );
    // Where there is nothing at all, what is to be done is said above.
    if (rows.length > 0) notes.push(...lackNotes(lacks, now));
    notes.push(...lateNotes(found, logged, now), ...clockNotes(found, logged), ...drillNotes(every, drill, now));
    if (offsite !== undefined) notes.push(...describeLag(offsite, now));
    for (const note of notes) context.out(`${noteOf(note, context)}\n`);
    const unlogged = config.backups.jobs.filter(({ database }) => database?.elsewhere?.log === false).map(({ name }) => name);
    const lines = [
      ...found.map((each) => [...describeRestorable(each, unlogged, now), tierOf(tier)]),
      ...(offsite?.found ?? []).map((each) => [...describeRestorable(each, unlogged, now), `${tierOf(offsite?.tier ?? 0)}, offsite`]),
    ];
    if (lines.length > 0) context.out(`${table(lines, [], '')}\n`);
    if (drill !== undefined) context.out(describeDrill(drill, now));
  });

/** What is copied as a whole each time. The rest are full backups and what rests on them. */
const nameOf: Partial<Record<Manifest['kind'], string>> = { bucket: 'point', volume: 'copy', cache: 'copy' };
