import { describe, expect, test } from 'vitest';
import { sharedEnds, splitLines } from '../../../generator/merge/text-lines.ts';

describe('lines', () => {
  test.each([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a\n']],
    ['a\r\n\nb', ['a\r\n', '\n', 'b']],
  ])('of %j keep their endings', (text, lines) => {
    expect(splitLines(text)).toEqual(lines);
  });

  test.each([
    ['abc', 'abc', { head: 3, tail: 0 }],
    ['aa', 'aaa', { head: 2, tail: 0 }],
    ['axa', 'aa', { head: 1, tail: 1 }],
    ['', 'a', { head: 0, tail: 0 }],
  ])('%s and %s share their ends without counting a line twice', (one, other, shared) => {
    expect(sharedEnds([[...one], [...other]])).toEqual(shared);
  });
});
