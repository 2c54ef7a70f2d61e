import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BerthError } from '../model/errors.ts';
import type { Context } from './context.ts';

type Run = (action: () => Promise<void>, json: boolean) => Promise<void>;

interface SiteOptions {
  readonly site: string;
  readonly json?: boolean;
}
interface RenewOptions extends SiteOptions {
  readonly authority?: boolean;
  readonly own?: boolean;
  readonly internal?: boolean;
}
interface ImportOptions extends SiteOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** What the verbs do is a part of the program that only they load. */
const verbs = () => import('./certs-verbs.ts');

export function addCerts(program: Command, run: Run, context: Context): void {
  const certs = program
    .command('certs')
    .description('the certificates of a site: show them, renew them, or bring your own')
    .addHelpText(
      'after',
      `
Examples:
  berth certs show                                     what there is, and how many days are left
  berth certs renew                                    a new certificate of the site's own authority, now
  berth certs import --cert shop.crt --key shop.key    use the one that your own authority issued`,
    );
  certs
    .command('show')
    .description('names, dates, issuers and fingerprints; writes nothing')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print the result as JSON')
    .action((options: SiteOptions) =>
      run(async () => {
        (await verbs()).showCertificates({ site: resolve(context.cwd, options.site), json: options.json ?? false }, context);
      }, options.json ?? false),
    );
  certs
    .command('renew')
    .description('draw a new certificate from the authority of the site; its clients notice nothing')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--authority', 'draw a new authority as well: clients must be given its ca.crt before they trust the site again')
    .option('--internal', 'those with which databases, caches and stores speak to their clients, and no other (internalTls)')
    .option('--own', 'give up an imported certificate for one of the site’s own authority')
    .option('--json', 'print the result as JSON')
    .action((options: RenewOptions) =>
      run(async () => {
        if (options.internal && (options.authority === true || options.own === true))
          throw new BerthError(
            'usage',
            '--internal draws certificates of services alone',
            'leave it out: --authority draws those along with the authority',
          );
        return options.internal
          ? (await verbs()).renewInternal({ site: resolve(context.cwd, options.site), json: options.json ?? false }, context)
          : (await verbs()).renew(
              {
                site: resolve(context.cwd, options.site),
                json: options.json ?? false,
                authority: options.authority ?? false,
                own: options.own ?? false,
              },
              context,
            );
      }, options.json ?? false),
    );
  certs
    .command('import')
    .description('use a certificate that somebody else issued; it is checked first, and never replaced by Berth afterwards')
    .requiredOption('--cert <FILE>', 'the certificate and those of the authorities above it, PEM, in any order')
    .requiredOption('--key <FILE>', 'its private key, PEM, not encrypted')
    .option('--ca <FILE>', 'the root of the authority, when it is not among them and no public one')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print the result as JSON')
    .action((options: ImportOptions) =>
      run(
        async () =>
          (await verbs()).importCertificate(
            {
              site: resolve(context.cwd, options.site),
              json: options.json ?? false,
              cert: resolve(context.cwd, options.cert),
              key: resolve(context.cwd, options.key),
              ...(options.ca === undefined ? {} : { ca: resolve(context.cwd, options.ca) }),
            },
            context,
          ),
        options.json ?? false,
      ),
    );
}
