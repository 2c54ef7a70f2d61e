import { lockSite } from '../../generator/io/lock.ts';
import { BerthError } from '../../model/errors.ts';
import { bringUp, type Compose, composeIn, type Docker, dockerIn, never, said } from '../compose.ts';
import { fileStamp, secondsSince } from '../moment.ts';
import { progressOn } from '../progress.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { oneOffs, outlive, removeUsers, restoringMark } from './left-behind.ts';
import {
  another,
  bothEndings,
  type CopyRecord,
  type CopyTarget,
  type LiveEnding,
  liveCommand,
  LiveRecordFile,
  nothingLeft,
  whereCutOff,
} from './live-record.ts';
import { notEnded, startUnchanged, startUndone } from './live-starting.ts';
import type { OpenedCopy, PlannedCopy } from './open-copy.ts';

/** How far old and new data have changed places. */
export type Exchanged = 'before' | 'between' | 'after';

/** A cache or a volume, and what changes places there. The old data lie in `kept`, what was restored and undone in `aside`; both are names of folders. */
export interface LiveCopy {
  /** Of the engine, in which its data lie. */
  readonly volumes: readonly string[];
  /** Who uses it, in the order in which they stop: the options of that, and the services. */
  readonly stops: readonly { readonly services: readonly string[]; readonly options: readonly string[] }[];
  /** Begin of the names of those folders. */
  readonly folders: { readonly kept: string; readonly aside: string };
  /** What would be lost, and where one may look before. */
  readonly refusal: { readonly state: string; readonly cure: string };
  /** What will be done, for somebody to read. */
  readonly describe: (planned: PlannedCopy) => string;
  /** Brings the new data beside the old ones. @returns what is told of it. */
  readonly fill: (copy: OpenedCopy, kept: string, heard: (what: string) => void, signal: AbortSignal) => Promise<PlannedCopy>;
  readonly exchange: (kept: string) => Promise<unknown>;
  readonly endExchange: (kept: string) => Promise<unknown>;
  readonly look: (kept: string) => Promise<Exchanged>;
  /** Also where it was cut off. */
  readonly giveBack: (kept: string, aside: string) => Promise<unknown>;
  /** What was filled, and has not changed places. @throws BerthError where nobody knows whether it has. */
  readonly clean: () => Promise<unknown>;
  /** What is typed once somebody is sure, or otherwise. */
  readonly waysOn: (kept: string) => string;
}

export interface CopyLiveAsked extends CopyTarget {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Of one that was cut off; nothing to begin one. */
  readonly ending: LiveEnding | undefined;
}

/** A restore of a cache or a volume into its place, with all that it takes; nothing but its record outlives it. */
export interface CopyWork {
  readonly asked: CopyLiveAsked;
  readonly live: LiveCopy;
  readonly record: LiveRecordFile;
  /** The newest copy, or that of a time. */
  readonly open: (at: string | undefined) => Promise<OpenedCopy>;
  readonly compose: Compose;
  readonly docker: Docker;
  readonly context: Pick<RuntimeContext, 'now' | 'out'>;
  readonly heard: (what: string) => void;
}

interface Done {
  readonly result: object;
  readonly text: string;
}

/**
 * Puts a cache or a volume back to an earlier state in its place, or ends such a restore that was cut off: the new data are brought beside the old ones while
 * those are in use, then all that uses them is stopped, and they change places. Up to there a failure changes nothing.
 *
 * @param make - Of what is exchanged, by commands of Compose.
 */
