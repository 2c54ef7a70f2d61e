import type { Path } from './document.ts';

/** A problem of meaning, found after every value was right by itself. `key` points at the key instead of the value. */
export interface Finding {
  readonly path: Path;
  readonly key?: string;
  readonly message: string;
  readonly hint?: string;
}
