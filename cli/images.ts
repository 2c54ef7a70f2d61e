import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { loadSite } from './site.ts';
import { paint, table, wrap } from './text.ts';

interface ImagesOptions { readonly site: string; readonly json?: boolean }
interface Row { readonly reference: string; readonly licence: string; readonly status: string; readonly endOfLife: string; readonly usedBy: readonly string[]; readonly note?: string; readonly replacement?: string }

export function addImages(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program.command('images')
    .description('every image this site needs, with its licence and state of support')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print as JSON')
    .addHelpText('after', `
Examples:
  berth images
  berth images --json | jq -r '.[].reference' | xargs docker save -o images.tar`)
    .action((options: ImagesOptions) => run(async () => {
      const rows = rowsOf(resolve(context.cwd, options.site), context);
      context.out(options.json ? `${JSON.stringify(rows, null, 2)}\n` : describe(rows, context));
      return Promise.resolve();
    }, options.json ?? false));
}

/** A support end that has passed outweighs what the catalogue says. */
const statusOn = (now: Date, status: string, endOfLife: string | undefined): string => (endOfLife !== undefined && Date.parse(endOfLife) < now.getTime() ? 'end-of-life' : status);

function rowsOf(site: string, context: Context): readonly Row[] {
  const { plan } = loadSite(site, context);
  const apps = [...plan.release].flatMap(([service, filled]) => filled.map(({ image, slot }) => ({ image, user: `${service}-${slot}` })));
  const own = [...new Set(apps.map(({ image }) => image))].map((image): Row => ({ reference: image, licence: 'yours', status: 'yours', endOfLife: '', usedBy: apps.filter((app) => app.image === image).map((app) => app.user) }));
  return [...own, ...plan.images.map((image): Row => ({
    reference: image.reference, licence: image.licence, status: statusOn(context.now(), image.status, image.endOfLife), endOfLife: image.endOfLife ?? '', usedBy: image.usedBy,
    ...(image.note ? { note: image.note } : {}), ...(image.replacement ? { replacement: image.replacement } : {}),
  }))];
}

function describe(rows: readonly Row[], context: Context): string {
  const style = paint(context.color);
  const lines = table([['image', 'licence', 'state', 'fixes until', 'used by'], ...rows.map((row) => [row.reference, row.licence, row.status, row.endOfLife, row.usedBy.join(', ')])], [], '');
  const warnings = rows.filter((row) => row.status !== 'supported' && row.status !== 'yours').map((row) => `\n${style('yellow', row.status)}: ${wrap(`${row.reference}: ${row.note ?? 'its makers publish no more fixes'}${row.replacement ? `. Instead: ${row.replacement}` : ''}`, Math.min(context.columns, 110), '  ')}\n`);
  return `${lines}\n${warnings.join('')}`;
}
