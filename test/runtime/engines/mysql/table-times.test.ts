import { describe, expect, test } from 'vitest';
import type { Session } from '../../../../runtime/engines/mysql/session.ts';
import { changedTables, tableTimes } from '../../../../runtime/engines/mysql/table-times.ts';

const morning = '2026-03-01 08:00:00';
const noon = '2026-03-01 12:00:00';
const before = new Map([
  ['shop.orders', morning],
  ['shop.stock', noon],
]);

describe('tables between two looks', () => {
  test('that are what they were are none that changed', () => {
    expect(changedTables(before, new Map(before))).toEqual([]);
  });

  test.each([
    ['removed', [['shop.orders', morning]], ['shop.stock']],
    ['made', [...before, ['shop.late', noon]], ['shop.late']],
    [
      'renamed',
      [
        ['shop.orders', morning],
        ['shop.supply', noon],
      ],
      ['shop.stock', 'shop.supply'],
    ],
    [
      'altered, or made anew under the same name',
      [
        ['shop.orders', noon],
        ['shop.stock', noon],
      ],
      ['shop.orders'],
    ],
    [
      'not to be opened any more',
      [
        ['shop.orders', null],
        ['shop.stock', noon],
      ],
      ['shop.orders'],
    ],
  ] as const)('are named where one was %s', (_, after, changed) => {
    expect(changedTables(before, new Map(after))).toEqual(changed);
  });
});

test('the times of tables are asked for at once, without views and what the server keeps for itself', async () => {
  const asked: string[] = [];
  const rows = async (statement: string) => {
    asked.push(statement);
    return [
      { name: 'shop.orders', at: morning },
      { name: 'shop.odd', at: null },
    ];
  };
  const session: Session = { rows, row: async () => ({}), [Symbol.asyncDispose]: async () => undefined };
  expect(await tableTimes(session)).toEqual(
    new Map([
      ['shop.orders', morning],
      ['shop.odd', null],
    ]),
  );
  expect(asked).toEqual([expect.stringMatching(/table_type <> 'VIEW' AND table_schema NOT IN \('mysql', 'sys'/)]);
});
