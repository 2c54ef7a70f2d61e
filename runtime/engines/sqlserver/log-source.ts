import { createReadStream } from 'node:fs';
import { hasLogBehind, type Manifest } from '../../../model/backup/manifest.ts';
import { reachOf } from '../../../model/backup/reach.ts';
import type { Cut, LogFeed, LogSource } from '../../ports/log-source.ts';
import type { Producer } from '../../ports/producer.ts';
import { textOf } from './access.ts';
import { openExchange, writeFileOf, type SqlServerTools, type Written } from './backup-file.ts';
import { identify, lineOf, otherThan, type Identity } from './identity.ts';
import { LogSpool, type WaitingLog } from './log-spool.ts';
import { lsnOr0, parseLsn } from './lsn.ts';
import { forgetScript } from './producer.ts';
import { ask } from './sqlcmd.ts';

export interface LogTools extends SqlServerTools {
  /** How often it is said that nothing was written. */
  readonly quietMs: number;
}

/** A commit notes its time first, and is written a moment later; and the server rounds the time that a restore is to end at. */
const marginMs = 1000;
/** After so many the server is told to forget what it remembers of old ones. */
const forgetEvery = 1000;

/** The stream of a log, as the server itself writes and reads it. */
export const logFile = 'log.trn';

/** `BACKUP LOG`, each of which goes on where the last one ended, whoever has made that one. */
export const sqlserverLogSource = (tools: LogTools): LogSource => ({
  engine: 'sqlserver',
  open: async (signal) => {
    await openExchange(tools.exchange);
    await identify(tools.programs, tools.access, signal);
    const spool = new LogSpool(tools);
    await spool.tidy(signal);
    return new BackupLogFeed(tools, spool);
  },
});

class BackupLogFeed implements LogFeed {
  readonly #tools: LogTools;
  readonly #spool: LogSpool;
  /** The end of the log just after the last copy of it. */
  #still = '';
  #taken = 0;
  constructor(tools: LogTools, spool: LogSpool) {
    this.#tools = tools;
    this.#spool = spool;
  }

  cut = async (after: Manifest, signal: AbortSignal, until?: Date): Promise<Cut> => {
    const { programs, access } = this.#tools;
    const identity = await identify(programs, access, signal);
    const other = otherThan(after, identity);
    if (other !== undefined) return { kind: 'hole', because: other };
    const [next, ...more] = await this.#beyond(after);
    if (next !== undefined) {
      const because = fits(after, next) ? undefined : `the log between ${after.position.to} and ${next.firstLsn} is missing`;
      return because === undefined ? this.#answer(after, next, more.length > 0) : { kind: 'hole', because };
    }
    const because = await this.#brokenSince(after, identity, signal);
    if (because !== undefined) return { kind: 'hole', because };
    const covered = reachOf(after).coveredUntil;
    const now = new Date(new Date(identity.now).getTime() - marginMs);
    const toBeSaid = until !== undefined && covered < until && now >= until;
    const isFresh = now.getTime() - covered.getTime() < this.#tools.quietMs;
    if (identity.logEnd === this.#still && !toBeSaid && isFresh) return { kind: 'nothing', coveredUntil: covered };
    const taken = await this.#take(identity, signal);
    return typeof taken === 'string' ? { kind: 'hole', because: taken } : this.#answer(after, taken, false);
  };

  forget = async (upTo: Manifest, signal: AbortSignal): Promise<void> => {
    await this.#spool.forget(lsnOr0(upTo.position.to));
    if (this.#taken < forgetEvery) return;
    this.#taken = 0;
    await ask(this.#tools.programs, this.#tools.access, forgetScript, signal);
  };

  /** What waits there stays: the server has it no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }

  /** What waits there and is not in a backup yet. One in which nothing was written tells of a later time. */
  async #beyond(after: Manifest): Promise<readonly WaitingLog[]> {
    const end = lsnOr0(after.position.to);
    const covered = reachOf(after).coveredUntil;
    return (await this.#spool.waiting()).filter(
      (log) => log.fork === after.facts['fork'] && parseLsn(log.lastLsn) >= end && coveredBy(log) > covered,
    );
  }

  /** The server begins the next log where the last one ended. Where that is not the end of ours, somebody else has it. */
  async #brokenSince(after: Manifest, { logFrom }: Identity, signal: AbortSignal): Promise<string | undefined> {
    if (logFrom === null)
      return 'the server has no log that goes on: its recovery model was another one meanwhile, or it has no full backup';
    const [begins, end] = [parseLsn(logFrom), lsnOr0(after.position.to)];
    if (hasLogBehind(after.kind) ? begins <= end : begins === end) return undefined;
    if (begins < end) return `the log goes back: it begins at ${logFrom}, and ${after.id} ends at ${after.position.to}`;
    return `${await this.#thief(logFrom, signal)} has taken the log from ${after.position.to} to ${logFrom}, which the server gives once`;
  }

  /** Who made the log backup that ends there. */
  async #thief(lastLsn: string, signal: AbortSignal): Promise<string> {
    const { programs, access } = this.#tools;
    const script = `
SELECT @answer = ISNULL((
  SELECT TOP (1) row.user_name AS [user], media.physical_device_name AS [path]
  FROM msdb.dbo.backupset AS row JOIN msdb.dbo.backupmediafamily AS media ON media.media_set_id = row.media_set_id
  WHERE row.type = 'L' AND row.database_name = ${textOf(access.database)} AND row.last_lsn = ${lastLsn}
  ORDER BY row.backup_set_id DESC FOR JSON PATH, WITHOUT_ARRAY_WRAPPER
), N'{}');`;
    const { user, path } = await ask<{ readonly user?: string; readonly path?: string }>(programs, access, script, signal);
    return user === undefined ? 'somebody else' : `${user}, by a backup to ${path ?? 'elsewhere'},`;
  }

