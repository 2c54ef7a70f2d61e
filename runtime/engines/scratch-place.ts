import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeBytes, plainBytesOf } from '../../model/backup/bytes.ts';
import type { Json } from '../../model/backup/shape.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { Program, ProgramEnd, Programs, RunningProgram } from '../ports/program.ts';
import type { LaidOut, Restorable, RestoreTarget, ScratchEngine } from '../ports/scratch-engine.ts';
import { collect } from '../streams/blocks.ts';
import { compareFacts, type FactLimits, type ServerFacts } from './table-facts.ts';
import { freeIn } from './free-room.ts';

/** What the scratch server of any engine is made with. */
export interface ScratchTools {
  readonly programs: Programs;
  /** Room for the whole database and its log. A short path: that of a socket may have 107 characters. */
  readonly folder: string;
  readonly memoryMiB: number;
  readonly limits: FactLimits;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Names a folder that nobody else uses. */
  readonly tag: () => string;
  /** Who we are: no server starts for root. */
  readonly uid: number;
  /** Bytes that are free in a folder; by what its file system says, unless something else is given. */
  readonly room?: (folder: string) => Promise<number>;
}

/** @param folder - Of an agent, of a database. */
export const scratchIn = (folder: string): string => join(folder, 'scratch');

/** File of a full backup with what the server said of itself. */
export const factsFile = 'facts.json';
const largestFacts = 256 * 2 ** 20;
const longestSocketFolder = 90;
const longestVersion = 10_000;
const pollMs = 100;

/** For facts that lie beside a full backup, with the place that they are of. */
const factsOfFull: Pick<ScratchEngine, 'expectation' | 'compare'> = {
  expectation: async (full) => {
    const facts = JSON.parse(Buffer.from(await collect(full.open(factsFile), largestFacts)).toString('utf8')) as ServerFacts;
    if (facts.position === null) return undefined;
    return { target: { kind: 'position', position: facts.position }, facts: facts as unknown as Json };
  },
  compare: (expected, found) => compareFacts(expected as unknown as ServerFacts, found as unknown as ServerFacts),
};

function checkPlace(title: string, user: string, folder: string, uid: number): void {
  if (uid === 0)
    throw new BerthError('usage', `${title} does not start as root`, `restore as the user of the engine: in its image that is \`${user}\``);
  if (folder.length > longestSocketFolder)
    throw new BerthError(
      'usage',
      `${folder} is too long for the path of a socket`,
      `give a scratch folder of fewer than ${longestSocketFolder - 30} characters`,
    );
}

/** What an engine makes of a chain, in the folder of a server. */
interface Laying extends LaidOut {
  readonly write: (signal: AbortSignal) => Promise<void>;
}

interface EngineNames {
  readonly engine: string;
  readonly title: string;
  /** Of the operating system, in the engine's image. */
  readonly user: string;
  readonly stop: 'SIGTERM' | 'SIGQUIT';
  readonly server: string;
  /** Says which version it is; the server itself with `--version`, unless it has another way. */
  readonly versionOf?: Program;
  /** Whether a server of this version takes what one of that version has made. Versions are lists of numbers. */
  readonly takes: (made: readonly number[], here: readonly number[]) => boolean;
  /** The least that a byte of a full backup becomes on the disk. */
  readonly least: number;
}

