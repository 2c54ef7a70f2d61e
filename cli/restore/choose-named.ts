import { BerthError } from '../../model/errors.ts';

/**
 * What was asked for by its name, or, where there is but one, without.
 *
 * @param what - `database`, for messages.
 * @param isCalled - Beside the whole name, which always leads to what has it.
 * @throws BerthError `usage` when it is not clear which one is meant.
 */
export function theOne<T extends { readonly name: string }>(
  all: readonly T[],
  what: string,
  name: string | undefined,
  isCalled: (one: T, name: string) => boolean = () => false,
): T {
  const names = all.map((each) => each.name).join(', ');
  if (all.length === 0)
    throw new BerthError('usage', `no ${what} of this site is in its backups`, 'see the notes of `berth plan` for what is');
  const exact = all.find((each) => each.name === name);
  if (exact !== undefined) return exact;
  const found = all.filter((each) => name === undefined || isCalled(each, name));
  const [one] = found;
  if (one === undefined) throw new BerthError('usage', `there is no ${what} ${name ?? ''} in the backups`, `write one of: ${names}`);
  if (found.length > 1) throw new BerthError('usage', `which ${what}?`, `write --name with one of: ${names}`);
  return one;
}
