import type { DatabasePlan, Decision, Gate, PlannedSecret, PlannedService, SecretFile, SecretText, Size } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { DatabaseSpec, StackSpec } from '../../../model/stack-spec.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';

/** What one database is planned from. */
export interface DatabaseInput {
  readonly database: DatabaseSpec;
  readonly spec: StackSpec;
  readonly profile: HardwareProfile;
  readonly size: Size;
  readonly disk: MiB;
  /** Addresses of the network that applications and databases share; nothing where only policies of the cluster know them. */
  readonly subnet: string | undefined;
}

export interface PlannedDatabase {
  readonly service: PlannedService;
  /** The task that creates and reconciles its account. */
  readonly accounts: PlannedService;
  readonly plan: DatabasePlan;
  readonly decisions: readonly Decision[];
}

/** All that the plan asks of an engine. */
export interface DatabaseEngine {
  /** Key of images.yaml. */
  readonly image: string;
  readonly port: number;
  /** What its volume holds, for the table of the disk. */
  readonly holds: string;
  readonly demand: (database: DatabaseSpec, spec: StackSpec, profile: HardwareProfile) => Demand;
  readonly plan: (input: DatabaseInput, task: Size, image: { readonly user: string }) => PlannedDatabase;
  /** The address an application is given, its password included. */
  readonly url: (database: DatabaseSpec) => SecretText;
  /** A shell command that succeeds once the application could log in, and its variables. */
  readonly attempt: (database: DatabaseSpec) => { readonly command: string } & Pick<Gate, 'env' | 'secretEnv'>;
  readonly secrets: (database: DatabaseSpec) => readonly PlannedSecret[];
  /** The same in the forms that the engine and its clients ask for. */
  readonly secretFiles: (database: DatabaseSpec) => readonly SecretFile[];
}
