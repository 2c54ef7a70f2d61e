import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import { lockSite } from '../../generator/io/lock.ts';
import { composeServices } from '../../generator/render/compose.ts';
import { bringUp, composeIn, dockerIn } from '../compose.ts';
import { progressOn } from '../progress.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { DatabaseVolume, volumeOf } from './database-volume.ts';
import { goOn, lookAt, type Next, nextOf, undo } from './database-live-ending.ts';
import {
  another,
  bothEndings,
  type LiveEnding,
  liveCommand,
  type LiveRecord,
  LiveRecordFile,
  nothingLeft,
  whereCutOff,
} from './live-record.ts';
import { type Concerned, isLatest, type LiveRestore, type LiveWork, putBack } from './database-live-steps.ts';
import { say, sayNext, tell, tellEnded, tellUndone } from './database-live-texts.ts';
import { oneOffs, outlive, removeUsers, restoringMark } from './left-behind.ts';

export function concernedBy(plan: Plan, database: string): Concerned {
  const server = plan.services.find(({ name }) => name === database);
  if (server === undefined) throw new Error(`the plan has no ${database}`);
  const replicas = plan.services.filter(({ replicaOf }) => replicaOf === database);
  const isSet = plan.databases.some(({ service, engine }) => service === database && engine === 'mongodb');
  const members = isSet ? replicas.map(({ name }) => name) : [];
  const near = new Set([
    database,
    ...replicas.map(({ name }) => name),
    ...plan.services.filter(({ poolOf }) => poolOf === database).map(({ name }) => name),
  ]);
  const clients = composeServices(plan).filter(
    ({ service }) =>
      service.kind === 'server' &&
      service.role !== 'agent' &&
      !members.includes(service.name) &&
      (near.has(service.name) ? service.name !== database : service.connects.some((each) => near.has(each.service))),
  );
  const caches = plan.services.filter(({ role, kind, volumes }) => role === 'cache' && kind === 'server' && volumes.length === 0);
  return { server, clients: clients.map(({ name }) => name), replicas, members, caches: caches.map(({ name }) => name) };
}

/**
 * Puts a database back to an earlier state in its place, or ends such a restore that was cut off. How far it is stands in a record, from before anything is
 * stopped until everything runs again: whoever is killed in between leaves nothing behind that nobody knows of.
 */
export async function restoreLive(asked: LiveRestore, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, database } = asked;
  const { plan } = loadSite(site, context);
  const concerned = concernedBy(plan, database);
  const record = new LiveRecordFile(site);
  const acts = asked.yes && !asked.dryRun;
  // Under the lock alone a record is none of a restore that is under way.
  using _lock = acts || record.isThere() ? lockSite(site) : undefined;
  using progress = progressOn(context, json);
  const within = { ...context, env: { ...context.env, ...restoringMark(site) } };
  const compose = composeIn(site, within);
  const work: LiveWork = {
    asked,
    plan,
    concerned,
    record,
    volume: new DatabaseVolume(plan, concerned.server, asked, compose),
    compose,
    docker: dockerIn(within),
    context,
    heard: (what) => progress.say(what),
  };
  if (record.isThere()) await outlive(site, signal);
  const done = await restoreIn(work, signal);
  progress[Symbol.dispose]();
  if (json) context.out(`${JSON.stringify(done.result, null, 2)}\n`);
  else context.out(done.text);
}

interface Done {
  readonly result: object;
  readonly text: string;
}

/** @param work - Of a site that is locked, where anything is to be done. */
export async function restoreIn(work: LiveWork, signal: AbortSignal): Promise<Done> {
  const { asked, record } = work;
  const left = record.read();
  if (left === undefined) {
    if (asked.ending !== undefined) throw nothingLeft(asked.ending, 'database');
    return begin(work, signal);
  }
  if (left.version !== 1) throw another(left);
  const isSame = left.database === asked.database && left.at === asked.at && left.before === asked.before && left.full === asked.full;
  if (asked.ending === undefined && !isSame) {
    // Nothing of it has changed places, so nothing of it is needed to begin another.
    if (left.database !== asked.database || left.old !== undefined) throw another(left);
    return anew(work, signal);
  }
  return end(left, asked.ending ?? 'again', work, signal);
}

async function begin(work: LiveWork, signal: AbortSignal): Promise<Done> {
  const { asked, plan, concerned, context } = work;
  const planned = await asked.look();
  if (!asked.json || asked.dryRun) say(asked, plan.name, concerned, planned, context);
  if (asked.dryRun) return { result: { ...planned, into: 'live' }, text: '' };
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      isLatest(asked)
        ? `the application would stop while ${asked.database} is made anew; nothing was changed`
        : `what was written to ${asked.database} since then would be gone; nothing was changed`,
      'run the same command with --yes, or try it with --into scratch first',
    );
  const done = await putBack(work, planned.until, signal);
  return { result: { ...done, into: 'live' }, text: tell(done, work) };
}

/** Once more from its beginning, for which the server has to run where it can: the last of its log is asked for. */
async function anew(work: LiveWork, signal: AbortSignal): Promise<Done> {
  if (work.asked.yes && !work.asked.dryRun) {
    await removeUsers(volumeOf(work.plan, work.concerned.server), work.docker, oneOffs);
    work.heard('starting everything as it was');
    await bringUp(work.compose).catch(() => undefined);
    signal.throwIfAborted();
  }
  return begin(work, signal);
}

/** Ends a restore that was cut off. */
async function end(left: LiveRecord, ending: LiveEnding | 'again', work: LiveWork, signal: AbortSignal): Promise<Done> {
  const { asked, context } = work;
  const acts = asked.yes && !asked.dryRun;
  if (acts) await removeUsers(volumeOf(work.plan, work.concerned.server), work.docker, oneOffs);
  const found = await lookAt(left, work);
  const next = nextOf(left, found, ending);
  if (!asked.json) context.out(sayNext(left, next));
  if (asked.dryRun) return { result: { database: left.database, into: 'live', begunAt: left.begunAt, phase: left.phase, next }, text: '' };
  if (!asked.yes) throw new BerthError('conflict', `${whereCutOff(left)}; nothing was changed now`, cureFor(left, ending, next));
  signal.throwIfAborted();
  switch (next) {
    case 'anew':
      // What was restored and put aside again is used no more: nobody would ever take it away under that name.
      if (left.fresh !== undefined && found.lying.kept === left.fresh) await work.volume.drop(left.kept);
      return anew(work, signal);
    case 'filled': {
      const done = await putBack(work, null, signal, left);
      return { result: { ...done, into: 'live', begunAt: left.begunAt }, text: tell(done, work) };
    }
    case 'exchange':
    case 'finish': {
      const done = await goOn(left, next, work);
      return { result: { ...left.restored, ...done, into: 'live', resumed: true }, text: tellEnded(done, left.restored ?? {}, work) };
    }
    case 'start':
    case 'back': {
      const done = await undo(left, next, work);
      return { result: { ...done, into: 'live', undone: true }, text: tellUndone(done, work) };
    }
  }
}

const cureFor = (left: LiveRecord, ending: LiveEnding | 'again', next: Next): string =>
  ending === 'undo' || next === 'anew' ? `\`${liveCommand(left, ending === 'undo' ? ending : 'resume')}\` does that` : bothEndings(left);
