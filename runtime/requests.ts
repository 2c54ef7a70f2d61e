import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
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

/** A request goes from each to the next, and whoever asks takes away what is left: at any moment one of them is there, or nobody asks. */
const asked = '.request';
const atWork = '.taken';
const answered = '.answer';
const stations = [asked, atWork, answered];
/** As often each side shows by the time of its file that it is still there. */
const lookEveryMs = 500;
/** Who has shown nothing for so long is not there. */
const patienceMs = 60_000;
/** Nobody comes back for what is older. */
const forgottenMs = 24 * 3_600_000;

const folderOf = (state: string): string => join(state, 'requests');

function writeWhole(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Of a file that the other side may take away at any moment. Answers nothing where it has. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const touch = (path: string, clock: Clock): void => unlessGone(() => utimesSync(path, clock.now(), clock.now()));
const touchedAt = (path: string): number | undefined => unlessGone(() => statSync(path).mtimeMs);

const begunAnew = (): BerthError =>
  new BerthError('interrupted', 'the agent was stopped or began anew before this was done', 'the same command again');

/**
 * Has the agent make a backup, and waits for it.
 *
 * @param state - Folder of the agent's state.
 * @param name - Of the request; no other has it.
 */
export async function askAgent(state: string, request: BackupRequest, name: string, clock: Clock, signal: AbortSignal): Promise<Made> {
  const folder = folderOf(state);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const paths = stations.map((station) => join(folder, `${name}${station}`));
  const [question, , answer] = paths as [string, string, string];
  writeWhole(question, request);
  let seen = { work: '', at: clock.elapsed() };
  try {
    for (;;) {
      const found = unlessGone(() => readFileSync(answer, 'utf8'));
      if (found !== undefined) return taken(JSON.parse(found) as Answer);
      // In the order in which it goes on, so that it cannot slip by.
      if (!paths.some((path) => existsSync(path))) throw begunAnew();
      touch(question, clock);
      // Whoever comes first may take hours. By its times, and not by this clock: that may be set meanwhile.
      const work = workIn(folder);
      if (work !== seen.work) seen = { work, at: clock.elapsed() };
      if (clock.elapsed() - seen.at > patienceMs)
        throw new BerthError(
          'locked',
          'the agent takes up nothing',
          'see what it says: `docker compose logs --tail 20`, or in a cluster `kubectl logs --tail 20`, and the name of the agent',
        );
      await clock.sleep(lookEveryMs, signal);
      signal.throwIfAborted();
    }
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}

/** Changes as long as the agent is at work, on this request or on another. */
const workIn = (folder: string): string =>
  readdirSync(folder)
    .filter((each) => each.endsWith(atWork))
    .map((each) => `${each} ${touchedAt(join(folder, each))}`)
    .join('\n');

function taken(answer: Answer): Made {
  if ('taken' in answer) return answer.taken;
  const { kind, message, hint } = answer.failed;
  if (kind === 'unexpected' || !Object.hasOwn(EXIT, kind)) throw new Error(message);
  throw new BerthError(kind, message, hint);
}

export interface Serving {
  readonly take: (request: BackupRequest, signal: AbortSignal) => Promise<Made>;
  readonly clock: Clock;
  /** The folder of requests cannot be worked in. It is gone on: who ships the log does not end for that. */
  readonly failed: (error: unknown) => void;
}

/** Takes up what is asked, one after the other, until the signal comes. Never rejects. */
export async function serveRequests(state: string, serving: Serving, signal: AbortSignal): Promise<void> {
  const folder = folderOf(state);
  let trouble: string | undefined;
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
      trouble = undefined;
    } catch (error) {
      const message = String(error);
      if (message !== trouble) serving.failed(error);
      trouble = message;
    }
  };
  await attempt(() => tidy(folder, serving.clock));
  while (!signal.aborted) {
    await attempt(async () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const file of readdirSync(folder).filter((each) => each.endsWith(asked)))
        if (!signal.aborted) await serveOne(folder, file.slice(0, -asked.length), serving, signal);
    });
    await serving.clock.sleep(lookEveryMs, signal);
  }
}

/** What an earlier agent was in the middle of is answered, and not done again: it may be what ended that one. Answers are for who asked. */
function tidy(folder: string, clock: Clock): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    const at = touchedAt(path);
    if (at !== undefined && clock.now().getTime() - at > forgottenMs) rmSync(path, { force: true });
    else if (file.endsWith(atWork)) giveAnswer(folder, file.slice(0, -atWork.length), failure(begunAnew()));
  }
}

/** Who asked may have given up at any moment. */
async function serveOne(folder: string, name: string, { take, clock }: Serving, signal: AbortSignal): Promise<void> {
  const [question, work] = [join(folder, `${name}${asked}`), join(folder, `${name}${atWork}`)];
  const at = touchedAt(question);
  // It stays there: who asks after all, by a clock that was set, says so within a moment.
  if (at === undefined || clock.now().getTime() - at > patienceMs) return;
  unlessGone(() => renameSync(question, work));
  const text = unlessGone(() => readFileSync(work, 'utf8'));
  if (text === undefined) return;
  // A file of its own: only its owner may set the times of one, and who asks may be root.
  writeFileSync(`${work}.new`, text);
  renameSync(`${work}.new`, work);
  const done = new AbortController();
  // Who cannot be shown takes it for gone; what is made is made.
  const shown = show(work, clock, done.signal).catch(() => undefined);
  try {
    giveAnswer(folder, name, await answerTo(() => take(JSON.parse(text) as BackupRequest, signal), signal));
  } finally {
    done.abort();
    await shown;
  }
}

/** That this agent is there, and at work. */
async function show(work: string, clock: Clock, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    touch(work, clock);
    await clock.sleep(lookEveryMs, done);
  }
}

/** Written before the question goes: there is no moment without either. Nothing is left to who gave up. */
function giveAnswer(folder: string, name: string, what: Answer): void {
  const work = join(folder, `${name}${atWork}`);
  if (!existsSync(work)) return;
  writeWhole(join(folder, `${name}${answered}`), what);
  rmSync(work, { force: true });
}

async function answerTo(take: () => Promise<Made>, signal: AbortSignal): Promise<Answer> {
  try {
    return { taken: await take() };
  } catch (error) {
    return failure(signal.aborted ? begunAnew() : error);
  }
}

const failure = (error: unknown): Answer =>
  error instanceof BerthError
    ? { failed: { kind: error.kind, message: error.message, hint: error.hint } }
    : { failed: { kind: 'unexpected', message: error instanceof Error ? error.message : String(error), hint: '' } };
