import { describe, expect, test } from 'vitest';
import { describeLate, filledUntil, lateOf } from '../../../cli/drill/late.ts';

const now = new Date('2026-03-29T14:30:00Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);
const [hour, day] = [3600, 86_400];
const nightly = { schedule: '0 3 * * *', timeZone: 'UTC' };
const jobs = [
  { ...nightly, name: 'database', agent: 'agent-postgres', database: { rpo: 60 } },
  { ...nightly, name: 'sessions', agent: 'agent-postgres' },
  { ...nightly, name: 'uploads', agent: 'agent-postgres' },
] as unknown as Parameters<typeof lateOf>[1];
const chosen = (database: Date, sessions: Date, uploads = ago(90 * day)) =>
  ({
    wanted: [{ database: 'database', until: database }],
    copies: [
      { kind: 'cache', name: 'sessions', copy: { finishedAt: sessions.toISOString() } },
      { kind: 'volume', name: 'uploads', copy: { finishedAt: uploads.toISOString() } },
    ],
  }) as unknown as Parameters<typeof lateOf>[0];

describe('what a drill brings back', () => {
  test('is not late within what may be lost, while a quiet database says nothing, and while a copy is under way', () => {
    expect(lateOf(chosen(ago(1020), ago(35 * hour)), jobs, now, now)).toEqual([]);
    expect(lateOf(chosen(ago(1021), ago(35 * hour)), jobs, now, now)).toHaveLength(1);
    expect(lateOf(chosen(ago(0), ago(36 * hour)), jobs, now, now)).toHaveLength(1);
  });

  test('is told with its age and its terms where nobody has copied it for weeks; files may be of any age, as they are copied on change', () => {
    const late = lateOf(chosen(ago(21 * day), ago(20 * day)), jobs, now, now);
    expect(late.map(describeLate)).toEqual([
      'database comes back as it was 21 days before, and is to be 60 s behind at most',
      'sessions comes back as it was 20 days before, and is to be copied at "0 3 * * *" (UTC)',
    ]);
    expect(late[0]).toMatchObject({ agent: 'agent-postgres', ageSeconds: 21 * day });
  });

  test('from the second place may be as old as what is on its way there', () => {
    const offsite = { schedule: '*/10 * * * *', timeZone: 'UTC' } as NonNullable<Parameters<typeof filledUntil>[1]['offsite']>;
    const moment = filledUntil('offsite', { offsite }, now);
    expect(moment.toISOString()).toBe('2026-03-29T14:20:00.000Z');
    expect(filledUntil('store', { offsite }, now)).toBe(now);
    expect(lateOf(chosen(ago(1500), ago(hour)), jobs, moment, now)).toEqual([]);
    expect(lateOf(chosen(ago(1700), ago(hour)), jobs, moment, now)).toHaveLength(1);
  });
});
