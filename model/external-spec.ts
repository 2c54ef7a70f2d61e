import type { MiB } from './units.ts';
import type { Use } from './use.ts';

/** How a database that stands elsewhere is copied: over the network, by an account that its owner made for that. */
export interface ExternalBackupSpec {
  readonly user: string;
  /** Whether its log is received all the time, for which that server keeps it; without it a full backup is all there is. */
  readonly log: boolean;
  /** What it takes there, and so a restore that is tried here. */
  readonly disk?: MiB;
  /** Of its engine, in the version that it has there, in place of the one that Berth names. */
  readonly image?: string;
}

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
  /** Of a database. `none`: its owner copies it. Without it nobody has said anything. */
  readonly backup?: ExternalBackupSpec | 'none';
}
