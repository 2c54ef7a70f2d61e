import type { MiB, MilliCpu } from './units.ts';

/** Sizes that the operator fixed; they are neither scaled nor overruled. */
export interface FixedSize {
  readonly cpu?: MilliCpu;
  readonly memory?: MiB;
}

/** The same for what keeps data. */
export interface FixedState extends FixedSize {
  readonly disk?: MiB;
}
