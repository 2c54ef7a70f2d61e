import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mongodb } from '../../../model/engines/mongodb.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Json } from '../../../model/backup/shape.ts';
import { BerthError } from '../../../model/errors.ts';
import type { ProgramEnd } from '../../ports/program.ts';
import type { LaidOut, Restorable, RestoreTarget, Scratch, ScratchEngine } from '../../ports/scratch-engine.ts';
import {
  answers,
  fullOf,
  gap,
  lastLines,
  runQuietly,
  scratchEngine,
  troubleIn,
  type ScratchServer,
  type ScratchTools,
} from '../scratch-place.ts';
import { addressOf, type MongoAccess } from './access.ts';
import { watchArchive } from './archive-watch.ts';
import { BrokenBson, documentsOf } from './bson.ts';
import { takeFacts } from './facts.ts';
import { logFile } from './log-source.ts';
import { formatTimestamp, isSameMark, markOf, parseTimestamp, readEntry } from './oplog-entry.ts';
import { dumpFile } from './producer.ts';
import { cutAt, findEnd, OplogFile } from './replay.ts';
import { ask } from './shell.ts';

/** MongoDB in a folder of its own. */
export const mongodbScratch = (tools: ScratchTools): ScratchEngine =>
  scratchEngine(
    {
      engine: 'mongodb',
      title: mongodb.title,
      user: 'mongodb',
      stop: 'SIGTERM',
      server: mongodb.server,
      // An archive and an oplog go to a server of the same series, as the manual has it.
      takes: ([major, minor], [majorHere, minorHere]) => major === majorHere && minor === minorHere,
      // It compresses what it keeps.
      least: 0.2,
    },
    tools,
    (server, chain) => new MongoLaidOut(tools, server, chain),
  );

class MongoLaidOut implements LaidOut {
  readonly #tools: ScratchTools;
  readonly #server: ScratchServer;
  readonly #chain: readonly Restorable[];
  readonly #access: MongoAccess;
  readonly #oplog: string;
  readonly #log: string;
  constructor(tools: ScratchTools, server: ScratchServer, chain: readonly Restorable[]) {
    this.#tools = tools;
    this.#server = server;
    this.#chain = chain;
    this.#access = { host: join(server.folder, 'mongod.sock'), port: mongodb.port, user: '', password: null };
    this.#oplog = join(server.folder, 'oplog.bson');
    this.#log = join(server.folder, 'log');
  }

