import { describe, expect, test } from 'vitest';
import { lossOf, measuredLossOf } from '../../../cli/drill/describe.ts';

describe('what would have been lost', () => {
  const startedAt = new Date('2026-03-29T14:30:00Z');
  const outcome = (until: string | null) => ({ database: 'database', position: '0/1', until, canary: null, seconds: 1 });

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

describe('what is measured by the time that was written into each database', () => {
  const startedAt = new Date('2026-03-29T14:30:00Z');
  const outcome = (moment: string | undefined) => ({
    database: 'database',
    position: '0/1',
    until: null,
    canary: moment === undefined ? null : { moment, ageSeconds: 99, rpoSeconds: 60, claimed: null, late: false },
    seconds: 1,
  });

  test('is of the one that came back oldest, up to the moment at which the drill began', () => {
    const outcomes = [outcome('2026-03-29T14:29:50Z'), outcome(undefined), outcome('2026-03-29T14:29:19Z')];
    expect(measuredLossOf({ at: undefined, startedAt, outcomes })).toBe(41);
  });

  test('is nothing where no time was written into any, or an older state was asked for', () => {
    expect(measuredLossOf({ at: undefined, startedAt, outcomes: [outcome(undefined)] })).toBeUndefined();
    expect(measuredLossOf({ at: '2026-03-29T14:00Z', startedAt, outcomes: [outcome('2026-03-29T13:59:50Z')] })).toBeUndefined();
  });
});
