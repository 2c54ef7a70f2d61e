import type { Manifest } from '../../../model/backup/manifest.ts';
import { reachOf } from '../../../model/backup/reach.ts';
import type { Cut, LogFeed, LogSource } from '../../ports/log-source.ts';
import type { Producer } from '../../ports/producer.ts';
import { writeCanary } from './canary.ts';
import { nextPosition, segmentBytesOf, timelineOf } from './chain-rules.ts';
import { identify, type Identity } from './identity.ts';
import { endOfRecord, formatLsn, parseLsn, type Lsn } from './lsn.ts';
import { isToBeSaid, usualQuietMs } from '../to-be-said.ts';
import type { PostgresTools } from './producer.ts';
import { Receiver, smallCommit } from './receiver.ts';
import { connect, type Session } from './session.ts';
import { WalSpool } from './wal-spool.ts';

export interface LogTools extends PostgresTools {
  /** A folder of the agent's own. Holds what was received and not yet shipped. */
  readonly spool: string;
  /** How long to wait for what the server has just written. */
  readonly patienceMs: number;
  /** How often it is said that nothing was written. */
  readonly quietMs: number;
  /** What is shipped at once at most, so that catching up has steps that stay. */
  readonly mostBytes: number;
}

export const usualLogLimits = { patienceMs: 15_000, quietMs: usualQuietMs, mostBytes: 256 * 2 ** 20 } as const;

/** The file of a log: bytes of the server's log, from one place to another. Those of a chain, one after the other, are the log itself. */
export const logFile = 'wal';

/**
 * The log as pg_receivewal streams it. What is shipped are slices of it, cut wherever it stands: forcing the server to a new file
 * every minute would cost it 23 GB of zeros a day, and a right that the account has not got.
 */
export const postgresLogSource = (tools: LogTools): LogSource => ({
  engine: 'postgres',
  open: async (signal) => {
    const spool = new WalSpool(tools.spool);
    await spool.prepare();
    const feed = new PostgresFeed(tools, spool, new Receiver(tools, spool, signal));
    try {
      await feed.begin(signal);
      return feed;
    } catch (error) {
      await feed[Symbol.asyncDispose]();
      throw error;
    }
  },
});

interface Now {
  /** Here a record ends, and the next one begins. */
  readonly goal: Lsn;
  /** All that was committed by then lies before it. */
  readonly covered: Date;
}

interface SliceFacts {
  readonly coveredUntil: Date;
  /** Else it was cut anywhere: a restore that ends with it leaves the last record out. */
  readonly endsWithRecord: boolean;
}

/** A commit notes its time first, and is written to the log a moment later. */
const marginMs = 1000;
/** A timer may go off a moment too early, and times are cut to milliseconds. */
const earlyMs = 10;
/** The server brings its log to the disk by itself within so long, but for what nobody waits for. */
const flushMs = 1000;

/** What stands in the log besides commits: the server's own notes, or a transaction at work, of which not all is to come at its end. */
const mostUnshippedBytes = 2n ** 20n;

class PostgresFeed implements LogFeed {
  readonly #tools: LogTools;
  readonly #spool: WalSpool;
  readonly #receiver: Receiver;
  /** Where a slice ended behind our own canary, and which transactions had ended by then. */
  #settled: { readonly to: string; readonly snapshot: string } | undefined;
  constructor(tools: LogTools, spool: WalSpool, receiver: Receiver) {
    this.#tools = tools;
    this.#spool = spool;
    this.#receiver = receiver;
  }

  async begin(signal: AbortSignal): Promise<void> {
    await using session = await this.#connect(signal);
    await this.#receive(session, await identify(session));
  }

  cut = async (after: Manifest, signal: AbortSignal, until?: Date): Promise<Cut> => {
    await using session = await this.#connect(signal);
    const identity = await identify(session);
    const begun = await this.#receive(session, identity);
    if (begun.kind === 'lost') return { kind: 'hole', because: begun.because };
    const other = otherServer(after, identity);
    if (other !== undefined) return { kind: 'hole', because: other };
    const from = nextPosition(after);
    const snapshot = await readSnapshot(session);
    const before = await readNow(session, identity);
    if (before.goal < parseLsn(after.position.to ?? ''))
      return { kind: 'hole', because: 'the log of the server ends before the last backup: its data folder is an older copy' };
    const isSettled = this.#settled?.to === after.position.to && this.#settled.snapshot === snapshot;
    const { mostBytes, quietMs, sleep } = this.#tools;
    const silence = { coveredUntil: before.covered, now: before.covered, quietMs, until };
    if (isSettled && before.goal - from < mostUnshippedBytes && !isToBeSaid(after, silence))
      return { kind: 'nothing', coveredUntil: before.covered };
    // Only where there is something to ship: written at each look, it would make a quiet server ship log all day. Nor far behind, where the end is not reached anyway.
    const isWritten = before.goal - from <= BigInt(mostBytes) && (await writeCanary(session));
    const ended = isWritten ? await readSnapshot(session) : undefined;
    // What was committed by then counts as covered: else the last commit before a quiet time would lie in the backups and be offered to nobody for as long.
    if (isWritten) await sleep(marginMs + earlyMs);
    const now = isWritten ? await readNow(session, identity) : before;
    const received = await this.#waitFor(now.goal, session);
    if (received.kind === 'lost') return { kind: 'hole', because: received.because };
    const cut = await this.#slice(after, from, received.upTo ?? from, now, identity, until);
    this.#settled = ended !== undefined && cut.kind === 'log' && !cut.more ? { to: formatLsn(now.goal), snapshot: ended } : undefined;
    return cut;
  };

