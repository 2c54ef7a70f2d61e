import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RuntimeContext } from './stoppable.ts';

export function addRuntime(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: RuntimeContext,
): void {
  program
    .command('runtime')
    .description('do what runtime.yaml says until a signal comes: make backups when they are due, remove what no rule keeps')
    .option('--config <FILE>', 'runtime.yaml of the site', 'runtime.yaml')
    .addHelpText(
      'after',
      `
Examples:
  berth runtime --config /srv/shop/runtime.yaml    prints a line of JSON for each event; systemd/ in the site has a unit`,
    )
    .action((options: { readonly config: string }) =>
      run(async () => (await import('./runtime-verb.ts')).runRuntime(resolve(context.cwd, options.config), context), false),
    );
}
