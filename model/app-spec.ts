import type { Runtime } from './engines/runtimes.ts';
import type { Seconds } from './units.ts';
import type { FixedSize } from './fixed-size.ts';
import type { Loosened } from './loosened.ts';
import type { Route } from './route.ts';
import type { Use } from './use.ts';
import type { Schedule } from './schedule.ts';
import type { Place } from './place.ts';

interface AppSecret {
  readonly name: string;
  readonly length: number;
  readonly deliver: 'env' | 'file';
  /** Not drawn: it belongs to somebody else. */
  readonly supplied: boolean;
}

/** Between how many replicas an autoscaler may choose, and by what. Percentages are of the limit of a replica. */
export interface Scaling {
  readonly min: number;
  readonly max: number;
  readonly cpu?: number;
  readonly memory?: number;
  /** A metric of the external metrics API, such as the length of a queue, and how much of it one replica carries. */
  readonly queue?: { readonly metric: string; readonly target: number };
  /** How long a load must be gone before replicas are taken away. */
  readonly coolDown: Seconds;
  /** Times from which on there are at least so many. */
  readonly schedule?: { readonly timeZone: string; readonly times: readonly { readonly cron: string; readonly min: number }[] };
}

/** How a service is reached over HTTP. */
export interface HttpSpec {
  readonly port: number;
  readonly routes: readonly Route[];
  readonly live: string;
  readonly ready: string;
}

/** A volume of the site in one service. */
interface MountedVolume {
  readonly name: string;
  readonly path: string;
  readonly readOnly: boolean;
}

export type AppKind = 'web' | 'api' | 'static' | 'worker' | 'cron';

export interface AppSpec extends FixedSize {
  readonly name: string;
  readonly kind: AppKind;
  /** Of a follower, the first image of the service that it follows. */
  readonly image: string;
  /** The service with slots whose live image it runs. */
  readonly follows?: string;
  readonly build?: string;
  /** For what answers HTTP behind the edge and therefore stands in two slots. */
  readonly http?: HttpSpec;
  /** For kind cron. */
  readonly schedule?: Schedule;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** For a worker: a command that tells whether it does its work. */
  readonly healthcheck?: readonly string[];
  /** A command that brings the schema of a database to what the image needs. */
  readonly migrate?: { readonly entrypoint?: readonly string[]; readonly command: readonly string[]; readonly database: string };
  readonly runtime: Runtime;
  readonly user: string;
  readonly replicas?: number;
  readonly pool?: number;
  readonly scaling?: Scaling;
  readonly stopGrace: Seconds;
  readonly uses: readonly Use[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly AppSecret[];
  readonly writable: readonly string[];
  readonly loosened: readonly Loosened[];
  readonly volumes: readonly MountedVolume[];
  /** Anywhere, or to {@link reaches} alone. */
  readonly egress: boolean;
  readonly reaches: readonly Place[];
}

/** What stands behind the edge, in two slots. */
export interface ServedSpec extends AppSpec {
  readonly http: HttpSpec;
}
