import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import type { Decision } from '../merge/decide-changes.ts';
import { syncFolder, writeDurably, writeQuickly } from './atomic.ts';
import { berthFolder, stageFolder } from './berth-folder.ts';
import { realFileSystem } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { attempt, isThere, leaving } from './io-failure.ts';
import { commitJournal, discardStage, readJournal, removeJournal, stagedName } from './journal.ts';
import type { Step } from './journal.ts';
import { planSteps } from './plan-steps.ts';
import type { PlannedStep } from './plan-steps.ts';
import { readText } from './read-text.ts';
import { makeFolders, rollForward, unmakeFolders } from './roll-forward.ts';
import { realSite } from './site-path.ts';

/**
 * Brings a site from its old state to its new one, never to anything between: contents are staged, the journal is the point of no return.
 * A failure leaves the old site. With nothing to do, nothing is touched. The site must be locked and recovered.
 */
export function applyChanges(site: string, decision: Decision, files: FileSystem = realFileSystem): void {
  const root = realSite(site, files);
  refuseConflicts(decision);
  if (readJournal(root, files)) throw new Error(`an interrupted change of ${site} must be recovered first`);
  const planned = planSteps(root, decision, files);
  if (planned.length === 0) return;
  const steps = planned.map(({ step }) => step);
  leaving('the site is as it was', () => prepare(root, decision, planned, files));
  leaving('that finishes the change, which is half done', () => finish(root, steps, files));
}

/** All that can still be given up. */
function prepare(root: string, decision: Decision, planned: readonly PlannedStep[], files: FileSystem): void {
  const steps = planned.map(({ step }) => step);
  refuseLateEdits(root, decision, files);
  refuseClosedFolders(root, steps, files);
  refuseForeignModes(root, steps, files);
  try {
    stage(root, planned, files);
    attempt('record the change', () => commitJournal(root, steps, files));
    makeFolders(root, steps, files);
  } catch (error) {
    giveUp(root, steps, files);
    throw error;
  }
}

/** The journal goes before what it speaks of. Where even that fails, the next run finds a state that it can finish or drop. */
function giveUp(root: string, steps: readonly Step[], files: FileSystem): void {
  try {
    unmakeFolders(root, steps, files);
    removeJournal(root, files);
    discardStage(root, files);
  } catch {
    // The first failure is the one worth telling.
  }
}

function finish(root: string, steps: readonly Step[], files: FileSystem): void {
  rollForward(root, steps, files);
  attempt('clear the record of the change', () => removeJournal(root, files));
  attempt(`clear ${stageFolder}`, () => discardStage(root, files));
}

function stage(root: string, planned: readonly PlannedStep[], files: FileSystem): void {
  attempt(`write to ${stageFolder}`, () => openStage(root, files));
  for (const [index, { step, content, expendable }] of planned.entries())
    if (step.do === 'put')
      attempt(`write ${step.target}`, () =>
        (expendable ? writeQuickly : writeDurably)(stagedName(root, index), content ?? '', step.mode, files),
      );
}

/** 0700: staged secrets are on their way to a folder that is closed, too. */
function openStage(root: string, files: FileSystem): void {
  const folder = join(root, berthFolder);
  if (!isThere(folder, files)) {
    files.mkdirSync(folder, { mode: 0o755 });
    files.chmodSync(folder, 0o755);
    syncFolder(root, files);
  }
  discardStage(root, files);
  files.mkdirSync(join(root, stageFolder), { mode: 0o700 });
  files.chmodSync(join(root, stageFolder), 0o700);
}

function refuseConflicts({ conflicts }: Decision): void {
  const [first] = conflicts;
  if (first) throw new BerthError('conflict', conflicts.map(({ path, reason }) => `${path} ${reason}`).join('\n'), first.hint);
}

/** Between reading and writing, an editor may have saved. */
function refuseLateEdits(root: string, { changes }: Decision, files: FileSystem): void {
  for (const { path, before } of changes)
    if (readText(root, path, files)?.text !== before)
      throw new BerthError('conflict', `${path} was changed by somebody else while Berth was at work`, 'run the command again');
}

/** A folder that cannot be written to is found out before the point of no return. */
function refuseClosedFolders(root: string, steps: readonly Step[], files: FileSystem): void {
  const missing = new Set(steps.filter((step) => step.do === 'folder').map(({ target }) => target));
  const nearest = (folder: string): string => (missing.has(folder) ? nearest(dirname(folder)) : folder);
  for (const folder of new Set(steps.filter((step) => step.do !== 'folder').map(({ target }) => nearest(dirname(target)))))
    attempt(`write to ${folder === '.' ? root : folder}`, () => files.accessSync(join(root, folder), constants.W_OK | constants.X_OK));
}

/** Only its owner may change a file's mode. Setting the one it has tells, and changes nothing. */
function refuseForeignModes(root: string, steps: readonly Step[], files: FileSystem): void {
  for (const { target } of steps.filter((step) => step.do === 'chmod'))
    attempt(`change the mode of ${target}`, () => files.chmodSync(join(root, target), files.statSync(join(root, target)).mode & 0o7777));
}
