import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { reachOf } from '../../../model/backup/reach.ts';
import type { Cut, LogFeed, LogSource } from '../../ports/log-source.ts';
import type { Producer } from '../../ports/producer.ts';
import { BrokenLog, eventType, magic, readRotate, type EventHead } from './binlog-events.ts';
import { writeCanary } from './canary.ts';
import { nextPlace } from './chain-rules.ts';
import type { LogPlace } from './dialect.ts';
import { dumpLog, LogNotThere } from './dump-socket.ts';
import type { GtidSet } from './gtids.ts';
import { identify, serverTime, type Identity } from './identity.ts';
import { isToBeSaid } from '../to-be-said.ts';
import type { MysqlTools } from './tools.ts';
import { connect, type Session } from './session.ts';
import { NotContinuous, SliceReader } from './slice-reader.ts';

export interface LogTools extends MysqlTools {
  /** A folder of the agent's own. Holds what was received and not yet shipped. */
  readonly spool: string;
  /** How often it is said that nothing was written. */
  readonly quietMs: number;
}

/** The stream of a log: a file of the binary log by itself, with the events from one place in it to another. */
export const logFile = 'binlog';

/**
 * The binary log by the protocol of replicas, which both engines speak, as the image of MySQL has no program for it. Nothing is kept open
 * between two cuts: the server keeps its log in any case, for as long as it is set to.
 */
export const mysqlLogSource = (tools: LogTools): LogSource => ({
  engine: tools.dialect.engine,
  open: async (signal) => {
    await mkdir(tools.spool, { recursive: true, mode: 0o700 });
    await using session = await connect(tools.dialect.title, tools.access, signal);
    await identify(session, tools.dialect);
    return new MysqlFeed(tools);
  },
});

/** What was received of one file. */
interface Slice {
  readonly from: LogPlace;
  /** Bytes of the file up to here. */
  readonly to: number;
  readonly next: LogPlace;
  /** All transactions up to its end. */
  readonly gtids: GtidSet;
  readonly transactions: number;
}

/** A commit notes its time first, and is written to the log a moment later. */
const marginMs = 1000;
/** A timer may go off a moment too early, and times are cut to milliseconds. */
const earlyMs = 10;

const coveredNow = async (session: Session): Promise<Date> => new Date((await serverTime(session)).getTime() - marginMs);

class MysqlFeed implements LogFeed {
  readonly #tools: LogTools;
  readonly #path: string;
  /** What had been committed by our own canary, where a slice holds that and is covered by it; whatever came behind it is another look's. */
  #settled: string | undefined;
  constructor(tools: LogTools) {
    this.#tools = tools;
    this.#path = join(tools.spool, 'slice');
  }

