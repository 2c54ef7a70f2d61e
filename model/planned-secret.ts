import type { SecretRef } from './secret.ts';

/** A text made of plain pieces and secrets: `['postgres://app:', {secret: 'database-app'}, '@database:5432/app']`. */
export type SecretText = readonly (string | SecretRef)[];

/** How a file of the ledger is made from a secret. */
export type SecretForm = 'plain' | 'scram-sha-256' | 'pgbouncer-user' | 'sha256' | 'caching-sha2' | 'mysql-native' | 'mssql';

/**
 * Of a secret whose version before may count beside it: that version, or the one that opens this login. What does not count gives no text.
 */
export type SecretVersion = 'before' | 'first' | 'second';

/** A secret that Berth draws, or that the operator supplies. `name` is its key in the ledger. */
export interface PlannedSecret {
  readonly name: string;
  readonly length: number;
  /** It comes from a file of the operator; by variable it may hold what an env file can. */
  readonly supplied?: 'env' | 'file';
  /** What it opens, for the runbook. */
  readonly purpose: string;
  /** It is no text but a private key of this kind, in PEM. */
  readonly key?: 'ed25519';
  /** After a rotation the version before counts as well, until it is retired. */
  readonly overlaps?: true;
  /** Berth's own runtime reads it, and no service does. */
  readonly runtime?: boolean;
}

interface SecretPiece {
  readonly secret: string;
  readonly form: SecretForm;
  readonly account?: string;
  /** The one in force, when absent. */
  readonly version?: SecretVersion;
}

/** Of the certificate that a service serves with, the chain up to the authority or the key; or the certificate of the authority. */
export type CertificatePiece = { readonly server: string; readonly part: 'chain' | 'key' } | { readonly part: 'authority' };

/** A file in secrets/, made of secrets and mounted at `/run/secrets/<name>`. */
export interface SecretFile {
  readonly name: string;
  readonly text: readonly (string | SecretPiece | CertificatePiece)[];
  /** Ledger names it is made of: their versions enter the config hash. {@link beforeOf} of a name where it changes when that one is retired. */
  readonly of: readonly string[];
}

/** Stands for the version before the one in force. */
export const beforeOf = (secret: string): string => `${secret}:before`;
