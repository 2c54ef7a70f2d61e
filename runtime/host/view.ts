import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { notKnown } from '../../model/host-state.ts';
import type { Seen } from '../../model/host-state.ts';

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The two ways to look at a host: its files and its programs. Neither ever throws. */
export interface HostView {
  readonly file: (path: string) => Seen<string>;
  /** Not known when the program is missing or does not end in time; an exit code is an answer. */
  readonly run: (file: string, ...args: readonly string[]) => Promise<Seen<Answer>>;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by you',
  EPERM: 'may not be read by you',
};

/** Why a file cannot be read, without the words of the system around it. */
export function fileFailure(path: string, error: unknown): string {
  const { code = '', message = '' } = error as { readonly code?: string; readonly message?: string };
  return `${path} ${reasons[code] ?? `cannot be read: ${message}`}`;
}

/** How long a program may take: `docker info` of a busy engine takes seconds. */
const patience = 15_000;

export const viewOf = (env: Readonly<Record<string, string | undefined>>): HostView => ({
  file: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      return notKnown(fileFailure(path, error));
    }
  },
  run: (file, ...args) =>
    new Promise((resolve) => {
      const options = { env: { ...env, LC_ALL: 'C' }, timeout: patience, killSignal: 'SIGKILL', maxBuffer: 64 * 2 ** 20 } as const;
      execFile(file, args, options, (error, stdout, stderr) => {
        if (!error) return resolve({ code: 0, stdout, stderr });
        if (error.code === 'ENOENT') return resolve(notKnown(`${file} is not on the PATH`));
        if (error.killed)
          return resolve(notKnown(`\`${[file, ...args.slice(0, 2)].join(' ')}\` gave no answer within ${patience / 1000} s`));
        if (typeof error.code !== 'number') return resolve(notKnown(`${file} cannot be started: ${error.message.split('\n')[0] ?? ''}`));
        resolve({ code: error.code, stdout, stderr });
      });
    }),
});

/** The output of a program that must end with 0; else not known, in the program's own words. */
export async function outputOf(view: HostView, file: string, ...args: readonly string[]): Promise<Seen<string>> {
  const answer = await view.run(file, ...args);
  if ('notKnown' in answer) return answer;
  if (answer.code === 0) return answer.stdout;
  const said = answer.stderr.trim().split('\n')[0] ?? '';
  return notKnown(said === '' ? `\`${[file, ...args.slice(0, 2)].join(' ')}\` ended with ${answer.code}` : said);
}

/** What a text says as JSON. Whatever it is, reading a field of it never throws. */
export function json(text: string): Json {
  try {
    return new Json(JSON.parse(text));
  } catch {
    return new Json(undefined);
  }
}

/** A value of somebody else's JSON, whose shape is to be believed field by field. */
export class Json {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
  at(key: string): Json {
    return new Json(typeof this.value === 'object' && this.value !== null ? (this.value as Record<string, unknown>)[key] : undefined);
  }
  get text(): string {
    return typeof this.value === 'string' ? this.value : '';
  }
  get number(): number {
    return typeof this.value === 'number' ? this.value : 0;
  }
  get list(): readonly Json[] {
    return Array.isArray(this.value) ? this.value.map((one) => new Json(one)) : [];
  }
  get is(): boolean {
    return this.value === true;
  }
}
