import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LiveEnding } from '../../../cli/restore/live-record.ts';
import { realFileSystem } from '../../../generator/io/file-system.ts';

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

/** A kill loses nothing that was written: only a power cut does. */
export const withoutSync = { ...realFileSystem, fsyncSync: () => undefined };

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

/** The folder of a site whose commands are stood in for. A run of Berth that is killed waits for its command for ever, and nothing that it would have done behind that is done. */
export abstract class KillableSite {
  readonly site = mkdtempSync(join(tmpdir(), 'berth-live-'));
  readonly calls: string[] = [];
  /** How far the record said the restore was when each of them was begun, and how often each moved something. */
  readonly phases: (string | undefined)[] = [];
  readonly renames: number[] = [];
  /** What a command says instead of being done. */
  failing: ((command: string) => Error | undefined) | undefined;
  #kill: Kill | undefined;
  #died: (() => void) | undefined;

  constructor() {
    mkdirSync(join(this.site, '.berth'));
  }

  [Symbol.dispose] = (): void => rmSync(this.site, { recursive: true });

  abstract get phase(): string | undefined;

  protected withPrograms = (script: string): string => `${programsIn(this.site)}${script}\ntrue`;

  /** @returns when the run is killed. */
  protected begin(kill: Kill | undefined): Promise<'killed'> {
    for (const each of [this.calls, this.phases, this.renames]) each.length = 0;
    this.#kill = kill;
    return new Promise((resolve) => (this.#died = () => resolve('killed')));
  }

  protected async called(command: string, deed: () => string): Promise<string> {
    this.calls.push(command);
    this.phases.push(this.phase);
    const kill = this.calls.length === this.#kill?.call ? this.#kill : undefined;
    const died = (): Promise<never> => {
      this.#died?.();
      return new Promise(() => undefined);
    };
    if (kill?.when === 'before') return died();
    const rename = /^rename (\d+)$/.exec(kill?.when ?? '')?.[1];
    for (const [name, text] of Object.entries({ renames: 0, killing: rename ?? 0 })) writeFileSync(join(this.site, name), `${text}\n`);
    const failure = this.failing?.(command);
    if (failure !== undefined) throw failure;
    if (kill !== undefined && !kill.lives)
      try {
        return deed();
      } finally {
        await died();
      }
    const done = deed();
    this.renames.push(Number(readFileSync(join(this.site, 'renames'), 'utf8')));
    return done;
  }
}
