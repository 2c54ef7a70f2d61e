import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compose } from '../../../cli/compose.ts';
import { dataPlaceOf } from '../../../cli/restore/data-place.ts';
import { restoredData } from '../../../cli/restore/database-here.ts';
import { concernedBy, restoreIn } from '../../../cli/restore/database-live.ts';
import { DatabaseVolume } from '../../../cli/restore/database-volume.ts';
import { type LiveEnding, type LiveRecord, LiveRecordFile } from '../../../cli/restore/live-record.ts';
import type { LiveRestore, LiveWork } from '../../../cli/restore/database-live-steps.ts';
import { realFileSystem } from '../../../generator/io/file-system.ts';
import { bigHost, context, helloPlan } from '../../generator/render/hello.ts';

/** A kill loses nothing that was written: only a power cut does. */
const quick = { ...realFileSystem, fsyncSync: () => undefined };
const planOf = (engine: 'postgres' | 'mysql') => {
  const set = { 'backups.folder': '/srv/backups', 'databases.database': { engine, topology: 'primary-replica' } };
  return helloPlan({ target: 'compose', profile: 'recommended', host: bigHost, set });
};
const plans = { postgres: planOf('postgres'), mysql: planOf('mysql') };
const never = new AbortController().signal;
const restored = {
  database: 'database',
  full: { id: '01FULL', madeAt: '2026-03-29T14:00:00.000Z', bytes: 1000 },
  increments: [],
  logs: 2,
  because: 'the newest one',
  until: '2026-03-29T15:00:00.000Z',
  position: '0/42',
  seconds: 3,
  holds: null,
  canary: null,
};

export interface Asking {
  readonly at?: string;
  readonly ending?: LiveEnding;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** Which command the run is killed at, before it was begun or once it was done; and of those that move folders, at which rename. */
export interface Kill {
  readonly call: number;
  readonly when: 'before' | 'after' | `rename ${number}`;
  /** Whether only that command is killed, and the run hears of it. */
  readonly lives?: true;
}

/** What a script finds in place of programs, without a process for each. Coreutils of before 9.5 have no exchange. */
const programsIn = (site: string): string => `chown() { :; }
sync() { :; }
mv() {
  read -r n <${site}/renames; n=$((n + 1)); echo $n >${site}/renames
  if [ "$1" = --exchange ]; then
    [ -e "$4" ] && [ -e "$5" ] && /bin/mv -T "$4" ${site}/between && /bin/mv -T "$5" "$4" && /bin/mv -T ${site}/between "$5" || return
  else /bin/mv "$@" || return
  fi
  read -r killing <${site}/killing
  [ $n != "$killing" ] || kill -KILL $$
}
`;

/**
 * Stands in for Docker Compose: a site with an application, a database and its replica, whose volume is a folder. Shell runs for real. A run of Berth that is
 * killed waits for its command for ever, and nothing that it would have done behind that is done.
 */
export class LiveWorld {
  readonly site = mkdtempSync(join(tmpdir(), 'berth-live-'));
  readonly calls: string[] = [];
  /** How far the record said the restore was when each of them was begun. */
  readonly phases: (string | undefined)[] = [];
  readonly said: string[] = [];
  readonly running = new Set(['database', 'database-replica', 'web-blue', 'agent-postgres']);
  /** What a command says instead of being done. */
  failing: ((command: string) => Error | undefined) | undefined;
  /** What the replica holds. */
  replica: string | undefined = 'old';
  /** How often the last of the log was asked for. */
  shipped = 0;
  #seconds = 0;
  #kill: Kill | undefined;
  #died: (() => void) | undefined;
  readonly #engine: 'postgres' | 'mysql';
  readonly #plan;
  readonly #place;

  constructor(engine: 'postgres' | 'mysql') {
    this.#engine = engine;
    this.#place = dataPlaceOf(engine);
    this.#plan = plans[engine];
    mkdirSync(join(this.site, '.berth'));
    this.#put(this.#place.folder, 'old');
  }

  [Symbol.dispose] = (): void => rmSync(this.site, { recursive: true });

  #put(name: string, text: string): void {
    mkdirSync(join(this.site, 'volume', name), { recursive: true });
    writeFileSync(join(this.site, 'volume', name, 'holds'), text);
  }

