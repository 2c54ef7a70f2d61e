import { describe, expect, test } from 'vitest';
import { describeTransactions, suspectIn } from '../../../cli/backup/transactions.ts';

const one = (id: string, bytes: number, deleted: number, ...statements: readonly string[]) => ({
  id,
  at: '2026-03-29T14:07:00.000Z',
  bytes,
  tables: [{ name: 'shop.orders', inserted: 0, updated: 0, deleted }],
  statements,
  isOpaque: false,
});

describe('the transaction that a restore is offered to just before of', () => {
  test('is the one that removes most', () => {
    expect(suspectIn([one('a', 900, 0), one('b', 10, 3), one('c', 20, 40)])?.id).toBe('c');
    expect(suspectIn([one('c', 20, 40), one('d', 1, 0, 'DROP TABLE shop.orders')])?.id).toBe('d');
  });

  test('is none that removes nothing but definitions of the server', () => {
    const grant = { ...one('e', 5, 0), tables: [{ name: 'catalog', inserted: 0, updated: 0, deleted: 400 }] };
    expect(suspectIn([grant, one('b', 4, 3)])?.id).toBe('b');
  });

  test('is the largest where nothing is removed, and none where there is none', () => {
    expect(suspectIn([one('a', 900, 0), one('b', 10, 0)])?.id).toBe('a');
    expect(suspectIn([])).toBe(undefined);
  });
});

describe('the list of transactions', () => {
  const shown = (largest: boolean, counts?: 'rows' | 'events'): readonly string[] => {
    const text: string[] = [];
    const listed = {
      database: 'orders',
      since: '2026-03-29T14:00:00.000Z',
      until: '2026-03-29T14:20:00.000Z',
      logUntil: '2026-03-29T14:21:07.000Z',
      matched: 9,
      ...(counts !== undefined && { counts }),
      holes: [{ from: '2026-03-29T14:05:00.000Z', until: '2026-03-29T14:06:00.000Z' }],
      transactions: [
        { ...one('a', 900, 0, 'DROP TABLE x.\u001b[2J'), at: '2026-03-29T14:01:00.000Z' },
        { ...one('b', 10, 3), isPartial: true },
      ],
    };
    const context = { out: (line: string) => void text.push(line), color: false, columns: 200 };
    describeTransactions(listed, { largest }, 'berth restore --only database --before b --into scratch', context);
    return text.join('').split('\n');
  };

  test('tells of a hole where it is, how far the log reaches, and ends with the restore', () => {
    const lines = shown(false);
    const hole = lines.findIndex((line) => line.includes('there is no log from 2026-03-29 14:05:00.000Z to 2026-03-29 14:06:00.000Z'));
    expect([lines[hole - 1], lines[hole + 1]]).toEqual([
      expect.stringContaining('DROP TABLE x.?[2J'),
      expect.stringContaining('shop.orders -3'),
    ]);
    expect(lines).toContainEqual(expect.stringMatching(/^log until 2026-03-29 14:21:07.000Z/));
    expect(lines).toContainEqual(expect.stringContaining('2 of 9 are shown, the newest'));
    expect(lines.at(-2)).toBe('→ berth restore --only database --before b --into scratch');
  });

  test('says what is counted, and of which transaction there was more before the log that was read', () => {
    expect(shown(false, 'rows').join('\n')).toMatch(
      /shop\.orders -3, and what it did before the log that was read\n[^]*\n\+ ~ - count rows inserted/,
    );
    expect(shown(false)).toContainEqual(
      expect.stringMatching(/^\+ ~ - count what the log holds .*: events of up to some 8 KiB, not rows$/),
    );
  });

  test('tells of a hole behind it where the largest come first', () => {
    expect(shown(true)).toContainEqual(expect.stringMatching(/^note: there is no log from 2026-03-29 14:05/));
  });
});
