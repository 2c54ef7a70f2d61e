import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Compose } from '../../../cli/compose.ts';
import { dataPlaceOf } from '../../../cli/restore/data-place.ts';
import { restoredData } from '../../../cli/restore/database-here.ts';
import { concernedBy, restoreIn } from '../../../cli/restore/database-live.ts';
import { DatabaseVolume } from '../../../cli/restore/database-volume.ts';
import { type LiveRecord, LiveRecordFile } from '../../../cli/restore/live-record.ts';
import type { LiveRestore, LiveWork } from '../../../cli/restore/database-live-steps.ts';
import { bigHost, context, helloPlan } from '../../generator/render/hello.ts';
import { type Asking, type Kill, KillableSite, withoutSync } from './killable-site.ts';

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

/**
 * Stands in for Docker Compose: a site with an application, a database and its replica, whose volume is a folder. Shell runs for real.
 */
export class LiveWorld extends KillableSite {
  readonly said: string[] = [];
  readonly running = new Set(['database', 'database-replica', 'web-blue', 'agent-postgres']);
  /** What the replica holds. */
  replica: string | undefined = 'old';
  /** How often the last of the log was asked for. */
  shipped = 0;
  #seconds = 0;
  readonly #engine: 'postgres' | 'mysql';
  readonly #plan;
  readonly #place;

  constructor(engine: 'postgres' | 'mysql') {
    super();
    this.#engine = engine;
    this.#place = dataPlaceOf(engine);
    this.#plan = plans[engine];
    this.#put(this.#place.folder, 'old');
  }

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

  get phase(): string | undefined {
    return this.record?.phase;
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
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', this.withPrograms(script)], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`ended with ${status ?? 'a signal'}: ${stderr}`);
    return stdout;
  }

  readonly compose: Compose = (args) => this.called(args.join(' '), () => this.#do(args));

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
      record: new LiveRecordFile(this.site, withoutSync),
      volume: new DatabaseVolume(this.#plan, concerned.server, asked, this.compose),
      compose: this.compose,
      docker: (args) =>
        this.called(`docker ${args.join(' ')}`, () => {
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
    const killed = this.begin(kill);
    // With --at its record is of that time.
    const known = asking.ending === undefined ? asking : { ...asking, ...(this.record?.at === undefined ? {} : { at: this.record.at }) };
    return Promise.race([restoreIn(this.#work(known), asking.signal ?? never), killed]);
  }
}
