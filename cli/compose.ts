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

/** @throws BerthError `unfinished` when not all of it comes up. */
export async function startAll(state: string, compose: Compose): Promise<void> {
  try {
    await bringUp(compose);
  } catch (error) {
    throw notAll(state, error, 'see `docker compose ps -a` and what the service says, then run `docker compose up -d --wait`');
  }
}

/** Something stands, and something does not. @param state - What stands. */
const notAll = (state: string, error: unknown, cure: string): BerthError =>
  new BerthError('unfinished', `${state}, and not everything is up: ${said(error)}`, cure, { cause: error });

/** Gives up what was begun, and tells why; also when the site does not come up again, which was often the reason to restore. */
export async function startAsBefore(because: unknown, compose: Compose): Promise<never> {
  try {
    await bringUp(compose);
  } catch (error) {
    throw new BerthError(
      'unfinished',
      `${said(because)}; nothing was exchanged, and not everything is up again: ${said(error)}`,
      because instanceof BerthError
        ? `${because.hint}; then \`docker compose up -d --wait\``
        : 'see `docker compose ps -a` and what the service says',
      { cause: because },
    );
  }
  throw because;
}

export const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
