import type { Decision } from '../../../model/decision.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import { formatSize } from '../../../model/units.ts';
import type { Size } from '../../../model/planned-service.ts';
import { folderMiB, foldersOf } from './app-size.ts';

/** What a runtime is told of its limits, and why. */
export interface Tuning {
  readonly env: Readonly<Record<string, string>>;
  readonly decisions: readonly Decision[];
  /** Processes that each open a pool of connections. */
  readonly processes: number;
}

/** What a runtime is sized by. */
export interface Tuned {
  readonly app: AppSpec;
  readonly size: Size;
  /** Connections of one replica, where it uses a database. */
  readonly pool?: number;
}

export const untuned: Tuning = { env: {}, decisions: [], processes: 1 };

/** MiB that lie in memory beside the process. */
export const inMemoryOf = (app: AppSpec): number => foldersOf(app).length * folderMiB;

/** The inputs of nearly every formula here. */
export const L = (size: Size) => ({ L: formatSize(size.memory) });
export const T = (app: AppSpec) => ({
  T: `${inMemoryOf(app)} MiB: ${folderMiB} MiB each for ${foldersOf(app).join(', ')}, which lie in memory`,
});
export const cpus = (size: Size) => ({ 'CPU limit': String(size.cpu / 1000) });
/** At least one, also of half a CPU. */
export const wholeCpus = (size: Size): number => Math.max(1, Math.ceil(size.cpu / 1000));

export const byMemory = (app: AppSpec): string => `services.${app.name}.memory in berth.yaml`;
export const byCpu = (app: AppSpec): string => `services.${app.name}.cpu in berth.yaml`;
/** What one variable alone decides can be set by the spec, too. */
export const orItself = (app: AppSpec, variable: string, change: string): string =>
  `${change}, or ${variable} under services.${app.name}.env`;

/** At worst, as far as the runtime keeps to what it is told. */
export const worstCase = (app: AppSpec, size: Size, most: number, formula: string, inputs: Decision['inputs']): Decision => ({
  key: `${app.name}.worst_case`,
  value: `${most} MiB of ${size.memory} MiB`,
  formula,
  inputs,
  source: 'design: at most 0.9 of the limit',
  change: byMemory(app),
});
