import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasLogBehind, type Manifest } from '../../../model/backup/manifest.ts';
import type { Json } from '../../../model/backup/shape.ts';
import { BerthError } from '../../../model/errors.ts';
import type { ProgramEnd } from '../../ports/program.ts';
import type { LaidOut, Restorable, RestoreTarget, Scratch, ScratchEngine } from '../../ports/scratch-engine.ts';
import {
  answers,
  fullOf,
  gap,
  lastLines,
  ofThePlace,
  runQuietly,
  scratchEngine,
  troubleIn,
  unreachable,
  type ScratchServer,
  type ScratchTools,
} from '../scratch-place.ts';
import type { PostgresAccess } from './access.ts';
import { canaryDatabase, readCanary } from './canary.ts';
import { nextPosition, segmentBytesOf, timelineOf } from './chain-rules.ts';
import { takeFacts } from './facts.ts';
import { logFile } from './log-source.ts';
import { formatLsn, parseLsn, segmentName, startOfSegment, type Lsn } from './lsn.ts';
import { baseTar } from './producer.ts';
import { scratchSettings, withoutRecovery } from './recovery-settings.ts';
import { connect } from './session.ts';
import { standingPostgres } from './standing.ts';

/** What the server says when the log ends and the target had not come. */
const notReached = /recovery ended before configured recovery target was reached/;
const tooEarly = /requested recovery stop point is before consistent recovery point/;

/** PostgreSQL in a folder of its own. */
export const postgresScratch = (tools: ScratchTools): ScratchEngine => ({
  ...scratchEngine(
    {
      engine: 'postgres',
      title: 'PostgreSQL',
      user: 'postgres',
      stop: 'SIGQUIT',
      server: 'postgres',
      // The files of a major version are its own.
      takes: ([made], [here]) => made === here,
      least: 1,
    },
    tools,
    (server, chain) => new PostgresLaidOut(tools, server, chain),
  ),
  standing: (data) => standingPostgres(data, tools.memoryMiB),
});

class PostgresLaidOut implements LaidOut {
  readonly #tools: ScratchTools;
  readonly #server: ScratchServer;
  readonly #folder: string;
  readonly #data: string;
  readonly #chain: readonly Restorable[];
  /** What ALTER SYSTEM wrote in the original: it holds for whoever keeps the data, and not here. */
  #altered = '';
  constructor(tools: ScratchTools, server: ScratchServer, chain: readonly Restorable[]) {
    this.#tools = tools;
    this.#server = server;
    this.#folder = server.folder;
    this.#data = server.data;
    this.#chain = chain;
  }