  async write(signal: AbortSignal): Promise<void> {
    const full = fullOf(this.#chain);
    for (const part of ['data', 'empty']) await mkdir(join(this.#server.folder, part), { recursive: true, mode: 0o700 });
    await this.#start(full.manifest, signal);
    await using oplog = await OplogFile.make(this.#oplog);
    await this.#load(full, oplog, signal);
    await this.#appendLogs(full.manifest, oplog, signal);
  }

  recover = async (target: RestoreTarget, signal: AbortSignal): Promise<Scratch> => {
    const { programs, limits } = this.#tools;
    const end = await findEnd(this.#oplog, parseTimestamp(fullOf(this.#chain).manifest.position.to ?? ''), target);
    const position = await cutAt(this.#oplog, end);
    await this.#restore(['--oplogReplay', `--oplogFile=${this.#oplog}`, join(this.#server.folder, 'empty')], signal);
    return {
      position,
      canary: async () => undefined,
      facts: async (stop) => (await takeFacts(programs, this.#access, limits, false, stop)) as unknown as Json,
      keep: (folder, stop) => this.#keep(folder, stop),
      [Symbol.asyncDispose]: () => this[Symbol.asyncDispose](),
    };
  };

  [Symbol.asyncDispose] = async (): Promise<void> => this.#server[Symbol.asyncDispose]();

  /** Whoever starts it begins a set of its own: none of the old one is in it. */
  async #keep(folder: string, signal: AbortSignal): Promise<readonly string[]> {
    const ended = await this.#server.end('SIGTERM');
    if (ended !== undefined && ended.code !== 0) throw await serverFailed(ended, this.#log);
    await runQuietly(this.#tools.programs, ['sync', '--file-system', this.#server.data], signal);
    await this.#server.keepAs(folder);
    return [];
  }

  /** By itself, in no set, on a socket alone. Nothing in it ends by the clock: what had outlived its time is as it was. */
  async #start({ facts, tool }: Manifest, signal: AbortSignal): Promise<void> {
    const { data } = this.#server;
    const cache = Math.max(smallestCacheMiB, Math.floor((this.#tools.memoryMiB - besideCacheMiB) / 2));
    const ended = await this.#server.start(
      [
        mongodb.server,
        `--dbpath=${data}`,
        `--bind_ip=${this.#access.host}`,
        `--port=${mongodb.port}`,
        `--logpath=${this.#log}`,
        `--wiredTigerCacheSizeGB=${(cache / 1024).toFixed(2)}`,
        '--setParameter=ttlMonitorEnabled=false',
        '--setParameter=diagnosticDataCollectionEnabled=false',
      ],
      () => answers(async () => (await ask<{ readonly ok: number }>(this.#tools.programs, this.#access, ping, signal)).ok === 1),
      signal,
    );
    if (ended !== undefined) throw await serverFailed(ended, this.#log);
    const { compatibility } = facts;
    if (typeof compatibility === 'string' && !tool.version.startsWith(`${compatibility}.`))
      await ask(this.#tools.programs, this.#access, compatibleWith(compatibility), signal);
  }

  /** The entries that came while it was made are kept for the replay, and the program passes them over. */
  async #load(full: Restorable, oplog: OplogFile, signal: AbortSignal): Promise<void> {
    let last: Buffer | undefined;
    const { bytes, seen } = watchArchive(full.open(dumpFile), async (documents) => {
      last = documents.at(-1) ?? last;
      await oplog.append(documents);
    });
    try {
      await this.#restore(['--archive', '--maintainInsertionOrder'], signal, bytes);
    } catch (error) {
      throw error instanceof BrokenBson ? broken(full.manifest, error.message) : error;
    }
    if (!seen().ended || last === undefined) throw broken(full.manifest, 'it is not whole');
    if (!isSameMark(full.manifest.facts['last'], markOf(last)))
      throw broken(full.manifest, 'its oplog ends with another entry than the one it names');
  }

  /** Each found to be whole, and to go on where the one before ends. */
  async #appendLogs(full: Manifest, oplog: OplogFile, signal: AbortSignal): Promise<void> {
    let before = full;
    let at = parseTimestamp(full.position.to ?? '');
    for (const { manifest, open } of this.#chain.slice(1)) {
      if (manifest.position.from !== before.position.to || !isSameMark(before.facts['last'], manifest.facts['after']))
        throw gap(manifest, formatTimestamp(at));
      let last: Buffer | undefined;
      try {
        for await (const document of documentsOf(open(logFile))) {
          const entry = readEntry(document);
          if (entry.at <= at) throw gap(manifest, formatTimestamp(at));
          at = entry.at;
          last = document;
          await oplog.append([document]);
        }
      } catch (error) {
        throw error instanceof BrokenBson ? broken(manifest, error.message) : error;
      }
      signal.throwIfAborted();
      if (last === undefined || !isSameMark(manifest.facts['last'], markOf(last))) throw gap(manifest, formatTimestamp(at));
      before = manifest;
    }
  }

  #restore = (options: readonly string[], signal: AbortSignal, input?: AsyncIterable<Uint8Array>): Promise<void> =>
    runQuietly(this.#tools.programs, ['mongorestore', `--uri=${addressOf(this.#access).reveal()}`, ...options], signal, input);
}

const smallestCacheMiB = 256;
/** What the server, its shell and the program that restores take beside the cache. */
const besideCacheMiB = 512;

const ping = '  answer({ ok: admin.runCommand({ ping: 1 }).ok });';
const compatibleWith = (version: string): string =>
  `  answer({ ok: admin.runCommand({ setFeatureCompatibilityVersion: ${JSON.stringify(version)}, confirm: true }).ok });`;

const broken = ({ id }: Manifest, why: string): BerthError =>
  new BerthError('damaged', `backup ${id} cannot be read: ${why}`, 'restore from the second store, or from an earlier full backup');

/** It writes nearly all that it has to say into its log, a line of JSON each. */
async function serverFailed({ stderr, code }: ProgramEnd, log: string): Promise<BerthError> {
  const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n');
  const said = lines.findLast((line) => /"s":"[FE]"/.test(line)) ?? (lastLines(stderr) || `it exited with ${code}`);
  return (
    troubleIn(`${said}\n${stderr}`, said) ??
    new BerthError('damaged', `the scratch server did not start: ${said}`, 'what it says tells what it misses')
  );
}
