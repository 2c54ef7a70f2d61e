import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile, syncFolder } from '../../generator/io/atomic.ts';
import { berthFolder, liveRecord, lockFile } from '../../generator/io/berth-folder.ts';
import { type FileSystem, realFileSystem } from '../../generator/io/file-system.ts';
import { attempt } from '../../generator/io/io-failure.ts';
import { lockHolder } from '../../generator/io/lock-holder.ts';
import { BerthError } from '../../model/errors.ts';
import { typed } from '../text.ts';
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

/** What was asked for of a cache or a volume; without a time the newest copy. */
export interface CopyTarget {
  readonly only: 'cache' | 'volume';
  readonly name: string;
  readonly at: string | undefined;
  readonly keyFile: string | undefined;
}

const copyPhases = ['preparing', 'exchanging', 'starting', 'undoing'] as const satisfies readonly LivePhase[];

/** A cache or a volume that is put back in its place, as long. The Berth before this record knows version 1 alone, and says that it cannot read it. */
export interface CopyRecord extends CopyTarget {
  readonly version: 2;
  /** Of the copy, by which it is found again. */
  readonly madeAt: string;
  readonly phase: (typeof copyPhases)[number];
  readonly begunAt: string;
  /** Where the old data are kept. */
  readonly kept: string;
}

type AnyRecord = LiveRecord | CopyRecord;
export type AnyTarget = LiveTarget | CopyTarget;

export type LiveEnding = 'resume' | 'undo';

const nameOf = (target: AnyTarget): string => ('only' in target ? target.name : target.database);

/** As it is typed. */
const timeOf = (target: AnyTarget): string => {
  if (target.at !== undefined) return `--at ${typed(target.at)}`;
  if ('only' in target || target.before === undefined) return '--latest';
  return `--before ${typed(target.before)}${target.full === undefined ? '' : ` --full ${target.full}`}`;
};

/** The command that begins a restore, or ends it, as it is typed in the folder of its site. */
export const liveCommand = (target: AnyTarget, ending?: LiveEnding): string =>
  [
    `berth restore --only ${'only' in target ? target.only : 'database'} --name ${nameOf(target)}`,
    ending !== undefined ? `--into live --${ending}` : `${timeOf(target)} --into live`,
    ...(target.keyFile === undefined || ending === 'undo' ? [] : [`--key ${typed(target.keyFile)}`]),
    '--yes',
  ].join(' ');

/** What either of the two ways out does. */
export const bothEndings = (left: AnyTarget): string =>
  `\`${liveCommand(left, 'resume')}\` goes on with it, \`${liveCommand(left, 'undo')}\` puts everything back as it was before it`;

export const whereCutOff = (left: AnyRecord): string =>
  `a restore of ${nameOf(left)}, begun at ${left.begunAt}, was cut off ${phases[left.phase]}`;

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
  read(): AnyRecord | undefined {
    if (!this.isThere()) return undefined;
    const text = attempt(`read ${this.#path}`, () => readFileSync(this.#path, 'utf8'));
    try {
      const found = JSON.parse(text) as AnyRecord;
      if (found.version === 1 && found.phase in phases) return found;
      if (found.version === 2 && copyPhases.includes(found.phase)) return found;
    } catch {
      // As one of another version.
    }
    throw new BerthError(
      'conflict',
      `${liveRecord} tells of a restore that was cut off, and cannot be read`,
      `use the Berth that began it; or look which data lie in the volume that it is about, run \`docker compose up -d --wait\`, then remove ${liveRecord}`,
    );
  }

  /** On the disk when this returns. */
  write(record: Omit<LiveRecord, 'version'> | Omit<CopyRecord, 'version'>): void {
    attempt(`write ${this.#path}`, () => {
      replaceFile(this.#path, `${JSON.stringify({ version: 'only' in record ? 2 : 1, ...record })}\n`, 0o600, this.#files);
      syncFolder(join(this.#site, berthFolder), this.#files);
    });
  }

  end(): void {
    attempt(`remove ${this.#path}`, () => rmSync(this.#path, { force: true }));
  }
}

/** @throws BerthError: there is nothing to end. */
export const nothingLeft = (ending: LiveEnding, only: CopyTarget['only'] | 'database'): BerthError =>
  new BerthError(
    'conflict',
    `no restore of a ${only} was cut off here, so there is none to ${ending}`,
    ending === 'undo'
      ? 'a restore that has ended says how it is undone: the old data lie beside the new ones; or restore to another time'
      : 'begin one with --at TIME or --latest',
  );

/** @throws BerthError: what was cut off is another restore. */
export const another = (left: AnyRecord): BerthError =>
  new BerthError('conflict', `${whereCutOff(left)}; nothing was changed now`, `end that first: ${bothEndings(left)}`);

/** What the restore of a cache or a volume that was cut off was asked for. @throws BerthError where there is none of that. */
export function asBegun<Asked extends { readonly site: string; readonly name: string | undefined; readonly key: string | undefined }>(
  asked: Asked,
  ending: LiveEnding,
  only: CopyTarget['only'],
): Asked & { readonly name: string; readonly at: string | undefined } {
  const left = new LiveRecordFile(asked.site).read();
  if (left === undefined) throw nothingLeft(ending, only);
  if (left.version === 1 || left.only !== only || (asked.name !== undefined && asked.name !== left.name)) throw another(left);
  return { ...asked, name: left.name, at: left.at, key: asked.key ?? left.keyFile };
}

/**
 * What a restore that was cut off is about.
 *
 * @param find - Throws where the site has no such thing.
 * @throws BerthError where it has left the spec since, which would keep every other restore from beginning for ever.
 */
export function ofUnended<T>(site: string, ending: LiveEnding | undefined, find: () => T): T {
  try {
    return find();
  } catch (error) {
    const left = ending === undefined || !(error instanceof BerthError) ? undefined : new LiveRecordFile(site).read();
    if (left === undefined) throw error;
    throw new BerthError(
      'conflict',
      `${whereCutOff(left)}, and this site has no ${nameOf(left)} any more`,
      `put it back into berth.yaml, run \`berth generate\`, then this again; or remove ${liveRecord} where nobody needs its data any more: ${left.kept} in their volume holds the old ones`,
      { cause: error },
    );
  }
}

/** What a signal does to a restore, for whoever sends one. */
export function whenStopped({ ending, into }: { readonly ending?: LiveEnding | undefined; readonly into: unknown }): string | undefined {
  if (ending !== undefined)
    return 'it comes to its end first, which keeps the site whole; once more to leave it, and the same command goes on';
  return into === 'live'
    ? 'stopping: everything is started as it was, or with the restored data where those are in their place already; once more to leave it'
    : undefined;
}

/** Of what goes on all the same: it may be the cure. */
export function noteUnended(site: string, err: (text: string) => void): void {
  const holder = lockHolder(join(site, lockFile));
  // One that is under way was not cut off.
  if (holder !== undefined && holder !== process.pid) return;
  try {
    const left = new LiveRecordFile(site).read();
    if (left !== undefined) throw another(left);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    err(`Note: ${error.message.replace('; nothing was changed now', '')}.\n→ ${error.hint.replace('end that first: ', '')}\n`);
  }
}
