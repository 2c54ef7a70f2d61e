import type { NodeFacts, Room } from '../../model/cluster-facts.ts';
import type { WorkloadNeed } from '../../model/cluster-needs.ts';

/** A node with what is free on it; the pods put there so far are told by the names of their workloads. */
export interface Bin {
  readonly name: string;
  readonly free: Room;
  readonly zone?: string;
}

interface Filling {
  readonly bin: Bin;
  cpu: number;
  memory: number;
  pods: number;
  readonly holds: Set<string>;
}

export type Pod = Pick<WorkloadNeed, 'name' | 'cpu' | 'memory' | 'spread'>;

/** Where the scheduler may put a pod that tolerates nothing. */
export const usable = (node: NodeFacts): boolean => node.ready && !node.unschedulable && node.taints.length === 0;

/** Usable nodes with what is free on them. Where the requests there could not be read, all of it counts as free. */
export const binsOf = (nodes: readonly NodeFacts[]): readonly Bin[] =>
  nodes
    .filter(usable)
    .map(({ name, allocatable, requested, zone }) => ({
      name,
      ...(zone === undefined ? {} : { zone }),
      free:
        requested === 'unknown'
          ? allocatable
          : ({
              cpu: allocatable.cpu - requested.cpu,
              memory: allocatable.memory - requested.memory,
              pods: allocatable.pods - requested.pods,
            } as Room),
    }));

export const podsOf = (workload: WorkloadNeed, count: number = workload.replicas): readonly Pod[] =>
  Array.from({ length: count }, () => workload);

/** The larger share of what all nodes have free decides which pod is the harder to place. */
function hardestFirst(pods: readonly Pod[], bins: readonly Bin[]): readonly Pod[] {
  const sum = (pick: (bin: Bin) => number): number =>
    Math.max(
      1,
      bins.reduce((all, bin) => all + Math.max(0, pick(bin)), 0),
    );
  const [cpu, memory] = [sum(({ free }) => free.cpu), sum(({ free }) => free.memory)];
  const share = (pod: Pod): number => Math.max(pod.cpu / cpu, pod.memory / memory) + (pod.spread === 'host-required' ? 1 : 0);
  return [...pods].sort((a, b) => share(b) - share(a));
}

const fits = (at: Filling, pod: Pod): boolean =>
  at.pods >= 1 && at.cpu >= pod.cpu && at.memory >= pod.memory && !(pod.spread === 'host-required' && at.holds.has(pod.name));

type Choose = (possible: readonly Filling[]) => Filling | undefined;
const choices: readonly Choose[] = [
  // The first that fits; then the fullest, the emptiest: one of them finds a place in most worlds where there is one.
  ([first]) => first,
  (possible) => [...possible].sort((a, b) => a.memory - b.memory)[0],
  (possible) => [...possible].sort((a, b) => b.memory - a.memory)[0],
];

function place(pods: readonly Pod[], bins: readonly Bin[], choose: Choose): readonly Pod[] {
  const fillings: readonly Filling[] = bins.map((bin) => ({ bin, ...bin.free, holds: new Set() }));
  return hardestFirst(pods, bins).filter((pod) => {
    const possible = fillings.filter((at) => fits(at, pod));
    const apart = possible.filter(({ holds }) => !holds.has(pod.name));
    const at = choose(apart.length > 0 ? apart : possible);
    if (!at) return true;
    at.cpu -= pod.cpu;
    at.memory -= pod.memory;
    at.pods -= 1;
    at.holds.add(pod.name);
    return false;
  });
}

/**
 * Put pods on nodes, the hardest first.
 * @returns those that found no place; empty when all did.
 */
export function unplaced(pods: readonly Pod[], bins: readonly Bin[]): readonly Pod[] {
  const tries = choices.map((choose) => place(pods, bins, choose));
  return tries.find(({ length }) => length === 0) ?? tries[0] ?? [];
}
