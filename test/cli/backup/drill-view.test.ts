import { describe, expect, test } from 'vitest';
import { describeDrill, drillAsJson, drillNotes } from '../../../cli/backup/drill-view.ts';

const now = new Date('2026-03-29T14:30:00Z');
const drill = {
  at: '2026-02-22T14:30:00.000Z',
  level: 4,
  detail: ['the whole site served after 62 s', 'the newest canary that came back was 41 s old when it began'],
} as const;

describe('the last drill', () => {
  test('is shown with its age, how far it went, and what was measured', () => {
    expect(describeDrill(drill, now)).toBe(
      'level 4, drilled 35 days ago: the whole site served after 62 s; the newest canary that came back was 41 s old when it began\n',
    );
    expect(drillAsJson(35, drill, now)).toEqual({ drill: { ...drill, ageSeconds: 3_024_000 }, drillDue: false });
    expect(drillAsJson(undefined, undefined, now)).toEqual({ drill: null });
  });

  test('is asked for where there is to be one, and none has passed for longer than that, or ever', () => {
    expect(drillNotes(35, drill, now)).toEqual([]);
    const [late] = drillNotes(35, drill, new Date(now.getTime() + 60_000));
    expect(late).toMatch(/^the last drill that passed is 35 days old, and there is to be one every 35 days: /);
    expect(drillNotes(35, undefined, now)).toEqual([expect.stringMatching(/^no drill has passed yet/)]);
    expect(drillAsJson(1, drill, now)).toMatchObject({ drillDue: true });
  });

  test('is asked for by nobody where the spec says nothing of drills', () => {
    expect(drillNotes(undefined, undefined, now)).toEqual([]);
  });
});
