import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Compose } from '../../../cli/compose.ts';
import { cacheLive } from '../../../cli/restore/cache-live.ts';
import { type CopyLiveAsked, type CopyWork, restoreCopyIn } from '../../../cli/restore/copy-live.ts';
import { LiveRecordFile } from '../../../cli/restore/live-record.ts';
import { volumeLive } from '../../../cli/restore/volume-live.ts';
import { bigHost, context, everyKind, helloPlan } from '../../generator/render/hello.ts';
import { type Asking, type Kill, KillableSite, withoutSync } from './killable-site.ts';

const set = { ...everyKind, 'backups.folder': '/srv/backups', 'caches.cache': { engine: 'valkey', use: 'sessions', topology: 'sentinel' } };
const plan = helloPlan({ target: 'compose', profile: 'recommended', host: bigHost, set });
const never = new AbortController().signal;
const nodes = [0, 1, 2].map((node) => `cache-node-${node}`);
const madeAt = '2026-03-29T14:00:00.000Z';
/** As a server writes it, as far as these scripts look. */
const restored = 'REDIS new';

/**
 * Stands in for Docker Compose: a site with a volume of files, or a cache of three nodes, whose volumes are folders. Shell runs for real.
 */
export class CopyWorld extends KillableSite {
  readonly said: string[] = [];
  readonly running = new Set([...nodes, 'web-blue']);
  readonly only: 'cache' | 'volume';
  #seconds = 0;

