import { mkdir } from 'node:fs/promises';
import type { Json } from '../../../model/backup/shape.ts';
import { BerthError } from '../../../model/errors.ts';
import type { ProducedStream, Producer, SnapshotFacts } from '../../ports/producer.ts';
import { once } from '../../streams/blocks.ts';
import { factsFile } from '../scratch-place.ts';
import { summaryOf, type FactLimits } from '../table-facts.ts';
import type { EngineTools } from '../tools.ts';
import { explainEnd, loginFile, type MongoAccess } from './access.ts';
import { watchArchive, type ArchiveSeen } from './archive-watch.ts';
import { takeFacts } from './facts.ts';
import { identify, type Identity } from './identity.ts';
import { formatTimestamp, markOf, readEntry, type OplogEntry } from './oplog-entry.ts';

export interface MongoTools extends EngineTools<MongoAccess> {
  /** The agent's own, for files that nobody else may read. */
  readonly folder: string;
}

export interface ProducerTools extends MongoTools {
  readonly limits: FactLimits;
}

/** Stream of a full backup. */
export const dumpFile = 'dump.archive';
/** An entry notes its time first, and is written a moment later. */
export const marginMs = 1000;

/** All databases with accounts and indexes, and what was written while they were read: together that is how they were at the last of those entries. */
export const mongodbProducer = (tools: ProducerTools): Producer => ({
  engine: 'mongodb',
  open: async (signal) => {
    const run = new Dump(tools, signal, await identify(tools.programs, tools.access, signal));
    return { streams: run.streams(), finish: () => run.finish(), [Symbol.asyncDispose]: async () => undefined };
  },
});

/** One run of the dump program, and what is asked of the server after it. */
class Dump {
  readonly #tools: ProducerTools;
  readonly #signal: AbortSignal;
  readonly #identity: Identity;
  #last: { readonly document: Buffer; readonly entry: OplogEntry } | undefined;
  #facts: { readonly [name: string]: Json } = {};
  constructor(tools: ProducerTools, signal: AbortSignal, identity: Identity) {
    this.#tools = tools;
    this.#signal = signal;
    this.#identity = identity;
  }

  async *streams(): AsyncGenerator<ProducedStream> {
    const { access, programs, folder, limits } = this.#tools;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await using login = await loginFile(folder, 'full', access);
    // One collection after the other: each that is read at the same time has buffers of its own.
    const argv = ['mongodump', login.option, '--archive', '--oplog', '--numParallelCollections=1'] as const;
    await using running = programs.start({ argv, explain: explainEnd(access) }, this.#signal);
    let latest = new Date(0);
    const { bytes, seen } = watchArchive(running.output, async (documents) => {
      for (const document of documents) {
        const entry = readEntry(document);
        if (entry.wall > latest) latest = entry.wall;
        this.#last = { document, entry };
      }
    });
    yield { name: dumpFile, bytes };
    this.#judge(seen());
    const facts = await takeFacts(programs, access, limits, true, this.#signal);
    this.#facts = { restorableFrom: latest.toISOString(), ...summaryOf(facts) };
    yield { name: factsFile, bytes: once(Buffer.from(`${JSON.stringify(facts, undefined, 1)}\n`)) };
  }

  #judge({ ended, bytes }: ArchiveSeen): void {
    if (ended && this.#last !== undefined) return;
    throw new BerthError(
      'io',
      `mongodump said that all went well, and its output of ${bytes} bytes is not a whole archive with its oplog`,
      'it is tried again; if that goes on, see the log of the server',
    );
  }

  async finish(): Promise<SnapshotFacts> {
    const { access, programs, image } = this.#tools;
    if (this.#last === undefined) throw new Error('asked before its streams were read');
    const now = await identify(programs, access, this.#signal);
    if (now.replicaSet !== this.#identity.replicaSet || now.version !== this.#identity.version)
      throw new BerthError(
        'io',
        'the server was replaced by another one during the backup',
        'it is tried again with the one that is there now',
      );
    const { document, entry } = this.#last;
    return {
      position: { from: null, to: formatTimestamp(entry.at) },
      facts: {
        ...this.#identity,
        last: markOf(document),
        coveredUntil: new Date(entry.wall.getTime() - marginMs).toISOString(),
        ...this.#facts,
      },
      tool: { name: 'mongodump', version: this.#identity.version, image },
    };
  }
}
