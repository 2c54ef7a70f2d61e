import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Text for the command's standard input; without it, standard input is empty. */
  input?: string;
}

/** What a command left behind. Output is text: the lab moves bytes through files and pipes of the shell, not through here. */
export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Run a command to its end, whatever its exit code. @throws when it cannot be started. */
export function attempt(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
    child.stdin.on('error', () => {}); // a command that ignores its input may close it early
    child.stdin.end(options.input ?? '');
  });
}

/** Run a command that must succeed. @returns its standard output, trimmed. @throws with the end of its output when it exits non-zero. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await attempt(argv, options);
  if (code === 0) return stdout.trim();
  const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-30).join('\n');
  throw new Error(`${argv.slice(0, 6).join(' ')} … exited with ${code}:\n${tail}`);
}

/** Whether a command exits 0; one that is not installed does not. */
export async function succeeds(argv: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return attempt(argv, options).then(
    ({ code }) => code === 0,
    () => false,
  );
}

const say = (line: string) => process.stderr.write(`lab: ${line}\n`);

/** Do one piece of work; it is mentioned on stderr only when it takes more than a second. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const announce = setTimeout(() => say(`${title} …`), 1000);
  try {
    const result = await work();
    const seconds = (performance.now() - started) / 1000;
    if (seconds > 1) say(`${title}: done in ${seconds.toFixed(0)} s`);
    return result;
  } finally {
    clearTimeout(announce);
  }
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Hold the machine-wide lock `name` during `work`, so that two test runs do not install or build the same thing twice. */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const folder = `/tmp/berth-lab-${name}.lock`;
  for (;;) {
    try {
      mkdirSync(folder);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await sleep(500); // also gives the holder time to write its pid
      if (!alive(holder(folder))) rmSync(folder, { recursive: true, force: true });
    }
  }
  writeFileSync(`${folder}/pid`, String(process.pid));
  try {
    return await work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function holder(folder: string): number {
  try {
    return Number(readFileSync(`${folder}/pid`, 'utf8')) || -1;
  } catch {
    return -1;
  }
}
