import type { KubernetesSpec } from './kubernetes-spec.ts';
import type { MiB, MilliCpu, Seconds } from './units.ts';

/** What one pod of a service has beside its container's size. */
export interface PodPlan {
  /** Pause before the stop signal, until nobody sends requests here any more. */
  readonly preStop: Seconds;
  /** From the request to stop until it is killed; the pause included. */
  readonly grace: Seconds;
  readonly startup: ProbeTiming;
  readonly readiness: ProbeTiming;
  readonly liveness: ProbeTiming;
  readonly ephemeralStorage: MiB;
  readonly priority: 'data' | 'edge' | 'app';
  readonly namespace: string;
}

/** What a site asked for when it was written before: so many claims of this size each, by the object that has them. */
export interface WrittenClaim {
  readonly kind: 'StatefulSet' | 'PersistentVolumeClaim' | 'Cluster';
  /** Of the service or the volume of berth.yaml. */
  readonly name: string;
  readonly size: MiB;
  readonly count: number;
}

interface ProbeTiming {
  readonly period: Seconds;
  readonly timeout: Seconds;
  readonly failures: number;
}

/** What only a cluster asks for. */
export interface KubernetesPlan extends KubernetesSpec {
  /** Where the edge stands: the site's namespace, unless it needs ports of the nodes, which Pod Security forbids there. */
  readonly edgeNamespace: string;
  readonly pods: ReadonlyMap<string, PodPlan>;
  /** All that the site may ask for at once: its pods at their most, one more of each while it is replaced, and the room kept for the agent. */
  readonly quota: ReadonlyMap<string, Quota>;
  /** Claims of what is no part of the site any more, for which the quota keeps room until their owner says that they are gone. */
  readonly left: readonly WrittenClaim[];
  /** What a container gets that asks for nothing, and the most that any may have. */
  readonly largest: { readonly cpu: MilliCpu; readonly memory: MiB; readonly ephemeralStorage: MiB };
}

interface Quota {
  readonly pods: number;
  readonly requestsCpu: MilliCpu;
  readonly limitsCpu: MilliCpu;
  readonly memory: MiB;
  readonly ephemeralStorage: MiB;
  readonly claims: number;
  readonly storage: MiB;
  readonly loadBalancers: number;
  readonly nodePorts: number;
}
