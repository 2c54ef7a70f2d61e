import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeText } from '../../../generator/merge/merge-text.ts';
import { cpuTime } from '../../cpu-time.ts';

const textOf = (base: string, current: string, next: string): string | undefined => {
  const merged = mergeText(base, current, next);
  return 'text' in merged ? merged.text : undefined;
};
const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

const old = 'one\ntwo\nthree\nfour\nfive\n';
const fresh = 'one\ntwo\nthree\nfour\nFIVE\n';

describe('a merge', () => {
  test.each([
    ['a changed line', 'ONE\ntwo\nthree\nfour\nfive\n', 'ONE\ntwo\nthree\nfour\nFIVE\n'],
    ['a new first line', 'zero\none\ntwo\nthree\nfour\nfive\n', 'zero\none\ntwo\nthree\nfour\nFIVE\n'],
    ['a line taken out', 'one\nthree\nfour\nfive\n', 'one\nthree\nfour\nFIVE\n'],
    [
      'names that objects have by birth',
      '__proto__\nconstructor\ntwo\nthree\nfour\nfive\n',
      '__proto__\nconstructor\ntwo\nthree\nfour\nFIVE\n',
    ],
  ])('keeps %s', (_, current, expected) => {
    expect(textOf(old, current, fresh)).toBe(expected);
  });

  test('keeps the line endings of an editor that changed them all', () => {
    expect(textOf(old, crlf('one\ntwo more\nthree\nfour\nfive\n'), fresh)).toBe(crlf('one\ntwo more\nthree\nfour\nFIVE\n'));
  });

  test('keeps a single line that ends otherwise', () => {
    expect(textOf(old, 'one\r\ntwo\nthree\nfour\nfive\n', fresh)).toBe('one\r\ntwo\nthree\nfour\nFIVE\n');
  });

  test('keeps a missing final newline, also where the last line is new', () => {
    expect(textOf(old, 'ONE\ntwo\nthree\nfour\nfive', fresh)).toBe('ONE\ntwo\nthree\nfour\nFIVE');
    expect(textOf(old, old.trimEnd(), `${old}six\n`)).toBe(`${old}six`);
    expect(textOf(old, crlf(old).trimEnd(), `${old}six\n`)).toBe(crlf(`${old}six`));
  });

  test('keeps a final newline that the operator added', () => {
    expect(textOf('one\ntwo\nthree', 'one\ntwo\nthree\n', 'ONE\ntwo\nthree')).toBe('ONE\ntwo\nthree\n');
  });

  test('follows the new version in endings the operator left alone', () => {
    expect(textOf(old, `zero\n${old}`, crlf(fresh))).toBe(crlf(`zero\n${fresh}`));
  });

  test('names the lines on disk that both sides changed', () => {
    expect(mergeText(old, 'zero\none\ntwo\nthree\nvier\nfünf\n', fresh)).toEqual({ overlaps: [{ line: 5, count: 2 }] });
    expect(mergeText('a\nb\nc\n', 'a\nc\n', 'a\nB\nc\n')).toEqual({ overlaps: [{ line: 2, count: 0 }] });
  });

  test('of a rewritten huge file is left to a person, at once', () => {
    const huge = (seed: string): string => Array.from({ length: 20_000 }, (_, index) => `${seed}${index % 7}\n`).join('');
    const start = cpuTime();
    expect(mergeText(huge('a'), huge('b'), huge('c'))).toEqual({ overlaps: [{ line: 1, count: 20_000 }] });
    expect(textOf(`${huge('a')}end\n`, `start\n${huge('a')}end\n`, `${huge('a')}END\n`)).toBeUndefined();
    expect(cpuTime() - start).toBeLessThan(2000);
  });

  test('of a huge file with edits in one place is quick', () => {
    const huge = Array.from({ length: 200_000 }, (_, index) => `line ${index}\n`);
    const [current, next] = [huge.with(500, 'mine\n').join(''), huge.with(510, 'new\n').join('')];
    expect(textOf(huge.join(''), current, next)).toBe(huge.with(500, 'mine\n').with(510, 'new\n').join(''));
  });
});

const line = fc.constantFrom('a', 'b', 'c', 'd', 'e', '}', '');
const text = fc.tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), fc.boolean()).map(([lines, ending, finished]) =>
  lines
    .map((each) => each + ending)
    .join('')
    .slice(0, finished ? undefined : -ending.length || undefined),
);
/** A few lines taken out or put in, as a person or a release would. */
const edit = fc.array(fc.tuple(fc.nat(12), fc.constantFrom(0, 1), fc.array(fc.constantFrom('mine', 'yours', 'a', ''), { maxLength: 2 })), {
  maxLength: 2,
});
const editedText = (base: string, edits: readonly (readonly [number, number, readonly string[]])[], mark: string): string =>
  edits.reduce((lines, [at, out, put]) => lines.toSpliced(at, out, ...put.map((each) => `${mark}${each}`)), base.split('\n')).join('\n');
/** How often each line occurs, endings aside. */
const counted = (content: string): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const each of content.split(/\r?\n/)) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
};

describe('every merge', () => {
  test('of an unedited file is the new version', () => {
    fc.assert(
      fc.property(text, text, (base, next) => {
        expect(textOf(base, base, next)).toBe(next);
      }),
    );
  });

  test('with an unchanged template is the file as edited', () => {
    fc.assert(
      fc.property(text, text, (base, current) => {
        expect(textOf(base, current, base)).toBe(current);
      }),
    );
  });

  test('of twice the same change is that change', () => {
    fc.assert(
      fc.property(text, text, (base, both) => {
        expect(textOf(base, both, both)).toBe(both);
      }),
    );
  });

  test('holds each line that the operator or the new version added, and none that neither had', () => {
    let merges = 0;
    fc.assert(
      fc.property(text, edit, edit, (base, ours, theirs) => {
        const [current, next] = [editedText(base, ours, 'our-'), editedText(base, theirs, 'their-')];
        const merged = textOf(base, current, next);
        if (merged === undefined) return;
        merges += 1;
        const [was, is, will, got] = [counted(base), counted(current), counted(next), counted(merged)];
        for (const side of [is, will])
          for (const [each, count] of side)
            if (each.includes('-') && !was.has(each)) expect(got.get(each) ?? 0).toBeGreaterThanOrEqual(count);
        for (const each of got.keys()) if (each !== '') expect(is.has(each) || will.has(each)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(merges).toBeGreaterThan(500);
  });

  test('never puts conflict markers into a file', () => {
    fc.assert(
      fc.property(text, text, text, (base, current, next) => {
        expect(textOf(base, current, next) ?? '').not.toMatch(/^[<=>|]{7}/m);
      }),
    );
  });
});
