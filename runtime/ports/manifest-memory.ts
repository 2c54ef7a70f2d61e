import type { ObjectInfo } from './store.ts';

/** Manifests that were read before, so that neither the store has to be asked for them again nor their signatures worked out. */
export interface ManifestMemory {
  /** Its bytes, when it is listed now as it was when they were kept. */
  readonly find: (info: ObjectInfo) => Uint8Array | undefined;
  /** Remembers bytes whose signature was found to fit. */
  readonly keep: (info: ObjectInfo, signed: Uint8Array) => void;
}
