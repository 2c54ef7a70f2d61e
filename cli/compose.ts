import { BerthError } from '../model/errors.ts';
import { localPrograms, outputOf } from '../runtime/programs/local-programs.ts';
import type { Program } from '../runtime/ports/program.ts';
import type { RuntimeContext } from './stoppable.ts';

/** Nobody stops what must come to its end. */
export const never = new AbortController().signal;

/** Runs a command of Docker Compose for one site, and gives back what it printed. */
export type Compose = (args: readonly string[], signal: AbortSignal, given?: Pick<Program, 'input'>) => Promise<string>;

/** A container that is stopped takes its time. */
const graceMs = 60_000;

/** Ctrl-C is for Berth alone, which then decides what becomes of a command: it must not stop what exchanges data. */
export const programsApart = ({ env }: RuntimeContext) => localPrograms({ ...process.env, ...env }, graceMs, true);

export const composeIn =
  (site: string, context: RuntimeContext): Compose =>
  (args, signal, given = {}) =>
    outputOf(programsApart(context), { argv: ['docker', 'compose', '--project-directory', site, ...args], ...given }, signal);

/** Runs a command of Docker itself, and gives back what it printed. */
export type Docker = (args: readonly string[], signal: AbortSignal) => Promise<string>;

export const dockerIn =
  (context: RuntimeContext): Docker =>
  (args, signal) =>
    outputOf(programsApart(context), { argv: ['docker', ...args] }, signal);

/** Everything of a site, and waits until it is healthy. */
export const bringUp = (compose: Compose): Promise<string> => compose(['up', '-d', '--wait'], never);

/** @throws BerthError `unfinished` when not all of it comes up. @param state - What stands. */
export async function startAll(state: string, compose: Compose): Promise<void> {
  try {
    await bringUp(compose);
  } catch (error) {
    const cure = 'see `docker compose ps -a` and what the service says, then run `docker compose up -d --wait`';
    throw new BerthError('unfinished', `${state}, and not everything is up: ${said(error)}`, cure, { cause: error });
  }
}

export const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
