import type { FixedState } from './fixed-size.ts';

export interface BucketSpec {
  readonly name: string;
  readonly versioning: boolean;
  readonly lifecycle: readonly {
    /** Empty for all objects. */
    readonly prefix: string;
    /** In days. */
    readonly expire?: number;
    readonly expireVersions?: number;
  }[];
}

export type StoreEngineName = 'minio' | 'seaweedfs';

export interface StoreSpec extends FixedState {
  readonly name: string;
  readonly engine: StoreEngineName;
  /** One, or four that hold each object in parts: two of them may be lost. */
  readonly nodes: 1 | 4;
  readonly buckets: readonly BucketSpec[];
  /** The name under which visitors reach it with addresses that were signed. */
  readonly publicHost?: string;
}
