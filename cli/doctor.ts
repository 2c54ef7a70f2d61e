import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ClusterFacts } from '../model/cluster-facts.ts';
import type { ClusterNeeds } from '../model/cluster-needs.ts';
import { BerthError, EXIT } from '../model/errors.ts';
import type { Plan } from '../model/plan.ts';
import { addClusterOptions, openCluster } from './cluster.ts';
import type { Cluster, ClusterContext, ClusterOptions } from './cluster.ts';
import { describeDiagnoses } from './describe-diagnoses.ts';
import { loadSite, planSite } from './site.ts';
import { paint } from './text.ts';

interface DoctorOptions extends ClusterOptions {
  readonly site: string;
  readonly target?: string;
  readonly probe?: boolean;
  readonly json?: boolean;
}

export function addDoctor(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: ClusterContext,
): void {
  addClusterOptions(
    program
      .command('doctor')
      .description('ask this host, or a cluster, whether the site would run there, and say what to do where it would not; changes nothing')
      .option('--site <DIR>', 'the folder of the site', '.')
      .option('--target <TARGET>', 'where it shall run: compose, on this host, or kubernetes; without it what berth.yaml says'),
  )
    .option(
      '--probe',
      'of a cluster, also try what cannot be read: fetch every image and write to a volume, with pods that are taken away again',
    )
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth doctor                                        before the first start, and whenever something is odd
  berth doctor --probe                                the same, with images and volumes tried out
  berth doctor --target kubernetes --context staging  would this Compose site run in that cluster?
  berth doctor --json | jq '.diagnoses[] | select(.verdict == "fail")'

Ends with ${EXIT.unfit} when something would keep the site from running; warnings end with 0.`,
    )
    .action((options: DoctorOptions) =>
      run(async () => {
        const plan = planOf(options, context);
        if (plan.target === 'compose') {
          refuseClusterOptions(options);
          const { doctorHost } = await import('./doctor-host.ts');
          return doctorHost(plan, resolve(context.cwd, options.site), options.json ?? false, context);
        }
        const [{ clusterNeedsOf }, { withOverlayImages }] = await Promise.all([
          import('../generator/plan/cluster-needs.ts'),
          import('./overlay-images.ts'),
        ]);
        await doctor({ needs: withOverlayImages(clusterNeedsOf(plan), resolve(context.cwd, options.site)), ...options }, context);
      }, options.json ?? false),
    );
}

/** The plan for the target that is asked about, whatever the site's own is. */
function planOf({ site, target }: DoctorOptions, context: ClusterContext): Plan {
  if (target !== undefined && target !== 'kubernetes' && target !== 'compose')
    throw new BerthError('usage', `there is no target ${target}`, 'write --target compose or --target kubernetes');
  const folder = resolve(context.cwd, site);
  const { plan, spec } = loadSite(folder, context);
  return target === undefined || target === plan.target ? plan : planSite({ ...spec, target }, folder, context).plan;
}

/** What says which cluster says nothing about this host. */
function refuseClusterOptions({ probe, kubeconfig, context }: DoctorOptions): void {
  const option = probe ? '--probe' : kubeconfig !== undefined ? '--kubeconfig' : context !== undefined ? '--context' : undefined;
  if (option !== undefined)
    throw new BerthError('usage', `${option} is for a cluster, and this site is for Compose`, 'leave it out, or add --target kubernetes');
}

const probeSeconds = 300;

/** Try images and volumes; what could not be taken away again is said at once. */
async function probed(cluster: Cluster, facts: ClusterFacts, needs: ClusterNeeds, context: ClusterContext): Promise<ClusterFacts> {
  const { probe } = await import('../runtime/orchestrators/kubernetes/probe.ts');
  const namespace = needs.namespaces[0]?.name ?? needs.site;
  const { images, writes, leftovers } = await context.abortable((signal) =>
    probe(cluster.until(signal), cluster.client, needs, {
      namespace,
      namespaceExists: facts.namespaces.find(({ name }) => name === namespace)?.exists !== false,
      id: Buffer.from(context.random(4)).toString('hex'),
      deadlineSeconds: probeSeconds,
      imagePullPolicy: 'IfNotPresent',
      signal,
    }),
  );
  for (const leftover of leftovers) context.err(`could not be taken away again: ${leftover}\n`);
  return { ...facts, images, writes };
}

interface Asked extends ClusterOptions {
  readonly needs: ClusterNeeds;
  readonly probe?: boolean;
  readonly json?: boolean;
}

/** Ask a cluster whether it can run what is needed, and print what it said. */
export async function doctor({ needs, probe = false, json = false, ...options }: Asked, context: ClusterContext): Promise<void> {
  const cluster = await openCluster(options, context);
  const [{ readFacts }, { checkCluster }] = await Promise.all([
    import('../runtime/orchestrators/kubernetes/read-facts.ts'),
    import('../generator/doctor/cluster.ts'),
  ]);
  const read = await readFacts(cluster.client, needs);
  const facts = probe ? await probed(cluster, read, needs, context) : read;
  const diagnoses = checkCluster(facts, needs);
  const fits = diagnoses.every(({ verdict }) => verdict !== 'fail');
  if (json)
    context.out(
      `${JSON.stringify({ site: needs.site, server: facts.server, context: cluster.context, version: facts.version.text, fits, diagnoses }, null, 2)}\n`,
    );
  else
    context.out(
      describeDiagnoses(`${paint(context.color)('bold', needs.site)} in ${facts.server} (context ${cluster.context})`, diagnoses, context),
    );
  if (!fits) context.exit(EXIT.unfit);
}
