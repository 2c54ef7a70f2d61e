import { BerthError } from '../../model/errors.ts';
import type { FileSystem } from './file-system.ts';

/** What the system said, and what to do about it. */
const causes: Readonly<Record<string, readonly [meaning: string, cure: string]>> = {
  ENOSPC: ['no space is left on the device', 'free some space there'],
  EDQUOT: ['the disk quota is used up', 'free some space or have the quota raised'],
  EACCES: ['permission denied', 'run as the owner of the site folder, or give yourself access to it'],
  EPERM: ['the system does not permit it', 'run as the owner of the site folder, and see whether the file is immutable (lsattr)'],
  EROFS: ['the file system is mounted read-only', 'remount it writable, or choose another folder'],
  EMFILE: ['too many files are open', 'raise the limit of open files (ulimit -n)'],
  ENFILE: ['too many files are open on this host', 'close some programs, or raise fs.file-max'],
  ENAMETOOLONG: ['the name is too long', 'choose shorter names, or a folder less deep'],
  ENOENT: ['there is no such file or folder', 'create the folder, or correct its name'],
  ENOTDIR: ['a file stands where a folder is needed', 'move that file out of the way'],
  EISDIR: ['a folder stands where a file is needed', 'move that folder out of the way'],
  EEXIST: ['something of that name is already there', 'move it out of the way'],
  ELOOP: ['its symbolic links go round in a circle', 'remove the link'],
  EBUSY: ['it is in use', 'stop what uses it'],
  EIO: ['the disk reported an error', 'check the disk (dmesg)'],
};

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

export const hasCode = (error: unknown, ...codes: readonly string[]): boolean => codes.includes(codeOf(error) ?? '');

/** Runs one thing done to one path; a refusal of the system says which, why and what to do. `deed` completes "cannot …". */
export function attempt<T>(deed: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof BerthError || code === undefined) throw error;
    const [meaning, cure] = causes[code] ?? [code, 'remove the cause'];
    throw new BerthError('io', `cannot ${deed}: ${meaning}`, `${cure}, then run the command again`, { cause: error });
  }
}

/** Like `run`, with a failure telling what it leaves behind. */
export function leaving<T>(state: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError(error.kind, error.message, `${error.hint}; ${state}`, { cause: error.cause });
  }
}

/** Whether something of that name is there. Unlike `existsSync`, takes no failure for a no. */
export const isThere = (path: string, files: Pick<FileSystem, 'lstatSync'>): boolean =>
  files.lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** The result, or `undefined` where there is no such file. */
export function ifThere<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
