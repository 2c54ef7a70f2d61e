import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BerthError, EXIT } from '../model/errors.ts';
import type { Change } from '../runtime/orchestrators/kubernetes/compare.ts';
import type { Outcome } from '../runtime/orchestrators/kubernetes/dry-run.ts';
import { addClusterOptions, openCluster } from './cluster.ts';
import type { Cluster, ClusterContext, ClusterOptions } from './cluster.ts';
import { loadSite } from './site.ts';
import { hang, paint } from './text.ts';

interface DiffOptions extends ClusterOptions {
  readonly site: string;
  readonly json?: boolean;
}

export function addDiff(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: ClusterContext,
): void {
  addClusterOptions(
    program
      .command('diff')
      .description('what `kubectl apply` of this site would change in the cluster, as the cluster itself says; changes nothing')
      .option('--site <DIR>', 'the folder of the site', '.'),
  )
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth diff                          before \`kubectl apply\`
  berth diff --context production     against another cluster
  berth diff --json | jq '.objects[] | select(.result == "immutable")'

Needs kubectl, which puts k8s/site and k8s/generated together. Values of Secrets are never shown.
Ends with 0 when nothing differs and with ${EXIT.stale} when something does.`,
    )
    .action((options: DiffOptions) =>
      run(async () => {
        const folder = resolve(context.cwd, options.site);
        const { plan } = loadSite(folder, context);
        if (plan.target !== 'kubernetes')
          throw new BerthError(
            'unsupported',
            `diff compares with a cluster, and this site is for ${plan.target}`,
            'for this site, `berth generate --check` says what would change',
          );
        const { siteManifests } = await import('./site-manifests.ts');
        await diff({ ...options, site: plan.name, manifests: await siteManifests(folder, context.env) }, context);
      }, options.json ?? false),
    );
}

interface Asked extends ClusterOptions {
  /** For the heading. */
  readonly site: string;
  readonly manifests: readonly object[];
  readonly json?: boolean;
}

/** Have a cluster try out every object, and print what would change. */
export async function diff({ site, manifests, json = false, ...options }: Asked, context: ClusterContext): Promise<void> {
  const cluster = await openCluster(options, context);
  const { dryRun } = await import('../runtime/orchestrators/kubernetes/dry-run.ts');
  const outcomes: Outcome[] = [];
  for await (const outcome of dryRun(cluster.client, manifests)) outcomes.push(outcome);
  const differs = outcomes.some(({ result }) => result !== 'unchanged' && result !== 'repeated');
  if (json)
    context.out(
      `${JSON.stringify({ site, server: cluster.client.server, context: cluster.context, differs, objects: outcomes }, null, 2)}\n`,
    );
  else context.out(describe(site, cluster, outcomes, context));
  if (differs) context.exit(EXIT.stale);
}

const words = {
  created: 'new',
  repeated: 'again',
  unchanged: 'same',
  changed: 'changed',
  immutable: 'migrate',
  refused: 'refused',
} as const;
const colours = { created: 'green', repeated: 'dim', unchanged: 'dim', changed: 'yellow', immutable: 'red', refused: 'red' } as const;
const shown = 100;
const indent = ' '.repeat(11);

/** A value in one line; long ones by their length alone. */
function short(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= shown
    ? text
    : `${Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : 'a text'} of ${text.length} characters`;
}

const describeChange = (change: Change): string =>
  'before' in change || 'after' in change ? `${change.path}: ${short(change.before)} → ${short(change.after)}` : `${change.path} changed`;

function describe(site: string, cluster: Cluster, outcomes: readonly Outcome[], context: ClusterContext): string {
  const style = paint(context.color);
  const width = Math.max(50, Math.min(context.columns, 130)) - indent.length;
  const lines = outcomes
    .filter(({ result, warnings }) => result !== 'unchanged' || warnings.length > 0)
    .flatMap(({ object, result, changes, message, cure, warnings }) => [
      `  ${style(colours[result], words[result].padEnd(7))}  ${object}`,
      ...changes.map((change) => `${indent}${describeChange(change)}`),
      ...(message === undefined ? [] : [`${indent}${hang(message, width, indent)}`]),
      ...(cure === undefined ? [] : [`${indent}${style('cyan', '→')} ${hang(cure, width - 2, `${indent}  `)}`]),
      ...warnings.map((warning) => `${indent}${style('yellow', 'warning')}: ${hang(warning, width - 9, `${indent}  `)}`),
    ]);
  const counts = (Object.keys(words) as Outcome['result'][])
    .map((result) => [outcomes.filter((one) => one.result === result).length, words[result]] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`);
  const head = `${style('bold', site)} against ${cluster.client.server} (context ${cluster.context})\n\n`;
  return `${head}${lines.length > 0 ? `${lines.join('\n')}\n\n` : ''}${counts.length > 0 ? counts.join(', ') : 'no objects'}\n`;
}
