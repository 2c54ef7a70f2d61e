import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Json } from '../../../model/backup/shape.ts';
import { BerthError } from '../../../model/errors.ts';
import { Secret } from '../../../model/secret.ts';
import type { ProgramEnd } from '../../ports/program.ts';
import type { LaidOut, Restorable, RestoreTarget, Scratch, ScratchEngine } from '../../ports/scratch-engine.ts';
import { answers, fullOf, gap, lastLines, ofThePlace, runQuietly, scratchEngine, troubleIn, type ScratchServer } from '../scratch-place.ts';
import { clientArguments, type MysqlAccess } from './access.ts';
import { BrokenLog } from './binlog-events.ts';
import { readCanary } from './canary.ts';
import { nextPlace } from './chain-rules.ts';
import type { Dialect } from './dialect.ts';
import { standsStill, takeFacts } from './facts.ts';
import type { GtidSet } from './gtids.ts';
import { logFile } from './log-source.ts';
import { filesTar } from './clone.ts';
import { dumpFile } from './dump.ts';
import { privateServer } from './private-server.ts';
import { findEnd, placeRelayLogs, readSlice, type LogEnd } from './relay.ts';
import { connect, quoted, type Session } from './session.ts';
import { standingMysql } from './standing.ts';
import { NotContinuous } from './slice-reader.ts';
import type { CloneTools } from './tools.ts';

export interface MysqlScratchTools extends CloneTools {
  readonly dialect: Dialect;
}

const pollMs = 100;
/** Ours alone, beside the accounts that came with the backup. */
const account = 'berth_scratch';

/** MySQL or MariaDB in a folder of its own. */
export const mysqlScratch = (tools: MysqlScratchTools): ScratchEngine => {
  const { engine, title, programs } = tools.dialect;
  return {
    ...scratchEngine(
      // A dump goes up, and never down; binary data are twice as long in it.
      {
        engine,
        title,
        user: 'mysql',
        stop: 'SIGTERM',
        server: programs.server,
        takes: (made, here) => series(made) <= series(here),
        least: 0.5,
      },
      tools,
      (server, chain) => new MysqlLaidOut(tools, server, chain),
    ),
    standing: (data, full) => standingMysql(tools.dialect, data, factOf(full, 'lowerCaseTableNames'), tools.memoryMiB),
  };
};

function factOf({ facts }: Manifest, name: string): string {
  const value = facts[name];
  return typeof value === 'string' ? value : '';
}

/** 8.4 before 9.0, 10.11 before 11.4. */
const series = ([major = 0, minor = 0]: readonly number[]): number => major * 1000 + minor;

class MysqlLaidOut implements LaidOut {
  readonly #tools: MysqlScratchTools;
  readonly #server: ScratchServer;
  readonly #folder: string;
  readonly #chain: readonly Restorable[];
  readonly #logs: string[] = [];
  readonly #access: MysqlAccess;
  constructor(tools: MysqlScratchTools, server: ScratchServer, chain: readonly Restorable[]) {
    this.#tools = tools;
    this.#server = server;
    this.#folder = server.folder;
    this.#chain = chain;
    // With something of each kind, as a server may ask for that.
    const password = new Secret(`${randomBytes(24).toString('base64url')}aA1-`);
    this.#access = { host: join(server.folder, 'socket'), port: 0, user: account, password };
  }

