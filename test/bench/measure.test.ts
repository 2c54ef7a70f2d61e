import { describe, expect, test } from 'vitest';
import { fastest, median, missed, race, secondsOf, spread, timesOf } from './measure.ts';

describe('a race', () => {
  test('has everyone run once a turn, and the first turn is for warming up', () => {
    const ran: string[] = [];
    const one = (name: string) => ({ name, argv: ['true'] as const, before: (turn: number) => void ran.push(`${name}${turn}`) });
    const times = race([one('a'), one('b')], 2);
    expect(ran).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
    expect([timesOf(times, 'a').wall.length, timesOf(times, 'b').wall.length]).toEqual([2, 2]);
    expect(() => timesOf(times, 'c')).toThrow('c did not run');
  });

  test('counts the processor time of what it has waited for', () => {
    const [idle, busy] = ['sleep 0.2', 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'];
    const times = race(
      [idle, busy].map((script) => ({ name: script, argv: ['sh', '-c', script] as const })),
      1,
    );
    expect(timesOf(times, idle ?? '').cpu).toBeLessThan(100);
    expect(timesOf(times, busy ?? '').cpu).toBeGreaterThan(100);
  });

  test('that somebody does not finish has no result', () => {
    expect(() => race([{ name: 'broken', argv: ['sh', '-c', 'echo why >&2; exit 3'] }], 1)).toThrow('broken ended with 3: why');
  });
});

test('what a shell says of its children is read in seconds', () => {
  expect(secondsOf('0m0.001s 0m0.000s\n1m2.500s 0m0.250s\n')).toBeCloseTo(62.75);
  expect(secondsOf('pg_receivewal: stopped\n0m0.00s 0m0.00s\n0m1.00s 0m0.50s')).toBeCloseTo(1.5);
  expect(secondsOf('nothing')).toBeNaN();
});

describe('times', () => {
  const times = { wall: [10, 20, 30, 40, 100], cpu: 100 };
  test('are told by their middle, which no straggler moves', () => {
    expect([fastest(times), median(times), spread(times)]).toEqual([10, 30, [20, 40]]);
  });
  test('that are not there are no number, and no bar is reached by that', () => {
    const ratio = median({ wall: [], cpu: undefined });
    expect(ratio).toBeNaN();
    expect([missed({ what: '', ratio, bar: 1, detail: '' }), missed({ what: '', ratio, least: 0.1, detail: '' })]).toEqual([true, true]);
  });
});
