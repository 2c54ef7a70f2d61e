import { BerthError } from '../../model/errors.ts';
import { systemErrors } from '../../model/system-errors.ts';

/** The code of an error of the system. */
export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** Does one thing with files; a refusal of the system says what, why and what to do. */
export async function trying<T>(deed: string, cure: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const [meaning, usual] = systemErrors[codeOf(error)] ?? [];
    if (meaning === undefined || usual === undefined) throw error;
    throw new BerthError('io', `cannot ${deed}: ${meaning}`, cure === '' ? usual : cure, { cause: error });
  }
}
