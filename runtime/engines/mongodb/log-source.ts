import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { reachOf } from '../../../model/backup/reach.ts';
import type { Json } from '../../../model/backup/shape.ts';
import type { Cut, LogFeed, LogSource } from '../../ports/log-source.ts';
import type { Producer } from '../../ports/producer.ts';
import { explainEnd, loginFile } from './access.ts';
import { documentsOf } from './bson.ts';
import { identify } from './identity.ts';
import { formatTimestamp, isSameMark, markOf, parseTimestamp, queryFrom, readEntry, type Timestamp } from './oplog-entry.ts';
import { marginMs, type MongoTools } from './producer.ts';

export interface LogTools extends MongoTools {
  /** A folder of the agent's own. Holds what was received and not yet shipped. */
  readonly spool: string;
  /** How often it is said that nothing was written. */
  readonly quietMs: number;
  /** Of one slice, about: what comes beyond it is the next one. */
  readonly sliceBytes: number;
}

export const usualSliceBytes = 64 * 2 ** 20;

/** The stream of a log: entries of the oplog, one after the other, as `mongorestore --oplogFile` reads them. */
export const logFile = 'oplog.bson';

/** The oplog by the engine's own program, asked for from its last known entry on. Nothing is kept open between two cuts, and the server is told nothing: it keeps its oplog by its size. */
export const mongodbLogSource = (tools: LogTools): LogSource => ({
  engine: 'mongodb',
  open: async (signal) => {
    await mkdir(tools.spool, { recursive: true, mode: 0o700 });
    await identify(tools.programs, tools.access, signal);
    return new OplogFeed(tools);
  },
});

/** What was received beyond the entry that is known. */
interface Slice {
  readonly after: Json;
  readonly last: { readonly mark: Json; readonly at: Timestamp; readonly wall: Date } | undefined;
  readonly entries: number;
  readonly writes: number;
  readonly isAll: boolean;
}

class OplogFeed implements LogFeed {
  readonly #tools: LogTools;
  readonly #path: string;
  constructor(tools: LogTools) {
    this.#tools = tools;
    this.#path = join(tools.spool, 'slice');
  }

  cut = async (after: Manifest, signal: AbortSignal, until?: Date): Promise<Cut> => {
    const slice = await this.#receive(after, signal);
    return typeof slice === 'string' ? { kind: 'hole', because: slice } : this.#answer(after, slice, until);
  };

  /** The server keeps its oplog by its size: nothing has to be told to it. */
  forget = async (): Promise<void> => undefined;

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** @returns why it does not go on from there, if it does not. */
  async #receive(after: Manifest, signal: AbortSignal): Promise<Slice | string> {
    const { access, programs, spool, sliceBytes } = this.#tools;
    const from = parseTimestamp(after.position.to ?? '');
    await using login = await loginFile(spool, 'log', access);
    const argv = ['mongodump', login.option, '--db=local', '--collection=oplog.rs', `--query=${queryFrom(from)}`, '--out=-'] as const;
    await using running = programs.start({ argv, explain: explainEnd(access) }, signal);
    await using file = await open(this.#path, 'w', 0o600);
    let [first, last]: [Json | undefined, Slice['last']] = [undefined, undefined];
    let [entries, writes, bytes, isAll] = [0, 0, 0, true];
    for await (const document of documentsOf(running.output)) {
      const { at, wall, isWrite } = readEntry(document);
      if (first === undefined) {
        first = markOf(document);
        const because = otherThan(after, first, at, from);
        if (because !== undefined) return because;
        continue;
      }
      if (at <= (last?.at ?? from)) return `its oplog goes back at ${formatTimestamp(at)}`;
      await file.appendFile(document);
      last = { mark: markOf(document), at, wall };
      entries += 1;
      writes += Number(isWrite);
      bytes += document.length;
      isAll = bytes < sliceBytes;
      if (!isAll) break;
    }
    if (first === undefined)
      return `the server has nothing in its oplog from ${formatTimestamp(from)} on: its data were put back, or it is another one`;
    return { after: first, last, entries, writes, isAll };
  }

  #answer(after: Manifest, slice: Slice, until: Date | undefined): Cut {
    const { last, writes, isAll } = slice;
    const covered = reachOf(after).coveredUntil;
    const seen = new Date((last?.wall.getTime() ?? 0) - marginMs);
    const coveredUntil = seen > covered ? seen : covered;
    if (last === undefined) return { kind: 'nothing', coveredUntil };
    const toBeSaid = until !== undefined && covered < until && coveredUntil >= until;
    const isFresh = seen.getTime() - covered.getTime() < this.#tools.quietMs;
    if (isAll && writes === 0 && !toBeSaid && isFresh) return { kind: 'nothing', coveredUntil };
    return { kind: 'log', more: !isAll, producer: this.#producer(after, { ...slice, last }, coveredUntil) };
  }

  #producer(
    after: Manifest,
    { after: known, last, entries, writes }: Slice & { readonly last: NonNullable<Slice['last']> },
    coveredUntil: Date,
  ): Producer {
    const path = this.#path;
    const { image } = this.#tools;
    const { version } = after.tool;
    return {
      engine: 'mongodb',
      open: async () => ({
        streams: (async function* () {
          await Promise.resolve();
          yield { name: logFile, bytes: createReadStream(path) as AsyncIterable<Uint8Array> };
        })(),
        finish: async () => ({
          position: { from: after.position.to, to: formatTimestamp(last.at) },
          facts: { after: known, last: last.mark, entries, writes, coveredUntil: coveredUntil.toISOString() },
          tool: { name: 'mongodump', version, image },
        }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    };
  }
}

/** The entry that was the last one has to be there still, and be the same: nothing can be missing behind it then. */
function otherThan({ facts }: Manifest, first: Json, at: Timestamp, from: Timestamp): string | undefined {
  if (at > from) return `the server has not got its oplog any more from ${formatTimestamp(from)} on: it begins at ${formatTimestamp(at)}`;
  return isSameMark(facts['last'], first)
    ? undefined
    : `another entry stands at ${formatTimestamp(at)} of the oplog: the data of the server were put back, or it is another one`;
}
