import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { describeNotes, describePlan } from './describe-plan.ts';
import { loadSite } from './site.ts';

interface PlanOptions {
  readonly site: string;
  readonly json?: boolean;
}

export function addPlan(program: Command, run: (action: () => Promise<void>, json: boolean) => Promise<void>, context: Context): void {
  program
    .command('plan')
    .description('show what would run and how the host is divided; writes nothing')
    .option('--site <DIR>', 'the folder of the site', '.')
    .option('--json', 'print the whole plan as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth plan
  berth plan --json | jq '.budget'`,
    )
    .action((options: PlanOptions) =>
      run(async () => {
        const { plan } = loadSite(resolve(context.cwd, options.site), context);
        // A map is no JSON: it is written as the object it stands for.
        const plainly = (_key: string, value: unknown): unknown => (value instanceof Map ? (Object.fromEntries(value) as unknown) : value);
        if (options.json) context.out(`${JSON.stringify(plan, plainly, 2)}\n`);
        else context.out(`${describePlan(plan, context)}${describeNotes(plan, context)}`);
        return Promise.resolve();
      }, options.json ?? false),
    );
}
