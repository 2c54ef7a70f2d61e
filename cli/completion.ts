import { Argument } from 'commander';
import type { Command } from 'commander';
import type { Shell } from './completion/script.ts';
import type { Context } from './context.ts';

export function addCompletion(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: Context,
): void {
  program
    .command('completion')
    .description('print the script that has a shell complete commands, options and their values')
    .addArgument(new Argument('<SHELL>', 'for which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
Examples:
  berth completion bash > ~/.local/share/bash-completion/completions/berth
  berth completion zsh > ~/.zsh/_berth                   a folder of $fpath
  berth completion fish > ~/.config/fish/completions/berth.fish`,
    )
    .action((shell: Shell) =>
      run(async () => {
        const { completionScript } = await import('./completion/script.ts');
        context.out(completionScript(program, shell, context.root));
      }, false),
    );
}
