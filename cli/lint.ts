import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readOverlayFiles } from '../generator/io/read-overlay.ts';
import { BerthError, EXIT } from '../model/errors.ts';
import type { Context } from './context.ts';
import { loadSite, prepareSite, refuseConflicts } from './site.ts';
import { paint, wrap } from './text.ts';

interface LintOptions {
  readonly site: string;
  readonly json?: boolean;
}

export function addLint(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program
    .command('lint')
    .description('check what was written against rules of hardening, availability and good order, each with its reason; writes nothing')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth lint                                        ends with ${EXIT.unsound} when something should not be so
  berth lint --json | jq '.findings[].id'`,
    )
    .action((options: LintOptions) => run(() => lint(options, context), options.json ?? false));
}

async function lint(options: LintOptions, context: Context): Promise<void> {
  const site = resolve(context.cwd, options.site);
  const prepared = await prepareSite(site, loadSite(site, context), [], context);
  refuseConflicts(prepared, options.json ?? false, context);
  const { lintSite } = await import('./lint-site.ts');
  const { findings, ignored, unseen } = lintSite(prepared.plan, new Map([...prepared.decision.merged, ...readOverlayFiles(site)]));
  const style = paint(context.color);
  const width = Math.min(context.columns, 110);
  const what = findings.length === 1 ? '1 thing' : `${findings.length} things`;
  const failure = new BerthError(
    'unsound',
    `${what} should not be so`,
    'see the cure of each; where it is meant to be so, say why in an ignore beside it',
  );
  if (options.json) context.out(`${JSON.stringify({ findings, ignored, unseen }, null, 2)}\n`);
  if (!options.json) {
    for (const { id, object, path, found, rule, cure } of findings)
      context.out(
        `${style('bold', id)}  ${object}\n    ${wrap(`${path}: ${found}`, width - 4, '    ')}\n    ${wrap(rule, width - 4, '    ')}\n    → ${wrap(cure, width - 6, '      ')}\n\n`,
      );
    for (const { id, object, because } of ignored)
      context.out(`ignored: ${wrap(`${id} of ${object}: ${because}`, width - 9, '         ')}\n`);
    for (const what of unseen)
      context.out(
        `not looked into: ${wrap(`${what}; \`kubectl kustomize k8s/site\` shows what comes of it`, width - 17, '                 ')}\n`,
      );
    if (findings.length === 0) context.out('Nothing is open: every check holds.\n');
  }
  if (findings.length === 0) return;
  if (options.json) process.exitCode = EXIT.unsound;
  else throw failure;
}
