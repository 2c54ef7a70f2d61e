import { BerthError } from '../../../model/errors.ts';
import type { ProducedStream } from '../../ports/producer.ts';
import type { Program } from '../../ports/program.ts';
import { once } from '../../streams/blocks.ts';
import { factsFile } from '../scratch-place.ts';
import { summaryOf } from '../table-facts.ts';
import { clientArguments, environmentOf, explainEnd, type MysqlAccess } from './access.ts';
import type { Dialect } from './dialect.ts';
import { placeInDump, refuseTooLarge, watchDump, type DumpSeen } from './dump-watch.ts';
import { freezeServer, takeFacts } from './facts.ts';
import { outsideSnapshot, refuseOtherTables, serverTime } from './identity.ts';
import type { Begun, Copied } from './full-copy.ts';
import type { Session } from './session.ts';
import { changedTables, tableTimes, wholeSecondMs, type TableTimes } from './table-times.ts';

/** Stream of a full backup that holds statements. */
export const dumpFile = 'dump.sql';

/** What does not stand in the snapshot of a dump, and is to be the same at its end. */
interface Outside {
  readonly objects: string;
  readonly tables: TableTimes;
}

/** One run of the dump program, and what is asked of the server around it. */
export async function* dumpAll({ tools, session, signal }: Begun): AsyncGenerator<ProducedStream, Copied> {
  const { access, dialect, programs, limits, sleep } = tools;
  const before: Outside = { objects: await outsideSnapshot(session, dialect), tables: await tablesOutside(session, dialect) };
  if (before.tables.size > 0) await sleep(wholeSecondMs);
  await using running = programs.start(dumpCommand(dialect, access), signal);
  const { bytes, seen } = watchDump(running.output);
  yield { name: dumpFile, bytes };
  const restorableFrom = (await serverTime(session)).toISOString();
  const { place, gtids } = await judge(seen(), before, session, dialect);
  const facts = await takeFacts(dialect, access, limits, freezeServer(dialect, limits, sleep), signal);
  yield { name: factsFile, bytes: once(Buffer.from(`${JSON.stringify(facts, undefined, 1)}\n`)) };
  return { tool: dialect.programs.dump, place, gtids, facts: { restorableFrom, ...summaryOf(facts) } };
}

async function judge(
  { beginning, ended, bytes, longest }: DumpSeen,
  before: Outside,
  session: Session,
  dialect: Dialect,
): Promise<Pick<Copied, 'place' | 'gtids'>> {
  const place = placeInDump(beginning);
  if (!ended || place === undefined) throw cutShort(dialect, bytes);
  const gtids = await dialect.inDump(beginning, place, session);
  if (gtids === undefined) throw cutShort(dialect, bytes);
  refuseTooLarge(longest);
  // One that was made meanwhile may stand in the dump, and not as it was at that moment.
  await refuseOtherTables(session);
  if ((await outsideSnapshot(session, dialect)) !== before.objects)
    throw changedMeanwhile('a database, a view, a routine, a trigger, an event or an account was changed while the backup was made');
  const changed = changedTables(before.tables, await tablesOutside(session, dialect));
  if (changed.length > 0)
    throw changedMeanwhile(
      `tables were made, removed, renamed or altered while the backup was made: ${changed.slice(0, 3).join(', ')}${changed.length > 3 ? ' and more' : ''}`,
    );
  return { place, gtids: dialect.parse(gtids).toString() };
}

const tlsArguments = (tls: Dialect['tls'], access: MysqlAccess): readonly string[] => {
  if (access.tls === 'unchecked') return tls.unchecked;
  return access.ca === undefined ? tls.off : [...tls.verified, `--ssl-ca=${access.ca.file}`];
};

const dumpCommand = ({ programs, dumpArguments, title, tls }: Dialect, access: MysqlAccess): Program => ({
  argv: [programs.dump, ...clientArguments(access), ...tlsArguments(tls, access), ...dumpArguments],
  env: environmentOf(access),
  explain: explainEnd(title, access),
});

/** Nothing to be asked of a server whose dump sees to it by itself. */
const tablesOutside = async (session: Session, { failsAtChangedTables }: Dialect): Promise<TableTimes> =>
  failsAtChangedTables ? new Map() : tableTimes(session);

const changedMeanwhile = (what: string): BerthError =>
  new BerthError('io', what, 'it is tried again; make full backups at a time at which nobody installs anything');

const cutShort = ({ programs }: Dialect, bytes: number): BerthError =>
  new BerthError(
    'io',
    `${programs.dump} said that all went well, and its output of ${bytes} bytes is not a whole dump`,
    'it is tried again; if that goes on, see the log of the server',
  );