  forget = async (upTo: Manifest): Promise<void> => {
    await this.#spool.forget(nextPosition(upTo), shapeOf(upTo));
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#receiver[Symbol.asyncDispose]();
  }

  /** What a server leaves lying in memory at quiet times goes to the disk with any commit, so one is made that changes nothing. */
  async #waitFor(goal: Lsn, session: Session): ReturnType<Receiver['waitFor']> {
    const soon = await this.#receiver.waitFor(goal, flushMs, session);
    if (soon.kind === 'lost' || (soon.upTo ?? 0n) >= goal) return soon;
    const { flushed } = await session.row('SELECT pg_current_wal_flush_lsn()::text AS flushed');
    if (parseLsn(String(flushed)) < goal) await session.rows(smallCommit);
    return this.#receiver.waitFor(goal, this.#tools.patienceMs, session);
  }

  async #slice(after: Manifest, from: Lsn, received: Lsn, now: Now, identity: Identity, until: Date | undefined): Promise<Cut> {
    const covered = reachOf(after).coveredUntil;
    const end = received < now.goal ? received : now.goal;
    const most = from + BigInt(this.#tools.mostBytes);
    const to = end <= from ? from : end < most ? end : most;
    const all = to === now.goal;
    const coveredUntil = all && now.covered > covered ? now.covered : covered;
    const { quietMs } = this.#tools;
    if (to === from && !isToBeSaid(after, { coveredUntil, now: now.covered, quietMs, until })) return { kind: 'nothing', coveredUntil };
    if (to > from && !(await this.#spool.holds(from, identity)))
      return { kind: 'hole', because: `the log from ${formatLsn(from)} on was not received` };
    return { kind: 'log', more: to > from && !all, producer: this.#producer(from, to, { coveredUntil, endsWithRecord: all }, identity) };
  }

  #producer(from: Lsn, to: Lsn, { coveredUntil, endsWithRecord }: SliceFacts, identity: Identity): Producer {
    const { systemIdentifier, timeline, segmentBytes, version } = identity;
    const spool = this.#spool;
    return {
      engine: 'postgres',
      open: async () => ({
        streams: (async function* () {
          await Promise.resolve();
          yield { name: logFile, bytes: spool.read(from, to, identity) };
        })(),
        finish: async () => ({
          position: { from: formatLsn(from), to: formatLsn(to) },
          facts: { systemIdentifier, timeline, segmentBytes, coveredUntil: coveredUntil.toISOString(), endsWithRecord },
          tool: { name: 'pg_receivewal', version, image: this.#tools.image },
        }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    };
  }

  async #receive(session: Session, { systemIdentifier, timeline }: Identity): ReturnType<Receiver['ensure']> {
    const owner = `${systemIdentifier} ${timeline}`;
    if (!(await this.#spool.belongsTo(owner))) {
      await this.#receiver[Symbol.asyncDispose]();
      await this.#spool.giveTo(owner);
    }
    return this.#receiver.ensure(session);
  }

  #connect = (signal: AbortSignal): Promise<Session> => connect(this.#tools.access, 'postgres', signal);
}

const shapeOf = (manifest: Manifest) => ({ timeline: timelineOf(manifest), segmentBytes: segmentBytesOf(manifest) });

function otherServer(after: Manifest, { systemIdentifier, timeline }: Identity): string | undefined {
  if (after.facts['systemIdentifier'] !== systemIdentifier) return 'it is another server than the one that was backed up';
  if (timelineOf(after) !== timeline) return 'the server was promoted or restored, and goes on with a log of its own';
  return undefined;
}

/** Changes with every transaction that has written and ended. What had ended lies in the log before what is inserted after this was asked. */
const readSnapshot = async (session: Session): Promise<string> =>
  String((await session.row('SELECT pg_current_snapshot()::text AS snapshot'))['snapshot']);

async function readNow(session: Session, { segmentBytes }: Identity): Promise<Now> {
  const { now } = await session.row('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now');
  const { inserted } = await session.row('SELECT pg_current_wal_insert_lsn()::text AS inserted');
  return { goal: endOfRecord(parseLsn(String(inserted)), segmentBytes), covered: new Date(Number(now) - marginMs) };
}
