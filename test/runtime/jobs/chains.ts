import type { Manifest } from '../../../model/backup/manifest.ts';
import type { ChainRules } from '../../../runtime/ports/log-source.ts';
import { manifest } from '../format/manifests.ts';

/** An engine whose log is a number that grows; an increment names what has changed since. */
export const numbered: ChainRules = {
  follows: (parent, child) =>
    parent.facts['server'] === child.facts['server'] &&
    (child.kind === 'increment' ? child.facts['since'] === parent.position.to : child.position.from === parent.position.to),
  holdsAllOf: (log, other) => log.facts['server'] === other.facts['server'] && Number(log.position.to) >= Number(other.position.to),
  reaches: ({ position }, wanted) => Number(position.to) >= Number(wanted),
  endsAt: () => false,
  isAfter: (full, transaction) => Number(transaction) >= Number(full.facts['next']),
  comesTo: () => undefined,
  transaction: { form: /^\d+$/, example: '150' },
};

const start = Date.parse('2026-03-01T00:00:00Z');
export const minute = (n: number): Date => new Date(start + n * 60_000);
const idOf = (n: number): string => `01JD5Z5M2R${String(n).padStart(16, '0')}`;

/** A full backup that ends at `position`, made from minute `began` to minute `ended`. */
export const fullAt = (n: number, position: number, began: number, ended: number): Manifest =>
  manifest({
    id: idOf(n),
    chain: idOf(n),
    position: { from: null, to: String(position) },
    facts: { server: 'a', next: String(position), restorableFrom: minute(ended).toISOString(), coveredUntil: minute(began).toISOString() },
  });

/** What has changed since `parent`, up to `position`, made from minute `began` to minute `ended`. */
export const incrementAfter = (
  parent: Manifest,
  n: number,
  position: number,
  [began, ended]: readonly [number, number],
  changes: Partial<Manifest> = {},
): Manifest =>
  manifest({
    ...fullAt(n, position, began, ended),
    kind: 'increment',
    chain: parent.chain,
    parent: parent.id,
    facts: { ...fullAt(n, position, began, ended).facts, since: parent.position.to },
    ...changes,
  });

/** The log from the end of `parent` to `position`, with all that was committed by minute `until`. */
export const logAfter = (parent: Manifest, n: number, position: number, until: number, changes: Partial<Manifest> = {}): Manifest =>
  manifest({
    id: idOf(n),
    kind: 'log',
    chain: parent.chain,
    parent: parent.id,
    position: { from: parent.position.to, to: String(position) },
    facts: { server: 'a', coveredUntil: minute(until).toISOString() },
    ...changes,
  });
