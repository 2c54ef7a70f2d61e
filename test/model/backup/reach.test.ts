import { describe, expect, test } from 'vitest';
import { reachOf } from '../../../model/backup/reach.ts';

const times = { startedAt: '2026-03-29T01:00:00.000Z', finishedAt: '2026-03-29T02:00:00.000Z' };

describe('the times that a backup stands for', () => {
  test('are those that its engine says', () => {
    const facts = { restorableFrom: '2026-03-29T01:30:00.000Z', coveredUntil: '2026-03-29T00:59:00.000Z' };
    expect(reachOf({ ...times, kind: 'full', facts })).toEqual({
      restorableFrom: new Date(facts.restorableFrom),
      coveredUntil: new Date(facts.coveredUntil),
    });
    expect(reachOf({ ...times, kind: 'log', facts }).restorableFrom).toBeUndefined();
  });

  test.each([{}, { coveredUntil: 'soon', restorableFrom: 7 }])('are those of its making, where the engine says nothing: %j', (facts) => {
    expect(reachOf({ ...times, kind: 'full', facts })).toEqual({
      restorableFrom: new Date(times.finishedAt),
      coveredUntil: new Date(times.startedAt),
    });
  });
});
