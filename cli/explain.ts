import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BerthError } from '../model/errors.ts';
import type { Decision } from '../model/decision.ts';
import { fixedDecisions } from '../generator/plan/fixed-decisions.ts';
import { suggest } from '../generator/spec/describe-issue.ts';
import type { Context } from './context.ts';
import { loadSite } from './site.ts';
import { paint, table, wrap } from './text.ts';

interface ExplainOptions {
  readonly site: string;
  readonly json?: boolean;
}

export function addExplain(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program
    .command('explain')
    .description('why a number is what it is: formula, inputs, source, and what changes it')
    .argument('[KEY]', 'a setting such as database.shared_buffers, or a service; without it, all keys')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth explain                              every key with its value
  berth explain database                     everything decided for one service
  berth explain database.shared_buffers      one number, in full`,
    )
    .action((key: string | undefined, options: ExplainOptions) =>
      run(async () => {
        const { plan } = loadSite(resolve(context.cwd, options.site), context);
        const found = select([...plan.decisions, ...fixedDecisions(plan)], key);
        if (options.json) context.out(`${JSON.stringify(found, null, 2)}\n`);
        else if (key === undefined)
          context.out(
            `${table(
              found.map((decision) => [decision.key, decision.value]),
              [],
              '',
            )}\n`,
          );
        else context.out(found.map((decision) => describe(decision, context)).join('\n'));
        return Promise.resolve();
      }, options.json ?? false),
    );
}

/** The decisions a key names: all, those of a service, or one. */
function select(decisions: readonly Decision[], key: string | undefined): readonly Decision[] {
  const found = decisions.filter((decision) => key === undefined || decision.key === key || decision.key.startsWith(`${key}.`));
  if (found.length > 0) return found;
  const near =
    decisions.find((decision) => decision.key.endsWith(`.${key ?? ''}`))?.key ??
    suggest(key ?? '', [
      ...decisions.map((decision) => decision.key),
      ...new Set(decisions.map((decision) => decision.key.split('.')[0] ?? '')),
    ]);
  throw new BerthError(
    'usage',
    `nothing was decided under "${key ?? ''}"`,
    near ? `did you mean \`berth explain ${near}\`?` : '`berth explain` lists all keys',
  );
}

function describe(decision: Decision, context: Context): string {
  const width = Math.min(context.columns, 110) - 12;
  const rows = [
    ['formula', decision.formula],
    ...Object.entries(decision.inputs),
    ['source', decision.source],
    ['change it', decision.change],
  ];
  const label = Math.max(...rows.map(([name]) => (name ?? '').length));
  return `${paint(context.color)('bold', decision.key)} = ${decision.value}\n${rows.map(([name = '', text = '']) => `  ${name.padEnd(label)}  ${wrap(text, width - label + 8, ' '.repeat(label + 4))}`).join('\n')}\n`;
}
