import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { chmodSync, chownSync, globSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';
import { thrifty } from '../../generator/plan/services/agent-container.ts';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import { expect } from 'vitest';
import { ensureImages, IMAGES } from './images.ts';
import { removeNetwork } from './leftovers.ts';
import { attempt, run, succeeds } from './process.ts';
import { until } from './until.ts';

const root = process.cwd();
const modules = realpathSync('node_modules');
/** Of the engine, in all three images. */
export const uid = 999;
export const password = 'b4ckupPassw0rd';

interface Answer {
  readonly failed?: string;
  readonly kind?: string;
  readonly hint?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- what each order answers is looked at where it is asked
  readonly answer?: any;
}

/** An agent: the runtime's own code in a container of the database's image. */
export class Agent {
  readonly #name: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  constructor(name: string, options: readonly string[], settings: object) {
    this.#name = name;
    const child = join(root, 'test/lab/backup-agent.child.ts');
    this.#child = spawn('docker', ['run', ...options, child, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** What it answers, or how it failed. */
  async try(order: string, details: object = {}): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify({ do: order, ...details })}\n`);
    const { value, done } = await this.#lines.next();
    return done === true ? { failed: 'it is gone' } : (JSON.parse(value) as Answer);
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  async ask(order: string, details: object = {}): Promise<any> {
    const { failed, hint, answer } = await this.try(order, details);
    if (failed !== undefined) throw new Error(`${order}: ${failed} (${hint})`);
    return answer;
  }

  async kill(): Promise<void> {
    await attempt(['docker', 'kill', '--signal', 'KILL', this.#name]);
    await new Promise((resolve) => (this.#child.exitCode === null ? this.#child.once('close', resolve) : resolve(undefined)));
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await new Promise((resolve) => (this.#child.exitCode === null ? this.#child.once('close', resolve) : resolve(undefined)));
  }
}

/** A server, a store in a folder, and agents that back the one up into the other. */
export class BackupLab {
  readonly net: string;
  /** The name of the server. */
  readonly database: string;
  readonly home = mkdtempSync(join(tmpdir(), 'berth-bk-'));
  readonly #engine: 'postgres' | 'mysql' | 'mariadb';
  readonly #path: string;
  readonly #settings: object;
  /** @param name - Of what is tried, so that two may be at work beside each other. */
  constructor(engine: 'postgres' | 'mysql' | 'mariadb', settings: { readonly port: number; readonly path: string }, name = 'backup') {
    this.net = `lab-${name}-${engine}`;
    this.database = `${this.net}-server`;
    this.#engine = engine;
    this.#path = settings.path;
    this.#settings = {
      engine,
      host: this.database,
      password,
      store: join(this.home, 'store'),
      folder: this.home,
      keys: join(this.home, 'keys'),
      ...settings,
    };
  }

  /**
   * @param init - What the server runs at its first start.
   * @param isThere - A command in its container that succeeds once it lets in.
   */
  async begin(init: string, options: readonly string[], command: readonly string[], isThere: readonly string[]): Promise<void> {
    await ensureImages([this.#engine, 'node']);
    chmodSync(this.home, 0o755);
    for (const folder of ['keys', 'spool', 'scratch', 'init']) mkdirSync(join(this.home, folder));
    const pem = { type: 'pkcs8', format: 'pem' } as const;
    for (const name of ['operator', 'escrow'])
      writeFileSync(join(this.home, 'keys', `${name}.key`), generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export(pem));
    writeFileSync(join(this.home, 'keys/signer.key'), generateKeyPairSync('ed25519').privateKey.export(pem));
    writeFileSync(join(this.home, 'init/backup.sh'), init, { mode: 0o755 });
    await openFolderStore(join(this.home, 'store'), { mode: 'create', files: realFiles, random: randomUUID });
    for (const path of globSync(`${this.home}/**`, { exclude: (name) => name.endsWith('/init') })) chownSync(path, uid, uid);
    chownSync(join(this.home, 'store/.berth-store'), uid, uid);
    chownSync(join(this.home, 'store/.berth-parts'), uid, uid);
    await removeNetwork(this.net);
    await run(['docker', 'network', 'create', this.net]);
    const server = [
      '--name',
      this.database,
      '--network',
      this.net,
      '-v',
      `${join(this.home, 'init')}:/docker-entrypoint-initdb.d:ro`,
      ...options,
    ];
    await run(['docker', 'run', '-d', ...server, IMAGES[this.#engine].reference, ...command]);
    await until(() => succeeds(['docker', 'exec', ...isThere]), `${this.database} lets in`, {
      seconds: 300,
      tell: async () => (await attempt(['docker', 'logs', '--tail', '30', this.database])).stderr,
    });
  }

  agent(changes: Readonly<Record<string, unknown>> = {}): Agent {
    const name = `${this.net}-agent-${randomUUID().slice(0, 8)}`;
    const mounts = [`${root}:${root}:ro`, `${modules}:${modules}:ro`, `${this.home}:${this.home}`].flatMap((each) => ['-v', each]);
    const node = realpathSync(join(modules, 'node/bin/node'));
    const env = Object.entries(thrifty).flatMap(([variable, value]) => ['-e', `${variable}=${value}`]);
    const options = [
      '--rm',
      '-i',
      '--name',
      name,
      '--network',
      this.net,
      '--user',
      `${uid}:${uid}`,
      ...env,
      ...mounts,
      '--entrypoint',
      node,
    ];
    return new Agent(name, [...options, IMAGES[this.#engine].reference], { ...this.#settings, ...changes });
  }

  /** Runs lines of a shell in the engine's image, beside the store and the keys, with Node and the folder of the sources. */
  async inImage(script: string): Promise<string> {
    const mounts = [`${root}:${root}:ro`, `${modules}:${modules}:ro`, `${this.home}:${this.home}`].flatMap((each) => ['-v', each]);
    const path = `${realpathSync(join(modules, 'node/bin'))}:${this.#path}:/usr/bin:/bin`;
    const options = [
      '--rm',
      '--network',
      'none',
      '--user',
      `${uid}:${uid}`,
      '-w',
      root,
      '-e',
      `PATH=${path}`,
      ...mounts,
      '--entrypoint',
      'sh',
    ];
    return run(['docker', 'run', ...options, IMAGES[this.#engine].reference, '-ec', script]);
  }

  /** One agent dies in the middle of a full backup, and the next in the middle of shipping. @returns The one after these. */
  async dieAtWork(agent: Agent): Promise<Agent> {
    void agent.try('full');
    await sleep(300);
    await agent.kill();
    const second = this.agent();
    await second.ask('open');
    await second.ask('ship');
    void second.try('ship');
    await second.kill();
    const third = this.agent();
    await third.ask('open');
    return third;
  }

  /** Flips a bit of the newest log. @returns Which one, and what undoes it. */
  async damageLog(agent: Agent): Promise<{ readonly id: string; readonly chain: string; readonly repair: () => void }> {
    const { manifests } = await agent.ask('list');
    const { id, chain } = manifests.findLast(({ kind }: { readonly kind: string }) => kind === 'log');
    return { id, chain, ...this.damage(id) };
  }

  /** Flips a bit of a file of a backup. @returns What undoes it. */
  damage(id: string, stream = ''): { readonly repair: () => void } {
    const [path = ''] = globSync(join(this.home, `store/v1/shop/database/data/${id}/${stream}*`));
    const sound = readFileSync(path);
    const damaged = Buffer.from(sound);
    damaged[damaged.length >> 1]! ^= 1;
    chmodSync(path, 0o600);
    writeFileSync(path, damaged);
    return { repair: () => writeFileSync(path, sound) };
  }

  /** Where this machine is reached from the network of the server. */
  gateway(): Promise<string> {
    return run(['docker', 'network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}', this.net]);
  }

  async end(): Promise<void> {
    await removeNetwork(this.net);
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A hole asks for a full backup, which begins a chain of its own; nothing is restored into what lies between. */
export async function expectHole(agent: Agent, because: unknown, write: () => Promise<unknown>): Promise<void> {
  const before = (await agent.ask('list')).spans.length;
  expect(await agent.ask('ship')).toEqual({ kind: 'full needed', because });
  const full = await agent.ask('full');
  await write();
  await sleep(1200);
  expect(await agent.ask('ship')).toMatchObject({ kind: 'shipped', logs: [{ chain: full.id }] });
  const { spans } = await agent.ask('list');
  expect(spans.length).toBe(before + 1);
  const [last, next] = spans.slice(-2);
  const inHole = new Date((Date.parse(last.until) + Date.parse(next.from)) / 2).toISOString();
  expect(await agent.try('restore', { at: inHole })).toMatchObject({
    kind: 'damaged',
    hint: `the nearest points are ${last.until} and ${next.from}`,
  });
}

/** The newest full backup is restored to the place of its facts, and is the same. */
export async function expectProven(agent: Agent): Promise<void> {
  const { result, detail, proofs, backups } = await agent.ask('verify', { level: 3 });
  expect([result, detail]).toEqual([
    'sound',
    [
      expect.stringContaining('all that was known of it then is the same'),
      expect.stringMatching(/^the newest canary that came back is of \S+, \d+ s before that backup was complete$/),
    ],
  ]);
  expect(Object.fromEntries(proofs)[backups[0]]).toBe(3);
}

/** No point is offered, and the nearest one is named. */
export async function expectTooLate(agent: Agent): Promise<void> {
  const { failed, hint } = await agent.try('restore', { at: '2100-01-01T00:00:00.000Z' });
  const { spans } = await agent.ask('list');
  expect(failed).toBe('2100-01-01T00:00:00.000Z lies after all that has been backed up');
  expect(hint).toBe(`the nearest point is ${spans[0].until}`);
}

/** What somebody has written is shipped with a time behind it, and can be restored to at once; that and what a server notes for itself ask for no log. */
export async function expectCanary(agent: Agent, write: () => Promise<unknown>, note: () => Promise<unknown>): Promise<void> {
  await write();
  const before = new Date();
  expect((await agent.ask('ship')).kind).toBe('shipped');
  const { spans } = await agent.ask('list');
  expect(spans.at(-1).until).toSatisfy((until: string) => new Date(until) >= before);
  await note();
  expect(await agent.ask('ship')).toMatchObject({ kind: 'quiet' });
  const { canary, facts } = await agent.ask('restore');
  expect(canary).toSatisfy((moment: string) => new Date(moment) >= before && new Date(moment) <= new Date());
  expect(JSON.stringify(facts)).not.toContain('canary');
}
