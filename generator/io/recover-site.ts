import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { journalFile, stageFolder } from './berth-folder.ts';
import { realFileSystem } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { attempt, isThere } from './io-failure.ts';
import { discardStage, readJournal, removeJournal } from './journal.ts';
import { rollForward } from './roll-forward.ts';
import { realSite } from './site-path.ts';

export interface Recovery {
  /** `untouched`: no change was interrupted. `discarded`: it had not been committed. `finished`: it is done now. */
  readonly outcome: 'untouched' | 'discarded' | 'finished';
  /** Files that were edited after the interruption, by the names they were moved to. */
  readonly setAside: readonly string[];
}

/** Whether a change of this folder was interrupted half-way: what is there is then neither the old site nor the new one, until it is recovered. */
export const isHalfDone = (site: string): boolean => existsSync(join(site, journalFile));

/** Ends a change that was interrupted: finishes it once it was committed, drops it otherwise. May itself be killed and repeated. */
export function recoverSite(site: string, files: FileSystem = realFileSystem): Recovery {
  const root = realSite(site, files);
  const steps = readJournal(root, files);
  if (!steps) return dropStage(root, files);
  const setAside = rollForward(root, steps, files);
  attempt('clear the record of the change', () => removeJournal(root, files));
  dropStage(root, files);
  return { outcome: 'finished', setAside };
}

function dropStage(root: string, files: FileSystem): Recovery {
  if (!attempt(`open ${stageFolder}`, () => isThere(join(root, stageFolder), files))) return { outcome: 'untouched', setAside: [] };
  attempt(`clear ${stageFolder}`, () => discardStage(root, files));
  return { outcome: 'discarded', setAside: [] };
}
