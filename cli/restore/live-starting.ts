import { BerthError } from '../../model/errors.ts';
import { bringUp, type Compose, said } from '../compose.ts';
import { type AnyTarget, bothEndings, type LiveRecordFile } from './live-record.ts';

interface Site {
  readonly compose: Compose;
  readonly record: LiveRecordFile;
}

/** @throws BerthError `unfinished`, with both ways out. */
export const notEnded = (state: string, error: unknown, target: AnyTarget): BerthError =>
  new BerthError(
    'unfinished',
    `${state}: ${said(error)}`,
    `see \`docker compose ps -a\` and what the service says; then ${bothEndings(target)}`,
    { cause: error },
  );

/** Where nothing was exchanged: starts everything, and tells why it was given up. The record stays where the site does not come up again. */
export async function startUnchanged(because: unknown, target: AnyTarget, { compose, record }: Site): Promise<never> {
  try {
    await bringUp(compose);
  } catch (error) {
    const first = because instanceof BerthError ? `${because.hint}; or ` : '';
    const cure = `${first}see \`docker compose ps -a\` and what the service says; then ${bothEndings(target)}`;
    throw new BerthError('unfinished', `${said(because)}; nothing was exchanged, and not everything is up again: ${said(error)}`, cure, {
      cause: because,
    });
  }
  record.end();
  throw because;
}

/** Where all that there was to undo is undone: what does not start now may be why somebody wanted a restore. @throws BerthError `unfinished`. */
export async function startUndone(name: string, { compose, record }: Site): Promise<void> {
  try {
    await bringUp(compose);
  } catch (error) {
    throw new BerthError(
      'unfinished',
      `${name} has its old data again, and not everything is up: ${said(error)}`,
      'see `docker compose ps -a` and what the service says, then run `docker compose up -d --wait`, or restore to another time',
      { cause: error },
    );
  } finally {
    record.end();
  }
}
