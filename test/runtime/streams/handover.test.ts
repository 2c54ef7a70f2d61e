import { expect, test } from 'vitest';
import { Handover } from '../../../runtime/streams/handover.ts';
import { linesOf } from '../../../runtime/streams/lines.ts';
import { cut, from, fromAll } from './bytes.ts';

test('what is given is taken in order, and the giver waits until it was', async () => {
  const handover = new Handover<number>();
  const seen: string[] = [];
  const giver = (async () => {
    for (const item of [1, 2, 3]) {
      await handover.give(item);
      seen.push(`given ${item}`);
    }
    handover.end();
  })();
  for await (const item of handover) seen.push(`taken ${item}`);
  await giver;
  expect(seen.filter((each) => each.startsWith('taken'))).toEqual(['taken 1', 'taken 2', 'taken 3']);
  expect(seen.indexOf('given 3')).toBeGreaterThan(seen.indexOf('taken 2'));
});

test('a giver whose taker has gone hears why, now and later', async () => {
  const handover = new Handover<number>();
  const waiting = handover.give(1);
  handover.stop(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  await expect(handover.give(2)).rejects.toThrow('gone');
});

test('a taker who waits hears that nothing comes any more', async () => {
  const handover = new Handover<number>();
  const next = handover[Symbol.asyncIterator]().next();
  handover.stop(new Error('given up'));
  await expect(next).rejects.toThrow('given up');
});

test.each([
  ['a\nb\n', ['a', 'b']],
  ['a\n\nb', ['a', '', 'b']],
  ['', []],
  ['ä☂𝄞\n'.repeat(3), ['ä☂𝄞', 'ä☂𝄞', 'ä☂𝄞']],
])('lines of %j are found, however it is cut', async (text, lines) => {
  const found: string[] = [];
  for await (const line of linesOf(fromAll(cut(Buffer.from(text), [1, 2])))) found.push(line);
  expect(found).toEqual(lines);
});

test('bytes that are no text are no lines', async () => {
  await expect(linesOf(from(Buffer.from([0x61, 0xff, 0x0a]))).next()).rejects.toThrow();
});
