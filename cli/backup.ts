import { resolve } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { ClusterChoice } from './agent-exec.ts';
import { addClusterChoice } from './cluster.ts';
import type { TransactionsAsked } from './backup/transactions.ts';
import type { Asked, PlaceName } from './open-catalogue.ts';
import type { RuntimeContext } from './stoppable.ts';

type Run = (action: () => Promise<void>, json: boolean) => Promise<void>;

interface SiteOptions {
  readonly site: string;
  readonly from?: PlaceName;
  readonly json?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** What the verbs do is a part of the program that only they load. */
const kitVerbs = () => import('./backup/kit-verbs.ts');

const siteOptions = (command: Command): Command =>
  command.option('--site <DIR>', 'the folder of the site', '.').option('--json', 'print the result as JSON');

/** For verbs that look at one of two places. */
const placeOption = (command: Command): Command =>
  siteOptions(command).addOption(
    new Option('--from <PLACE>', 'which place, where there is a second one').choices(['store', 'offsite']).default('store'),
  );

/** What was said of the cluster. */
export const clusterOf = ({ kubeconfig, context }: ClusterChoice, cwd: string): ClusterChoice => ({
  ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(cwd, kubeconfig) }),
  ...(context === undefined ? {} : { context }),
});

export function addBackup(program: Command, run: Run, context: RuntimeContext): void {
  const asked = ({ site, json, from, ...cluster }: SiteOptions) => ({
    site: resolve(context.cwd, site),
    json: json ?? false,
    ...(from === undefined ? {} : { from }),
    cluster: clusterOf(cluster, context.cwd),
  });
  const backup = program
    .command('backup')
    .description('copies of the site, elsewhere: set them up, make them now, look at them, check them')
    .addHelpText(
      'after',
      `
Examples:
  berth backup keys create --into /media/usb   a key for you, who will open them; it stays off this host
  berth kit export --into /media/kit           a second key, and all that an empty host needs
  berth backup store create && berth backup now
  berth backup list                            how old they are, and up to when you can restore`,
    );
  const store = backup.command('store').description('where backups go');
  siteOptions(store.command('create'))
    .description('make the folder a store, or see that the bucket will do; once')
    .action((options: SiteOptions) =>
      run(async () => (await import('./backup/store.ts')).createStore(asked(options), context), options.json ?? false),
    );
  placeOption(store.command('revive'))
    .requiredOption('--at <TIME>', 'as it was then, such as 2026-03-29T14:30Z')
    .description('bring back backups that somebody removed or overwrote, in a bucket that is locked')
    .option('--dry-run', 'only say what would come back')
    .action((options: SiteOptions & { readonly at: string; readonly dryRun?: boolean }) =>
      run(
        async () =>
          (await import('./backup/revive.ts')).reviveStore({ ...asked(options), at: options.at, dryRun: options.dryRun ?? false }, context),
        options.json ?? false,
      ),
    );
  const keys = backup.command('keys').description('who can open backups');
  placeOption(keys.command('rotate'))
    .description('let those open every backup whose public keys are in the site now, and nobody else; no data are written again')
    .requiredOption('--key <FILE>', 'the private key of a recipient who can open them now')
    .action((options: SiteOptions & { readonly key: string }) =>
      run(
        async () =>
          (await import('./backup/rotate-keys-verb.ts')).rotateAllKeys(
            { ...asked(options), key: resolve(context.cwd, options.key) },
            context,
          ),
        options.json ?? false,
      ),
    );
  siteOptions(keys.command('create'))
    .description('draw a pair: the private half goes into DIR, off this host, the public half into the site')
    .requiredOption('--into <DIR>', 'for the private key: outside of the site. BERTH_KEY_PASSPHRASE encrypts it')
    .option('--name <NAME>', 'whose it is', 'operator')
    .action((options: SiteOptions & { readonly into: string; readonly name: string }) =>
      run(
        async () =>
          (await kitVerbs()).createKeys({ ...asked(options), into: resolve(context.cwd, options.into), name: options.name }, context),
        options.json ?? false,
      ),
    );
  addClusterChoice(siteOptions(backup.command('now')))
    .argument('[WHAT...]', 'configuration, secrets, or the name of a database or a bucket; without it everything')
    .description('copy what has changed since the newest backup')
    .option('--label <TEXT>', 'a name for it; with one it is made though nothing has changed')
    .addOption(
      new Option('--increment', 'of PostgreSQL and SQL Server, copy only what has changed since the backup that it rests on').conflicts(
        'log',
      ),
    )
    .option('--log', 'of databases, bring only the log to the store, up to now')
    .action(
      (
        sources: readonly string[],
        options: SiteOptions & { readonly label?: string; readonly log?: boolean; readonly increment?: boolean },
      ) =>
        run(async () => {
          if (options.log === true) return (await import('./backup/now.ts')).shipNow({ ...asked(options), sources }, context);
          return (await import('./backup/now.ts')).backupNow(
            {
              ...asked(options),
              sources,
              increment: options.increment ?? false,
              ...(options.label === undefined ? {} : { label: options.label }),
            },
            context,
          );
        }, options.json ?? false),
    );
  placeOption(backup.command('list'))
    .description('what there is, how old, how far it was proven, and up to when each kind can be restored')
    .action((options: SiteOptions) =>
      run(async () => (await import('./backup/list.ts')).listBackups(asked(options), context), options.json ?? false),
    );
  addClusterChoice(placeOption(backup.command('transactions')))
    .description('which transactions lie in the log of a database, so as to restore to just before one of them')
    .option('--database <NAME>', 'which, where there are several')
    .option('--since <TIME>', 'committed then or later; without it the last hour')
    .option('--until <TIME>', 'committed by then; without it up to the end of the log')
    .option('--table <NAME>', 'only those that touch it, or may: orders, or shop.orders')
    .option('--limit <N>', 'how many at most, up to 10000: the newest', '50')
    .option('--largest', 'the largest instead, and first')
    .option('--key <FILE>', 'the private key of a recipient: reads the log here, and not in the agent')
    .addHelpText(
      'after',
      `
Examples:
  berth backup transactions --since 2026-03-29T14:00Z --until 2026-03-29T14:20Z --table orders
  berth backup transactions --largest --limit 10   what weighs most in the last hour`,
    )
    .action((options: SiteOptions & Omit<TransactionsAsked, keyof Asked>) =>
      run(
        async () =>
          (await import('./backup/transactions.ts')).showTransactions(
            {
              ...asked(options),
              database: options.database,
              since: options.since,
              until: options.until,
              table: options.table,
              limit: options.limit,
              largest: options.largest ?? false,
              key: options.key === undefined ? undefined : resolve(context.cwd, options.key),
            },
            context,
          ),
        options.json ?? false,
      ),
    );
  placeOption(backup.command('copy'))
    .description(
      'bring what is new to the second place; the agent does it every ten minutes. --from offsite brings back what the first one lacks',
    )
    .action((options: SiteOptions) =>
      run(async () => (await import('./backup/copy.ts')).copyNow(asked(options), context), options.json ?? false),
    );
  placeOption(backup.command('show'))
    .argument('<ID>', 'as in the list; its beginning will do')
    .description('all there is to know of one backup')
    .action((id: string, options: SiteOptions) =>
      run(async () => (await import('./backup/show.ts')).showBackup({ ...asked(options), id }, context), options.json ?? false),
    );
  addClusterChoice(placeOption(backup.command('verify')))
    .argument('[ID]', 'one backup; without it all of them')
    .description('compare every byte with what was signed; with a key also see that it opens')
    .option('--key <FILE>', 'the private key of a recipient')
    .option('--restore', 'restore the newest backup of each database, bucket and volume where nobody sees it, and compare')
    .action((id: string | undefined, options: SiteOptions & { readonly key?: string; readonly restore?: boolean }) =>
      run(async () => {
        if (options.restore === true) return (await import('./backup/verify.ts')).proveBackups(asked(options), context);
        return (await import('./backup/verify.ts')).verifyBackups(
          {
            ...asked(options),
            ...(id === undefined ? {} : { id }),
            ...(options.key === undefined ? {} : { key: resolve(context.cwd, options.key) }),
          },
          context,
        );
      }, options.json ?? false),
    );
  addClusterChoice(placeOption(backup.command('prune')))
    .description('remove what no rule keeps; the agent does it every day')
    .option('--dry-run', 'only say what would be kept and removed, and why')
    .option('--undo <ID>', 'bring back one that was removed in the last 48 hours')
    .action((options: SiteOptions & { readonly dryRun?: boolean; readonly undo?: string }) =>
      run(
        async () =>
          options.undo === undefined
            ? (await import('./backup/prune.ts')).pruneBackups({ ...asked(options), dryRun: options.dryRun ?? false }, context)
            : (await import('./backup/prune.ts')).bringBack({ ...asked(options), id: options.undo }, context),
        options.json ?? false,
      ),
    );
}
