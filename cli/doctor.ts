import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Diagnosis } from '../generator/doctor/diagnosis.ts';
import type { ClusterFacts } from '../model/cluster-facts.ts';
import type { ClusterNeeds } from '../model/cluster-needs.ts';
import { BerthError, EXIT } from '../model/errors.ts';
import type { Plan } from '../model/plan.ts';
import { addClusterOptions, openCluster } from './cluster.ts';
import type { Cluster, ClusterContext, ClusterOptions } from './cluster.ts';
import type { Context } from './context.ts';
import { loadSite, planSite } from './site.ts';
import { hang, paint } from './text.ts';

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
      .description('ask a cluster whether this site would run there, and say what to do where it would not; changes nothing')
      .option('--site <DIR>', 'the folder of the site', '.')
      .option('--target <TARGET>', 'where it shall run: kubernetes; without it what berth.yaml says'),
  )
    .option('--probe', 'also try what cannot be read: fetch every image and write to a volume, with pods that are taken away again')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  berth doctor                                        before the first \`kubectl apply\`
  berth doctor --probe                                the same, with images and volumes tried out
  berth doctor --target kubernetes --context staging  would this Compose site run in that cluster?
  berth doctor --json | jq '.diagnoses[] | select(.verdict == "fail")'

Ends with ${EXIT.unfit} when something would keep the site from running; warnings end with 0.`,
    )
    .action((options: DoctorOptions) =>
      run(async () => {
        const plan = planOf(options, context);
        const { clusterNeedsOf } = await import('../generator/plan/cluster-needs.ts');
        await doctor({ needs: clusterNeedsOf(plan), ...options }, context);
      }, options.json ?? false),
    );
}

/** The plan for the target that is asked about, whatever the site's own is. */
function planOf({ site, target }: DoctorOptions, context: ClusterContext): Plan {
  if (target !== undefined && target !== 'kubernetes' && target !== 'compose')
    throw new BerthError('usage', `there is no target ${target}`, 'write --target kubernetes');
  const folder = resolve(context.cwd, site);
  const { plan, spec } = loadSite(folder, context);
  if ((target ?? plan.target) === 'compose')
    throw new BerthError(
      'unsupported',
      'doctor looks at clusters only: checks of a Docker host come with a later version',
      'write `berth doctor --target kubernetes` to ask a cluster; for this host see `berth plan`',
    );
  return plan.target === 'kubernetes' ? plan : planSite({ ...spec, target: 'kubernetes' }, folder, context).plan;
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
  else context.out(describe(needs.site, facts, cluster, diagnoses, context));
  if (!fits) context.exit(EXIT.unfit);
}

const words = { pass: 'ok', warn: 'warn', fail: 'FAIL' } as const;
const colours = { pass: 'green', warn: 'yellow', fail: 'red' } as const;
const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function describe(site: string, facts: ClusterFacts, cluster: Cluster, diagnoses: readonly Diagnosis[], context: Context): string {
  const style = paint(context.color);
  const titles = Math.max(...diagnoses.map(({ title }) => title.length));
  const indent = ' '.repeat(2 + 4 + 2 + titles + 2);
  const width = Math.max(50, Math.min(context.columns, 130)) - indent.length;
  const lines = diagnoses.flatMap(({ verdict, title, found, cure }) => [
    `  ${style(colours[verdict], words[verdict].padEnd(4))}  ${title.padEnd(titles)}  ${hang(found, width, indent)}`,
    ...(cure === undefined ? [] : [`${indent}${style('cyan', '→')} ${hang(cure, width - 2, `${indent}  `)}`]),
  ]);
  const count = (verdict: Diagnosis['verdict']): number => diagnoses.filter((one) => one.verdict === verdict).length;
  const sum = `${count('pass')} ok, ${counted(count('warn'), 'warning')}, ${counted(count('fail'), 'failure')}`;
  return `${style('bold', site)} in ${facts.server} (context ${cluster.context})\n\n${lines.join('\n')}\n\n${sum}\n`;
}