  cut = async (after: Manifest, signal: AbortSignal, until?: Date): Promise<Cut> => {
    const { dialect } = this.#tools;
    await using session = await connect(dialect.title, this.#tools.access, signal);
    const identity = await identify(session, dialect);
    const because = await this.#otherServer(session, after, identity);
    if (because !== undefined) return { kind: 'hole', because };
    const before = await coveredNow(session);
    const isSettled = this.#settled === after.position.to && this.#settled === (await this.#logged(session));
    const { quietMs, sleep } = this.#tools;
    if (isSettled && !isToBeSaid(after, { coveredUntil: before, now: before, quietMs, until }))
      return { kind: 'nothing', coveredUntil: before };
    // Only where there is something to ship: written at each look, it would make a quiet server ship log all day.
    const isWritten = await writeCanary(session);
    const ended = isWritten ? await this.#logged(session) : undefined;
    // What was committed by then counts as covered: else the last commit before a quiet time would lie in the backups and be offered to nobody for as long.
    if (isWritten) await sleep(marginMs + earlyMs);
    const now = isWritten ? await coveredNow(session) : before;
    try {
      const slice = await this.#receive(after, signal);
      const cut = this.#answer(after, slice, now, identity, until);
      this.#settled = cut.kind === 'log' && !cut.more ? ended : undefined;
      return cut;
    } catch (error) {
      if (error instanceof LogNotThere) return { kind: 'hole', because: `the server has not got its log any more: ${error.message}` };
      if (error instanceof NotContinuous || error instanceof BrokenLog) return { kind: 'hole', because: error.message };
      throw error;
    }
  };

  /** The server keeps its log by time and size, for us and for its replicas: nothing has to be told to it. */
  forget = async (): Promise<void> => undefined;

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { force: true });
  }

  async #otherServer(session: Session, after: Manifest, { server, serverId }: Identity): Promise<string | undefined> {
    if (after.facts['server'] !== server || after.facts['serverId'] !== serverId)
      return 'it is another server than the one that was backed up';
    return this.#tools.dialect.sameLog(session, nextPlace(after), this.#parse(after));
  }

  #parse = ({ position }: Manifest): GtidSet => this.#tools.dialect.parse(position.to ?? '');

  /** Into the spool: only what was received whole and found to go on where the last one ended is ever shipped. */
  async #receive(after: Manifest, signal: AbortSignal): Promise<Slice> {
    const { dialect, access } = this.#tools;
    const from = nextPlace(after);
    const gtids = this.#parse(after);
    let at = from.position;
    let next: string | undefined;
    let transactions = 0;
    const pieces: Uint8Array[] = [magic];
    const stands = ({ type, isArtificial }: EventHead): boolean => type === eventType.formatDescription || !isArtificial;
    const reader = new SliceReader(gtids, dialect.parse, 0, () => (transactions += 1), {
      bytes: (piece, head) => {
        if (stands(head)) pieces.push(piece);
      },
      event: (head, body) => {
        if (head.type === eventType.formatDescription && from.position > magic.length)
          pieces.push(dialect.dump.opening(after.position.to ?? '', head));
        if (!head.isArtificial) at += head.bytes;
        if (!head.isArtificial && head.endsAt !== 0 && head.endsAt !== at % 2 ** 32)
          throw new BrokenLog(`the log of ${from.file} leaves something out before ${at}`);
        if (head.type !== eventType.rotate || !head.isArtificial || body === undefined) return;
        const named = readRotate(body);
        if (named === from.file) return;
        next = named;
        reader.stop();
      },
    });
    await using file = await open(this.#path, 'w', 0o600);
    for await (const chunk of dumpLog(dialect, access, from, signal)) {
      reader.push(chunk);
      if (pieces.length > 0) await file.appendFile(Buffer.concat(pieces.splice(0)));
      if (next !== undefined) break;
    }
    reader.end();
    return {
      from,
      to: at,
      gtids,
      transactions,
      next: next === undefined ? { file: from.file, position: at } : { file: next, position: magic.length },
    };
  }

  #answer(after: Manifest, slice: Slice, now: Date, identity: Identity, until: Date | undefined): Cut {
    const covered = reachOf(after).coveredUntil;
    const isAll = slice.next.file === slice.from.file;
    const coveredUntil = isAll && now > covered ? now : covered;
    const isQuiet = isAll && slice.transactions === 0;
    const { quietMs } = this.#tools;
    if (isQuiet && !isToBeSaid(after, { coveredUntil, now, quietMs, until })) return { kind: 'nothing', coveredUntil };
    return { kind: 'log', more: !isAll, producer: this.#producer(after, slice, coveredUntil, identity) };
  }

  async #logged(session: Session): Promise<string> {
    const { dialect } = this.#tools;
    const { logged } = await session.row(`SELECT ${dialect.questions.logged} AS logged`);
    return dialect.parse(logged ?? '').toString();
  }

  #producer(after: Manifest, slice: Slice, coveredUntil: Date, { server, serverId, version }: Identity): Producer {
    const path = this.#path;
    const { dialect, image } = this.#tools;
    const { from, to, next, gtids, transactions } = slice;
    return {
      engine: dialect.engine,
      open: async () => ({
        streams: (async function* () {
          await Promise.resolve();
          yield { name: logFile, bytes: createReadStream(path) as AsyncIterable<Uint8Array> };
        })(),
        finish: async () => ({
          position: { from: after.position.to, to: gtids.toString() },
          facts: {
            server,
            serverId,
            file: from.file,
            from: from.position,
            to,
            next: { file: next.file, position: next.position },
            transactions,
            coveredUntil: coveredUntil.toISOString(),
          },
          tool: { name: 'berth', version, image },
        }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    };
  }
}
