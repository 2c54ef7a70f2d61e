import type { BucketSpec, StoreEngineName } from './store-spec.ts';

export interface StorePlan {
  readonly service: string;
  readonly engine: StoreEngineName;
  /** Who may do everything there. */
  readonly administrator: string;
  /** It takes no connection without TLS. */
  readonly tls?: true;
  readonly account: string;
  readonly buckets: readonly BucketSpec[];
  /** Who copies it, and which of its buckets: without any, nobody does. */
  readonly backup: { readonly account: string; readonly buckets: readonly string[] };
}
