import { dirname, join } from 'node:path';
import { contentHash } from '../merge/content-hash.ts';
import { moveOver, syncFolder } from './atomic.ts';
import { stageFolder } from './berth-folder.ts';
import type { FileSystem } from './file-system.ts';
import { attempt, hasCode, ifThere, isThere } from './io-failure.ts';
import { stagedName } from './journal.ts';
import type { Step } from './journal.ts';

type StepOf<Kind extends Step['do']> = Extract<Step, { readonly do: Kind }>;

/**
 * Does every step of a committed change, or what is left of it. Killed anywhere, it may be run again.
 * Answers with the names under which files were set aside that somebody edited after the change was interrupted.
 */
export function rollForward(root: string, steps: readonly Step[], files: FileSystem): string[] {
  const asides = steps.flatMap((step, index) => doStep(root, step, index, files));
  for (const folder of new Set(steps.map(({ target }) => dirname(target))))
    attempt(`sync ${folder}`, () => ifThere(() => syncFolder(join(root, folder), files)));
  return asides;
}

/** All folders are made before anything is moved: making one may fail for lack of space, moving does not. */
export function makeFolders(root: string, steps: readonly Step[], files: FileSystem): void {
  for (const step of steps) if (step.do === 'folder') makeFolder(root, step, files);
}

/** Takes back {@link makeFolders}. What holds something by now stays. */
export function unmakeFolders(root: string, steps: readonly Step[], files: FileSystem): void {
  for (const { target } of steps.filter((step) => step.do === 'folder').toReversed()) removeIfEmpty(join(root, target), files);
}

function doStep(root: string, step: Step, index: number, files: FileSystem): string[] {
  switch (step.do) {
    case 'folder':
      return makeFolder(root, step, files);
    case 'put':
      return put(root, step, stagedName(root, index), files);
    case 'remove':
      return remove(root, step, files);
    case 'chmod':
      return change(root, step, files);
  }
}

function makeFolder(root: string, { target, mode }: StepOf<'folder'>, files: FileSystem): [] {
  const path = join(root, target);
  attempt(`create the folder ${target}`, () => {
    if (!isThere(path, files)) files.mkdirSync(path, { mode });
    files.chmodSync(path, mode);
  });
  return [];
}

/** A staged file that is gone was moved by an earlier run. */
function put(root: string, step: StepOf<'put'>, staged: string, files: FileSystem): string[] {
  if (!attempt(`open ${stageFolder}`, () => isThere(staged, files))) return [];
  const aside = setAside(root, step, files);
  attempt(`write ${step.target}`, () => moveOver(staged, join(root, step.target), step.mode, files));
  return aside;
}

/** Somebody's edit made between an interruption and its repair is neither overwritten nor allowed to stop the repair. */
function setAside(root: string, { target, finds, brings }: StepOf<'put'>, files: FileSystem): string[] {
  const found = hashOf(root, target, files);
  if (finds === undefined || found === null || found === finds || found === brings) return [];
  return attempt(`rename ${target}`, () => {
    const name = freeName(root, `${target}.edited`, files);
    files.renameSync(join(root, target), join(root, name));
    return [name];
  });
}

function freeName(root: string, name: string, files: FileSystem): string {
  let free = name;
  for (let number = 2; isThere(join(root, free), files); number += 1) free = `${name}-${number}`;
  return free;
}

function remove(root: string, { target, finds }: StepOf<'remove'>, files: FileSystem): [] {
  if (finds === undefined || hashOf(root, target, files) === finds)
    attempt(`delete ${target}`, () => ifThere(() => files.unlinkSync(join(root, target))));
  for (let folder = dirname(target); folder !== '.'; folder = dirname(folder)) if (!removeIfEmpty(join(root, folder), files)) break;
  return [];
}

function change(root: string, { target, mode }: StepOf<'chmod'>, files: FileSystem): [] {
  attempt(`change the mode of ${target}`, () => ifThere(() => files.chmodSync(join(root, target), mode)));
  return [];
}

const hashOf = (root: string, target: string, files: FileSystem): string | null =>
  attempt(`read ${target}`, () => ifThere(() => contentHash(files.readFileSync(join(root, target))))) ?? null;

/** Whether the folder is gone. */
function removeIfEmpty(path: string, files: FileSystem): boolean {
  try {
    files.rmdirSync(path);
  } catch (error) {
    return hasCode(error, 'ENOENT');
  }
  return true;
}
