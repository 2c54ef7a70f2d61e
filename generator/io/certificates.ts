import { X509Certificate } from 'node:crypto';
import type { ServerNames } from '../../model/plan.ts';
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

/** The names a leaf must carry: those that visitors type, and what an operator types on the machine itself. */
const namesFor = (hosts: readonly string[]): readonly string[] => [...new Set([...hosts, 'localhost', '127.0.0.1'])];

const stillGood = (pair: KeyPair | undefined, names: readonly string[], now: Date): boolean =>
  pair !== undefined && names.every((name) => pair.names.includes(name)) && Date.parse(pair.notAfter) - now.getTime() > renewalDays * day;

const kept = ({ key, ...pair }: DrawnPair): KeyPair => ({ ...pair, key: new Secret(key) });

interface Wanted {
  /** The domain first. */
  readonly hosts: readonly string[];
  readonly site: string;
  readonly now: Date;
  readonly random: Random;
}

/** What `ledger` keeps is kept; what it lacks is drawn. The library is loaded only here. */
async function draw(ledger: Ledger, known: Ledger, { hosts, site, now, random }: Wanted): Promise<Ledger> {
  const { drawAuthority, drawLeaf } = await import('./draw-certificates.ts');
  const authority =
    ledger.authority ??
    kept(
      await drawAuthority({
        site,
        now,
        random,
        notAfter: new Date(now.getTime() + authorityDays * day),
        version: (known.authority?.version ?? 0) + 1,
      }),
    );
  const leaf =
    ledger.leaf ??
    kept(
      await drawLeaf({
        authority,
        names: namesFor(hosts),
        now,
        random,
        notAfter: new Date(Math.min(now.getTime() + leafDays * day, Date.parse(authority.notAfter))),
        version: (known.leaf?.version ?? 0) + 1,
      }),
    );
  return { ...ledger, authority, leaf };
}

/**
 * An own authority and a leaf for the edge, EC P-256, drawn when there is none, when a name was added or when less than 30 days are left.
 * A leaf that was imported stays whatever it says: its owner knows best.
 */
export async function drawCertificates(ledger: Ledger, hosts: readonly string[], site: string, now: Date, random: Random): Promise<Ledger> {
  const authority = stillGood(ledger.authority, [], now) ? ledger.authority : undefined;
  const own = authority && stillGood(ledger.leaf, namesFor(hosts), now) ? ledger.leaf : undefined;
  const leaf = ledger.leaf?.imported ? ledger.leaf : own;
  return authority && leaf ? ledger : draw({ ...ledger, authority, leaf }, ledger, { hosts, site, now, random });
}

const signedBy = (pair: KeyPair, authority: KeyPair): boolean =>
  new X509Certificate(pair.certificate).verify(new X509Certificate(authority.certificate).publicKey);

/**
 * What services speak TLS with to each other: drawn when there is none, when a name was added, when the authority is another one or soon ends. Nobody but
 * their own clients sees them, and what expires unnoticed would stop the whole site: they are good for as long as the authority.
 * @param known - Knows how often each was drawn.
 */
export async function drawServers(
  ledger: Ledger,
  known: Ledger,
  wanted: readonly ServerNames[],
  now: Date,
  random: Random,
): Promise<Ledger> {
  const { authority } = ledger;
  if (wanted.length === 0) return ledger;
  if (!authority) throw new Error('servers without an authority');
  const isGood = ({ service, names }: ServerNames): boolean => {
    const pair = ledger.servers?.get(service);
    return pair !== undefined && stillGood(pair, names, now) && signedBy(pair, authority);
  };
  const missing = wanted.filter((one) => !isGood(one));
  if (missing.length === 0) return ledger;
  const { drawLeaf } = await import('./draw-certificates.ts');
  const servers = new Map(ledger.servers);
  for (const { service, names, mutual = false } of missing) {
    const version = (known.servers?.get(service)?.version ?? 0) + 1;
    servers.set(service, kept(await drawLeaf({ authority, names, mutual, now, random, notAfter: new Date(authority.notAfter), version })));
  }
  return { ...ledger, servers };
}

/** A new leaf of the own authority, however long the old one has left; with a new authority when that is asked for. */
export const renewCertificates = (ledger: Ledger, wanted: Wanted & { readonly authority: boolean }): Promise<Ledger> => {
  const authority = !wanted.authority && stillGood(ledger.authority, [], wanted.now) ? ledger.authority : undefined;
  return draw({ ...ledger, authority, leaf: undefined }, ledger, wanted);
};

/** What a supplied leaf becomes in the ledger. */
export const importedPair = (
  ledger: Ledger,
  { key, chain, root, names, notAfter }: Omit<DrawnPair, 'certificate' | 'version'> & { readonly chain: string; readonly root: string },
): KeyPair => ({ key: new Secret(key), certificate: chain, names, notAfter, version: (ledger.leaf?.version ?? 0) + 1, imported: { root } });

/** The files that a server and its clients need: its chain, its key, and whom clients have to trust. */
export function tlsFiles({ authority, leaf }: Ledger): { readonly chain: string; readonly key: string; readonly root: string } | undefined {
  if (leaf?.imported) return { chain: leaf.certificate, key: leaf.key.reveal(), root: leaf.imported.root };
  if (!authority || !leaf) return undefined;
  return { chain: leaf.certificate + authority.certificate, key: leaf.key.reveal(), root: authority.certificate };
}

const covers = (name: string, domain: string): boolean =>
  name === domain || (name.startsWith('*.') && domain.includes('.') && domain.slice(domain.indexOf('.')) === name.slice(1));

/** What the owner of an imported certificate must see to, as Berth does not replace it. */
export function importedTrouble(leaf: KeyPair | undefined, hosts: readonly string[], now: Date): string | undefined {
  if (!leaf?.imported) return undefined;
  const [left, on] = [Math.floor((Date.parse(leaf.notAfter) - now.getTime()) / day), leaf.notAfter.slice(0, 10)];
  const cure = 'have it issued again and run `berth certs import`';
  if (left < 0) return `the imported certificate has expired on ${on}: ${cure}`;
  const missing = hosts.filter((host) => !leaf.names.some((name) => covers(name, host)));
  if (missing.length > 0) return `the imported certificate is not for ${missing.join(', ')}, it names ${leaf.names.join(', ')}: ${cure}`;
  return left < renewalDays ? `the imported certificate expires on ${on}, in ${left} days: ${cure}` : undefined;
}
