import { describe, expect, test } from 'vitest';
import { planSweep, type SweepFacts } from '../../../runtime/jobs/sweep.ts';

const hour = 3_600_000;
const now = new Date('2026-03-10T00:00:00Z');
const ago = (hours: number): Date => new Date(now.getTime() - hours * hour);
const none: SweepFacts = { manifests: new Set(), removed: [], remains: [] };
const sweep = (facts: Partial<SweepFacts>) => planSweep({ ...none, ...facts }, now, 48 * hour);

describe('a sweep', () => {
  test('never touches what has a manifest, however old', () => {
    expect(sweep({ manifests: new Set(['a']), remains: [{ id: 'a', modified: ago(9999) }] })).toEqual([]);
  });

  test('takes what was removed once its time of grace is over, counted from the removal', () => {
    const remains = [
      { id: 'a', modified: ago(900) },
      { id: 'b', modified: ago(900) },
    ];
    const removed = [
      { id: 'a', modified: ago(47) },
      { id: 'b', modified: ago(49) },
    ];
    expect(sweep({ remains, removed })).toEqual([{ id: 'b', because: 'removed more than 48 h ago' }]);
  });

  test('takes what never got a manifest, but not what may still be under way', () => {
    const remains = [
      { id: 'a', modified: ago(100) },
      { id: 'b', modified: ago(100) },
      { id: 'b', modified: ago(1) },
    ];
    expect(sweep({ remains })).toEqual([{ id: 'a', because: 'never finished, and older than 48 h' }]);
  });

  test('takes a manifest that was moved away and whose data are gone', () => {
    expect(sweep({ removed: [{ id: 'a', modified: ago(50) }] }).length).toBe(1);
  });

  test('takes nothing from the future, nor what has no time', () => {
    const remains = [
      { id: 'a', modified: ago(-100) },
      { id: 'b', modified: new Date(Number.NaN) },
    ];
    expect(sweep({ remains })).toEqual([]);
  });
});