  async write(signal: AbortSignal): Promise<void> {
    const bases = this.#chain.filter(({ manifest }) => hasLogBehind(manifest.kind));
    const last = bases.at(-1) ?? fullOf(this.#chain);
    await mkdir(join(this.#folder, 'socket'), { recursive: true, mode: 0o700 });
    await (bases.length > 1 ? this.#combine(bases, signal) : this.#extract(last, this.#data, signal));
    await this.#writeLogs(last.manifest, this.#chain.slice(bases.length), signal);
    const altered = join(this.#data, 'postgresql.auto.conf');
    this.#altered = await readFile(altered, 'utf8');
    await writeFile(altered, '');
    await rm(join(this.#data, 'standby.signal'), { force: true });
    await writeFile(join(this.#data, 'recovery.signal'), '');
  }

  /** As the server sent it, which its own manifest tells. */
  async #extract(base: Restorable, folder: string, signal: AbortSignal): Promise<void> {
    const { programs } = this.#tools;
    await mkdir(folder, { mode: 0o700 });
    await runQuietly(programs, ['tar', '--extract', '--file=-', `--directory=${folder}`], signal, base.open(baseTar));
    await runQuietly(programs, ['pg_verifybackup', '--quiet', folder], signal);
  }

  /** What a full backup and its increments make together. Each is looked at by itself, as what puts them together believes them. */
  async #combine(bases: readonly Restorable[], signal: AbortSignal): Promise<void> {
    const { programs } = this.#tools;
    const parts = bases.map((_, index) => join(this.#folder, `part-${index}`));
    for (const [index, base] of bases.entries()) await this.#extract(base, parts[index] ?? '', signal);
    await runQuietly(programs, ['pg_combinebackup', '--no-sync', `--output=${this.#data}`, ...parts], signal);
    for (const part of parts) await rm(part, { recursive: true });
    await runQuietly(programs, ['pg_verifybackup', '--quiet', this.#data], signal);
  }

  recover = async (target: RestoreTarget, signal: AbortSignal): Promise<Scratch> => {
    const ended = await this.#start(target, signal);
    if (ended === undefined) return this.#running(target.kind === 'latest', signal);
    if (tooEarly.test(ended.stderr)) throw unreachable(target, 'the backup that it begins with was not yet complete then');
    if (!notReached.test(ended.stderr)) throw serverFailed(ended);
    if (target.kind === 'transaction') throw unreachable(target, 'it did not end in what was backed up');
    // The log was read to its end, and nothing in it lies beyond the target: its end is what was asked for.
    const again = await this.#start({ kind: 'latest' }, signal);
    if (again !== undefined) throw serverFailed(again);
    return this.#running(true, signal);
  };

  [Symbol.asyncDispose] = async (): Promise<void> => this.#server[Symbol.asyncDispose]();

  /** @returns Nothing once it answers, and how it ended if it did. */
  async #start(target: RestoreTarget, signal: AbortSignal): Promise<ProgramEnd | undefined> {
    const places = {
      socketFolder: join(this.#folder, 'socket'),
      hbaFile: join(this.#folder, 'hba'),
      identFile: join(this.#folder, 'ident'),
    };
    const config = join(this.#folder, 'postgresql.conf');
    await writeFile(config, scratchSettings(places, this.#tools.memoryMiB, target));
    await writeFile(places.hbaFile, 'local all all trust\n');
    await writeFile(places.identFile, '');
    return this.#server.start(['postgres', '-D', this.#data, '-c', `config_file=${config}`], () => this.#answers(signal), signal);
  }

  /** It lets nobody in before it has read its log. */
  #answers = async (signal: AbortSignal): Promise<boolean> =>
    answers(async () => {
      await using session = await connect(this.#access(), 'postgres', signal);
      return (await session.row('SELECT pg_is_in_recovery()::text AS recovering'))['recovering'] === 'false';
    });

  /** @param toTheEnd - Whether all of the log should have been read. */
  async #running(toTheEnd: boolean, signal: AbortSignal): Promise<Scratch> {
    await using session = await connect(this.#access(), 'postgres', signal);
    const { position } = await session.row('SELECT pg_last_wal_replay_lsn()::text AS position');
    const last = this.#chain.at(-1)?.manifest;
    if (toTheEnd && last?.facts['endsWithRecord'] === true && parseLsn(String(position)) < parseLsn(last.position.to ?? ''))
      throw readInPart(last, String(position));
    const { limits, sleep } = this.#tools;
    return {
      position: String(position),
      canary: async (stop) => {
        await using asking = await connect(this.#access(), canaryDatabase, stop);
        return await readCanary(asking);
      },
      facts: async (stop) => (await takeFacts(this.#access(), limits, sleep, stop)) as unknown as Json,
      keep: (folder, stop) => this.#keep(folder, stop),
      [Symbol.asyncDispose]: () => this[Symbol.asyncDispose](),
    };
  }

  /** It wrote without waiting for the disk, so all of it is brought there before it gets its name. */
  async #keep(folder: string, signal: AbortSignal): Promise<readonly string[]> {
    const ended = await this.#server.end('SIGINT');
    if (ended !== undefined && ended.code !== 0) throw serverFailed(ended);
    await writeFile(join(this.#data, 'postgresql.auto.conf'), withoutRecovery(this.#altered));
    await runQuietly(this.#tools.programs, ['initdb', '--sync-only', `--pgdata=${this.#data}`], signal);
    await this.#server.keepAs(folder);
    return [];
  }

  #access(): PostgresAccess {
    const user = this.#chain[0]?.manifest.facts['superuser'];
    return { host: join(this.#folder, 'socket'), port: 5432, user: typeof user === 'string' ? user : 'postgres', password: null };
  }

  /** Into the folder where the server looks for its log. What the backup before brought along of it is the same, and less. */
  async #writeLogs(base: Manifest, logs: readonly Restorable[], signal: AbortSignal): Promise<void> {
    let at = nextPosition(base);
    for (const { manifest, open: openFile } of logs) {
      if (manifest.position.from !== formatLsn(at)) throw gap(manifest, formatLsn(at));
      for await (const chunk of openFile(logFile)) at = await this.#append(at, chunk, base);
      signal.throwIfAborted();
      if (manifest.position.to !== formatLsn(at)) throw gap(manifest, formatLsn(at));
    }
  }

  async #append(from: Lsn, bytes: Uint8Array, base: Manifest): Promise<Lsn> {
    const segmentBytes = segmentBytesOf(base);
    let at = from;
    for (let done = 0; done < bytes.length;) {
      const start = startOfSegment(at, segmentBytes);
      const offset = Number(at - start);
      const piece = bytes.subarray(done, done + segmentBytes - offset);
      const path = join(this.#data, 'pg_wal', segmentName(timelineOf(base), at, segmentBytes));
      await writeAt(path, piece, offset, segmentBytes);
      done += piece.length;
      at += BigInt(piece.length);
    }
    return at;
  }
}

/** The file has its full length from the start, as the server wants it. */
async function writeAt(path: string, bytes: Uint8Array, offset: number, fileBytes: number): Promise<void> {
  try {
    await using file = await open(path, offset === 0 ? 'w' : 'r+', 0o600);
    if (offset === 0) await file.truncate(fileBytes);
    await file.write(bytes, 0, bytes.length, offset);
  } catch (error) {
    throw ofThePlace((error as Error).message);
  }
}

const readInPart = ({ id, position }: Manifest, reached: string): BerthError =>
  new BerthError(
    'damaged',
    `the server read the log up to ${reached} and no further, and ${id} goes up to ${position.to}`,
    'restore to an earlier point, or from the second store',
  );

function serverFailed({ stderr }: ProgramEnd): BerthError {
  const fatal = stderr.split('\n').findLast((line) => /(?:FATAL|PANIC):/.test(line)) ?? lastLines(stderr);
  return (
    troubleIn(stderr, fatal) ??
    new BerthError(
      'damaged',
      `the restored server did not start: ${fatal.replace(/^.*(?:FATAL|PANIC): +/, '')}`,
      'restore to another point; what the server says above tells what it misses',
    )
  );
}
