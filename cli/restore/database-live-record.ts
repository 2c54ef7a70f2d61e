import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile, syncFolder } from '../../generator/io/atomic.ts';
import { berthFolder, liveRecord, lockFile } from '../../generator/io/berth-folder.ts';
import { type FileSystem, realFileSystem } from '../../generator/io/file-system.ts';
import { attempt } from '../../generator/io/io-failure.ts';
import { lockHolder } from '../../generator/io/lock-holder.ts';
import { BerthError } from '../../model/errors.ts';
import type { Restored } from './database-here.ts';

/** What was asked for: one of the two times, or neither for the newest. */
export interface LiveTarget {
  readonly database: string;
  readonly at: string | undefined;
  readonly before: string | undefined;
  /** With that transaction: behind which full backup it is. */
  readonly full?: string | undefined;
  /** A file with the key of a recipient; without it the agent's own. */
  readonly keyFile: string | undefined;
}

/** How far it has come. Each is written before what it is called after begins. */
const phases = {
  preparing: 'while its data were made ready',
  filled: 'when its data were ready',
  exchanging: 'while old and new data changed places',
  exchanged: 'behind the exchange of old and new data',
  starting: 'while everything was started on the restored data',
  undoing: 'while it was undone',
} as const;
export type LivePhase = keyof typeof phases;

/** A database that is put back in its place: from before anything is stopped until all runs again. */
export interface LiveRecord extends LiveTarget {
  readonly version: 1;
  readonly phase: LivePhase;
  readonly begunAt: string;
  /** Where the old data are kept. */
  readonly kept: string;
  /** Which folder is which, wherever a rename has brought it. */
  readonly old?: string;
  readonly fresh?: string;
  /** What the old data looked like when their server had stopped: it changes when a server runs on them. */
  readonly print?: string;
  /** Whether the new data have been in their place, so that replicas may have copied them. */
  readonly wasThere?: boolean;
  readonly restored?: Restored;
}

export type LiveEnding = 'resume' | 'undo';

/** The command that begins a restore, or ends it, as it is typed in the folder of its site. */
export const liveCommand = ({ database, at, before, full, keyFile }: LiveTarget, ending?: LiveEnding): string =>
  [
    `berth restore --only database --name ${database}`,
    ending !== undefined
      ? `--into live --${ending}`
      : `${at !== undefined ? `--at ${at}` : before !== undefined ? `--before ${before}${full === undefined ? '' : ` --full ${full}`}` : '--latest'} --into live`,
    ...(keyFile === undefined || ending === 'undo' ? [] : [`--key ${keyFile}`]),
    '--yes',
  ].join(' ');

/** What either of the two ways out does. */
export const bothEndings = (left: LiveTarget): string =>
  `\`${liveCommand(left, 'resume')}\` goes on with it, \`${liveCommand(left, 'undo')}\` puts everything back as it was before it`;

export const whereCutOff = ({ database, begunAt, phase }: LiveRecord): string =>
  `a restore of ${database}, begun at ${begunAt}, was cut off ${phases[phase]}`;

export class LiveRecordFile {
  readonly #site: string;
  readonly #path: string;
  readonly #files: FileSystem;
  constructor(site: string, files = realFileSystem) {
    this.#site = site;
    this.#files = files;
    this.#path = join(site, liveRecord);
  }

  isThere = (): boolean => existsSync(this.#path);

  /** @throws BerthError when there is one that cannot be read. */
  read(): LiveRecord | undefined {
    if (!this.isThere()) return undefined;
    try {
      const found = JSON.parse(readFileSync(this.#path, 'utf8')) as LiveRecord;
      if (found.version === 1 && found.phase in phases) return found;
    } catch {
      // As one of another version.
    }
    throw new BerthError(
      'conflict',
      `${liveRecord} tells of a restore that was cut off, and cannot be read`,
      `use the Berth that began it; or look which data lie in the volume of the database, run \`docker compose up -d --wait\`, then remove ${liveRecord}`,
    );
  }

  /** On the disk when this returns. */
  write(record: Omit<LiveRecord, 'version'>): void {
    attempt(`write ${this.#path}`, () => {
      replaceFile(this.#path, `${JSON.stringify({ version: 1, ...record })}\n`, 0o600, this.#files);
      syncFolder(join(this.#site, berthFolder), this.#files);
    });
  }

  end(): void {
    attempt(`remove ${this.#path}`, () => rmSync(this.#path, { force: true }));
  }
}

/** @throws BerthError: there is nothing to end. */
export const nothingLeft = (ending: LiveEnding): BerthError =>
  new BerthError(
    'conflict',
    `no restore of a database was cut off here, so there is none to ${ending}`,
    ending === 'undo'
      ? 'a restore that has ended says how it is undone: the old data lie beside the new ones, as `.before-TIME`; or restore to another time'
      : 'begin one with --at TIME or --latest',
  );

/** @throws BerthError: what was cut off is another restore. */
export const another = (left: LiveRecord): BerthError =>
  new BerthError('conflict', `${whereCutOff(left)}; nothing was changed now`, `end that first: ${bothEndings(left)}`);

/** @throws BerthError where a restore was cut off: what else stops and starts the site would do so in the middle of it. */
export function refuseUnended(site: string): void {
  const left = new LiveRecordFile(site).read();
  if (left !== undefined) throw another(left);
}

/** Of what goes on all the same: it may be the cure. */
export function noteUnended(site: string, err: (text: string) => void): void {
  const holder = lockHolder(join(site, lockFile));
  // One that is under way was not cut off.
  if (holder !== undefined && holder !== process.pid) return;
  try {
    refuseUnended(site);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    err(`Note: ${error.message.replace('; nothing was changed now', '')}.\n→ ${error.hint.replace('end that first: ', '')}\n`);
  }
}