export async function restoreCopyLive(
  asked: CopyLiveAsked,
  make: (compose: Compose) => LiveCopy,
  open: CopyWork['open'],
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<void> {
  const { site, json } = asked;
  const record = new LiveRecordFile(site);
  // Under the lock alone a record is none of a restore that is under way.
  using _lock = (asked.yes && !asked.dryRun) || record.isThere() ? lockSite(site) : undefined;
  using progress = progressOn(context, json);
  const within = { ...context, env: { ...context.env, ...restoringMark(site) } };
  const compose = composeIn(site, within);
  if (record.isThere()) await outlive(site, signal);
  const heard = (what: string): void => progress.say(what);
  const done = await restoreCopyIn({ asked, live: make(compose), record, open, compose, docker: dockerIn(within), context, heard }, signal);
  progress[Symbol.dispose]();
  if (json) context.out(`${JSON.stringify(done.result, null, 2)}\n`);
  else context.out(done.text);
}

/** @param work - Of a site that is locked, where anything is to be done. */
export async function restoreCopyIn(work: CopyWork, signal: AbortSignal): Promise<Done> {
  const { asked, record } = work;
  const left = record.read();
  if (left === undefined) {
    if (asked.ending !== undefined) throw nothingLeft(asked.ending, asked.only);
    return begin(work, asked.at, signal);
  }
  if (left.version === 1 || left.only !== asked.only || left.name !== asked.name) throw another(left);
  if (asked.ending === undefined && left.at !== asked.at) {
    // Nothing of it has changed places, so nothing of it is needed to begin another.
    if (left.phase !== 'preparing') throw another(left);
    return anew(work, asked.at, signal);
  }
  return end(left, asked.ending ?? 'again', work, signal);
}

/** @param at - Of the copy; the newest without it. */
async function begin(work: CopyWork, at: string | undefined, signal: AbortSignal): Promise<Done> {
  const { asked, live, record, context, heard } = work;
  const { only, name, json, keyFile } = asked;
  const copy = await work.open(at);
  const { planned } = copy;
  if (!json) context.out(live.describe(planned));
  if (asked.dryRun) return { result: { ...planned, into: 'live' }, text: '' };
  if (!asked.yes) throw new BerthError('conflict', `${live.refusal.state}; nothing was changed`, live.refusal.cure);
  const now = context.now();
  const is: Omit<CopyRecord, 'version' | 'phase'> = {
    only,
    name,
    keyFile,
    at: asked.at,
    madeAt: planned.madeAt,
    begunAt: now.toISOString(),
    kept: live.folders.kept + fileStamp(now),
  };
  const begun = performance.now();
  let stopped = begun;
  let filled: PlannedCopy;
  record.write({ ...is, phase: 'preparing' });
  try {
    filled = await live.fill(copy, is.kept, heard, signal);
    stopped = performance.now();
    await stopAll(work, signal);
    record.write({ ...is, phase: 'exchanging' });
  } catch (error) {
    heard('nothing was exchanged; taking away what was brought, and starting everything as it was');
    await cleanOr(error, live);
    return startUnchanged(error, is, work);
  }
  heard('exchanging old and new data');
  try {
    await live.exchange(is.kept);
  } catch (error) {
    throw notEnded(`old and new data of ${name} were to change places, and how far that has come is not known`, error, is);
  }
  await start(is, work);
  const done = { ...filled, into: 'live', kept: is.kept, seconds: secondsSince(begun), downSeconds: secondsSince(stopped) };
  return {
    result: done,
    text: `${name} is back: ${done.seconds} s, of which ${done.downSeconds} s without the application.\n\n${live.waysOn(is.kept)}`,
  };
}

/** What cannot be removed is in nobody's way, and goes with the next restore. @throws BerthError where nobody knows which data lie there. */
async function cleanOr(because: unknown, live: LiveCopy): Promise<void> {
  try {
    await live.clean();
  } catch (error) {
    if (error instanceof BerthError && error.kind === 'unfinished')
      throw new BerthError('unfinished', `${error.message}: ${said(because)}`, error.hint, { cause: because });
  }
}

/** Once more from its beginning, on a site that runs as before as far as it can. */
async function anew(work: CopyWork, at: string | undefined, signal: AbortSignal): Promise<Done> {
  if (work.asked.yes && !work.asked.dryRun) {
    for (const volume of work.live.volumes) await removeUsers(volume, work.docker, oneOffs);
    work.heard('starting everything as it was');
    await bringUp(work.compose).catch(() => undefined);
    signal.throwIfAborted();
  }
  return begin(work, at, signal);
}

/** What ends a restore that was cut off, and what that does. */
const willDo = {
  anew: 'nothing had changed places, so it is done once more from its beginning',
  exchange: 'old and new data are on their way: what uses them is stopped, and the rest of it is done',
  finish: 'the restored data are in their place: everything is started',
  start: 'nothing had changed places: what was made ready is removed, and everything is started',
  back: 'what uses them is stopped, and the old data come back to their place; the restored ones, with all that was written to them since, are kept beside them',
} as const;
type Next = keyof typeof willDo;

async function nextOf(left: CopyRecord, ending: LiveEnding | 'again', { live }: CopyWork): Promise<Next> {
  if (ending === 'undo') {
    if (left.phase === 'undoing') return 'back';
    if (left.phase === 'preparing') return 'start';
    if ((await live.look(left.kept)) !== 'before') return 'back';
    if (left.phase === 'exchanging') return 'start';
    throw new BerthError(
      'conflict',
      `${whereCutOff(left)}, and what was there before is gone: nobody finds ${left.kept}; nothing was changed now`,
      `\`${liveCommand(left, 'resume')}\` starts everything on the restored data`,
    );
  }
  if (left.phase === 'undoing')
    throw new BerthError(
      'conflict',
      `${whereCutOff(left)}; nothing was changed now`,
      `\`${liveCommand(left, 'undo')}\` goes on with that; restore once more behind it`,
    );
  if (left.phase === 'preparing') return 'anew';
  const found = await live.look(left.kept);
  // They had changed places, and what was kept has been removed since.
  if (left.phase === 'starting' && found === 'before') return 'finish';
  return ({ before: 'anew', between: 'exchange', after: 'finish' } as const)[found];
}

/** Ends a restore that was cut off. */
async function end(left: CopyRecord, ending: LiveEnding | 'again', work: CopyWork, signal: AbortSignal): Promise<Done> {
  const { asked, live, docker, context } = work;
  const acts = asked.yes && !asked.dryRun;
  if (acts) for (const volume of live.volumes) await removeUsers(volume, docker, oneOffs);
  const next = await nextOf(left, ending, work);
  const what = whereCutOff(left);
  if (!asked.json) context.out(`${what.slice(0, 1).toUpperCase()}${what.slice(1)}.\n  ${willDo[next]}\n\n`);
  const { only, name, begunAt, phase } = left;
  if (asked.dryRun) return { result: { only, name, into: 'live', begunAt, phase, next }, text: '' };
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      `${what}; nothing was changed now`,
      ending === 'undo' || next === 'anew'
        ? `\`${liveCommand(left, ending === 'undo' ? ending : 'resume')}\` does that`
        : bothEndings(left),
    );
  signal.throwIfAborted();
  if (next === 'anew') return anew(work, ending === 'resume' ? left.madeAt : asked.at, signal);
  const begun = performance.now();
  const kept = next === 'start' || next === 'back' ? await undo(left, next, work) : await goOn(left, next, work);
  const ended = { only, name, into: 'live', begunAt, kept, seconds: secondsSince(begun) };
  if (ending !== 'undo')
    return {
      result: { ...ended, madeAt: left.madeAt, resumed: true },
      text: `${name} is back, as it was at ${left.madeAt}: the restore that was begun at ${begunAt} has ended, ${ended.seconds} s after it went on.\nNothing newer was restored: for that, run the command once more.\n\n${live.waysOn(left.kept)}`,
    };
  return {
    result: { ...ended, undone: true },
    text: `${name} has its old data, and everything runs: the restore that was begun at ${begunAt} is undone, in ${ended.seconds} s.\n${
      kept === null ? '' : `→ what was restored is in ${kept}, beside them\n`
    }`,
  };
}

