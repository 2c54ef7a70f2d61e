import { diff3Merge } from 'node-diff3';
import { evenEndings } from './line-endings.ts';
import { sharedEnds, splitLines } from './text-lines.ts';

/** Lines of the text on disk, counted from 1; `count` is 0 where lines were taken out. */
export interface Overlap {
  readonly line: number;
  readonly count: number;
}

/** The merged text, or the places that both sides changed, each in its own way. */
export type Merged = { readonly text: string } | { readonly overlaps: readonly Overlap[] };

/** Comparing costs the square of this; a rewrite of more lines is a person's to merge. */
const mostLines = 10_000;

/** Carries the edits from `base` to `current` over to `next`. Never puts markers into the text. */
export function mergeText(base: string, current: string, next: string): Merged {
  if (current === next || base === next) return { text: current };
  if (base === current) return { text: next };
  const even = evenEndings(base, current, next);
  const merged = mergeLines(splitLines(even.base), splitLines(even.current), splitLines(even.next));
  return 'text' in merged ? { text: even.restore(merged.text) } : merged;
}

function mergeLines(base: readonly string[], current: readonly string[], next: readonly string[]): Merged {
  const { head, tail } = sharedEnds([base, current, next]);
  const middle = (lines: readonly string[]): string[] => lines.slice(head, lines.length - tail);
  const [was, is, will] = [middle(base), middle(current), middle(next)];
  if (Math.max(was.length, is.length, will.length) > mostLines) return { overlaps: [{ line: head + 1, count: is.length }] };
  const regions = diff3Merge(is, was, will);
  const overlaps = regions.flatMap(({ conflict }) => (conflict ? [{ line: head + conflict.aIndex + 1, count: conflict.a.length }] : []));
  if (overlaps.length > 0) return { overlaps };
  const lines = regions.flatMap(({ ok }) => ok ?? []);
  return { text: [...current.slice(0, head), ...lines, ...current.slice(current.length - tail)].join('') };
}
