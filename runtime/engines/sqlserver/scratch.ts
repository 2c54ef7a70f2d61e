import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sqlserver, sqlserverEditions } from '../../../model/engines/sqlserver.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import type { Json } from '../../../model/backup/shape.ts';
import { BerthError } from '../../../model/errors.ts';
import { Secret } from '../../../model/secret.ts';
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
  type ScratchTools as CommonTools,
} from '../scratch-place.ts';
import { saidBy, type SqlServerAccess } from './access.ts';
import { sqlserverChain } from './chain-rules.ts';
import { takeFacts } from './facts.ts';
import type { DatabaseFile } from './identity.ts';
import { logFile } from './log-source.ts';
import { lsnOr0, parseLsn } from './lsn.ts';
import { differentialFile, fullFile } from './producer.ts';
import { atRestScript, checkScript, finishScript, restoreScript, stopFor, wantedLsn } from './restore-statements.ts';
import { ask } from './sqlcmd.ts';
import { writeFileFrom } from './write-file.ts';

export interface ScratchTools extends CommonTools {
  readonly database: string;
  /** A word of the spec. */
  readonly edition: keyof typeof sqlserverEditions;
}

/** SQL Server with folders of its own, which answers nobody outside of its container. */
export const sqlserverScratch = (tools: ScratchTools): ScratchEngine =>
  scratchEngine(
    {
      engine: 'sqlserver',
      title: sqlserver.title,
      user: 'mssql',
      stop: 'SIGTERM',
      server: sqlserver.server,
      // It has no option that says so; with this it does, and starts nothing.
      versionOf: { argv: [sqlserver.server], env: { PAL_PROGRAM_INFO: '1' } },
      takes: ([major], [majorHere]) => major === majorHere,
      // The backup itself lies beside what becomes of it.
      least: 2,
    },
    tools,
    (server, chain) => new SqlServerLaidOut(tools, server, chain),
  );

