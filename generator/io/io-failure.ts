import { BerthError } from '../../model/errors.ts';
import { systemErrors } from '../../model/system-errors.ts';
import type { FileSystem } from './file-system.ts';

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
    const [meaning, cure] = systemErrors[code] ?? [code, 'remove the cause'];
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
