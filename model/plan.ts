import type { CatalogueImage } from './image-catalogue.ts';
import type { Release } from './release.ts';
import type { RuntimeConfig } from './runtime-config.ts';
import type { HostFacts, ProfileName, Target } from './stack-spec.ts';
import type { MiB } from './units.ts';
import type { Decision } from './decision.ts';
import type { PlannedSecret, SecretFile } from './planned-secret.ts';
import type { NetworkName, SharedVolume, PlannedService } from './planned-service.ts';
import type { DatabasePlan } from './database-plan.ts';
import type { ElsewherePlan } from './elsewhere-plan.ts';
import type { OutsidePlace } from './outside-place.ts';
import type { CachePlan } from './cache-plan.ts';
import type { StorePlan } from './store-plan.ts';
import type { EdgePlan } from './edge-plan.ts';
import type { RelayPlan } from './relay-plan.ts';
import type { KubernetesPlan } from './kubernetes-plan.ts';

/** Every name that visitors type: the domain, and those of stores. */
export const hostsOf = ({ edge }: Pick<Plan, 'edge'>): readonly string[] => [edge.domain, ...edge.stores.map(({ host }) => host)];

export interface MemoryBudget {
  readonly host: MiB;
  readonly reserve: MiB;
  readonly rows: readonly { readonly name: string; readonly each: MiB; readonly count: number; readonly wanted: MiB }[];
  readonly sum: MiB;
}

/** A certificate of the site: of one server, or of several that are alike and share their settings. */
export interface ServerNames {
  readonly service: string;
  readonly names: readonly string[];
  /** It shows its certificate as a client as well: servers of its kind ask each other for one. */
  readonly mutual?: true;
}

/** Everything decided. Renderers format it; nothing downstream chooses a number or a name. */
export interface Plan {
  readonly name: string;
  readonly target: Target;
  readonly profile: ProfileName;
  readonly domain: string;
  readonly host: HostFacts | undefined;
  readonly network: Readonly<Record<NetworkName, string>>;
  readonly services: readonly PlannedService[];
  readonly edge: EdgePlan;
  /** On one host, where a service may reach few places. */
  readonly relay?: RelayPlan;
  readonly databases: readonly DatabasePlan[];
  readonly caches: readonly CachePlan[];
  readonly stores: readonly StorePlan[];
  readonly volumes: readonly SharedVolume[];
  /** Authorities that every application trusts, as PEM text; nothing when the spec names none. */
  readonly trust: string;
  /** Where the images of the catalogue come from, when not from their makers. */
  readonly registry?: string;
  /** Services that speak TLS with a certificate of the site's own authority, and the names that it is for. */
  readonly servers: readonly ServerNames[];
  readonly secrets: readonly PlannedSecret[];
  readonly secretFiles: readonly SecretFile[];
  readonly release: Release;
  readonly budget: MemoryBudget;
  readonly disk: readonly { readonly name: string; readonly size: MiB; readonly because: string }[];
  readonly decisions: readonly Decision[];
  readonly images: readonly (CatalogueImage & { readonly key: string; readonly usedBy: readonly string[] })[];
  readonly runtime: RuntimeConfig;
  /** What each agent in a container does. */
  readonly agents: readonly { readonly service: string; readonly config: RuntimeConfig }[];
  readonly outside: readonly OutsidePlace[];
  /** Databases that are copied from where they stand. */
  readonly elsewhere?: readonly ElsewherePlan[];
  /** A drill at set times: by which key of this host, and within how many days one has to pass; `tight` where it may take what is not free. */
  readonly drill?: {
    readonly cron: string;
    readonly timeZone: string;
    readonly key: string;
    readonly every: number;
    readonly tight: boolean;
  };
  /** For the target kubernetes. */
  readonly kubernetes?: KubernetesPlan;
  /** What a careful reader must know: what was scaled, what the profile asks for and is not there yet, frozen images. */
  readonly notes: readonly string[];
}
