import { describe, expect, test } from 'vitest';
import { lossOf } from '../../../cli/drill/describe.ts';

describe('what would have been lost', () => {
  const startedAt = new Date('2026-03-29T14:30:00Z');
  const outcome = (until: string | null) => ({ database: 'database', position: '0/1', until, seconds: 1 });

  test('is told of the database that was copied least lately', () => {
    const outcomes = [outcome('2026-03-29T14:29:50Z'), outcome('2026-03-29T14:29:10Z'), outcome(null)];
    expect(lossOf({ at: undefined, startedAt, outcomes })).toBe(50);
  });

  test('is nothing where the log was shipped since, and nobody knows it for a time of old or without a database', () => {
    expect(lossOf({ at: undefined, startedAt, outcomes: [outcome('2026-03-29T14:30:05Z')] })).toBe(0);
    expect(lossOf({ at: '2026-03-29T14:00Z', startedAt, outcomes: [outcome('2026-03-29T14:00:00Z')] })).toBeUndefined();
    expect(lossOf({ at: undefined, startedAt, outcomes: [] })).toBeUndefined();
  });
});
