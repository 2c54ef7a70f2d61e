import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { reachableProgram } from './reachable.ts';

export const root = join(import.meta.dirname, '../..');
export const launcher = join(root, 'cli/berth.js');

/** Sizes for a host that is the same on every machine. */
export const host: readonly string[] = ['--host-cpus', '4', '--host-memory', '32Gi', '--host-disk', '200Gi'];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Added to an environment of almost nothing; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly uid?: number;
  readonly node?: string;
}

export interface Running extends Disposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts any program with nothing to read, and kills it at the end of the block. */
export function launch(
  file: string,
  args: readonly string[],
  { cwd, env = {}, uid, stdio }: RunOptions & Pick<SpawnOptions, 'stdio'> = {},
): Running {
  const child = spawn(file, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: uid === undefined ? undefined : '1', ...env },
    stdio: stdio ?? ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const read = (stream: ChildProcess['stdout']) => (stream ? text(stream) : Promise.resolve(''));
  const ended = Promise.all([read(child.stdout), read(child.stderr), once(child, 'exit')]).then(([stdout, stderr, [code]]): Ended => ({
    stdout,
    stderr,
    code: code as number | null,
  }));
  return {
    child,
    ended,
    [Symbol.dispose]: () => {
      child.kill('SIGKILL');
    },
  };
}

export function start(args: readonly string[], options: RunOptions = {}): Running {
  const program = options.uid === undefined ? { node: process.execPath, launcher } : reachableProgram();
  return launch(options.node ?? program.node, [program.launcher, ...args], options);
}

/** Runs the built program to its end. Whatever was typed, a stack is never shown. */
export async function berth(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  using running = start(args, options);
  const ended = await running.ended;
  expect(ended.stderr).not.toMatch(/^ {4}at |This is a defect of Berth/m);
  return ended;
}

/** Runs it and expects this exit code. */
export async function expectExit(code: number, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = await berth(args, options);
  expect(ended, `berth ${args.join(' ')}`).toMatchObject({ code });
  return ended;
}

/** Every value that must be seen nowhere but in secrets/. */
export function secretsOf(site: string): readonly string[] {
  const ledger = JSON.parse(readFileSync(join(site, 'secrets/ledger.json'), 'utf8')) as {
    secrets: Record<string, string[]>;
    authority: { key: string };
    leaf: { key: string };
  };
  return [...Object.values(ledger.secrets).flat(), ...[ledger.authority, ledger.leaf].map(({ key }) => key.split('\n')[1] ?? '?')];
}
