import type { Secret } from '../model/secret.ts';
import type { Random } from '../generator/io/random-text.ts';

/** What a verb may know of the world around it; made once, in main. */
export interface Context {
  readonly cwd: string;
  /** Folder with templates/, images.yaml, hardware-profiles/ and examples/. */
  readonly root: string;
  readonly now: () => Date;
  readonly random: Random;
  /** Whether questions may be asked. */
  readonly interactive: boolean;
  /** Whether what is printed goes to a terminal, and so to no file. */
  readonly terminal: boolean;
  /** Runs the one step of a verb that must not be stopped half-way. A signal that came before it still stops the verb; one that comes later is too late, unless more of the verb `goesOn` after it. */
  readonly uninterrupted: (step: () => void, goesOn?: boolean) => Promise<void>;
  /** Whether colour helps the reader. */
  readonly color: boolean;
  /** Width of the terminal in columns. */
  readonly columns: number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** What came by the standard input together with the verb, in the container of an agent. */
  readonly given?: Secret | undefined;
}
