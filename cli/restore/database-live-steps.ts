import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import { bringUp, type Compose, type Docker, never, said } from '../compose.ts';
import { secondsSince } from '../moment.ts';
import type { RuntimeContext } from '../stoppable.ts';
import type { Restored } from './database-here.ts';
import { type DatabaseVolume, type Filling, volumeOf } from './database-volume.ts';
import { type LiveEnding, type LiveRecord, type LiveRecordFile, type LiveTarget } from './live-record.ts';
import { notEnded, startUnchanged } from './live-starting.ts';

export interface LiveRestore extends Filling, LiveTarget {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Of one that was cut off; nothing to begin one. */
  readonly ending: LiveEnding | undefined;
  /** What would be restored now. */
  readonly look: () => Promise<Restored>;
  /** Brings the log to the store, up to now. */
  readonly ship: () => Promise<unknown>;
}

/** Who writes to a database, follows it or stands before it, by the names of compose.yaml; and the database itself. */
export interface Concerned {
  readonly server: PlannedService;
  readonly clients: readonly string[];
  readonly replicas: readonly PlannedService[];
  /** Those of them that choose together with it who is written to: they stop with it, as alone it writes nothing any more, not even the last of its log. */
  readonly members: readonly string[];
  /** Caches that hold what may be newer than the database will be, and lose it with a restart. */
  readonly caches: readonly string[];
}

/** A restore of a database into its place, with all that it takes; nothing but its record outlives it. */
export interface LiveWork {
  readonly asked: LiveRestore;
  readonly plan: Plan;
  readonly concerned: Concerned;
  readonly record: LiveRecordFile;
  readonly volume: DatabaseVolume;
  readonly compose: Compose;
  readonly docker: Docker;
  readonly context: RuntimeContext;
  readonly heard: (what: string) => void;
}

export interface Finished extends Restored {
  readonly kept: string;
  readonly seconds: number;
  readonly downSeconds: number;
}

type Begun = Omit<LiveRecord, 'version'>;

export const isLatest = ({ at, before }: Pick<LiveTarget, 'at' | 'before'>): boolean => at === undefined && before === undefined;

/**
 * The new data are made ready beside the old ones while those still run, or once nobody writes any more; then the two change places. Up to there a failure
 * changes nothing, and the site is started as it was.
 *
 * @param left - Of a run that was cut off when its data were ready, which are used then.
 */
export async function putBack(work: LiveWork, until: Restored['until'], signal: AbortSignal, left?: Begun): Promise<Finished> {
  const { asked, concerned, record, volume, compose, context, heard } = work;
  const { database, at, before, full, keyFile } = asked;
  const now = context.now();
  const begun = performance.now();
  let stopped = begun;
  const stopClients = async (): Promise<void> => {
    stopped = performance.now();
    // Told to stop nothing by name, Compose stops everything.
    if (concerned.clients.length === 0) return;
    heard(`stopping ${concerned.clients.join(', ')}`);
    await stop(concerned.clients, compose, signal);
  };
  let is: Begun = left ?? { database, at, before, full, keyFile, phase: 'preparing', begunAt: now.toISOString(), kept: volume.keptAt(now) };
  const advance = (next: Partial<Begun>): void => record.write((is = { ...is, ...next }));
  let restored = left?.restored;
  record.write(is);
  try {
    if (restored === undefined) {
      if (isLatest(asked)) {
        await stopClients();
        heard('waiting until the last of the log was shipped');
        await shipLast(asked, until, signal);
      }
      heard(`making ${database} as it was`);
      restored = await volume.fill(signal);
      const { ready } = await volume.look(is.kept);
      advance({ phase: 'filled', restored, ...(ready === undefined ? {} : { fresh: ready }) });
    }
    if (!isLatest(asked) || left !== undefined) await stopClients();
    const servers = [...concerned.members, database];
    heard(`stopping ${servers.join(', ')}`);
    await stop(servers, compose, signal);
    const { data } = await volume.look(is.kept);
    const print = await volume.print();
    advance({ phase: 'exchanging', print, ...(data === undefined ? {} : { old: data }) });
    await volume.exchange(is.kept);
  } catch (error) {
    return await giveUp(error, is, work);
  }
  await finish({ ...is, phase: 'exchanged', wasThere: true }, work);
  return { ...restored, kept: is.kept, seconds: secondsSince(begun), downSeconds: secondsSince(stopped) };
}

/** Behind the exchange: replicas copy the new data, caches forget the old ones, and everything is started. */
export async function finish(is: Begun, { record, ...work }: LiveWork): Promise<void> {
  try {
    if (is.phase === 'exchanged') {
      record.write(is);
      await forgetOld(work);
      record.write({ ...is, phase: 'starting' });
    }
    work.heard('starting everything');
    await bringUp(work.compose);
    record.end();
  } catch (error) {
    throw notEnded(`${is.database} has its new data, the old ones are in ${is.kept}, and not everything is up`, error, is);
  }
}

/** Replicas copy anew, and caches begin empty. */
export async function forgetOld({ plan, concerned, compose, docker, heard }: Omit<LiveWork, 'record'>): Promise<void> {
  for (const replica of concerned.replicas) {
    heard(`emptying ${replica.name}, which copies ${concerned.server.name} anew`);
    await compose(['rm', '--stop', '--force', replica.name], never);
    await docker(['volume', 'rm', '--force', volumeOf(plan, replica)], never);
  }
  if (concerned.caches.length > 0) await compose(['restart', ...concerned.caches], never);
}

/** Before anything was exchanged. The record stays where the site does not come up again, or nobody knows what became of the exchange. */
async function giveUp(because: unknown, is: Begun, { record, volume, compose, heard }: LiveWork): Promise<never> {
  if (is.phase === 'exchanging') {
    const lying = await volume.look(is.kept).catch(() => undefined);
    if (lying === undefined || lying.data !== is.old)
      throw notEnded(`old and new data of ${is.database} were to change places, and how far that has come is not known`, because, is);
    // No server has ever had them open.
    if (lying.kept !== undefined && lying.kept === is.fresh) await volume.drop(is.kept).catch(() => undefined);
  }
  heard('nothing was exchanged; starting everything as it was');
  await volume.clean(never).catch(() => undefined);
  return startUnchanged(because, is, { compose, record });
}

/** @throws BerthError that names the time up to which there is something, when the server is in no state to give the rest. */
async function shipLast({ ship, database }: LiveRestore, until: Restored['until'], signal: AbortSignal): Promise<void> {
  try {
    await ship();
  } catch (error) {
    signal.throwIfAborted();
    throw new BerthError(
      error instanceof BerthError ? error.kind : 'io',
      `the last of the log of ${database} did not get into the backups: ${said(error)}`,
      `without it, everything up to ${until ?? 'the newest full backup'} can be had: write that time after --at, in place of --latest`,
      { cause: error },
    );
  }
}

/** The engine stops a container also when nobody waits for that any more, and what is started meanwhile stops as well. So it is waited for. */
async function stop(services: readonly string[], compose: Compose, signal: AbortSignal): Promise<void> {
  await compose(['stop', ...services], never);
  signal.throwIfAborted();
}
