import { hasLogBehind, type Manifest } from '../../../model/backup/manifest.ts';
import type { ChainRules } from '../../ports/log-source.ts';
import { parseLsn, startOfSegment } from './lsn.ts';

/** What the facts of a full backup, an increment and a log all hold. */
export const timelineOf = ({ facts }: Manifest): number => Number(facts['timeline']);
export const segmentBytesOf = ({ facts }: Manifest): number => Number(facts['segmentBytes']);
const endOf = ({ position }: Manifest): bigint => parseLsn(position.to ?? '');

/** Where the log that follows a backup begins. After a full or an increment with the file of its end, so that the logs together are whole files. */
export const nextPosition = (after: Manifest): bigint =>
  after.kind === 'log' ? endOf(after) : startOfSegment(endOf(after), segmentBytesOf(after));

/** An increment names the place in the log at which the copy that it follows had begun. */
const isSince = (parent: Manifest, increment: Manifest): boolean =>
  hasLogBehind(parent.kind) && parent.position.from !== null && increment.facts['changedSince'] === parent.position.from;

const goesOn = (parent: Manifest, log: Manifest): boolean =>
  log.position.from !== null && parseLsn(log.position.from) === nextPosition(parent);

const sameServer = (one: Manifest, other: Manifest): boolean =>
  one.facts['systemIdentifier'] === other.facts['systemIdentifier'] && timelineOf(one) === timelineOf(other);

/** `from:next:those that had not ended`, as the server writes it; the last are all between the two. */
function hadEnded(snapshot: string, transaction: bigint): boolean {
  const [from = '0', next = '0', open = ''] = snapshot.split(':');
  return transaction < BigInt(from) || (transaction < BigInt(next) && !open.split(',').includes(String(transaction)));
}

/** Whether it ends behind a full backup or an increment. One that was made before snapshots were written down only knows what had not begun. */
function endsAfter({ facts: { snapshot, nextTransaction } }: Manifest, transaction: bigint): boolean {
  if (typeof snapshot === 'string') return !hadEnded(snapshot, transaction);
  return typeof nextTransaction === 'string' && transaction >= BigInt(nextTransaction);
}

export const postgresChain: ChainRules = {
  follows: (parent, child) => sameServer(parent, child) && (child.kind === 'increment' ? isSince(parent, child) : goesOn(parent, child)),
  holdsAllOf: (log, other) => sameServer(log, other) && endOf(log) >= endOf(other),
  reaches: (manifest, position) => endOf(manifest) >= parseLsn(position),
  // Its own log is always read, and a server stops before a place.
  endsAt: () => false,
  isAfter: (base, transaction) => endsAfter(base, BigInt(transaction)),
  // A log is cut at a place, which knows no numbers.
  comesTo: () => undefined,
  transaction: { form: /^[1-9]\d{0,19}$/, example: '4711, as `SELECT pg_current_xact_id()` tells it' },
};
