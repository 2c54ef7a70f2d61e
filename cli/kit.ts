import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RuntimeContext } from './stoppable.ts';

interface SiteOptions {
  readonly site: string;
  readonly json?: boolean;
}

/** A part of the program that only these verbs load. */
const verbs = () => import('./backup/kit-verbs.ts');

export function addKit(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: RuntimeContext,
): void {
  const asked = ({ site, json }: SiteOptions) => ({ site: resolve(context.cwd, site), json: json ?? false });
  const kit = program
    .command('kit')
    .description('the recovery kit: what brings the site back when its host is gone')
    .addHelpText(
      'after',
      `
Examples:
  berth kit export --into /media/usb/kit     a key that opens backups, where they lie, who signed them
  berth kit confirm --kit /media/usb/kit     show that it opens the newest ones, then put it away`,
    );
  kit
    .command('export')
    .description('write the kit; its private key is drawn for it, and given out this once')
    .requiredOption('--into <DIR>', 'a folder that is not there yet, outside of the site. BERTH_KEY_PASSPHRASE encrypts the key')
    .option('--anew', 'draw another escrow key; what was made until now stays open to the old one')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print the result as JSON')
    .action((options: SiteOptions & { readonly into: string; readonly anew?: boolean }) =>
      run(
        async () =>
          (await verbs()).exportKit({ ...asked(options), into: resolve(context.cwd, options.into), anew: options.anew ?? false }, context),
        options.json ?? false,
      ),
    );
  kit
    .command('confirm')
    .description('open the newest backup of everything with the key of the kit, to the last byte')
    .requiredOption('--kit <DIR>', 'the kit')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print the result as JSON')
    .action((options: SiteOptions & { readonly kit: string }) =>
      run(
        async () => (await verbs()).confirmKit({ ...asked(options), kit: resolve(context.cwd, options.kit) }, context),
        options.json ?? false,
      ),
    );
}
