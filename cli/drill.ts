import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { BerthError } from '../model/errors.ts';
import type { RuntimeContext } from './stoppable.ts';

interface DrillOptions {
  readonly site: string;
  readonly from: 'store' | 'offsite';
  readonly latest?: boolean;
  readonly at?: string;
  readonly into?: string;
  readonly key?: string;
  readonly network?: string;
  readonly keep?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addDrill(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: RuntimeContext,
): void {
  program
    .command('drill')
    .description('bring the whole site back from its backups beside the one that runs, see that it serves, measure that, and take it away')
    .option('--latest', 'from the newest backups; so it is without --at')
    .option('--at <TIME>', 'as it was then, such as 2026-03-29T14:30Z')
    .option('--key <FILE>', 'the private key of a recipient; a kit has one. BERTH_KEY_PASSPHRASE opens it')
    .option('--into <DIR>', 'where its folder lies meanwhile; without it SITE-drill beside the site')
    .option('--network <RANGE>', 'the addresses that it has meanwhile, such as 10.201.4.0/22; without it some that nobody here has')
    .addOption(new Option('--from <PLACE>', 'where from, where there is a second place').choices(['store', 'offsite']).default('store'))
    .option('--keep', 'leave it running, to look at; the next drill takes it away')
    .option('--yes', 'also where memory or disk may become short')
    .option('--dry-run', 'only say what would be done')
    .option('--site <DIR>', 'the folder of a site, or of a recovery kit', '.')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth drill --key /media/usb/shop-operator.key            on the host of the site, which goes on undisturbed
  berth drill --site /media/usb/kit --into /srv/drill       on another host, as after a fire
  berth drill --key /media/usb/shop-operator.key --at 2026-03-29T14:30Z --dry-run

What is brought back has no ports and no way out: it sends nothing to anybody. What was proven is level 4 in \`berth backup list\`.`,
    )
    .action(({ site, from, at, latest, into, key, network, keep, yes, dryRun, json }: DrillOptions) =>
      run(async () => {
        if (latest === true && at !== undefined) throw new BerthError('usage', 'to what time?', 'write --latest or --at TIME, one of them');
        const path = (given: string | undefined): string | undefined => (given === undefined ? undefined : resolve(context.cwd, given));
        const { drillSite } = await import('./drill/drill-site.ts');
        await drillSite(
          {
            site: resolve(context.cwd, site),
            from,
            at,
            into: path(into),
            key: path(key),
            network,
            keep: keep ?? false,
            yes: yes ?? false,
            dryRun: dryRun ?? false,
            json: json ?? false,
          },
          context,
        );
      }, json ?? false),
    );
}
