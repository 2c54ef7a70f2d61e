import type { Target } from './stack-spec.ts';

/**
 * runtime.yaml, the one contract between generator and runtime. `version` rises when a reader of the old form would misread it.
 * Roles are added with the features that play them; until then the lists are empty.
 */
export interface RuntimeConfig {
  readonly version: 1;
  readonly site: string;
  readonly target: Target;
  readonly timezone: 'UTC';
  readonly services: readonly {
    readonly name: string;
    readonly role: string;
    readonly engine?: string;
    readonly hosts: readonly string[];
    /** Where it answers; a worker answers nowhere. */
    readonly port?: number;
  }[];
  readonly backups: readonly never[];
}