  async write(signal: AbortSignal): Promise<void> {
    const { dialect } = this.#tools;
    const full = fullOf(this.#chain);
    for (const part of ['logs', 'tmp']) await mkdir(join(this.#folder, part), { recursive: true, mode: 0o700 });
    await this.#writeLogs(full, signal);
    const session = await (full.manifest.streams.some(({ name }) => name === filesTar)
      ? this.#unpack(full, signal)
      : this.#load(full, signal));
    await using _ = session;
    for (const statement of dialect.scratch.startAfter(this.#held().toString())) await session.rows(statement);
  }

  /** Statements, into an empty server. @returns an administrator's session. */
  async #load(full: Restorable, signal: AbortSignal): Promise<Session> {
    const { dialect, programs } = this.#tools;
    await mkdir(this.#server.data, { mode: 0o700 });
    await runQuietly(programs, dialect.scratch.initialise(this.#server.data, this.#fact('lowerCaseTableNames')), signal);
    const administrator: MysqlAccess = { ...this.#access, user: 'root', password: null };
    await this.#start(administrator, signal);
    // It stays what it is while the accounts of the backup take the place of those it was made with.
    const session = await connect(dialect.title, administrator, signal);
    try {
      const client = [dialect.programs.client, ...clientArguments(administrator)] as const;
      await runQuietly(
        programs,
        [...client, '--binary-mode', '--max-allowed-packet=1G', '--default-character-set=utf8mb4'],
        signal,
        full.open(dumpFile),
      );
      for (const statement of this.#account()) await session.rows(statement);
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Files, whose server lets in nobody whose password we know: it makes our account when it starts. @returns a session of that. */
  async #unpack(full: Restorable, signal: AbortSignal): Promise<Session> {
    const { dialect, dataFolders } = this.#tools;
    await dataFolders.unpack(this.#server.data, full.open(filesTar), signal);
    const first = join(this.#folder, 'first.sql');
    await writeFile(
      first,
      this.#account()
        .map((statement) => `${statement};\n`)
        .join(''),
      { mode: 0o600 },
    );
    await this.#start(this.#access, signal, [`--init-file=${first}`]);
    await rm(first);
    return connect(dialect.title, this.#access, signal);
  }

  #account = (): readonly string[] => [
    `DROP USER IF EXISTS ${account}@localhost`,
    `CREATE USER ${account}@localhost IDENTIFIED BY ${quoted(this.#access.password?.reveal() ?? '')}`,
    `GRANT ALL ON *.* TO ${account}@localhost WITH GRANT OPTION`,
  ];

  recover = async (target: RestoreTarget, signal: AbortSignal): Promise<Scratch> => {
    const { dialect, limits } = this.#tools;
    const end = await findEnd(this.#logs, this.#held(), dialect.parse, target);
    await using session = await connect(dialect.title, this.#access, signal);
    if (end.transactions > 0) await this.#replay(session, end, signal);
    return {
      position: await this.#reached(session, end.goal),
      canary: async (stop) => {
        await using asking = await connect(dialect.title, this.#access, stop);
        return await readCanary(asking);
      },
      facts: async (stop) => (await takeFacts(dialect, this.#access, limits, standsStill, stop)) as unknown as Json,
      keep: (folder, stop) => this.#keep(folder, stop),
      [Symbol.asyncDispose]: () => this[Symbol.asyncDispose](),
    };
  };

  [Symbol.asyncDispose] = async (): Promise<void> => this.#server[Symbol.asyncDispose]();

  /** Nothing of this server stays in it: not its account, not the log that it read. It wrote without waiting for the disk, so all of it is brought there. */
  async #keep(folder: string, signal: AbortSignal): Promise<readonly string[]> {
    const left = await this.#handOver(signal);
    const ended = await this.#server.end('SIGTERM');
    if (ended !== undefined && ended.code !== 0) throw serverFailed(ended);
    const { data } = this.#server;
    for (const name of await readdir(data)) if (/^relay\.(?:\d+|index)$/.test(name)) await rm(join(data, name));
    await runQuietly(this.#tools.programs, ['sync', '--file-system', data], signal);
    await this.#server.keepAs(folder);
    return left;
  }

  async #handOver(signal: AbortSignal): Promise<readonly string[]> {
    await using session = await connect(this.#tools.dialect.title, this.#access, signal);
    const off = await session.rows(
      `SELECT CONCAT(event_schema, '.', event_name) AS name FROM information_schema.events WHERE status LIKE '%SIDE_DISABLED' ORDER BY 1`,
    );
    // Changed pages go to the data files, as a start without them would have to read the whole log of this server.
    await session.rows('SET GLOBAL innodb_fast_shutdown = 1');
    await session.rows(`DROP USER ${account}@localhost`);
    const names = off.map(({ name }) => String(name));
    return names.length === 0
      ? []
      : [`turn these events on if they are to run, as they were made or changed since the full backup: ${names.join(', ')}`];
  }

  #held = (): GtidSet => this.#tools.dialect.parse(fullOf(this.#chain).manifest.position.to ?? '');

  #fact = (name: string): string => factOf(fullOf(this.#chain).manifest, name);

  /** Slices as they are, each found to be whole and to go on where the one before ends. */
  async #writeLogs(full: Restorable, signal: AbortSignal): Promise<void> {
    const gtids = this.#held();
    let next = nextPlace(full.manifest);
    for (const [index, { manifest, open: openFile }] of this.#chain.slice(1).entries()) {
      const { file, from } = manifest.facts;
      if (file !== next.file || from !== next.position) throw gap(manifest, `${next.file}, ${next.position}`);
      const path = join(this.#folder, 'logs', String(index));
      await writeAll(path, openFile(logFile));
      signal.throwIfAborted();
      try {
        await readSlice(path, gtids, this.#tools.dialect.parse, () => undefined);
      } catch (error) {
        if (error instanceof NotContinuous || error instanceof BrokenLog) throw gap(manifest, `${gtids.toString()}: ${error.message}`);
        throw error;
      }
      this.#logs.push(path);
      next = nextPlace(manifest);
    }
  }

  async #start(as: MysqlAccess, signal: AbortSignal, more: readonly string[] = []): Promise<void> {
    const { dialect, memoryMiB } = this.#tools;
    const of = {
      lowerCaseTableNames: this.#fact('lowerCaseTableNames'),
      characterSet: this.#fact('characterSet'),
      collation: this.#fact('collation'),
    };
    const place = { folder: this.#folder, data: this.#server.data, socket: this.#access.host };
    const argv = privateServer(dialect, place, of, memoryMiB, more);
    const ended = await this.#server.start(argv, () => this.#answers(as, signal), signal);
    if (ended !== undefined) throw serverFailed(ended);
  }

  #answers = async (as: MysqlAccess, signal: AbortSignal): Promise<boolean> =>
    answers(async () => {
      await using _ = await connect(this.#tools.dialect.title, as, signal);
      return true;
    });

  /** The log up to its target, as a replica reads what it received; it is never asked to receive anything. */
  async #replay(session: Session, end: LogEnd, signal: AbortSignal): Promise<void> {
    const { scratch, parse } = this.#tools.dialect;
    await placeRelayLogs(this.#logs, end, this.#server.data);
    for (const statement of scratch.replay) await session.rows(statement);
    for (;;) {
      signal.throwIfAborted();
      const status = await session.row(scratch.status);
      const { gtids } = await session.row(scratch.executed);
      if (parse(gtids ?? '').covers(end.goal)) break;
      if (status[scratch.running] !== 'Yes') throw stopped(gtids ?? '', String(status['Last_SQL_Error']));
      await this.#tools.sleep(pollMs);
    }
    for (const statement of scratch.stop) await session.rows(statement);
  }

  async #reached(session: Session, goal: GtidSet): Promise<string> {
    const { scratch, parse } = this.#tools.dialect;
    const { gtids } = await session.row(scratch.executed);
    const reached = parse(gtids ?? '');
    if (!reached.covers(goal) || !goal.covers(reached)) throw stopped(reached.toString(), `${goal.toString()} was to be reached`);
    return reached.toString();
  }
}

async function writeAll(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  for await (const chunk of bytes)
    await file.appendFile(chunk).catch((error: unknown) => {
      throw ofThePlace((error as Error).message);
    });
}

const stopped = (at: string, why: string): BerthError =>
  troubleIn(why, why) ??
  new BerthError(
    'damaged',
    `the restored server read its log up to ${at} and no further: ${why}`,
    'restore to an earlier point, or from another full backup',
  );

function serverFailed({ stderr }: ProgramEnd): BerthError {
  const said = stderr.split('\n').findLast((line) => /\[ERROR\]/.test(line)) ?? lastLines(stderr);
  return (
    troubleIn(stderr, said) ??
    new BerthError(
      'damaged',
      `the scratch server did not start: ${said.replace(/^.*\[ERROR\] +/, '')}`,
      'what it says tells what it misses',
    )
  );
}
