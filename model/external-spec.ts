import type { Use } from './use.ts';

/** A database, cache or store that stands elsewhere and is somebody else's. */
export interface ExternalSpec {
  readonly name: string;
  readonly kind: Exclude<Use['kind'], 'analytics'>;
  readonly engine: string;
  readonly host: string;
  readonly port: number;
  readonly tls: 'off' | 'require' | 'verify';
  /** Account there. */
  readonly user: string;
  /** For a database. */
  readonly database: string;
  /** For a store. */
  readonly buckets: readonly { readonly name: string }[];
  readonly region: string;
}
