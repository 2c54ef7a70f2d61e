import type { enginesElsewhere } from './backup/copied-engines.ts';
import type { ExternalSpec } from './external-spec.ts';

/** A database that is somebody else's and is copied all the same. */
export interface ElsewherePlan extends Pick<ExternalSpec, 'name' | 'host' | 'port' | 'tls' | 'database'> {
  readonly engine: (typeof enginesElsewhere)[number];
  readonly agent: string;
  /** The folder of that agent. */
  readonly own: string;
  /** Account of the applications there, and that of backups. */
  readonly owner: string;
  readonly user: string;
  /** By which its log is kept there. */
  readonly slot?: string;
}
