import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTicks } from '../../../runtime/schedule/ticks.ts';

/** All ticks of a span, found by asking for the last one minute after minute. */
function ticksOf(expression: string, zone: string, from: string, to: string): readonly string[] {
  const ticks = parseTicks(expression, zone);
  const found = new Set<string>();
  for (let at = Date.parse(from); at < Date.parse(to); at += 60_000) {
    const last = ticks.last(new Date(at));
    if (last !== undefined && last.getTime() >= Date.parse(from)) found.add(last.toISOString().slice(5, 16));
  }
  return [...found];
}

describe('ticks', () => {
  test('of every night come once a night, also when the clocks are set forward and that time does not exist', () => {
    expect(ticksOf('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00Z', '2026-03-31T00:00Z')).toEqual([
      '03-28T01:30',
      '03-29T01:00',
      '03-30T00:30',
    ]);
  });

  test('of every night come once a night, also when the clocks are set back and that time comes twice', () => {
    expect(ticksOf('30 2 * * *', 'Europe/Berlin', '2026-10-24T00:00Z', '2026-10-27T00:00Z')).toEqual([
      '10-24T00:30',
      '10-25T00:30',
      '10-26T01:30',
    ]);
  });

  test.each(['2026-03-29', '2026-10-25'])('of every half hour go on evenly through the night of %s', (night) => {
    const times = ticksOf('*/30 * * * *', 'Europe/Berlin', `${night}T00:00Z`, `${night}T03:00Z`).map((each) => each.slice(6));
    expect(times).toEqual(['00:00', '00:30', '01:00', '01:30', '02:00', '02:30']);
  });

  test('come in any zone of the world, half an hour of daylight saving included', () => {
    expect(ticksOf('15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T12:00Z', '2026-10-05T12:00Z')).toEqual([
      '10-02T15:45',
      '10-03T15:30',
      '10-04T15:15',
    ]);
    expect(ticksOf('0 0 * * *', 'Asia/Kathmandu', '2026-01-01T00:00Z', '2026-01-02T00:00Z')).toEqual(['01-01T18:15']);
  });

  test('are never after the moment that is asked for, and never earlier for a later one', () => {
    const expressions = ['30 2 * * *', '*/15 * * * *', '0 3 * * 0', '0 0 1 * *', '0 0 29 2 *', '5,35 1-3 * * *'];
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'];
    const all = new Map(expressions.flatMap((expression) => zones.map((zone) => [`${expression} ${zone}`, parseTicks(expression, zone)])));
    const anyMoment = fc.date({ min: new Date('2024-01-01'), max: new Date('2032-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.constantFrom(...all.keys()), anyMoment, fc.nat(40 * 86_400_000), (name, moment, later) => {
        const ticks = all.get(name)!;
        const [first, second] = [moment, new Date(moment.getTime() + later)].map((each) => ticks.last(each) ?? new Date(0)) as [Date, Date];
        expect(first <= moment && first <= second).toBe(true);
        expect(first.getTime() === 0 ? first : ticks.last(first)).toEqual(first);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['61 * * * *', 'UTC', /minute/],
    ['* * * * * *', 'UTC', /5 parts/],
    ['', 'UTC', /schedule ""/],
    ['0 0 30 2 *', 'UTC', /such a day never comes/],
    ['0 0 * * *', 'Mars/Base', /Mars\/Base/],
  ])('of %j in %s are refused', (expression, zone, message) => {
    expect(() => parseTicks(expression, zone)).toThrow(message);
    expect(() => parseTicks(expression, zone)).toThrow(expect.objectContaining({ kind: 'spec' }));
  });
});