class SqlServerLaidOut implements LaidOut {
  readonly #tools: ScratchTools;
  readonly #server: ScratchServer;
  readonly #chain: readonly Restorable[];
  readonly #access: SqlServerAccess;
  constructor(tools: ScratchTools, server: ScratchServer, chain: readonly Restorable[]) {
    this.#tools = tools;
    this.#server = server;
    this.#chain = chain;
    this.#access = {
      host: '127.0.0.1',
      port: portOf(tools.tag()),
      user: sqlserver.administrator,
      password: new Secret(`${sqlserver.passwordPrefix}${tools.tag()}${tools.tag()}`),
      database: tools.database,
    };
  }

  get #logs(): readonly Restorable[] {
    return this.#chain.filter(({ manifest }) => manifest.kind === 'log');
  }

  async write(signal: AbortSignal): Promise<void> {
    this.#checkChain();
    const full = fullOf(this.#chain);
    for (const part of ['data', 'system', 'system/log']) await mkdir(join(this.#server.folder, part), { recursive: true, mode: 0o700 });
    await this.#start(signal);
    await this.#load(full, fullFile, signal);
    // A differential one holds all that changed since the full one, what those before it hold as well.
    const differential = this.#chain.findLast(({ manifest }) => manifest.kind === 'increment');
    if (differential !== undefined) await this.#load(differential, differentialFile, signal);
    for (const log of this.#logs) await writeFileFrom(log.open(logFile), this.#pathOf(log.manifest), signal);
  }

  recover = async (target: RestoreTarget, signal: AbortSignal): Promise<Scratch> => {
    const { programs, limits } = this.#tools;
    for (const { manifest } of this.#logsFor(target)) await this.#restore(manifest, 'LOG', stopFor(target), signal);
    const at = await ask<{ readonly at: string | null }>(programs, this.#access, atRestScript(this.#tools.database), signal, system);
    await ask(programs, this.#access, finishScript(this.#tools.database), signal, { ...system, explain: this.#refused });
    const position = at.at ?? fullOf(this.#chain).manifest.position.to ?? '';
    return {
      position,
      facts: async (stop) => {
        await ask(programs, this.#access, checkScript(this.#tools.database), stop, { ...system, explain: this.#refused });
        return (await takeFacts(programs, this.#access, limits, stop)) as unknown as Json;
      },
      canary: async () => undefined,
      keep: (folder, stop) => this.#keep(folder, stop),
      [Symbol.asyncDispose]: () => this[Symbol.asyncDispose](),
    };
  };

  [Symbol.asyncDispose] = async (): Promise<void> => this.#server[Symbol.asyncDispose]();

  /** The files of the one database; those of the server itself stay behind. */
  async #keep(folder: string, signal: AbortSignal): Promise<readonly string[]> {
    const ended = await this.#server.end('SIGTERM');
    if (ended !== undefined && ended.code !== 0) throw await this.#failed(ended);
    await runQuietly(this.#tools.programs, ['sync', '--file-system', this.#server.data], signal);
    await this.#server.keepAs(folder);
    return [];
  }

  /** Each found to go on where the one before ends, before hours are spent on it. */
  #checkChain(): void {
    let before: Manifest = fullOf(this.#chain).manifest;
    for (const { manifest } of this.#chain.slice(1)) {
      const parent = manifest.kind === 'increment' ? fullOf(this.#chain).manifest : before;
      if (!sqlserverChain.follows(parent, manifest)) throw gap(manifest, before.position.to ?? '');
      before = manifest;
    }
  }

  /** One whose records all lie before the end of what is there has nothing to add, and the server would refuse it. */
  #logsFor(target: RestoreTarget): readonly Restorable[] {
    const base = this.#chain.findLast(({ manifest }) => manifest.kind !== 'log')?.manifest;
    const start = lsnOr0(base?.position.to ?? null);
    const all = this.#logs.filter(({ manifest: { position } }) => lsnOr0(position.to) > start && position.from !== position.to);
    const wanted = wantedLsn(target);
    if (wanted === undefined) return all;
    if (target.kind === 'transaction' && parseLsn(wanted) < start) throw unreachable(target, 'it ended before the full backup did');
    if (target.kind === 'position' && base !== undefined && sqlserverChain.endsAt(base, wanted)) return [];
    const last = all.findIndex(({ manifest }) => sqlserverChain.reaches(manifest, wanted));
    if (last < 0) throw unreachable(target, 'no log that was backed up reaches that far');
    return all.slice(0, last + 1);
  }

  #pathOf = ({ id }: Manifest): string => join(this.#server.folder, `${id}.part`);

  async #load({ manifest, open }: Restorable, file: string, signal: AbortSignal): Promise<void> {
    await writeFileFrom(open(file), this.#pathOf(manifest), signal);
    await this.#restore(manifest, 'DATABASE', '', signal);
    await rm(this.#pathOf(manifest), { force: true });
  }

  async #restore(manifest: Manifest, what: 'DATABASE' | 'LOG', stop: string, signal: AbortSignal): Promise<void> {
    const files = filesOf(manifest).map(({ name, path }) => ({ name, path: join(this.#server.data, basename(path)) }));
    const script = restoreScript(this.#tools.database, what, this.#pathOf(manifest), files, stop);
    const explain = (end: ProgramEnd): BerthError => this.#refused(end, manifest.id);
    await ask(this.#tools.programs, this.#access, script, signal, { ...system, explain });
  }

  /** What the server says against a backup is about the backup, unless it is about the place. */
  #refused = ({ stderr }: ProgramEnd, id = fullOf(this.#chain).manifest.id): BerthError => {
    const said = saidBy(stderr);
    if (/Operating system error (?:28|112)\b|Msg (?:1101|1105|3257|701|802)\b|insufficient free space/.test(stderr))
      return ofThePlace(said);
    return (
      troubleIn(stderr, said) ??
      new BerthError(
        'damaged',
        `${sqlserver.title} does not accept backup ${id}: ${said}`,
        'restore from the second store, or from an earlier full backup',
      )
    );
  };

  async #start(signal: AbortSignal): Promise<void> {
    const { folder } = this.#server;
    const { port, password } = this.#access;
    const inSystem = (name: string): string => join(folder, 'system', name);
    const ended = await this.#server.start(
      [sqlserver.server],
      () => answers(async () => (await ask<{ readonly ok: number }>(this.#tools.programs, this.#access, ping, signal, system)).ok === 1),
      signal,
      {
        ACCEPT_EULA: 'Y',
        HOME: '/tmp',
        MSSQL_PID: sqlserverEditions[this.#tools.edition].pid,
        MSSQL_SA_PASSWORD: password,
        MSSQL_IP_ADDRESS: this.#access.host,
        MSSQL_TCP_PORT: String(port),
        MSSQL_MEMORY_LIMIT_MB: String(this.#tools.memoryMiB),
        MSSQL_MASTER_DATA_FILE: inSystem('master.mdf'),
        MSSQL_MASTER_LOG_FILE: inSystem('mastlog.ldf'),
        MSSQL_DATA_DIR: inSystem('.').replace(/\/\.?$/, ''),
        MSSQL_LOG_DIR: inSystem('.').replace(/\/\.?$/, ''),
        MSSQL_DUMP_DIR: inSystem('log'),
        MSSQL_ERROR_LOG_FILE: inSystem('log/errorlog'),
        // A log notes times as the clock of its server had them.
        TZ: 'UTC',
      },
    );
    if (ended !== undefined) throw await this.#failed(ended);
  }

  /** What keeps it from running stands in its log. */
  async #failed({ stderr, code }: ProgramEnd): Promise<BerthError> {
    const log = await readFile(join(this.#server.folder, 'system', 'log', 'errorlog')).catch(() => Buffer.alloc(0));
    // In two bytes a character, as on the system that it comes from, or in one.
    const text = log.subarray(0, 2).equals(Buffer.from([0xff, 0xfe])) ? log.toString('utf16le') : log.toString('utf8');
    const found = text.split('\n').findLast((line) => /\bError: \d+|unable to|failed|cannot/i.test(line));
    const said = found?.trim() ?? (lastLines(stderr) || `it exited with ${code}`);
    return (
      troubleIn(`${said}\n${stderr}`, said) ??
      new BerthError('damaged', `the scratch server did not start: ${said}`, 'what it says tells what it misses')
    );
  }
}

const ping = `SELECT @answer = N'{"ok":1}';`;
/** A database that is being restored lets nobody in. */
const system = { database: 'master' } as const;
const firstPort = 20_000;
const ports = 10_000;

/** Others may be at work in the same container. */
const portOf = (tag: string): number => firstPort + (Number.parseInt(tag, 36) % ports);

const filesOf = ({ facts }: Manifest): readonly DatabaseFile[] => {
  const { files } = facts;
  return Array.isArray(files) ? files : [];
};