/** An engine in folders of its own, each with a server on a socket there, and with all files gone afterwards. */
export const scratchEngine = (
  names: EngineNames,
  tools: ScratchTools,
  lay: (server: ScratchServer, chain: readonly Restorable[]) => Laying,
): ScratchEngine => ({
  engine: names.engine,
  layOut: async (chain, signal) => {
    const folder = join(tools.folder, `scratch-${tools.tag()}`);
    checkPlace(names.title, names.user, folder, tools.uid);
    await checkVersion(names, tools.programs, fullOf(chain).manifest, signal);
    // Of the first restore in a volume it is made here: no file system says what is free where nothing is.
    await mkdir(tools.folder, { recursive: true, mode: 0o700 });
    await checkRoom(names, tools, chain);
    const server = new ScratchServer(tools, folder, names.stop);
    try {
      const laidOut = lay(server, chain);
      await laidOut.write(signal);
      return laidOut;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  },
  ...factsOfFull,
});

/**
 * Takes away what a process that was killed has left of restores and increments, each up to a whole database: only for whoever begins and works there alone.
 *
 * @param folder - Of {@link ScratchTools}.
 * @returns the names of what was there.
 */
export async function clearScratch(folder: string): Promise<readonly string[]> {
  const left = (await readdir(folder).catch(() => [])).filter((name) => /^(?:scratch|increment)-/.test(name));
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
  return left;
}

const versionIn = (text: string): readonly number[] => (/\d+(?:\.\d+)+/.exec(text)?.[0] ?? '').split('.').map(Number);

/** Before hours are spent on what the server would not read in the end. */
async function checkVersion(
  { title, server, versionOf, takes }: EngineNames,
  programs: Programs,
  full: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const made = versionIn(full.tool.version);
  await using asked = programs.start(versionOf ?? { argv: [server, '--version'] }, signal);
  const here = versionIn(Buffer.from(await collect(asked.output, longestVersion)).toString('utf8'));
  if (takes(made, here)) return;
  throw new BerthError(
    'unsupported',
    `backup ${full.id} is of ${title} ${made.join('.')}, and this is ${here.join('.')}`,
    `restore it in an image of ${title} ${made.join('.')}${full.tool.image === null ? '' : `, such as ${full.tool.image}`}, and bring the database to the new version then`,
  );
}

/** What fills the disk here keeps the log from being received as well. So what cannot fit is not begun; what may not fit is tried. */
async function checkRoom({ least }: EngineNames, { folder, room = freeIn }: ScratchTools, chain: readonly Restorable[]): Promise<void> {
  const bytes = (backups: readonly Restorable[]): number => backups.reduce((sum, { manifest }) => sum + plainBytesOf(manifest), 0);
  const [full, ...increments] = chain.filter(({ manifest }) => manifest.kind !== 'log');
  const whole = full === undefined ? 0 : least * bytes([full]);
  const parts = increments.length === 0 ? 0 : whole + bytes(increments);
  // The parts lie there until a whole was made of them, and the log comes when they are gone.
  const takes = whole + Math.max(parts, bytes(chain.filter(({ manifest }) => manifest.kind === 'log')));
  const free = await room(folder);
  if (takes > free) throw ofThePlace(`it takes ${describeBytes(takes)} at least, and ${folder} has ${describeBytes(free)} left`);
}

/** A server and its folder. Disposing of it ends the one and deletes the other. */
export class ScratchServer implements AsyncDisposable {
  readonly folder: string;
  readonly data: string;
  readonly #tools: ScratchTools;
  readonly #stop: EngineNames['stop'];
  #running: RunningProgram | undefined;
  constructor(tools: ScratchTools, folder: string, stop: EngineNames['stop']) {
    this.#tools = tools;
    this.#stop = stop;
    this.folder = folder;
    this.data = join(folder, 'data');
  }

  /** @returns Nothing once it answers, and how it ended if it did. */
  async start(
    argv: Program['argv'],
    answers: () => Promise<boolean>,
    signal: AbortSignal,
    env: Program['env'] = {},
  ): Promise<ProgramEnd | undefined> {
    const server = this.#tools.programs.start({ argv, env: { LC_ALL: 'C', ...env } }, signal);
    this.#running = server;
    return untilItAnswers(server, answers, this.#tools.sleep, signal);
  }

  /** Lets it end by itself, as its data are to be kept. @returns Nothing when it did not run. */
  async end(by: 'SIGINT' | 'SIGTERM'): Promise<ProgramEnd | undefined> {
    this.#running?.kill(by);
    const ended = await this.#running?.ended;
    this.#running = undefined;
    return ended;
  }

  /** Gives its data a name that outlives it, once it has ended and all of them are on the disk. */
  async keepAs(folder: string): Promise<void> {
    await rename(this.data, folder);
    await using parent = await open(dirname(folder), 'r');
    await parent.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running?.kill(this.#stop);
    await this.#running?.[Symbol.asyncDispose]();
    this.#running = undefined;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Whether a server lets somebody in; whatever it says instead of doing so, it does not yet. */
export async function answers(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof BerthError) return false;
    throw error;
  }
}

/** Runs a program that writes nothing of interest. @throws BerthError as `explain` has it. */
export async function runQuietly(
  programs: Programs,
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
  input?: AsyncIterable<Uint8Array>,
): Promise<void> {
  const explain = ({ stderr }: ProgramEnd) => unsound(argv[0], stderr);
  await using running = programs.start({ argv, explain, env: { LC_ALL: 'C' }, ...(input && { input }) }, signal);
  for await (const _ of running.output);
}

/** It writes nothing there; how it ended is read from elsewhere. */
export function drain(output: RunningProgram['output']): void {
  void (async () => {
    for await (const _ of output);
  })().catch(() => undefined);
}

/** In looks: 30 s. Who holds it for a moment lets go of it again. */
const longestStopped = 30_000 / pollMs;
/** In looks: 10 min. Also a disk that is far too slow lets it take the processor now and then. */
const longestIdle = 600_000 / pollMs;

/** Whoever is asked may stand still as well, and never answer: so it is watched beside that. */
async function untilItAnswers(
  server: RunningProgram,
  answers: () => Promise<boolean>,
  sleep: (milliseconds: number) => Promise<void>,
  signal: AbortSignal,
): Promise<ProgramEnd | undefined> {
  drain(server.output);
  const done = new AbortController();
  const asking = async (): Promise<ProgramEnd | undefined> => {
    let end: ProgramEnd | undefined;
    void server.ended.then((how) => (end = how));
    const hasEnded = (): ProgramEnd | undefined => end;
    for (let how = hasEnded(); ; how = hasEnded()) {
      signal.throwIfAborted();
      if (how !== undefined || done.signal.aborted) return how;
      if (await answers()) return undefined;
      await sleep(pollMs);
    }
  };
  const watching = async (): Promise<never> => {
    let [stopped, idle, before] = [0, 0, ''];
    while (!done.signal.aborted) {
      await sleep(pollMs);
      const life = server.life?.();
      // Where nothing can be seen, nothing is judged; how one ended that is gone is told by itself.
      if (life === undefined) break;
      stopped = life.stopped ? stopped + 1 : 0;
      const now = `${life.spent} ${server.said()}`;
      idle = now === before ? idle + 1 : 0;
      before = now;
      if (stopped >= longestStopped) throw standsStill('it was stopped, with SIGSTOP or by a debugger', server);
      if (idle >= longestIdle) throw standsStill('for 10 min it took no processor and said nothing', server);
    }
    return new Promise(() => undefined);
  };
  try {
    return await Promise.race([asking(), watching()]);
  } finally {
    done.abort();
  }
}

/** Of this server, and not of the backup. */
const standsStill = (why: string, server: RunningProgram): BerthError =>
  new BerthError(
    'io',
    `the scratch server does not answer: ${why}${server.said().trim() === '' ? '' : `; the last that it said: ${lastLines(server.said())}`}`,
    'see what stopped it, and whether its disk answers; it is ended now: do the same again',
  );

/** The full backup of a chain. */
export function fullOf(chain: readonly Restorable[]): Restorable {
  const [full] = chain;
  if (full === undefined) throw new Error('nothing to lay out');
  return full;
}

export const gap = ({ id, position }: Manifest, at: string): BerthError =>
  new BerthError(
    'damaged',
    `log ${id} from ${position.from} to ${position.to} does not fit: the log before it ends at ${at}`,
    'restore to an earlier point',
  );

export const unreachable = (target: RestoreTarget, why: string): BerthError => {
  const [what, cure] =
    target.kind === 'transaction'
      ? [`transaction ${target.id}`, 'choose a time instead; or say with `--full` behind which full backup it is']
      : ['that point', 'choose another'];
  return new BerthError('usage', `${what} cannot be restored to: ${why}`, cure);
};

export const lastLines = (stderr: string): string => stderr.trim().split('\n').slice(-3).join(' / ');

/** Of the place where it is restored, and not of the backup. */
const trouble =
  /No space left on device|Disk (?:quota exceeded|is full)|Permission denied|Read-only file system|Cannot allocate memory|[Oo]ut of memory|could not map anonymous shared memory/;

/** Trouble of the place where it is restored; nothing where it is something else. */
export const troubleIn = (stderr: string, what = lastLines(stderr)): BerthError | undefined =>
  trouble.test(stderr) ? ofThePlace(what) : undefined;

export const ofThePlace = (what: string): BerthError =>
  new BerthError('io', `restoring failed here: ${what}`, 'make room in the scratch folder, in memory too, and do it again');

const unsound = (tool: string, stderr: string): BerthError =>
  troubleIn(stderr) ??
  new BerthError(
    'damaged',
    `${tool} does not accept the backup: ${lastLines(stderr)}`,
    'restore from the second store, or from an earlier full backup',
  );
