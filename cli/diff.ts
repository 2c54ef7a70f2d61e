import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BerthError, EXIT } from '../model/errors.ts';
import type { Outcome } from '../runtime/orchestrators/kubernetes/dry-run.ts';
import { addClusterOptions, openCluster } from './cluster.ts';
import type { ClusterContext, ClusterOptions } from './cluster.ts';
import { loadSite } from './site.ts';

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
  else {
    const { describeDiff } = await import('./describe-diff.ts');
    context.out(describeDiff(site, cluster, outcomes, context));
  }
  if (differs) context.exit(EXIT.stale);
}