  constructor(only: 'cache' | 'volume') {
    super();
    this.only = only;
    writeFileSync(join(this.site, 'valkey.conf'), 'appendonly "yes"\n');
    if (only === 'volume') {
      mkdirSync(join(this.site, 'volume/deep'), { recursive: true });
      for (const name of ['holds', 'deep/holds']) writeFileSync(join(this.site, 'volume', name), 'old');
      return;
    }
    for (const node of nodes) {
      const folder = join(this.site, node, 'appendonlydir');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'appendonly.aof.3.base.rdb'), 'old');
      writeFileSync(join(folder, 'appendonly.aof.7.incr.aof'), '');
      writeFileSync(join(folder, 'appendonly.aof.manifest'), 'file appendonly.aof.3.base.rdb seq 3 type b\n');
    }
  }

  /** What a server of each node would read in that folder of it, or what lies in the volume. */
  holds(folder?: string): readonly (string | undefined)[] {
    if (this.only === 'volume') return ['holds', 'deep/holds'].map((name) => this.#read(join('volume', folder ?? '.', name)));
    return nodes.map((node) => {
      const at = join(node, folder ?? 'appendonlydir');
      const base = /^file (\S+\.base\.rdb) /.exec(this.#read(join(at, 'appendonly.aof.manifest')) ?? '')?.[1];
      return base === undefined ? undefined : this.#read(join(at, base));
    });
  }

  #read(path: string): string | undefined {
    const full = join(this.site, path);
    return existsSync(full) ? readFileSync(full, 'utf8') : undefined;
  }

  /** What somebody does who is sure. */
  remove(kept: string): void {
    for (const volume of this.only === 'volume' ? ['volume'] : nodes) rmSync(join(this.site, volume, kept), { recursive: true });
  }

  /** Folders beside the data, of the volume or of each node. */
  get beside(): readonly string[] {
    const volumes = this.only === 'volume' ? ['volume'] : nodes;
    const all = volumes.flatMap((volume) => readdirSync(join(this.site, volume)));
    return [...new Set(all)]
      .filter((name) => name.startsWith('.berth') || name.includes('.before-') || name.includes('.undone-'))
      .toSorted();
  }

  get phase(): string | undefined {
    return new LiveRecordFile(this.site).read()?.phase;
  }

  /** What `docker compose up -d --wait` does. */
  up(): void {
    if (existsSync(join(this.site, 'volume/.berth-restore/exchanging'))) throw new Error('a restore of the volume uploads is half done');
    const half = nodes.some((node) => existsSync(join(this.site, node, '.berth-exchanging')));
    if (half) throw new Error('a restore of the cache cache is half done');
    for (const name of [...nodes, 'web-blue']) this.running.add(name);
  }

  #do(args: readonly string[], input: string | undefined): string {
    const [verb = '', ...words] = args;
    switch (verb) {
      case 'stop':
        for (const word of words) this.running.delete(word);
        return '';
      case 'up':
        this.up();
        return '';
      case 'run':
        return this.#run(args, input);
      default:
        throw new Error(`nobody stands in for ${args.join(' ')}`);
    }
  }

  #run(args: readonly string[], input: string | undefined): string {
    if (!args.includes('/bin/sh')) {
      const folder = join(this.site, 'volume/.berth-restore/new/deep');
      mkdirSync(folder, { recursive: true });
      for (const path of ['holds', '../holds']) writeFileSync(join(folder, path), 'new');
      return JSON.stringify({ ...planned, restored: { files: 2, bytes: 6 }, owners: true });
    }
    // The first is mounted by the service itself, the others are named.
    const others = args.flatMap((word, index) => (args[index - 1] === '--volume' ? [word] : []));
    const own = args[args.indexOf('/bin/sh') + 1] ?? '';
    const mounts =
      this.only === 'volume'
        ? [['/restore', 'volume']]
        : [
            ['/data', own],
            ...others.map((one) => [one.split(':')[1] ?? '', (one.split(':')[0] ?? '').replace(/^hello_/, '').replace(/-data$/, '')]),
          ];
    let script = (args.at(-1) ?? '').replaceAll('/etc/berth/cache/*.conf', join(this.site, 'valkey.conf'));
    for (const [mounted = '', folder = ''] of mounts)
      script = script.replaceAll(new RegExp(`(?<![\\w-])${mounted}(?=[/ ;"]|$)`, 'gm'), join(this.site, folder));
    const given = { env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8', input: input ?? '' } as const;
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', this.withPrograms(script)], given);
    if (status !== 0) throw new Error(`ended with ${status ?? 'a signal'}: ${stderr}`);
    return stdout;
  }

  readonly compose: Compose = async (args, _, { input } = {}) => {
    const command = args.join(' ');
    let given = '';
    // What the agent's own program is told has no end.
    if (input !== undefined && typeof input !== 'string' && args.includes('/bin/sh'))
      for await (const chunk of input) given += Buffer.from(chunk).toString();
    return this.called(command, () => this.#do(args, given));
  };

  #work({ at, ending, yes = true, dryRun = false }: Asking): CopyWork {
    const name = this.only === 'volume' ? 'uploads' : 'cache';
    const asked: CopyLiveAsked = { site: this.site, only: this.only, name, at, keyFile: undefined, ending, json: false, yes, dryRun };
    const told = {
      ...context,
      now: () => new Date(Date.UTC(2026, 2, 29, 16, 0, this.#seconds++)),
      out: (text: string) => this.said.push(text),
    } as unknown as Parameters<typeof volumeLive>[2];
    return {
      asked,
      live:
        this.only === 'volume'
          ? volumeLive(plan, { ...asked, agent: 'agent-files' }, told)(this.compose)
          : cacheLive(plan, asked, told)(this.compose),
      record: new LiveRecordFile(this.site, withoutSync),
      open: () =>
        Promise.resolve({
          planned,
          open: async function* () {
            yield Buffer.from(restored);
          },
        }),
      compose: this.compose,
      docker: () => Promise.resolve(''),
      context: told,
      heard: () => undefined,
    };
  }

  /** @returns what came of it, or `killed`. */
  async restore(asking: Asking, kill?: Kill): Promise<{ readonly text: string; readonly result: object } | 'killed'> {
    const killed = this.begin(kill);
    return Promise.race([restoreCopyIn(this.#work(asking), asking.signal ?? never), killed]);
  }
}

const planned = { source: 'it', id: '01', madeAt, files: [{ name: 'dump.rdb', bytes: restored.length }], facts: {} };