  /** What lies in a folder of the volume. */
  holds(name = this.#place.folder): string | undefined {
    const path = join(this.site, 'volume', name, 'holds');
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  /** What lies beside the data, where data of before are kept. */
  get kept(): readonly (string | undefined)[] {
    return readdirSync(join(this.site, 'volume'))
      .filter((name) => name.includes('.before-'))
      .map((name) => this.holds(name));
  }

  get record(): LiveRecord | undefined {
    const left = new LiveRecordFile(this.site).read();
    return left?.version === 1 ? left : undefined;
  }

  /** Writes to the data by the server that runs. */
  write(): void {
    const path = join(this.site, 'volume', this.#place.folder);
    writeFileSync(join(path, 'written'), `${this.calls.length}`);
  }

  /** What `start.sh` and the engine do, and a replica that has nothing. */
  up(): void {
    const [data, waiting] = [this.#place.folder, this.#place.waiting].map((name) => join(this.site, 'volume', name ?? 'nothing'));
    if (data === undefined || waiting === undefined) throw new Error('two places');
    if (!existsSync(data) && existsSync(waiting)) spawnSync('/bin/mv', ['-T', waiting, data]);
    if (!existsSync(data)) this.#put(this.#place.folder, 'an empty database');
    if (!this.running.has('database')) this.write();
    for (const name of ['database', 'database-replica', 'web-blue']) this.running.add(name);
    this.replica ??= this.holds();
  }

  #do(args: readonly string[]): string {
    const [verb = '', ...words] = args;
    switch (verb) {
      case 'stop':
        for (const word of words) this.running.delete(word);
        return '';
      case 'up':
        this.up();
        return '';
      case 'rm':
      case 'restart':
        for (const word of words.filter(() => verb === 'rm')) this.running.delete(word);
        return '';
      case 'ps':
        return [...this.running].join('\n');
      case 'run':
        return this.#run(args);
      default:
        throw new Error(`nobody stands in for ${args.join(' ')}`);
    }
  }

  #run(args: readonly string[]): string {
    if (!args.includes('/bin/sh')) {
      this.#put(`berth-restore/${restoredData}`, 'new');
      return JSON.stringify(restored);
    }
    const volume = join(this.site, 'volume');
    const script = (args.at(-1) ?? '').replaceAll(/(?<![\w-])\/restore(?=[/ ;]|$)/g, volume);
    const env = { PATH: '/usr/bin:/bin' };
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', `${programsIn(this.site)}${script}`], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`ended with ${status ?? 'a signal'}: ${stderr}`);
    return stdout;
  }

  async #called(command: string, deed: () => string): Promise<string> {
    this.calls.push(command);
    this.phases.push(this.record?.phase);
    const kill = this.calls.length === this.#kill?.call ? this.#kill : undefined;
    const died = (): Promise<never> => {
      this.#died?.();
      return new Promise(() => undefined);
    };
    if (kill?.when === 'before') return died();
    const renames = /^rename (\d+)$/.exec(kill?.when ?? '')?.[1];
    for (const [name, text] of Object.entries({ renames: 0, killing: renames ?? 0 })) writeFileSync(join(this.site, name), `${text}\n`);
    const failure = this.failing?.(command);
    if (failure !== undefined) throw failure;
    if (kill === undefined || kill.lives) return deed();
    try {
      return deed();
    } finally {
      await died();
    }
  }

  readonly compose: Compose = (args) => this.#called(args.join(' '), () => this.#do(args));

  #work({ at, ending, yes = true, dryRun = false }: Asking): LiveWork {
    const asked: LiveRestore = {
      site: this.site,
      json: false,
      yes,
      dryRun,
      database: 'database',
      at,
      before: undefined,
      keyFile: undefined,
      ending,
      agent: `agent-${this.#engine}`,
      key: undefined,
      verb: () => [],
      look: () => Promise.resolve(restored),
      ship: () => {
        this.shipped += 1;
        return this.running.has('database') ? Promise.resolve() : Promise.reject(new Error('the server does not run'));
      },
    };
    const concerned = concernedBy(this.#plan, 'database');
    return {
      asked,
      plan: this.#plan,
      concerned,
      record: new LiveRecordFile(this.site, quick),
      volume: new DatabaseVolume(this.#plan, concerned.server, asked, this.compose),
      compose: this.compose,
      docker: (args) =>
        this.#called(`docker ${args.join(' ')}`, () => {
          if (args[0] === 'volume') this.replica = undefined;
          return '';
        }),
      context: {
        ...context,
        now: () => new Date(Date.UTC(2026, 2, 29, 16, 0, this.#seconds++)),
        out: (text: string) => this.said.push(text),
      } as unknown as LiveWork['context'],
      heard: () => undefined,
    };
  }

  /** @returns what came of it, or `killed`. */
  async restore(asking: Asking, kill?: Kill): Promise<{ readonly text: string; readonly result: object } | 'killed'> {
    this.calls.length = 0;
    this.phases.length = 0;
    this.#kill = kill;
    const killed = new Promise<'killed'>((resolve) => (this.#died = () => resolve('killed')));
    // With --at its record is of that time.
    const known = asking.ending === undefined ? asking : { ...asking, ...(this.record?.at === undefined ? {} : { at: this.record.at }) };
    return Promise.race([restoreIn(this.#work(known), asking.signal ?? never), killed]);
  }
}
