import type { Maybe, NodeFacts, Room } from '../../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../../model/cluster-needs.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import type { Client } from './client.ts';
import { listOf } from './list.ts';
import { partOf } from './objects.ts';
import type { NodeObject, PodObject } from './objects.ts';
import { cpuAsked, cpuGiven, memoryAsked, memoryGiven, quantity } from './quantity.ts';

/** What the scheduler counts for a pod: its containers together, or one of those before them if that asks for more; sidecars count with the containers. */
export function roomOf({ spec = {} }: PodObject): Room {
  const ask = (pick: (value: unknown) => number, resource: string): number => {
    const of = (one?: { readonly resources?: { readonly requests?: Readonly<Record<string, unknown>> } }): number =>
      pick(one?.resources?.requests?.[resource]);
    const sum = (all: readonly Parameters<typeof of>[0][]): number => all.reduce((total, one) => total + of(one), 0);
    const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    const first = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy !== 'Always');
    const own = Math.max(sum([...(spec.containers ?? []), ...sidecars]), ...first.map((one) => of(one) + sum(sidecars)));
    return Math.max(own, of(spec)) + pick(spec.overhead?.[resource]);
  };
  return { cpu: milliCpu(ask(cpuAsked, 'cpu')), memory: mib(ask(memoryAsked, 'memory')), pods: 1 };
}

export const add = (a: Room, b: Room): Room => ({ cpu: milliCpu(a.cpu + b.cpu), memory: mib(a.memory + b.memory), pods: a.pods + b.pods });
export const nothing: Room = { cpu: milliCpu(0), memory: mib(0), pods: 0 };

/** Whether a pod belongs to the site: it makes room for the one that replaces it. */
const isOwn = ({ metadata }: PodObject, needs: ClusterNeeds): boolean =>
  metadata?.labels?.[partOf] === needs.site && needs.namespaces.some(({ name }) => name === metadata.namespace);

function nodeOf(node: NodeObject, requested: Maybe<ReadonlyMap<string, Room>>): NodeFacts {
  const { spec = {}, status = {}, metadata } = node;
  const name = metadata?.name ?? '';
  const zone = metadata?.labels?.['topology.kubernetes.io/zone'];
  return {
    name,
    ready: (status.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    unschedulable: spec.unschedulable === true,
    taints: (spec.taints ?? [])
      // Of a node that is not ready or cordoned that is said already.
      .filter(
        ({ key, effect }) => effect !== 'PreferNoSchedule' && !/^node\.kubernetes\.io\/(not-ready|unreachable|unschedulable)$/.test(key),
      )
      .map(({ key, value, effect }) => `${key}${value === undefined || value === '' ? '' : `=${value}`}:${effect}`),
    allocatable: {
      cpu: cpuGiven(status.allocatable?.['cpu']),
      memory: memoryGiven(status.allocatable?.['memory']),
      pods: quantity(status.allocatable?.['pods']),
    },
    requested: requested === 'unknown' ? requested : (requested.get(name) ?? nothing),
    ...(zone === undefined ? {} : { zone }),
  };
}

async function requestedByNode(client: Client, needs: ClusterNeeds): Promise<Maybe<ReadonlyMap<string, Room>>> {
  const pods = await listOf<PodObject>(client, '/api/v1/pods', 'list pods of all namespaces', {
    fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
  });
  if (pods === 'unknown') return pods;
  const sums = new Map<string, Room>();
  for (const pod of pods) {
    const node = pod.spec?.nodeName;
    if (node !== undefined && !isOwn(pod, needs)) sums.set(node, add(sums.get(node) ?? nothing, roomOf(pod)));
  }
  return sums;
}

export async function readNodes(
  client: Client,
  needs: ClusterNeeds,
): Promise<{ readonly nodes: Maybe<readonly NodeFacts[]>; readonly kubelets: readonly string[] }> {
  const [nodes, requested] = await Promise.all([listOf<NodeObject>(client, '/api/v1/nodes', 'list nodes'), requestedByNode(client, needs)]);
  if (nodes === 'unknown') return { nodes, kubelets: [] };
  return {
    nodes: nodes.map((node) => nodeOf(node, requested)),
    kubelets: nodes.map(({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  };
}
