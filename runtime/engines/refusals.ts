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
