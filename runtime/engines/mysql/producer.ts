import { BerthError } from '../../../model/errors.ts';
import type { Json } from '../../../model/backup/shape.ts';
import type { ProducedStream, Producer, SnapshotFacts } from '../../ports/producer.ts';
import type { Program } from '../../ports/program.ts';
import { once } from '../../streams/blocks.ts';
import { factsFile } from '../scratch-place.ts';
import { summaryOf, type FactLimits } from '../table-facts.ts';
import type { EngineTools } from '../tools.ts';
import { clientArguments, environmentOf, explainEnd, type MysqlAccess } from './access.ts';
import { writeCanary } from './canary.ts';
import type { Dialect, LogPlace } from './dialect.ts';
import { placeInDump, refuseTooLarge, watchDump, type DumpSeen } from './dump-watch.ts';
import { freezeServer, takeFacts } from './facts.ts';
import { identify, outsideSnapshot, refuseOtherTables, serverTime, type Identity } from './identity.ts';
import { connect, type Session } from './session.ts';
import { changedTables, tableTimes, wholeSecondMs, type TableTimes } from './table-times.ts';

export interface MysqlTools extends EngineTools<MysqlAccess> {
  readonly dialect: Dialect;
}

export interface ProducerTools extends MysqlTools {
  readonly limits: FactLimits;
}

/** Stream of a full backup. */
export const dumpFile = 'dump.sql';

/** All databases, with accounts, routines, triggers and events, as they were at one place in the log. */
export const mysqlProducer = (tools: ProducerTools): Producer => ({
  engine: tools.dialect.engine,
  open: async (signal) => {
    const session = await connect(tools.dialect.title, tools.access, signal);
    try {
      const identity = await identify(session, tools.dialect);
      await refuseOtherTables(session);
      // What the backup says that it holds it can show as well.
      await writeCanary(session);
      const at = await serverTime(session);
      const before = { outside: await outsideSnapshot(session, tools.dialect), tables: await tablesOutside(session, tools.dialect) };
      if (before.tables.size > 0) await tools.sleep(wholeSecondMs);
      const run = new Dump({ tools, session, signal, identity, at, before });
      return { streams: run.streams(), finish: () => run.finish(), [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  },
});

interface Begun {
  readonly tools: ProducerTools;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly identity: Identity;
  /** By the server's clock, before the snapshot: all that was committed by then is in it. */
  readonly at: Date;
  /** What does not stand in the snapshot, and was to be the same at its end. */
  readonly before: { readonly outside: string; readonly tables: TableTimes };
}

/** One run of the dump program, and what is asked of the server around it. */
class Dump {
  readonly #run: Begun;
  #place: LogPlace | undefined;
  #gtids = '';
  #facts: Record<string, Json> = {};
  constructor(run: Begun) {
    this.#run = run;
  }

  async *streams(): AsyncGenerator<ProducedStream> {
    const { tools, session, signal } = this.#run;
    const { access, dialect, programs, limits, sleep } = tools;
    await using running = programs.start(dumpCommand(dialect, access), signal);
    const { bytes, seen } = watchDump(running.output);
    yield { name: dumpFile, bytes };
    const restorableFrom = (await serverTime(session)).toISOString();
    await this.#judge(seen());
    const facts = await takeFacts(dialect, access, limits, freezeServer(dialect, limits, sleep), signal);
    this.#facts = { restorableFrom, ...summaryOf(facts) };
    yield { name: factsFile, bytes: once(Buffer.from(`${JSON.stringify(facts, undefined, 1)}\n`)) };
  }

  async #judge({ beginning, ended, bytes, longest }: DumpSeen): Promise<void> {
    const { tools, session, before } = this.#run;
    const { dialect } = tools;
    this.#place = placeInDump(beginning);
    if (!ended || this.#place === undefined) throw cutShort(dialect, bytes);
    const gtids = await dialect.inDump(beginning, this.#place, session);
    if (gtids === undefined) throw cutShort(dialect, bytes);
    refuseTooLarge(longest);
    // One that was made meanwhile may stand in the dump, and not as it was at that moment.
    await refuseOtherTables(session);
    this.#gtids = dialect.parse(gtids).toString();
    if ((await outsideSnapshot(session, dialect)) !== before.outside)
      throw changedMeanwhile('a database, a view, a routine, a trigger, an event or an account was changed while the backup was made');
    const changed = changedTables(before.tables, await tablesOutside(session, dialect));
    if (changed.length > 0)
      throw changedMeanwhile(
        `tables were made, removed, renamed or altered while the backup was made: ${changed.slice(0, 3).join(', ')}${changed.length > 3 ? ' and more' : ''}`,
      );
  }

  async finish(): Promise<SnapshotFacts> {
    const { tools, session, identity, at } = this.#run;
    const { dialect, image } = tools;
    if (this.#place === undefined) throw new Error('asked before its streams were read');
    const now = await identify(session, dialect);
    if (now.server !== identity.server || now.serverId !== identity.serverId)
      throw new BerthError(
        'io',
        'the server was replaced by another one during the backup',
        'it is tried again with the one that is there now',
      );
    const { file, position } = this.#place;
    return {
      position: { from: null, to: this.#gtids },
      facts: { ...identity, next: { file, position }, coveredUntil: at.toISOString(), ...this.#facts },
      tool: { name: dialect.programs.dump, version: identity.version, image },
    };
  }
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
