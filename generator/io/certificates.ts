import { Secret } from '../../model/secret.ts';
import type { DrawnPair } from './draw-certificates.ts';
import type { KeyPair, Ledger } from './ledger.ts';
import type { Random } from './random-text.ts';

const day = 86_400_000;
/** A private authority outlives the machines it is installed on; a leaf stays below what browsers accept from a private one (825 days). */
const authorityDays = 3650;
const leafDays = 397;
/** A leaf with less left than this is drawn anew by the next `generate`. */
const renewalDays = 30;

/** The names a leaf must carry: the domain, and what an operator types on the machine itself. */
const namesFor = (domain: string): readonly string[] => [...new Set([domain, 'localhost', '127.0.0.1'])];

const stillGood = (pair: KeyPair | undefined, names: readonly string[], now: Date): boolean =>
  pair !== undefined && names.every((name) => pair.names.includes(name)) && Date.parse(pair.notAfter) - now.getTime() > renewalDays * day;

const kept = ({ key, ...pair }: DrawnPair): KeyPair => ({ ...pair, key: new Secret(key) });

/**
 * An own authority and a leaf for the edge, EC P-256, drawn when there is none, when the domain changed or when less than 30 days are left.
 * The library is loaded only then.
 */
export async function drawCertificates(ledger: Ledger, domain: string, site: string, now: Date, random: Random): Promise<Ledger> {
  const names = namesFor(domain);
  if (stillGood(ledger.authority, [], now) && stillGood(ledger.leaf, names, now)) return ledger;
  const { drawAuthority, drawLeaf } = await import('./draw-certificates.ts');
  const authority =
    ledger.authority && stillGood(ledger.authority, [], now)
      ? ledger.authority
      : kept(
          await drawAuthority({
            site,
            now,
            random,
            notAfter: new Date(now.getTime() + authorityDays * day),
            version: (ledger.authority?.version ?? 0) + 1,
          }),
        );
  const leaf = kept(
    await drawLeaf({
      authority,
      names,
      now,
      random,
      notAfter: new Date(Math.min(now.getTime() + leafDays * day, Date.parse(authority.notAfter))),
      version: (ledger.leaf?.version ?? 0) + 1,
    }),
  );
  return { ...ledger, authority, leaf };
}
