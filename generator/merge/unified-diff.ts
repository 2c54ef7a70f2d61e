import { diffIndices } from 'node-diff3';
import { sharedEnds, splitLines } from './text-lines.ts';

/** Lines `[from, to)` of the old text that became `[at, until)` of the new one; counted from 0. */
interface Difference {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly until: number;
}

export interface DiffOptions {
  /** What the two sides are, for the first two lines. */
  readonly names?: readonly [before: string, after: string];
  /** Lines after which the rest is only counted. */
  readonly longest?: number;
}

const context = 3;
/** Comparing costs the square of this; beyond it the whole is shown as replaced. */
const mostLines = 10_000;

/** What changed, for eyes: a unified diff with control characters made visible. Empty when nothing did. */
export function unifiedDiff(
  before: string,
  after: string,
  path: string,
  { names = ['before', 'after'], longest = 200 }: DiffOptions = {},
): string {
  if (before === after) return '';
  const [old, fresh] = [splitLines(before), splitLines(after)];
  const hunks = gather(differences(old, fresh)).flatMap((hunk) => printHunk(hunk, old, fresh));
  const lines = [`--- ${path} (${names[0]})`, `+++ ${path} (${names[1]})`, ...hunks.map(visible)];
  const hidden = lines.length - longest;
  return [...lines.slice(0, longest), ...(hidden > 0 ? [`… ${hidden} more lines`] : []), ''].join('\n');
}

function differences(old: readonly string[], fresh: readonly string[]): Difference[] {
  const { head, tail } = sharedEnds([old, fresh]);
  const [before, after] = [old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)];
  if (Math.max(before.length, after.length) > mostLines)
    return [{ from: head, to: old.length - tail, at: head, until: fresh.length - tail }];
  return diffIndices(before, after).map(({ buffer1: [from, removed], buffer2: [at, added] }) => ({
    from: head + from,
    to: head + from + removed,
    at: head + at,
    until: head + at + added,
  }));
}

/** Differences whose context would touch are one hunk. */
function gather(all: readonly Difference[]): Difference[][] {
  const hunks: Difference[][] = [];
  for (const difference of all) {
    const last = hunks.at(-1);
    if (last && difference.from - (last.at(-1)?.to ?? 0) <= 2 * context) last.push(difference);
    else hunks.push([difference]);
  }
  return hunks;
}

function printHunk(hunk: readonly Difference[], old: readonly string[], fresh: readonly string[]): string[] {
  const [first, last] = [hunk[0], hunk.at(-1)];
  if (!first || !last) return [];
  const lead = Math.min(context, first.from);
  const trail = Math.min(context, old.length - last.to);
  const body = hunk.flatMap((difference, index) => [
    ...marked(' ', old.slice(index === 0 ? first.from - lead : hunk[index - 1]?.to, difference.from)),
    ...marked('-', old.slice(difference.from, difference.to)),
    ...marked('+', fresh.slice(difference.at, difference.until)),
  ]);
  const header = `@@ -${range(first.from - lead, last.to + trail)} +${range(first.at - lead, last.until + trail)} @@`;
  return [header, ...body, ...marked(' ', old.slice(last.to, last.to + trail))];
}

/** An empty range is named by the line before it. */
const range = (from: number, to: number): string => (to - from === 1 ? `${from + 1}` : `${to === from ? from : from + 1},${to - from}`);

const marked = (sign: string, lines: readonly string[]): string[] =>
  lines.flatMap((line) => (line.endsWith('\n') ? [sign + line.slice(0, -1)] : [sign + line, '\\ No newline at end of file']));

/** A diff is printed to terminals: no byte of a file may steer one. */
const visible = (line: string): string =>
  line.replace(/[^\P{Cc}\t]/gu, (char) => (char < ' ' ? `^${String.fromCharCode(char.charCodeAt(0) + 64)}` : '\ufffd'));
