import type { CacheEngineName } from './cache-spec.ts';
import type { EngineSetting } from './engine-setting.ts';

export interface CachePlan {
  /** It takes no connection without TLS. */
  readonly tls?: true;
  /** In the spec, and of its secrets. */
  readonly cache: string;
  /** Folder of its settings; the service that has them, or the name that several have in common. */
  readonly service: string;
  readonly engine: CacheEngineName;
  readonly settings: readonly EngineSetting[];
  /** The services that run with these settings. */
  readonly members: readonly string[];
  readonly sentinel?: SentinelPlan;
  readonly cluster?: CacheClusterPlan;
}

/** Nodes that divide the keys among them. */
export interface CacheClusterPlan {
  /** Under these they know each other and clients know them, by who holds the same keys. */
  readonly shards: readonly (readonly string[])[];
  /** Whether a node that starts anew has forgotten everything. */
  readonly forgets: boolean;
}

/** Three nodes, three that watch over them, and what leads clients to the one that is written to. */
export interface SentinelPlan {
  /** Folder of the settings of those who watch. */
  readonly service: string;
  readonly settings: readonly EngineSetting[];
  readonly quorum: number;
  /** Under these they know each other: names with which any container of the site reaches them. */
  readonly nodes: readonly string[];
  readonly sentinels: readonly string[];
  /** What a container appends to its own name to get one of these. */
  readonly nodeSuffix: string;
  readonly sentinelSuffix: string;
  /** Whether a node that starts anew has forgotten everything. */
  readonly forgets: boolean;
  readonly proxy?: ProxyPlan;
}

export interface ProxyPlan {
  readonly service: string;
  readonly connections: number;
  readonly threads: number;
}
