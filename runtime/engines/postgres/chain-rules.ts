import type { Manifest } from '../../../model/backup/manifest.ts';
import type { ChainRules } from '../../ports/log-source.ts';
import { parseLsn, startOfSegment } from './lsn.ts';

/** What the facts of a full backup and of a log both hold. */
export const timelineOf = ({ facts }: Manifest): number => Number(facts['timeline']);
export const segmentBytesOf = ({ facts }: Manifest): number => Number(facts['segmentBytes']);
const endOf = ({ position }: Manifest): bigint => parseLsn(position.to ?? '');

/** Where the log that follows a backup begins. After a full with the file of its end, so that the logs together are whole files. */
export const nextPosition = (after: Manifest): bigint =>
  after.kind === 'log' ? endOf(after) : startOfSegment(endOf(after), segmentBytesOf(after));

const sameServer = (one: Manifest, other: Manifest): boolean =>
  one.facts['systemIdentifier'] === other.facts['systemIdentifier'] && timelineOf(one) === timelineOf(other);

export const postgresChain: ChainRules = {
  follows: (parent, log) => sameServer(parent, log) && log.position.from !== null && parseLsn(log.position.from) === nextPosition(parent),
  reaches: (manifest, position) => endOf(manifest) >= parseLsn(position),
  // Its own log is always read, and a server stops before a place.
  endsAt: () => false,
  isAfter: (full, transaction) =>
    typeof full.facts['nextTransaction'] === 'string' && BigInt(transaction) >= BigInt(full.facts['nextTransaction']),
  transaction: { form: /^[1-9]\d{0,19}$/, example: '4711, as `SELECT pg_current_xact_id()` tells it' },
};
