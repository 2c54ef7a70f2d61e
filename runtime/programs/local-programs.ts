import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BerthError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { giveAway, letGo } from '../streams/given-away.ts';
import type { Bytes } from '../streams/blocks.ts';
import { lifeOf } from './life.ts';
import type { Program, ProgramEnd, Programs, RunningProgram } from '../ports/program.ts';

/** What is kept of a standard error: enough for a cause, however much is said. */
const tailBytes = 32 * 1024;
const usualGraceMs = 5000;

type Environment = Readonly<Record<string, string | undefined>>;
type Child = ChildProcessByStdio<Writable | null, Readable, Readable>;

/**
 * Programs of this host or container.
 *
 * @param base - What every one of them is given.
 * @param graceMs - How long one may take to end by itself once it was told to.
 * @param apart - Whether Ctrl-C at the terminal is for us alone, who then decide what becomes of them.
 */
export const localPrograms = (base: Environment, graceMs = usualGraceMs, apart = false): Programs => ({
  start: (program, signal) => {
    signal.throwIfAborted();
    const [file, ...args] = program.argv;
    const stdin = program.input === undefined ? 'ignore' : 'pipe';
    const child = spawn(file, args, {
      env: { ...base, ...revealed(program.env) },
      stdio: [stdin, 'pipe', 'pipe'],
      detached: apart,
    }) as Child;
    return follow(program, child, graceMs, signal);
  },
});

const revealed = (env: Program['env'] = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]));

function follow(program: Program, child: Child, graceMs: number, signal: AbortSignal): RunningProgram {
  let stderr = '';
  let missing: Error | undefined;
  let inputFailure: unknown;
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-tailBytes)));
  const closed = new Promise<ProgramEnd>((resolve) => {
    child.on('error', (error) => (missing = error));
    child.on('close', (code, by) => resolve({ code: missing === undefined ? code : null, signal: by, stderr }));
  });
  const end = (): void => void endWithForce(child, closed, graceMs);
  signal.addEventListener('abort', end, { once: true });
  const ended = closed.finally(() => signal.removeEventListener('abort', end));
  if (program.input !== undefined && child.stdin !== null)
    feed(program.input, child.stdin).catch((error: unknown) => {
      inputFailure = error;
      end();
    });

  async function* output(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of child.stdout) yield giveAway(chunk as Uint8Array);
    } catch (error) {
      // It was cut off here, and for a reason.
      signal.throwIfAborted();
      throw inputFailure ?? error;
    } finally {
      child.stdout.destroy();
    }
    const how = await ended;
    signal.throwIfAborted();
    if (inputFailure !== undefined) throw inputFailure;
    if (missing !== undefined) throw notThere(program, missing);
    if (how.code !== 0) throw program.explain?.(how) ?? failed(program, how);
  }
  return {
    output: output(),
    ended,
    said: () => stderr,
    life: () => (child.pid === undefined || child.exitCode !== null || child.signalCode !== null ? undefined : lifeOf(child.pid)),
    kill: (name) => void child.kill(name),
    [Symbol.asyncDispose]: async () => {
      child.stdout.destroy();
      await endWithForce(child, closed, graceMs);
    },
  };
}

const stoppedReading: ReadonlySet<string> = new Set(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED']);

/** One that stops reading early is no failure of its input: its exit code tells. */
async function feed(input: NonNullable<Program['input']>, stdin: Writable): Promise<void> {
  try {
    await pipeline(lettingGo(input, stdin), stdin);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === undefined || !stoppedReading.has(code)) throw error;
  }
}

/** Whoever is asked for the next has written the last, or has it waiting in the stream. */
async function* lettingGo(input: Bytes, stdin: Writable): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    yield chunk;
    if (stdin.writableLength === 0) letGo(chunk);
  }
}

async function endWithForce(child: Child, closed: Promise<ProgramEnd>, graceMs: number): Promise<void> {
  if (child.pid === undefined) return;
  // What it has started itself may outlive it, and hold on to these.
  const closeOutputs = (): void => [child.stdout, child.stderr].forEach((stream) => stream.destroy());
  if (child.exitCode !== null || child.signalCode !== null) closeOutputs();
  else child.once('exit', closeOutputs).kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await closed;
  clearTimeout(force);
}

const notThere = ({ argv: [file] }: Program, cause: Error): BerthError =>
  new BerthError(
    'unsupported',
    `${file} cannot be started: ${cause.message}`,
    `install ${file}, or run this where it is; programs of an engine are in its image`,
    { cause },
  );

function failed({ argv: [file] }: Program, { code, signal, stderr }: ProgramEnd): BerthError {
  const how = code === null ? `was ended by ${signal}` : `exited with ${code}`;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return new BerthError(
    'io',
    `${file} ${how}${last === '' ? '' : `: ${last}`}`,
    'see what it says above, put that right, and run it again',
  );
}

/** Its standard output as text, for programs that say little. */
export async function outputOf(programs: Programs, program: Program, signal: AbortSignal): Promise<string> {
  await using running = programs.start(program, signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of running.output) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
