import type { Program, ProgramEnd, Programs } from '../../../../runtime/ports/program.ts';
import { Secret } from '../../../../model/secret.ts';
import { inPieces } from './documents.ts';
import { readFileSync } from 'node:fs';

/** How a program of the engine ends, in place of the program itself: there was none to be had. */
export interface Recorded {
  readonly output?: Buffer | string;
  readonly stderr?: string;
  readonly code?: number;
  /** For one that runs until it is told to end. */
  readonly stays?: true;
}

export interface Call {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What its file of options held. */
  readonly config: string | undefined;
  input: Buffer | undefined;
}

/** Programs that say what was recorded, and remember how they were called. */
export function standIn(answer: (call: Call) => Recorded): { readonly programs: Programs; readonly calls: Call[] } {
  const calls: Call[] = [];
  const start: Programs['start'] = (program: Program) => {
    const config = program.argv.find((each) => each.startsWith('--config='))?.slice('--config='.length);
    const call: Call = {
      argv: program.argv,
      env: Object.fromEntries(
        Object.entries(program.env ?? {}).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
      ),
      config: config === undefined ? undefined : readFileSync(config, 'utf8'),
      input: undefined,
    };
    calls.push(call);
    const recorded = answer(call);
    const { output = '', stderr = '', code = 0, stays } = recorded;
    const { promise, resolve } = Promise.withResolvers<ProgramEnd>();
    const end: ProgramEnd = { code, signal: null, stderr };
    return {
      output: (async function* () {
        if (program.input !== undefined) {
          const read: Uint8Array[] = [];
          for await (const chunk of program.input) read.push(chunk);
          call.input = Buffer.concat(read);
        }
        yield* inPieces(Buffer.from(output), 1000);
        if (stays) await promise;
        else resolve(end);
        if (code !== 0) throw program.explain?.(end) ?? new Error(`exited with ${code}`);
      })(),
      ended: promise,
      said: () => stderr,
      kill: () => resolve(end),
      [Symbol.asyncDispose]: async () => resolve(end),
    };
  };
  return { programs: { start }, calls };
}

/** What mongosh prints for an answer, between other things that it says. */
export const told = (answer: object): string => `Current Mongosh Log ID:\t6633\n@berth ${JSON.stringify(answer)}\n`;

export const identity = { replicaSet: 'rs0', version: '8.0.20', compatibility: '8.0' };
