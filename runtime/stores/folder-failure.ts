import { BerthError } from '../../model/errors.ts';
import { systemErrors } from '../../model/system-errors.ts';

/** The code that the system gave, such as `ENOENT`. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** Does one thing; a refusal of the system says what, why and what to do. `deed` completes "cannot …". */
export async function trying<T>(deed: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const [meaning, cure] = systemErrors[codeOf(error) ?? ''] ?? [];
    if (meaning === undefined) throw error;
    throw new BerthError('io', `cannot ${deed}: ${meaning}`, `${cure}; what is already in the store is untouched`, { cause: error });
  }
}
