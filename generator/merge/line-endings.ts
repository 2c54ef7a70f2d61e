/** How the lines of a text end; an editor may have changed this for the whole file without touching a word. */
interface Endings {
  readonly crlf: boolean;
  /** Whether the last line is finished by a line ending. */
  readonly finished: boolean;
}

export interface EvenTexts {
  readonly base: string;
  readonly current: string;
  readonly next: string;
  /** Gives a merged text the endings it should have. */
  readonly restore: (merged: string) => string;
}

const endingsOf = (text: string): Endings => ({
  crlf: text.includes('\r\n') && !/(^|[^\r])\n/.test(text),
  finished: text === '' || text.endsWith('\n'),
});

/** What the operator changed stays; what was left alone follows the new text. */
const settle = (base: boolean, current: boolean, next: boolean): boolean => (current === base ? next : current);

/** Three texts with the same kind of endings, so that a merge sees words only. */
export function evenEndings(base: string, current: string, next: string): EvenTexts {
  const [was, is, will] = [endingsOf(base), endingsOf(current), endingsOf(next)];
  const crlf = settle(was.crlf, is.crlf, will.crlf);
  const finished = settle(was.finished, is.finished, will.finished);
  const even = (text: string, endings: Endings): string => {
    const lines = crlf || endings.crlf ? text.replaceAll('\r\n', '\n') : text;
    return endings.finished ? lines : `${lines}\n`;
  };
  const restore = (merged: string): string => {
    const text = finished ? merged : merged.replace(/\n$/, '');
    return crlf ? text.replaceAll('\n', '\r\n') : text;
  };
  return { base: even(base, was), current: even(current, is), next: even(next, will), restore };
}
