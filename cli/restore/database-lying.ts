import { BerthError } from '../../model/errors.ts';

/** The places in the volume of a database between which data change: those that a server opens, and three beside them. */
export const places = ['data', 'kept', 'waiting', 'ready'] as const;
export type Lying = { readonly [place in (typeof places)[number]]?: string };

export const placeOf = (lying: Lying, one: string | undefined): (typeof places)[number] | undefined =>
  one === undefined ? undefined : places.find((place) => lying[place] === one);

/** Paths of the places, and the shell that makes data and those that are kept change places. */
export interface Ways {
  readonly path: { readonly [place in (typeof places)[number]]: string };
  readonly exchanging: string;
}

/**
 * Shell: brings one of two folders to where the server opens its data, whatever an exchange that was cut off has left, and the other one to where it is kept.
 * Nothing is removed or written over. Run again after it was cut off, with what lies where by then, it comes to the same.
 *
 * @param other - What is to be kept, if it is anywhere.
 */
export function bringing(lying: Lying, wanted: string, other: string | undefined, { path, exchanging }: Ways): string {
  const at = placeOf(lying, wanted);
  if (at === undefined) throw new Error('what is nowhere cannot be brought');
  const move = (from: keyof Lying, to: keyof Lying): string => `mv -T ${path[from]} ${path[to]}`;
  // Two renames of the three were done: those that wait are the other ones.
  if (other !== undefined && lying.waiting === other && lying.kept !== undefined && at !== 'kept') throw taken(path.kept);
  const leaves = other !== undefined && lying.waiting === other ? [move('waiting', 'kept')] : [];
  if (at === 'data') return steps(leaves);
  if (lying.data === undefined) return steps([move(at, 'data'), ...leaves]);
  if (at !== 'kept' && lying.kept !== undefined) throw taken(path.kept);
  if (at !== 'waiting' && lying.waiting !== undefined) throw taken(path.waiting);
  return steps([...(at === 'kept' ? [] : [move(at, 'kept')]), exchanging]);
}

const taken = (path: string): BerthError =>
  new BerthError(
    'conflict',
    `${path} in the volume is neither the old data nor those that were restored`,
    'move it away, then run the command again',
  );

const steps = (all: readonly string[]): string => all.map((one) => `${one} || exit 1; `).join('');
