import { describeBytes } from '../../model/backup/bytes.ts';
import { readKeyFiles } from '../../runtime/jobs/key-files.ts';
import { ageOf, levels, shortName, shownTime } from './text.ts';
import { type Asked, findBackup, openCatalogue } from '../open-catalogue.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { paint, table } from '../text.ts';

/** All there is to know of one backup. */
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
      ...Object.entries(manifest.facts).map(([name, value]) => [
        name,
        typeof value === 'string'
          ? value
          : name === 'contents' && Array.isArray(value)
            ? `in ${value.length} archives`
            : JSON.stringify(value),
      ]),
      ['made by', `${manifest.tool.name} ${manifest.tool.version}; Berth ${manifest.berth}`],
    ];
    context.out(`${paint(context.color)('bold', manifest.id)}\n${table(rows)}\n`);
  });
