import { readFileSync, writeFileSync } from 'node:fs';
import { Secret } from '../../../../model/secret.ts';
import type { Program, ProgramEnd, Programs } from '../../../../runtime/ports/program.ts';

export interface Call {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
}

/** How the client ends, in place of the client itself: there was no server to be had. */
export interface Recorded {
  readonly output?: string;
  readonly stderr?: string;
  readonly code?: number;
}

/** What the client prints for an answer: a row for each 8000 digits, blanks at their ends gone, and a line between two rows. */
export function told(answer: object): string {
  const digits = Buffer.from(JSON.stringify(answer), 'utf16le').toString('hex').toUpperCase();
  return ['@berth', ...(digits.match(/.{1,8000}/g) ?? []), '@end'].map((row) => `${row}\n\n`).join('');
}

/** What it says of an error, as with -r1. */
export const refused = (number: number, message: string, level = 16): Recorded => ({
  code: 1,
  stderr: `Msg ${number}, Level ${level}, State 1, Server 4ea7f81e7583, Line 5\n${message}\nMsg 3013, Level 16, State 1, Server 4ea7f81e7583, Line 5\nBACKUP or RESTORE is terminating abnormally.\n`,
});

/** Programs that say what somebody answers once they have read their input. A server runs until it is told to end. */
export function standIn(answer: (call: Call) => Recorded): { readonly programs: Programs; readonly calls: Call[] } {
  const calls: Call[] = [];
  const start = (program: Program): ReturnType<Programs['start']> => {
    const { promise, resolve } = Promise.withResolvers<ProgramEnd>();
    const env = Object.fromEntries(
      Object.entries(program.env ?? {}).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
    );
    const stays = program.argv[0].endsWith('/sqlservr') && env['PAL_PROGRAM_INFO'] === undefined;
    if (stays) calls.push({ argv: program.argv, env, input: '' });
    return {
      output: (async function* () {
        const read: Uint8Array[] = [];
        for await (const chunk of program.input ?? []) read.push(chunk);
        if (stays) return void (await promise);
        const call = { argv: program.argv, env, input: Buffer.concat(read).toString('utf8') };
        calls.push(call);
        const { output = '', stderr = '', code = 0 } = answer(call);
        const end = { code, signal: null, stderr };
        resolve(end);
        yield Buffer.from(output);
        if (code !== 0) throw program.explain?.(end) ?? new Error(`exited with ${code}: ${stderr}`);
      })(),
      ended: promise,
      said: () => '',
      kill: () => resolve({ code: 0, signal: null, stderr: '' }),
      [Symbol.asyncDispose]: async () => resolve({ code: 0, signal: null, stderr: '' }),
    };
  };
  return { programs: { start }, calls };
}

interface Commit {
  readonly lsn: number;
  readonly at: number;
  readonly value: string;
}
interface File {
  readonly type: 'D' | 'I' | 'L';
  readonly first: number;
  readonly last: number;
  readonly backupSet: string;
  readonly base: string | null;
  readonly fork: string;
  readonly commits: readonly Commit[];
}

