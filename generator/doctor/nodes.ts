import type { ClusterFacts, NodeFacts } from '../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../model/cluster-needs.ts';
import { describeCpus, describeSize, mib, milliCpu } from '../../model/units.ts';
import { fail, listed, pass, unread, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';
import { binsOf, podsOf, unplaced, usable } from './packing.ts';
import type { Bin, Pod } from './packing.ts';

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Why no pod of the site is put there. */
const closedBecause = (node: NodeFacts): string =>
  !node.ready ? 'not ready' : node.unschedulable ? 'cordoned' : `tainted ${node.taints.join(', ')}`;

function checkReady(nodes: readonly NodeFacts[]): Diagnosis {
  const [id, title] = ['nodes', 'Nodes'];
  const open = nodes.filter(usable);
  const closed = nodes.filter((node) => !usable(node)).map((node) => `${node.name} (${closedBecause(node)})`);
  const found = { id, title, found: `${open.length} of ${nodes.length} take pods${closed.length > 0 ? `; not ${listed(closed)}` : ''}` };
  if (open.length === 0)
    return fail(found, 'bring a node back (`kubectl describe node` says what it lacks), uncordon one or take a taint away');
  if (nodes.some(({ ready }) => !ready)) return warn(found, 'see what the node lacks with `kubectl describe node`, and bring it back');
  return pass(id, title, found.found);
}

const asks = (pods: readonly Pod[]): string =>
  `${plural(pods.length, 'pod')}, ${describeCpus(milliCpu(pods.reduce((sum, { cpu }) => sum + cpu, 0)))}, ${describeSize(mib(pods.reduce((sum, { memory }) => sum + memory, 0)))}`;
const each = ({ name, cpu, memory }: Pod): string => `${name} (${describeCpus(cpu)}, ${describeSize(memory)})`;

/** The node with the most free memory, for a reader who wonders how far away it is. */
function roomiest(bins: readonly Bin[]): string {
  const [most] = [...bins].sort((a, b) => b.free.memory - a.free.memory);
  return most
    ? `most is free on ${most.name}: ${describeCpus(milliCpu(most.free.cpu))}, ${describeSize(mib(most.free.memory))}`
    : 'no node takes pods';
}

const moreRoom = 'add a node or a larger one, move other pods away, or take a smaller profile';

function checkCapacity(bins: readonly Bin[], pods: readonly Pod[]): Diagnosis {
  const [id, title] = ['capacity', 'Room for the site'];
  const homeless = unplaced(pods, bins);
  if (homeless.length === 0) return pass(id, title, `${asks(pods)} find their place on ${plural(bins.length, 'node')}`);
  const apart = homeless.some((pod) => pod.spread === 'host-required' && pods.filter(({ name }) => name === pod.name).length > bins.length);
  return fail(
    { id, title, found: `no place for ${listed([...new Set(homeless.map(each))])}; ${roomiest(bins)}` },
    apart ? `add nodes until there is one for each replica, or run fewer replicas` : moreRoom,
  );
}

/** Each rollout by itself: the whole site and the extra pods of one workload. */
function checkSurge(bins: readonly Bin[], pods: readonly Pod[], { workloads }: ClusterNeeds): Diagnosis {
  const [id, title] = ['capacity-surge', 'Room for a rollout'];
  const stuck = workloads.filter((workload) => unplaced([...pods, ...podsOf(workload, workload.surge)], bins).length > 0);
  if (stuck.length === 0) return pass(id, title, 'each workload has room for the pods that replace it');
  return fail(
    { id, title, found: `no room for one more pod of ${listed(stuck.map(each))} while it is replaced, so a rollout would hang` },
    stuck.every(({ spread, replicas }) => spread === 'host-required' && replicas >= bins.length)
      ? 'add a node: each replica must stand on one of its own, and the new one comes before the old one goes'
      : moreRoom,
  );
}

/** Pods that must stand apart are content with one less when a node is gone. */
const afterLoss = (needs: ClusterNeeds, nodes: number): readonly Pod[] =>
  needs.workloads.flatMap((workload) =>
    podsOf(workload, workload.spread === 'host-required' ? Math.min(workload.replicas, Math.max(1, nodes)) : workload.replicas),
  );

function checkLoss(bins: readonly Bin[], needs: ClusterNeeds): Diagnosis {
  const [id, title] = ['capacity-node-loss', 'Loss of a node'];
  if (bins.length === 1)
    return warn(
      { id, title, found: `only ${bins[0]?.name ?? ''} takes pods: when it goes, the site goes` },
      'add a second node, or accept it',
    );
  const fatal = bins.filter(
    (gone) =>
      unplaced(
        afterLoss(needs, bins.length - 1),
        bins.filter((bin) => bin !== gone),
      ).length > 0,
  );
  if (fatal.length === 0) return pass(id, title, 'without any one node, the others have room for the whole site');
  return warn(
    { id, title, found: `without ${listed(fatal.map(({ name }) => name))}, the others have no room for the whole site` },
    'add a node, or accept that parts of the site wait until the node is back',
  );
}

export function checkNodes({ nodes }: ClusterFacts, needs: ClusterNeeds): readonly Diagnosis[] {
  if (nodes === 'unknown') return [unread('nodes', 'Nodes', 'nodes')];
  const ready = checkReady(nodes);
  const bins = binsOf(nodes);
  if (bins.length === 0) return [ready];
  const pods = needs.workloads.flatMap((workload) => podsOf(workload));
  const capacity = checkCapacity(bins, pods);
  return [
    ready,
    ...(nodes.some((node) => usable(node) && node.requested === 'unknown')
      ? [unread('requested', 'What others use', 'pods of all namespaces')]
      : []),
    capacity,
    ...(capacity.verdict === 'fail' ? [] : [checkSurge(bins, pods, needs), checkLoss(bins, needs)]),
  ];
}
