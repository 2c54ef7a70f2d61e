import { hasLogBehind, type Manifest } from '../../../model/backup/manifest.ts';
import type { ChainRules } from '../../ports/log-source.ts';
import { lsnForm, lsnOr0, parseLsn } from './lsn.ts';

const from = ({ position }: Manifest): bigint => lsnOr0(position.from);
const to = ({ position }: Manifest): bigint => lsnOr0(position.to);

/** Restored from the same origin, and not put back in between. */
const isOneLine = (parent: Manifest, child: Manifest): boolean =>
  parent.facts['family'] === child.facts['family'] && parent.facts['fork'] === child.facts['fork'];

/**
 * A log begins where the log before it ends, whatever full backups are made meanwhile: the one that goes on behind a full backup is the one in which that ends. A
 * differential backup is what changed since the full one that it names.
 */
export const sqlserverChain: ChainRules = {
  follows: (parent, child) => {
    if (!isOneLine(parent, child)) return false;
    if (child.kind === 'increment') return parent.kind === 'full' && parent.facts['backupSet'] === child.facts['base'];
    return hasLogBehind(parent.kind) ? from(child) <= to(parent) && to(parent) <= to(child) : from(child) === to(parent);
  },
  holdsAllOf: (log, other) => isOneLine(other, log) && to(log) >= to(other),
  // A backup ends before the record that its end names.
  reaches: (manifest, wanted) => to(manifest) > parseLsn(wanted),
  // Facts are taken after it: where they stand before its end, nothing was written in between.
  endsAt: (base, wanted) => to(base) > parseLsn(wanted),
  isAfter: (base, transaction) => parseLsn(transaction) >= to(base),
  comesTo: (log, transaction) => parseLsn(transaction) < to(log),
  transaction: { form: lsnForm, example: '0000002a:00000110:0003, the LSN of its end as sys.fn_dump_dblog and sys.fn_dblog write it' },
};
