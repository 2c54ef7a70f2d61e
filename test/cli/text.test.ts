import { describe, expect, test } from 'vitest';
import { table } from '../../cli/text.ts';

describe('a table', () => {
  test('has columns that line up, numbers to the right, and nothing that trails', () => {
    expect(
      table(
        [
          ['name', 'size', 'what'],
          ['längst', '12', ''],
        ],
        [1],
      ),
    ).toBe('  name    size  what\n  längst    12');
  });

  test('is as long as it is', () => {
    const rows = Array.from({ length: 200_000 }, (_, n) => [String(n), 'x']);
    expect(table(rows).length).toBeGreaterThan(200_000);
  });
});
