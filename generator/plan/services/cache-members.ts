import { valkey } from '../../../model/engines/valkey.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { Demand } from '../demand.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';

const { sentinel, cluster } = valkey;

/** Whether Sentinels watch over its nodes. */
export const isWatched = ({ topology }: Pick<CacheSpec, 'topology'>): boolean => topology === 'sentinel';
/** Whether its keys are divided among several nodes. */
export const isCluster = ({ topology }: Pick<CacheSpec, 'topology'>): boolean => topology === 'cluster';
/** Whether its nodes copy each other. */
export const isReplicated = (cache: Pick<CacheSpec, 'topology'>): boolean => isWatched(cache) || isCluster(cache);
/** Whether a proxy stands where its one node would. */
export const hasProxy = (cache: CacheSpec): boolean => isWatched(cache) && cache.client === 'single';
/** In a cluster one proxy may be lost with its node; on one host a second would stand and fall with the first. */
export const proxiesOf = ({ target }: Pick<StackSpec, 'target'>): number => (target === 'kubernetes' ? 2 : 1);

/** Those that are alike and belong together: one StatefulSet in a cluster, a service for each on Compose. Each has a name of its own, and the same on both. */
export interface Members {
  /** What they have in common: folder of the settings, and the StatefulSet. */
  readonly name: string;
  readonly count: number;
  /** Services of the plan. */
  readonly services: readonly string[];
  /** Name of each, with which any container of the site reaches it, ready or not. */
  readonly hosts: readonly string[];
  /** What follows the name of the container in it. */
  readonly suffix: string;
  /** Name of the container of each, which its part of the disk has as well. */
  readonly each: readonly string[];
}

function members(name: string, count: number, { target, kubernetes }: Pick<StackSpec, 'target' | 'kubernetes'>): Members {
  const each = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  const suffix = target === 'kubernetes' ? `.${name}-nodes.${kubernetes.namespace}.svc.${kubernetes.clusterDomain}` : '';
  return { name, count, suffix, each, services: target === 'kubernetes' ? [name] : each, hosts: each.map((one) => `${one}${suffix}`) };
}

export const nodesOf = ({ name }: Pick<CacheSpec, 'name'>, spec: Pick<StackSpec, 'target' | 'kubernetes'>): Members =>
  members(`${name}-node`, sentinel.nodes, spec);
export const sentinelsOf = ({ name }: Pick<CacheSpec, 'name'>, spec: Pick<StackSpec, 'target' | 'kubernetes'>): Members =>
  members(`${name}-sentinel`, sentinel.nodes, spec);

/** Of a cluster: those that hold the same keys, for each part of them. */
export const shardsOf = ({ name }: Pick<CacheSpec, 'name'>, spec: Pick<StackSpec, 'target' | 'kubernetes'>): readonly Members[] =>
  Array.from({ length: cluster.shards }, (_, index) => members(`${shardFolder(name)}-${index}`, cluster.nodesPerShard, spec));
/** What all nodes of a cluster have in common: the folder of their settings, and the word by which their pods are found. */
export const shardFolder = (cache: string): string => `${cache}-shard`;

/** Those that hold its data, by who stands and falls together. */
export const groupsOf = (cache: CacheSpec, spec: Pick<StackSpec, 'target' | 'kubernetes'>): readonly Members[] =>
  isCluster(cache) ? shardsOf(cache, spec) : [nodesOf(cache, spec)];

export const firstOf = ({ services, name }: Members): string => services[0] ?? name;

/** What each service of them asks for. */
export const demandEach = ({ services, count }: Members, demand: Omit<Demand, 'name' | 'count'>): readonly Demand[] =>
  services.map((name) => ({ ...demand, name, count: count / services.length }));

/** Every way to each of them. */
export const waysTo = ({ services }: Members, port: number): PlannedService['connects'] => services.map((service) => ({ service, port }));
export const waysToAll = (groups: readonly Members[], port: number): PlannedService['connects'] =>
  groups.flatMap((group) => waysTo(group, port));

/**
 * One service as its target has it several times, each with volumes of its own. None has that of a cache that stands alone: after a change of topology
 * the container of before may still run, and two servers must never write to one folder.
 */
export function spread(
  service: PlannedService,
  { services, count }: Members,
  peers: PlannedService['peers'] = 'rather-apart',
): readonly PlannedService[] {
  const [only] = services;
  if (services.length === 1 && only !== undefined) return [{ ...service, name: only, replicas: count, peers }];
  return services.map((name) => ({
    ...service,
    name,
    hostname: true,
    volumes: service.volumes.map((volume) => ({ ...volume, name: `${name}-data` })),
  }));
}
