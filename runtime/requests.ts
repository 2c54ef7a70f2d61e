import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError, EXIT } from '../model/errors.ts';
import type { Clock } from './ports/clock.ts';
import type { Taken } from './jobs/take-backup.ts';

/**
 * What a command asks of the agent that runs beside it in the same container: files in a folder of both. Only the one that ships the log can
 * make a full backup or an increment without leaving some of it out.
 */
export interface BackupRequest {
  readonly job: string;
  /** A full backup or an increment with this label, or the log up to now alone. */
  readonly what: { readonly full: string | null } | { readonly increment: string | null } | 'log';
}

/** The backup, or nothing where only the log was asked for. */
type Made = Taken | null;
type Answer =
  | { readonly taken: Made }
  | { readonly failed: { readonly kind: BerthError['kind'] | 'unexpected'; readonly message: string; readonly hint: string } };

const asked = '.request';
const answered = '.answer';
const lookEveryMs = 500;
/** Who has not taken it up by then is not there. */
const patienceMs = 60_000;

const folderOf = (state: string): string => join(state, 'requests');

function writeWhole(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/**
 * Has the agent make a backup, and waits for it.
 *
 * @param state - Folder of the agent's state.
 * @param name - Of the request; no other has it.
 */
export async function askAgent(state: string, request: BackupRequest, name: string, clock: Clock, signal: AbortSignal): Promise<Made> {
  const folder = folderOf(state);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [question, answer] = [join(folder, `${name}${asked}`), join(folder, `${name}${answered}`)];
  writeWhole(question, request);
  const since = clock.elapsed();
  try {
    for (;;) {
      const names = readdirSync(folder);
      if (names.includes(`${name}${answered}`)) return taken(JSON.parse(readFileSync(answer, 'utf8')) as Answer);
      if (names.includes(`${name}${asked}`) && clock.elapsed() - since > patienceMs)
        throw new BerthError(
          'locked',
          'the agent takes up nothing',
          'see what it says: `docker compose logs --tail 20`, or in a cluster `kubectl logs --tail 20`, and the name of the agent',
        );
      await clock.sleep(lookEveryMs, signal);
      signal.throwIfAborted();
    }
  } finally {
    rmSync(question, { force: true });
    rmSync(answer, { force: true });
  }
}

function taken(answer: Answer): Made {
  if ('taken' in answer) return answer.taken;
  const { kind, message, hint } = answer.failed;
  if (kind === 'unexpected' || !Object.hasOwn(EXIT, kind)) throw new Error(message);
  throw new BerthError(kind, message, hint);
}

/** Takes up what is asked, one after the other, until the signal comes. */
export async function serveRequests(
  state: string,
  take: (request: BackupRequest, signal: AbortSignal) => Promise<Made>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const folder = folderOf(state);
  // What an earlier one left behind, nobody waits for.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  while (!signal.aborted) {
    for (const file of readdirSync(folder).filter((each) => each.endsWith(asked))) {
      const path = join(folder, file);
      const request = JSON.parse(readFileSync(path, 'utf8')) as BackupRequest;
      rmSync(path, { force: true });
      writeWhole(join(folder, file.replace(asked, answered)), await answerTo(() => take(request, signal)));
    }
    await clock.sleep(lookEveryMs, signal);
  }
}

async function answerTo(take: () => Promise<Made>): Promise<Answer> {
  try {
    return { taken: await take() };
  } catch (error) {
    if (error instanceof BerthError) return { failed: { kind: error.kind, message: error.message, hint: error.hint } };
    return { failed: { kind: 'unexpected', message: error instanceof Error ? error.message : String(error), hint: '' } };
  }
}
