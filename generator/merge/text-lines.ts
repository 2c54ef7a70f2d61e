/** The lines of a text, each with its ending, so that joining them gives the text back. */
export const splitLines = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

/** How many leading and trailing lines all of the texts share; the two never overlap. */
export function sharedEnds(texts: readonly [readonly string[], ...(readonly string[])[]]): {
  readonly head: number;
  readonly tail: number;
} {
  const [first] = texts;
  const shortest = Math.min(...texts.map((lines) => lines.length));
  const sameAt = (index: number, fromEnd: boolean): boolean =>
    texts.every((lines) => lines[fromEnd ? lines.length - 1 - index : index] === first[fromEnd ? first.length - 1 - index : index]);
  let head = 0;
  while (head < shortest && sameAt(head, false)) head += 1;
  let tail = 0;
  while (tail < shortest - head && sameAt(tail, true)) tail += 1;
  return { head, tail };
}
