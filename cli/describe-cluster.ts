import { compareClusters } from '../generator/render/kubernetes/compare.ts';
import type { ClusterComparison } from '../generator/render/kubernetes/compare.ts';
import type { Context } from './context.ts';
import type { PreparedSite } from './site.ts';
import { paint, wrap } from './text.ts';

/** What the next `kubectl apply` does; `undefined` before there was a site for a cluster. */
export function clusterComparison({ plan, state, decision }: PreparedSite, changed: readonly string[]): ClusterComparison | undefined {
  if (!plan.kubernetes || !state.current.has('k8s/generated/kustomization.yaml')) return undefined;
  return compareClusters(plan, state.current, decision.merged, changed);
}

function describeCluster(
  { replaced, adopted, scaled, run, migrations, emptied, refused, added, left, removable, leftBehind, unruly }: ClusterComparison,
  namespace: string,
  context: Context,
): readonly string[] {
  const name = (workload: string) => paint(context.color)('bold', workload);
  const type = (command: string) => `      kubectl -n ${namespace} ${command}`;
  return [
    ...migrations.map(
      (workload) => `  is refused for ${name(workload)}: the claims of a StatefulSet cannot be changed; SITE.md, Upgrade, says what to do`,
    ),
    ...emptied.flatMap(({ workload, claims }) => [
      `  is refused for ${name(workload)}, which is to have no such volumes any more: its data stay in ${claims.join(', ')}, and what takes its place begins empty. Back them up; then type this before it, and the apply goes through:`,
      type(`delete statefulset/${workload}`),
    ]),
    ...refused.map(({ claim, because }) => `  is refused for the claim ${name(claim)}: ${because}`),
    ...replaced.map(
      ({ workload, reasons }) =>
        `  replaces the pods of ${name(workload)}: ${wrap(reasons.join('; '), Math.min(context.columns, 110) - 14, '    ')}`,
    ),
    ...scaled.map(({ workload, from, to }) => `  scales ${name(workload)} from ${from} to ${to}`),
    ...adopted.flatMap((workload) => [
      `  leaves one replica of ${name(workload)} for a moment, as its number leaves the manifest; type this before it, and none is missing:`,
      type(`apply view-last-applied deployment/${workload} | sed '/^  replicas:/d' | kubectl -n ${namespace} apply set-last-applied -f -`),
    ]),
    ...run.map((job) => `  runs ${name(job)}`),
    ...added.map((workload) => `  starts ${name(workload)}`),
    ...left
      .filter((id) => !id.startsWith('HorizontalPodAutoscaler '))
      .map((id) => `  leaves ${name(id)} in the cluster, where nothing of this site needs it any more`),
    ...unruly.flatMap((autoscaler) => [
      `  leaves the autoscaler ${name(autoscaler)}, which would go on changing the number of replicas; type this before it:`,
      type(`delete hpa/${autoscaler}`),
    ]),
    ...leftBehind.flatMap(({ workload, object, claims }) => [
      `  finds no room in the quota while pods of ${name(workload)} run; type the first before it, and the second when its data are where you want them:`,
      object.startsWith('statefulset/')
        ? type(`scale ${object} --replicas=0`)
        : type(`annotate ${object} --overwrite cnpg.io/hibernation=on`),
      type(`delete ${[object, ...claims.map((claim) => `pvc/${claim}`)].join(' ')}`),
    ]),
    ...(removable.length === 0
      ? []
      : ['  of what it leaves this holds no data; type it once the apply is through:', type(`delete ${removable.join(' ')}`)]),
  ];
}

/** The consequences of an apply, for eyes. `weights`: what the edge makes of release.yaml now, where that has changed. */
export function describeApply(
  prepared: PreparedSite,
  changed: readonly string[],
  weights: string | undefined,
  context: Context,
): readonly string[] {
  const compared = clusterComparison(prepared, changed);
  if (!compared) return [];
  const consequences = describeCluster(compared, prepared.plan.kubernetes?.namespace ?? '', context);
  return [
    '',
    ...(consequences.length > 0
      ? ['beyond what earlier runs announced, `kubectl apply -f k8s/secrets && kubectl apply -k k8s/site`', ...consequences]
      : ['no pod has to be replaced for this; `kubectl apply -f k8s/secrets && kubectl apply -k k8s/site` brings it in']),
    ...(weights === undefined ? [] : ['', `the edge follows within a minute or two of the apply: ${weights}`]),
  ];
}
