import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import { syncFolder, writeDurably } from './atomic.ts';
import { berthFolder, journalFile, stageFolder } from './berth-folder.ts';
import type { FileSystem } from './file-system.ts';
import { attempt, ifThere } from './io-failure.ts';
import { isSitePath } from './site-path.ts';

/**
 * One step of a change to a site; `target` is its real place, relative to the site. Every step may be done twice.
 * `finds` is the hash of what the step expects there, null for nothing; absent where anything may be replaced (Berth's own records).
 */
export type Step =
  | { readonly do: 'folder'; readonly target: string; readonly mode: number }
  | { readonly do: 'put'; readonly target: string; readonly mode: number; readonly brings: string; readonly finds?: string | null }
  | { readonly do: 'remove'; readonly target: string; readonly finds?: string | null }
  | { readonly do: 'chmod'; readonly target: string; readonly mode: number };

const version = 1;

/** Where the content of a `put` lies until it is moved to its target. */
export const stagedName = (root: string, index: number): string => join(root, stageFolder, String(index));

/** The point of no return: once the journal has its name, the change will be finished, by this run or the next. */
export function commitJournal(root: string, steps: readonly Step[], files: FileSystem): void {
  const draft = join(root, stageFolder, 'journal');
  writeDurably(draft, JSON.stringify({ version, steps }), 0o600, files);
  syncFolder(join(root, stageFolder), files);
  files.renameSync(draft, join(root, journalFile));
  syncFolder(join(root, berthFolder), files);
}

/** Ends a change, done or given up; what is still staged may then go. */
export function removeJournal(root: string, files: FileSystem): void {
  ifThere(() => files.unlinkSync(join(root, journalFile)));
  syncFolder(join(root, berthFolder), files);
}

/** Drops what was prepared. Only without a journal: with one, a missing staged file means it is in place already. */
export const discardStage = (root: string, files: FileSystem): void =>
  files.rmSync(join(root, stageFolder), { recursive: true, force: true });

/** The steps of a change that was committed and not finished; `undefined` when there is none. */
export function readJournal(root: string, files: FileSystem): readonly Step[] | undefined {
  const text = attempt(`read ${journalFile}`, () => ifThere(() => files.readFileSync(join(root, journalFile), 'utf8')));
  return text === undefined ? undefined : parseJournal(text);
}

/** Trusts nothing: the steps move and remove files. */
function parseJournal(text: string): readonly Step[] {
  const journal = parseJson(text) as { readonly version?: unknown; readonly steps?: unknown } | null;
  if (journal?.version !== version || !Array.isArray(journal.steps) || !journal.steps.every(isStep)) throw damaged();
  return journal.steps;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged();
  }
}

function isStep(value: unknown): value is Step {
  const step = value as Partial<Record<'do' | 'target' | 'mode' | 'brings' | 'finds', unknown>> | null;
  if (typeof step?.target !== 'string' || !isSitePath(step.target)) return false;
  if (!(step.finds === undefined || step.finds === null || typeof step.finds === 'string')) return false;
  if (step.do === 'remove') return true;
  if (!Number.isInteger(step.mode)) return false;
  return step.do === 'folder' || step.do === 'chmod' || (step.do === 'put' && typeof step.brings === 'string');
}

const damaged = (): BerthError =>
  new BerthError(
    'io',
    `${journalFile}, the record of an interrupted change, is damaged`,
    `delete ${journalFile} and ${stageFolder}, then run the command again: it compares every file and reports those that differ`,
  );
