import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from './context.ts';

type Run = (action: () => Promise<void>, json: boolean) => Promise<void>;

interface SiteOptions {
  readonly site: string;
  readonly json?: boolean;
}
interface RevealOptions extends SiteOptions {
  readonly force?: boolean;
  readonly ledgerVersion?: string;
}

/** What the verbs do is a part of the program that only they load. */
const verbs = () => import('./secrets-verbs.ts');

export function addSecrets(program: Command, run: Run, context: Context): void {
  const asked = ({ site, json = false }: SiteOptions) => ({ site: resolve(context.cwd, site), json });
  const secrets = program
    .command('secrets')
    .description('the secrets of a site: who uses them, draw one anew, show one')
    .addHelpText(
      'after',
      `
Examples:
  berth secrets list                     names, versions and users; never a value
  berth secrets rotate web-SESSION_KEY   a new one; says what to run then, in order
  berth secrets retire database-app      the old one is let in no more
  berth secrets reveal database-app      its value, on a terminal`,
    );
  const verb = (name: string, description: string, json: string): Command =>
    secrets.command(name).description(description).option('--site <DIR>', 'the folder of the site', '.').option('--json', json);
  const named = (command: Command): Command => command.argument('<NAME>', 'as `berth secrets list` has it');
  verb(
    'list',
    'every secret with its version, when it was drawn, who uses it and how it gets there; never a value',
    'print as JSON',
  ).action((options: SiteOptions) => run(async () => (await verbs()).listSecrets(asked(options), context), options.json ?? false));
  for (const [name, act, description] of [
    ['rotate', 'rotateSecret', 'draw a secret anew; the old one stays in the ledger'],
    ['retire', 'retireSecret', 'end a rotation: the version before is let in no more'],
  ] as const)
    named(verb(name, description, 'print the result as JSON; the value is not in it')).action((secret: string, options: SiteOptions) =>
      run(async () => (await verbs())[act]({ ...asked(options), name: secret }, context), options.json ?? false),
    );
  named(verb('reveal', 'print the value of a secret, on a terminal only', 'print as JSON, which needs --force'))
    .option('--ledger-version <N>', 'an earlier one, counted from 1')
    .option('--force', 'print it to a file or a pipe as well, or as JSON')
    .action((name: string, options: RevealOptions) =>
      run(
        async () =>
          (await verbs()).revealSecret(
            {
              ...asked(options),
              name,
              force: options.force ?? false,
              ...(options.ledgerVersion === undefined ? {} : { version: options.ledgerVersion }),
            },
            context,
          ),
        options.json ?? false,
      ),
    );
}
