import type { BerthError } from '../../model/errors.ts';
import type { Secret } from '../../model/secret.ts';
import type { Bytes } from '../streams/blocks.ts';

/** How a program came to its end. */
export interface ProgramEnd {
  /** Nothing where a signal ended it, or where it could not be started. */
  readonly code: number | null;
  readonly signal: string | null;
  /** The last of what it said on its standard error. */
  readonly stderr: string;
}

/** What to run, as a value. No shell ever sees it. */
export interface Program {
  readonly argv: readonly [string, ...string[]];
  /** Beside what every program is given. Secrets are never arguments: anybody on the host reads those. */
  readonly env?: Readonly<Record<string, string | Secret>>;
  /** What it reads; nothing without it. */
  readonly input?: Bytes;
  /** A failure in words that help, where its maker knows better than "exited with 1". */
  readonly explain?: (end: ProgramEnd) => BerthError | undefined;
}

export interface ProgramLife {
  /** Whether one of them was told to stand still, with SIGSTOP or by a debugger. */
  readonly stopped: boolean;
  /** What they have taken of the processors so far; only that it grows says anything. */
  readonly spent: number;
}

/** Disposing of it ends it, with force if it must be, and waits until it is gone. */
export interface RunningProgram extends AsyncDisposable {
  /** What it writes, read once and to its end. Fails unless the program exits with 0, however much came before; keeps it waiting while nobody reads. */
  readonly output: Bytes;
  /** Never rejects. */
  readonly ended: Promise<ProgramEnd>;
  /** The last of what it has said on its standard error so far. */
  readonly said: () => string;
  /** What it and all that it has started are at, now; nothing where that cannot be seen, and once it has ended. */
  readonly life?: () => ProgramLife | undefined;
  /** Sends a signal; to one that has ended, nothing. */
  readonly kill: (signal: 'SIGINT' | 'SIGTERM' | 'SIGQUIT') => void;
}

export interface Programs {
  /** Starts it; one that is not there fails as soon as its output is read. When `signal` is aborted the program is ended, and fails with the reason. */
  readonly start: (program: Program, signal: AbortSignal) => RunningProgram;
}
