import { BerthError } from '../../model/errors.ts';
import type { DatabaseKind } from '../../runtime/databases.ts';
import type { Canary } from '../../runtime/jobs/measure-canary.ts';
import { describeAge, shownTime } from '../backup/text.ts';

/** Those into which backups write no time. */
const without: Partial<Record<DatabaseKind, string>> = { mongodb: 'MongoDB', sqlserver: 'SQL Server' };

/** What was measured, in one line. */
export function describeCanary(canary: Canary | null, kind: DatabaseKind): string {
  const engine = without[kind];
  if (engine !== undefined) return `there is no canary: backups write none into ${engine}`;
  if (canary === null) return 'no canary came back: backups have not written one into it';
  const { ageSeconds, rpoSeconds } = canary;
  const quiet = ageSeconds > rpoSeconds ? `: nobody has written since, or more is lost than the ${rpoSeconds} s of its rpo` : '';
  return `the newest canary that came back is ${describeAge(ageSeconds * 1000)} before the moment of the restore${quiet}`;
}

/** What is wrong with one that is too old, without a name. */
export const lateCanary = ({ moment, claimed }: Canary): string =>
  `its backups say that they hold everything up to ${shownTime(claimed ?? moment)}, and the newest canary that came back is of ${shownTime(moment)}`;

export const canaryCure =
  'see in the log of its agent whether log is shipped, and run `docker compose up -d --wait`, which gives backups the right to write the canary; then `berth backup now`';

export const tooOld = (database: string, canary: Canary): BerthError =>
  new BerthError('damaged', `${database}: ${lateCanary(canary)}`, canaryCure);