/** The restored data come to their place, or are there already, and everything is started. */
async function goOn(left: CopyRecord, next: 'exchange' | 'finish', work: CopyWork): Promise<string> {
  if (next === 'exchange')
    try {
      await stopAll(work, never);
      work.heard('exchanging old and new data');
      await work.live.endExchange(left.kept);
    } catch (error) {
      throw notEnded(`old and new data of ${left.name} were to change places`, error, left);
    }
  await start(left, work);
  return left.kept;
}

/** The old data come back to their place, or are there still, and everything is started. @returns where what was restored lies, if it was in its place. */
async function undo(left: CopyRecord, next: 'start' | 'back', work: CopyWork): Promise<string | null> {
  const { live, record, heard } = work;
  const aside = live.folders.aside + left.kept.slice(live.folders.kept.length);
  try {
    if (next === 'start') await live.clean();
    else {
      await stopAll(work, never);
      heard('bringing the old data back');
      if (left.phase !== 'undoing' && (await live.look(left.kept)) === 'between') await live.endExchange(left.kept);
      record.write({ ...left, phase: 'undoing' });
      await live.giveBack(left.kept, aside);
    }
  } catch (error) {
    throw notEnded(`${left.name} was to have its old data again`, error, left);
  }
  heard('starting everything');
  await startUndone(left.name, work);
  return next === 'back' ? aside : null;
}

/** The engine stops a container also when nobody waits for that any more, and what is started meanwhile stops as well. So it is waited for. */
async function stopAll({ live, compose, heard }: CopyWork, signal: AbortSignal): Promise<void> {
  for (const { services, options } of live.stops) {
    // Told to stop nothing by name, Compose stops everything.
    if (services.length === 0) continue;
    heard(`stopping ${services.join(', ')}`);
    await compose(['stop', ...options, ...services], never);
    signal.throwIfAborted();
  }
}

/** Behind the exchange. */
async function start(is: Omit<CopyRecord, 'version' | 'phase'>, { record, compose, heard }: CopyWork): Promise<void> {
  try {
    const { only, name, at, keyFile, madeAt, begunAt, kept } = is;
    record.write({ only, name, at, keyFile, madeAt, begunAt, kept, phase: 'starting' });
    heard('starting everything');
    await bringUp(compose);
    record.end();
  } catch (error) {
    throw notEnded(`${is.name} has its new data, the old ones are in ${is.kept}, and not everything is up`, error, is);
  }
}
