import type { Ledger } from './ledger.ts';

/** The value of a secret for the eyes of whoever asked for it by name; `undefined` when there is no such version. Versions count from 1; without one, the last. */
export function plainSecret(ledger: Ledger, name: string, version?: number): string | undefined {
  const versions = ledger.secrets.get(name) ?? [];
  return versions.at(version === undefined ? -1 : version - 1)?.reveal();
}