const guid = (letter: string, number: number): string => `${letter.repeat(8)}-0000-0000-0000-${String(number).padStart(12, '0')}`;
/** As the server counts, with room for blocks and records in between. */
const lsnOf = (count: number): string => String(37_000_000_000_000_000n + BigInt(count) * 100_000n + 1n);
export const hexOf = (count: number): string => `00000025:${count.toString(16).padStart(8, '0')}:0001`;
const countOf = (lsn: string): number => Number((BigInt(lsn) - 37_000_000_000_000_001n) / 100_000n);
const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** A server, as far as its statements show it: a log of which each part is given once, forks, and who has made which full backup. */
export class ServerStandIn {
  now: number;
  recoveryModel = 'FULL';
  edition = 'Standard Edition (64-bit)';
  zoneMinutes = 0;
  versions = true;
  commits: Commit[] = [];
  bytes = 8 * 2 ** 20;
  #end = 10;
  #logFrom: number | null = null;
  #base: string | null = null;
  #fork = 1;
  #family = 1;
  #sets = 0;
  readonly rows = new Map<string, File & { readonly begun: number; readonly path: string; readonly user: string }>();
  /** Of the scratch server: what was restored so far, and to where. */
  restored: { file: File; commits: Commit[]; at: number; open: boolean } | undefined;
  /** Statements in the order in which they came. */
  readonly statements: string[] = [];
  readonly programs: Programs;
  readonly calls: Call[];
  constructor(now: number) {
    this.now = now;
    ({ programs: this.programs, calls: this.calls } = standIn((call) => this.#answer(call)));
  }

  write(value: string): string {
    this.now += 7000;
    this.#end += 3;
    this.commits.push({ lsn: this.#end, at: this.now, value });
    return hexOf(this.#end);
  }

  /** By hand, or by another program. */
  stealLog = (): void => this.#backUp('L', 'elsewhere', '/backups/hand.trn', 'shop\\admin');
  stealBase = (): void => this.#backUp('D', 'elsewhere', '/backups/hand.bak', 'shop\\admin');

  putBack(): void {
    this.#fork += 1;
    this.commits = this.commits.slice(0, -1);
    this.#logFrom = null;
  }

  makeAnew(): void {
    this.#family += 1;
    this.putBack();
  }

  /** To SIMPLE and back: nobody sees it afterwards but by the end of the log. */
  breakLog(): void {
    this.#logFrom = null;
  }

  #answer({ argv, env, input }: Call): Recorded {
    if (env['PAL_PROGRAM_INFO'] !== undefined) return { output: 'sqlservr\n  Version 16.0.4250.1\n  Build ID d8e9\nPAL\n' };
    if (argv[0] === 'sync') return {};
    const statement = /^(?:BACKUP|RESTORE|DBCC|EXEC msdb)[^]*?;/m.exec(input)?.[0];
    if (statement !== undefined) this.statements.push(statement);
    const found = /^BACKUP (DATABASE|LOG) \[shop\] TO DISK = N'([^']+)' WITH (.*), NAME = N'([^']+)';/m.exec(input);
    if (found !== null) {
      const [, what, path = '', options = '', name = ''] = found;
      const type = what === 'LOG' ? 'L' : options.includes('DIFFERENTIAL') ? 'I' : 'D';
      if (type === 'L' && this.#logFrom === null)
        return refused(4214, 'BACKUP LOG cannot be performed because there is no current database backup.');
      this.#backUp(type, name, path, 'berth_backup');
      return { output: told(this.#rowOf(name) ?? {}) };
    }
    const restore = /^RESTORE (DATABASE|LOG) \[shop\] (?:FROM DISK = N'([^']+)' )?WITH (.*);/m.exec(input);
    if (restore !== null) return this.#restore(restore[2], restore[3] ?? '');
    if (input.includes('recoveryModel')) return { output: told(this.#identity()) };
    if (input.includes('redo_start_lsn')) return { output: told({ at: lsnOf(this.restored?.at ?? 0) }) };
    if (input.includes('backupmediafamily')) return { output: told(this.#thief(/last_lsn = (\d+)/.exec(input)?.[1] ?? '')) };
    if (input.includes('FROM msdb.dbo.backupset'))
      return { output: told(this.#rowOf(/AND name = N'([^']+)'/.exec(input)?.[1] ?? '') ?? {}) };
    if (input.includes('BINARY_CHECKSUM')) return { output: told(this.#facts()) };
    return { output: told({ ok: 1 }) };
  }

  #identity() {
    return {
      version: '16.0.4250.1',
      edition: this.edition,
      recoveryModel: this.recoveryModel,
      family: guid('F', this.#family),
      fork: guid('A', this.#fork),
      logFrom: this.#logFrom === null ? null : lsnOf(this.#logFrom),
      logEnd: hexOf(this.#end),
      differentialBase: this.#base,
      now: iso(this.now),
      zoneMinutes: this.zoneMinutes,
      bytes: this.bytes,
      changedBytes: 2 ** 16,
      files: [
        { name: 'shop', path: '/var/opt/mssql/database/shop.mdf' },
        { name: 'shop_log', path: '/var/opt/mssql/database/shop_log.ldf' },
      ],
      others: [{ name: 'scratchpad' }],
    };
  }

  #backUp(type: File['type'], name: string, path: string, user: string): void {
    const begun = this.now;
    this.now += 50;
    const first = type === 'L' ? (this.#logFrom ?? 0) : this.#end;
    this.#end += 1;
    const last = this.#end;
    const inIt = ({ lsn }: Commit): boolean => lsn < last && (type !== 'L' || lsn >= first);
    this.#sets += 1;
    const file: File = {
      type,
      first,
      last,
      backupSet: guid('B', this.#sets),
      base: type === 'I' ? this.#base : null,
      fork: guid('A', this.#fork),
      commits: this.commits.filter(inIt),
    };
    if (type === 'D') this.#base = file.backupSet;
    if (type === 'L') this.#logFrom = last;
    else this.#logFrom ??= first;
    this.rows.set(name, { ...file, begun, path, user });
    if (user === 'berth_backup') writeFileSync(path, JSON.stringify(file));
    // What the server writes of its own, behind every backup.
    this.#end += 1;
  }

  #rowOf(name: string) {
    const row = this.rows.get(name);
    if (row === undefined) return undefined;
    return {
      firstLsn: lsnOf(row.first),
      lastLsn: lsnOf(row.last),
      family: guid('F', this.#family),
      firstFork: row.fork,
      fork: row.fork,
      backupSet: row.backupSet,
      base: row.base,
      damaged: false,
      checksums: true,
      bulkLogged: false,
      begun: iso(row.begun),
      ended: iso(row.begun + 50),
    };
  }

  #thief(lastLsn: string) {
    const row = [...this.rows.values()].findLast(({ type, last }) => type === 'L' && lsnOf(last) === lastLsn);
    return row === undefined ? {} : { user: row.user, path: row.path };
  }

  #facts() {
    const { commits } = this.restored ?? this;
    const rows = String(commits.length);
    const hash = String(
      commits.reduce((sum, { value }) => sum + [...value].reduce((all, letter) => all * 31 + letter.charCodeAt(0), 7), 0),
    );
    return {
      at: this.versions && this.restored === undefined ? hexOf(this.#end) : null,
      tables: [{ name: 'dbo.orders', rows, hash }],
      objects: [],
    };
  }

  /** It takes what goes on where it stands, and nothing else. */
  #restore(path: string | undefined, options: string): Recorded {
    if (path === undefined) {
      if (this.restored !== undefined) this.restored.open = true;
      return { output: told({}) };
    }
    const file = JSON.parse(readFileSync(path, 'utf8')) as File;
    if (file.type === 'D') this.restored = { file, commits: [...file.commits], at: file.last, open: false };
    const { restored } = this;
    if (restored === undefined) return refused(3101, 'A full backup was to come first.');
    if (file.type === 'I' && file.base !== restored.file.backupSet)
      return refused(
        3136,
        'This differential backup cannot be restored because the database has not been restored to the correct earlier state.',
      );
    if (file.type === 'I') Object.assign(restored, { commits: [...file.commits], at: file.last });
    if (file.type !== 'L') return { output: told({}) };
    if (file.fork !== restored.file.fork)
      return refused(4330, 'This backup set cannot be applied because it is on a recovery path that is inconsistent with the database.');
    if (file.first > restored.at)
      return refused(4305, `The log in this backup set begins at LSN ${lsnOf(file.first)}, which is too recent to apply to the database.`);
    if (file.last <= restored.at)
      return refused(
        4326,
        `The log in this backup set terminates at LSN ${lsnOf(file.last)}, which is too early to apply to the database.`,
      );
    const stopAt = /STOPAT = '([^']+)'/.exec(options)?.[1];
    const [, mark, lsn] = /(STOPATMARK|STOPBEFOREMARK) = 'lsn:(\d+)'/.exec(options) ?? [];
    const isIn = (commit: Commit): boolean => {
      if (commit.lsn < restored.at) return false;
      if (stopAt !== undefined) return commit.at <= new Date(`${stopAt}Z`).getTime();
      if (lsn !== undefined) return mark === 'STOPATMARK' ? commit.lsn <= countOf(lsn) : commit.lsn < countOf(lsn);
      return true;
    };
    restored.commits.push(...file.commits.filter(isIn));
    restored.at = file.last;
    return { output: told({}) };
  }
}
