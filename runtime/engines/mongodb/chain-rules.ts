import type { ChainRules } from '../../ports/log-source.ts';
import { isSameMark, isSameTerm, parseTimestamp } from './oplog-entry.ts';

const at = (position: string | null) => parseTimestamp(position ?? '');

/** A log begins with what comes after the last entry of its parent, and says which entry that was: the one that the server still had. */
export const mongodbChain: ChainRules = {
  follows: (parent, log) => log.position.from === parent.position.to && isSameMark(parent.facts['last'], log.facts['after']),
  // Under one election one server alone writes, one entry behind the other.
  holdsAllOf: (log, other) => isSameTerm(log.facts['last'], other.facts['last']) && at(log.position.to) >= at(other.position.to),
  reaches: ({ position }, wanted) => at(position.to) >= at(wanted),
  endsAt: ({ position }, wanted) => at(position.to) === at(wanted),
  isAfter: ({ position }, transaction) => at(transaction) > at(position.to),
  comesTo: ({ position }, transaction) => at(transaction) <= at(position.to),
  transaction: { form: /^\d{1,10}:\d{1,10}$/, example: '1766361600:4, seconds and number of an entry of the oplog' },
};
