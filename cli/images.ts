import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ClusterContext } from './cluster.ts';
import type { Context } from './context.ts';
import { imagesOf } from './site-images.ts';
import type { SiteImage } from './site-images.ts';
import { paint, table, wrap } from './text.ts';

interface ImagesOptions {
  readonly site: string;
  readonly json?: boolean;
}

interface LockOptions extends ImagesOptions {
  readonly check?: boolean;
}

type Run = (action: () => Promise<void>, json: boolean) => Promise<void>;

/** What speaks with registries and engines is a part of the program that only these verbs load. */
const verbs = () => import('./images-verbs.ts');

export function addImages(program: Command, run: Run, context: ClusterContext): void {
  const images = program
    .command('images')
    .enablePositionalOptions()
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
        const rows = imagesOf(resolve(context.cwd, options.site), context);
        context.out(options.json ? `${JSON.stringify(rows, null, 2)}\n` : describe(rows, context));
        return Promise.resolve();
      }, options.json ?? false),
    );
  images
    .command('lock')
    .description('ask the registries what each image is, and keep it in images.lock.yaml')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--check', 'write nothing; end with 9 when an image is not what was kept')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Logins are those of \`docker login\`; authorities those of the system and of /etc/docker/certs.d.

Examples:
  berth images lock             before the images are carried to a site without a network
  berth images lock --check     whether a tag has been moved since`,
    )
    .action((options: LockOptions) =>
      run(
        async () =>
          (await verbs()).lockImages(
            { site: resolve(context.cwd, options.site), json: options.json ?? false, check: options.check ?? false },
            context,
          ),
        options.json ?? false,
      ),
    );
  images
    .command('verify')
    .description('whether the engine has the images that were locked; asks no registry')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nExamples:\n  docker load -i images.tar && berth images verify     after the images were carried here`)
    .action((options: ImagesOptions) =>
      run(
        async () => (await verbs()).verifyImages({ site: resolve(context.cwd, options.site), json: options.json ?? false }, context),
        options.json ?? false,
      ),
    );
}

function describe(rows: readonly SiteImage[], context: Context): string {
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
