import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import type { ImageCatalogue } from '../model/image-catalogue.ts';
import { loadSite } from './site.ts';
import { paint, table, wrap } from './text.ts';

interface ImagesOptions {
  readonly site: string;
  readonly json?: boolean;
}
interface Row {
  readonly reference: string;
  readonly licence: string;
  readonly status: string;
  readonly endOfLife: string;
  readonly usedBy: readonly string[];
  readonly note?: string;
  readonly replacement?: string;
}

export function addImages(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program
    .command('images')
    .description('every image this site needs, with its licence and state of support')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth images
  berth images --json | jq -r '.[] | select(.status != "built here").reference' | xargs -n 1 docker pull     where there is a network
  berth images --json | jq -r '.[] | select(.status != "built here").reference' | xargs docker save -o images.tar                             then, to carry them`,
    )
    .action((options: ImagesOptions) =>
      run(async () => {
        const rows = rowsOf(resolve(context.cwd, options.site), context);
        context.out(options.json ? `${JSON.stringify(rows, null, 2)}\n` : describe(rows, context));
        return Promise.resolve();
      }, options.json ?? false),
    );
}

/** A support end that has passed outweighs what the catalogue says. */
const statusOn = (now: Date, status: string, endOfLife: string | undefined): string =>
  endOfLife !== undefined && Date.parse(endOfLife) < now.getTime() ? 'end-of-life' : status;

/** Images that a Dockerfile starts from; stages of its own are none. */
function basesOf(site: string, folder: string): readonly string[] {
  const file = join(site, folder, 'Dockerfile');
  if (!existsSync(file)) return [];
  const stages = [...readFileSync(file, 'utf8').matchAll(/^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/gim)];
  const own = new Set(stages.map(([, , stage]) => stage));
  return [...new Set(stages.map(([, image]) => image ?? ''))].filter((image) => !own.has(image) && image !== 'scratch');
}

/** What the catalogue knows of an image that is not Berth's choice. */
function stateOf(reference: string, catalogue: ImageCatalogue): Omit<Row, 'reference' | 'usedBy'> {
  const known = Object.values(catalogue).find((image) => image.reference === reference);
  return known
    ? { licence: known.licence, status: known.status, endOfLife: known.endOfLife ?? '' }
    : { licence: 'unknown', status: 'unknown', endOfLife: '' };
}

function rowsOf(site: string, context: Context): readonly Row[] {
  const { plan, spec, assets } = loadSite(site, context);
  const apps = [...plan.release].flatMap(([service, filled]) => filled.map(({ image, slot }) => ({ image, user: `${service}-${slot}` })));
  const built = new Map(spec.services.flatMap((app) => (app.build === undefined ? [] : [[app.image, app.build] as const])));
  const own = [...new Set(apps.map(({ image }) => image))].map((image): Row => ({
    reference: image,
    licence: 'yours',
    status: built.has(image) ? 'built here' : 'yours',
    endOfLife: '',
    usedBy: apps.filter((app) => app.image === image).map((app) => app.user),
  }));
  const bases = [...built].flatMap(([image, folder]) =>
    basesOf(site, folder).map((base): Row => ({ ...stateOf(base, assets.images), reference: base, usedBy: [`build of ${image}`] })),
  );
  return [
    ...own,
    ...bases,
    ...plan.images.map((image): Row => ({
      reference: image.reference,
      licence: image.licence,
      status: statusOn(context.now(), image.status, image.endOfLife),
      endOfLife: image.endOfLife ?? '',
      usedBy: image.usedBy,
      ...(image.note ? { note: image.note } : {}),
      ...(image.replacement ? { replacement: image.replacement } : {}),
    })),
  ];
}

function describe(rows: readonly Row[], context: Context): string {
  const style = paint(context.color);
  const lines = table(
    [
      ['image', 'licence', 'state', 'fixes until', 'used by'],
      ...rows.map((row) => [row.reference, row.licence, row.status, row.endOfLife, row.usedBy.join(', ')]),
    ],
    [],
    '',
  );
  const warnings = rows
    .filter((row) => row.status === 'frozen' || row.status === 'end-of-life')
    .map(
      (row) =>
        `\n${style('yellow', row.status)}: ${wrap(`${row.reference}: ${row.note ?? 'its makers publish no more fixes'}${row.replacement ? `. Instead: ${row.replacement}` : ''}`, Math.min(context.columns, 110), '  ')}\n`,
    );
  return `${lines}\n${warnings.join('')}`;
}
