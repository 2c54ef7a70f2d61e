import type { MiB, MilliCpu } from './units.ts';
import type { Place } from './place.ts';
import type { AppSpec, ServedSpec } from './app-spec.ts';
import type { DatabaseSpec } from './database-spec.ts';
import type { CacheSpec } from './cache-spec.ts';
import type { StoreSpec } from './store-spec.ts';
import type { ExternalSpec } from './external-spec.ts';
import type { KubernetesSpec } from './kubernetes-spec.ts';
import type { BackupsSpec } from './backups-spec.ts';
import type { Operations } from './written-operations.ts';

export type Target = 'compose' | 'kubernetes';
export type ProfileName = 'minimum' | 'recommended' | 'high-performance';

/** The machine a site is sized for. */
export interface HostFacts {
  readonly cpus: MilliCpu;
  readonly memory: MiB;
  /** Free space where the containers keep their data. */
  readonly disk: MiB;
  /** Whether sizes are scaled down until they fit. */
  readonly fit: boolean;
}

/** Files that services share and keep. */
export interface VolumeSpec {
  readonly name: string;
  readonly disk?: MiB;
  readonly storageClass?: string;
}

export const servedOf = ({ services }: Pick<StackSpec, 'services'>): readonly ServedSpec[] =>
  services.filter((app): app is ServedSpec => app.http !== undefined);

interface EdgeSpec {
  readonly http: number;
  readonly https: number;
  /** Connections that one client address may hold. */
  readonly connections: number;
  readonly hsts: boolean;
  /** Addresses and subnets whose word on the address of a visitor is taken. */
  readonly trustedProxies: readonly string[];
  readonly deny: readonly string[];
  readonly proxyProtocol: boolean;
}

/** What the operator asked for, with every default filled in; the written form is `WrittenSpec`. */
export interface StackSpec {
  readonly name: string;
  readonly profile: ProfileName;
  readonly target: Target;
  readonly domain: string;
  /** `undefined` when the spec was written without a machine in mind: the profile is then taken as it is. */
  readonly host: HostFacts | undefined;
  /** First address of the site's 1024, `10.201.4.0`. */
  readonly network: string;
  readonly services: readonly AppSpec[];
  readonly databases: readonly DatabaseSpec[];
  readonly caches: readonly CacheSpec[];
  readonly stores: readonly StoreSpec[];
  readonly externals: readonly ExternalSpec[];
  readonly volumes: readonly VolumeSpec[];
  /** Certificates of authorities that every service trusts. */
  readonly trust: readonly { readonly name: string; readonly certificates: readonly string[] }[];
  /** Whether databases, caches and stores of the site are spoken to by TLS alone. */
  readonly internalTls: boolean;
  readonly proxy?: Place & { readonly except: readonly string[] };
  readonly registry?: string;
  readonly edge: EdgeSpec;
  /** Without it nothing is copied anywhere. */
  readonly backups?: BackupsSpec;
  /** What nothing acts on yet, as it was written. */
  readonly operations?: Operations;
  readonly kubernetes: KubernetesSpec;
}
