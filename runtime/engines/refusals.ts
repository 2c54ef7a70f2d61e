import { BerthError } from '../../model/errors.ts';

/** What a server says, and what puts it right. */
export interface Refusal<Access> {
  readonly pattern: RegExp;
  readonly cure: (access: Access) => string;
}

/** For what passes by itself. */
export const again = (): string => 'it is tried again; if that goes on, see the log of the server';

/** What a server or a client of it says when there is no connection to be had; `undefined` for anything else. */
export function refusalFrom<Access extends { readonly host: string }>(
  refusals: readonly Refusal<Access>[],
  title: string,
  said: RegExp,
): (message: string, access: Access, cause?: unknown) => BerthError | undefined {
  return (message, access, cause) => {
    const found = refusals.find(({ pattern }) => pattern.test(message));
    if (found === undefined) return undefined;
    const line = message.trim().split('\n').at(-1) ?? '';
    return new BerthError('unreachable', `${title} at ${access.host}: ${line.replace(said, '')}`, found.cure(access), { cause });
  };
}

/** Gives what a server or its client says words that help. When `signal` was aborted, that is the reason, whatever is said. */
export const inWords =
  <Access extends { readonly host: string; readonly user: string }>(
    title: string,
    access: Access,
    refusalOf: (message: string, access: Access, cause?: unknown) => BerthError | undefined,
    signal: AbortSignal,
  ) =>
  async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      const hint = `see the log of the server, and that ${access.user} may do this`;
      throw (
        refusalOf(message, access, error) ?? new BerthError('unreachable', `${title} at ${access.host}: ${message}`, hint, { cause: error })
      );
    }
  };
