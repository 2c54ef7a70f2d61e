import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { BerthError } from '../model/errors.ts';
import { clusterOf } from './backup.ts';
import { addClusterChoice } from './cluster.ts';
import type { LiveEnding } from './restore/live-record.ts';
import type { PlaceName } from './open-catalogue.ts';
import type { RuntimeContext } from './stoppable.ts';

interface RestoreOptions {
  readonly site: string;
  readonly latest?: boolean;
  readonly at?: string;
  readonly before?: string;
  readonly full?: string;
  readonly only?: 'config' | 'secrets' | 'database' | 'bucket' | 'cache' | 'volume';
  readonly name?: string;
  readonly prefix?: string;
  readonly exact?: boolean;
  readonly given?: boolean;
  readonly into: string;
  readonly file?: string;
  readonly key?: string;
  readonly withData?: boolean;
  readonly resume?: boolean;
  readonly undo?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly from: PlaceName;
  readonly json?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export function addRestore(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: RuntimeContext,
): void {
  addClusterChoice(program.command('restore'))
    .description('put the folder of a site, a database, a bucket, a cache or a volume back from its backups; says first what it will do')
    .option('--latest', 'the newest backups')
    .option('--at <TIME>', 'as it was then, such as 2026-03-29T14:30Z')
    .option('--before <TRANSACTION>', 'of a database: just before that transaction')
    .option('--full <ID>', 'with --before: from the log behind this full backup, where two may have that transaction')
    .addOption(
      new Option('--only <WHAT>', 'one part; without it config and secrets').choices([
        'config',
        'secrets',
        'database',
        'bucket',
        'cache',
        'volume',
      ]),
    )
    .option('--name <NAME>', 'which database, bucket, cache or volume, where there are several')
    .option('--prefix <PREFIX>', 'of a bucket: only objects whose key begins so')
    .option('--exact', 'of a bucket: delete what came later')
    .requiredOption(
      '--into <DIR>',
      'where to; what lies there and is another is replaced with --yes only. A database, a bucket, a cache or a volume: live, in its place; a database or a cache also: scratch, to try it; a database also: new, a server that stays beside the site',
    )
    .option('--resume', 'of a database, a cache or a volume in its place: go on with the restore that was cut off')
    .option('--undo', 'of a database, a cache or a volume in its place: put the old data back where a restore was cut off')
    .option('--with-data', 'on an empty host: the folder, then all data, and then everything is started')
    .addOption(new Option('--file <NAME>', 'in an agent: which file is given out').hideHelp())
    .option('--key <FILE>', 'the private key of a recipient; a kit has one. BERTH_KEY_PASSPHRASE opens it')
    .option('--yes', 'replace files; copies of them are kept beside DIR')
    .option('--dry-run', 'only say what would be done')
    .addOption(new Option('--given', 'in an agent: keys come by the standard input').hideHelp())
    .addOption(new Option('--from <PLACE>', 'where from, where there is a second place').choices(['store', 'offsite']).default('store'))
    .option('--site <DIR>', 'the folder of a site, or of a recovery kit', '.')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth restore --latest --into /srv/shop --site /media/usb/kit     the folder of the site
  berth restore --latest --with-data --into /srv/shop --site /media/usb/kit     all of it, on an empty host
  berth restore --at 2026-03-29T14:30Z --only config --into ../before --key /media/usb/shop-operator.key
  berth restore --only database --at 2026-03-29T14:30Z --into scratch    tries it in the agent, and counts what it finds
  berth restore --only database --before 0-1-270 --into scratch          just before that transaction
  berth restore --only database --at 2026-03-29T14:30Z --into new        keeps it beside the site, to take a table from it
  berth restore --only database --at 2026-03-29T14:30Z --into live       puts it in its place; the old data stay beside it
  berth restore --only database --into live --undo --yes                 one that was cut off: everything as before; --resume ends it
  berth restore --only bucket --at 2026-03-29T14:30Z --prefix invoices/ --into live     puts back what is missing or changed
  berth restore --only bucket --latest --into ../objects --key /media/usb/shop-operator.key
  berth restore --only cache --at 2026-03-29T14:30Z --into live          sessions or a queue, as they were copied last by then
  berth restore --only volume --latest --into ../files                   its files, to look at; live puts them in their place`,
    )
    .action((options: RestoreOptions) =>
      run(async () => {
        const {
          site,
          from,
          into,
          at,
          latest,
          before,
          full,
          only,
          name,
          prefix,
          exact,
          given,
          file,
          withData,
          key,
          yes,
          dryRun,
          json,
          ...cluster
        } = options;
        const ending = endingOf(options);
        if (ending === undefined && [latest === true, at !== undefined, before !== undefined].filter(Boolean).length !== 1)
          throw new BerthError(
            'usage',
            'to what time?',
            'write --latest, or --at TIME, or for a database --before TRANSACTION; one of them',
          );
        if (before !== undefined && only !== 'database')
          throw new BerthError('usage', 'only a database knows transactions', 'write --only database, or --at TIME');
        if (full !== undefined && before === undefined)
          throw new BerthError(
            'usage',
            '--full says where a transaction is looked for',
            'write --before TRANSACTION as well, or leave --full out',
          );
        if (only !== 'bucket' && (prefix !== undefined || exact !== undefined))
          throw new BerthError('usage', 'only a bucket has keys with a prefix, or what came later', 'write --only bucket');
        if (given === true && context.given === undefined)
          throw new BerthError(
            'usage',
            'nothing was given: --given is for an agent, and the Berth that wrote it is older than the one of this agent',
            'run `berth generate` and the same again with the Berth that the site was generated with last',
          );
        if (withData && only !== undefined)
          throw new BerthError('usage', '--with-data is for all of a site', `leave out one of the two, --with-data and --only ${only}`);
        const common = {
          site: resolve(context.cwd, site),
          from,
          at,
          key: key === undefined ? undefined : resolve(context.cwd, key),
          yes: yes ?? false,
          dryRun: dryRun ?? false,
          json: json ?? false,
        };
        const folder = { folder: resolve(context.cwd, into) };
        if (only === 'database') {
          const { restoreDatabase } = await import('./restore/database.ts');
          const place = into === 'scratch' || into === 'new' || into === 'live' ? into : folder;
          return restoreDatabase({ ...common, name, before, full, into: place, cluster: clusterOf(cluster, context.cwd), ending }, context);
        }
        if (only === 'cache') {
          const { restoreCache } = await import('./restore/cache.ts');
          const place = into === 'scratch' || into === 'live' ? into : into === '-' ? 'output' : folder;
          return restoreCache({ ...common, name, into: place, file, cluster: clusterOf(cluster, context.cwd), ending }, context);
        }
        if (only === 'volume') {
          const { restoreVolume } = await import('./restore/volume.ts');
          if (into === 'scratch')
            throw new BerthError('usage', 'a volume is not tried', 'write --into with an empty folder, and look at what is there');
          return restoreVolume({ ...common, name, into: into === 'live' ? into : into === '-' ? 'output' : folder, ending }, context);
        }
        if (only === 'bucket') {
          const { restoreBucket } = await import('./restore/bucket.ts');
          if (into === 'scratch')
            throw new BerthError(
              'usage',
              'a bucket is not tried, but proven',
              '`berth backup verify --restore` restores all of it and keeps nothing; or write --into with a folder',
            );
          return restoreBucket(
            {
              ...common,
              name,
              prefix: prefix ?? '',
              exact: exact ?? false,
              into: into === 'live' ? into : folder,
              cluster: clusterOf(cluster, context.cwd),
              given: given === true ? context.given : undefined,
            },
            context,
          );
        }
        const asked = { ...common, into: folder.folder };
        if (withData) {
          const { restoreWhole } = await import('./restore/whole.ts');
          return restoreWhole(asked, context);
        }
        const { restoreSite } = await import('./restore/site.ts');
        await restoreSite({ ...asked, only: only === 'config' ? 'configuration' : only }, context);
      }, options.json ?? false),
    );
}

/** @throws BerthError `usage`: what was cut off knows to what time it was. */
function endingOf({ resume, undo, latest, at, before, only, into }: RestoreOptions): LiveEnding | undefined {
  if (resume !== true && undo !== true) return undefined;
  if (resume === undo) throw new BerthError('usage', '--resume or --undo?', 'write one of the two');
  const ending = undo === true ? 'undo' : 'resume';
  if ((only !== 'database' && only !== 'cache' && only !== 'volume') || into !== 'live')
    throw new BerthError(
      'usage',
      `--${ending} is for a database, a cache or a volume that is put back in its place`,
      `write \`--only database --into live --${ending}\`, or cache, or volume; a bucket goes on by the same command again`,
    );
  if (latest === true || at !== undefined || before !== undefined)
    throw new BerthError('usage', `--${ending} goes by the time of the restore that was cut off`, 'leave out --latest, --at and --before');
  return ending;
}