  /** @returns why it does not go on, if it does not. */
  async #take(identity: Identity, signal: AbortSignal): Promise<WaitingLog | string> {
    const { programs, access, tag: draw } = this.#tools;
    const tag = draw();
    const written = await writeFileOf(this.#tools, 'log', tag, identity, signal);
    if (written.fork !== identity.fork || written.firstFork !== identity.fork) return 'the database was put back just now';
    await this.#spool.keep(tag, written);
    if (written.firstLsn !== identity.logFrom)
      return `somebody else has taken the log from ${identity.logFrom ?? ''} to ${written.firstLsn}`;
    this.#taken += 1;
    // The copy itself leaves a trace in the log, which is no reason for another. What is committed in this instant looks the same, and comes with the next one.
    this.#still = (await identify(programs, access, signal)).logEnd;
    return { ...written, tag };
  }

  #answer(after: Manifest, log: WaitingLog, more: boolean): Cut {
    if (log.bulkLogged)
      return {
        kind: 'hole',
        because: `the log from ${log.firstLsn} to ${log.lastLsn} holds what was logged in bulk, and leads to no point within it`,
      };
    return { kind: 'log', more, producer: this.#producer(after, log) };
  }

  #producer(after: Manifest, log: WaitingLog): Producer {
    const path = this.#spool.path(log.tag);
    const { image } = this.#tools;
    const covered = coveredBy(log);
    return {
      engine: 'sqlserver',
      open: async () => ({
        streams: (async function* () {
          await Promise.resolve();
          yield { name: logFile, bytes: createReadStream(path) as AsyncIterable<Uint8Array> };
        })(),
        finish: async () => ({
          position: { from: log.firstLsn, to: log.lastLsn },
          facts: { ...lineOf(log), backupSet: log.backupSet, coveredUntil: covered.toISOString() },
          tool: { name: 'BACKUP LOG', version: after.tool.version, image },
        }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    };
  }
}

/** All that was committed by then is in it. */
const coveredBy = ({ begun }: Written): Date => new Date(new Date(begun).getTime() - marginMs);

const fits = ({ kind, position }: Manifest, { firstLsn }: WaitingLog): boolean =>
  hasLogBehind(kind) ? parseLsn(firstLsn) <= lsnOr0(position.to) : parseLsn(firstLsn) === lsnOr0(position.to);
