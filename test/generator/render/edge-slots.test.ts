import { describe, expect, test } from 'vitest';

type Shares = Readonly<Record<string, Readonly<Record<string, number>>>>;
interface Berth {
  parse(text: string): Shares;
  position(visitor: string): number;
  choose(services: Shares, service: string, visitor: string, asked?: string): string;
}
// The very file that nginx runs.
const { default: berth } = (await import(new URL('../../../templates/nginx/berth.js', import.meta.url).href)) as { default: Berth };

const visitors = Array.from({ length: 10_000 }, (_, n) => `10.0.${n >> 8}.${n & 255} Mozilla/5.0 (X11; Linux x86_64)`);
const at = (blue: number, green: number) => visitors.map((visitor) => berth.choose({ web: { blue, green } }, 'web', visitor));
const greens = (slots: readonly string[]) => new Set(slots.flatMap((slot, n) => (slot === 'green' ? [n] : [])));

describe('the choice of a slot', () => {
  test.each([
    [100, 0, 0],
    [95, 5, 5],
    [75, 25, 25],
    [50, 50, 50],
    [0, 100, 100],
    [10, 30, 75],
    [0, 0.5, 100],
  ])('with weights %d and %d sends %d percent of the visitors to green', (blue, green, percent) => {
    const share = (greens(at(blue, green)).size / visitors.length) * 100;
    // None and all are exact, the rest is a matter of spread.
    expect(Math.abs(share - percent)).toBeLessThan(percent % 100 === 0 ? Number.EPSILON : 1.5);
  });

  test('takes no visitor away from a slot whose weight rises', () => {
    const steps = [0, 1, 5, 25, 50, 99, 100].map((green) => greens(at(100 - green, green)));
    for (const [n, few] of steps.entries())
      for (const many of steps.slice(n + 1)) expect([...few].filter((visitor) => !many.has(visitor))).toEqual([]);
  });

  test('keeps a visitor on the same side in every service', () => {
    const services = { web: { blue: 70, green: 30 }, api: { blue: 70, green: 30 } };
    expect(visitors.map((visitor) => berth.choose(services, 'api', visitor))).toEqual(
      visitors.map((visitor) => berth.choose(services, 'web', visitor)),
    );
  });

  test('spreads visitors evenly, even those whose names differ by one letter', () => {
    const tenths = visitors.map((visitor) => Math.floor(berth.position(visitor) / 10));
    for (let tenth = 0; tenth < 10; tenth++) expect(Math.abs(tenths.filter((one) => one === tenth).length - 1000)).toBeLessThan(150);
  });

  test.each([
    { when: 'all weights are 0', services: { web: { blue: 0, green: 0 } }, service: 'web' },
    { when: 'the service is unknown', services: { web: { blue: 100, green: 0 } }, service: 'api' },
    { when: 'the service has the name of something every object has', services: { web: { blue: 100, green: 0 } }, service: 'constructor' },
    { when: 'the service has no slot', services: { web: {} }, service: 'web' },
  ])('finds no live slot when $when', ({ services, service }) => {
    expect(berth.choose(services, service, 'somebody')).toBe('');
  });

  test('follows a wish for a slot that has a weight, be it 0, and no other wish', () => {
    const services = { web: { blue: 100, green: 0 }, api: { blue: 100 } };
    expect(berth.choose(services, 'web', 'somebody', 'green')).toBe('green');
    expect(berth.choose(services, 'api', 'somebody', 'green')).toBe('blue');
    expect(berth.choose(services, 'web', 'somebody', 'constructor')).toBe('blue');
    expect(berth.choose(services, 'web', 'somebody', '')).toBe('blue');
  });
});

describe('the reader of weights.json', () => {
  test('returns the services of a sound file', () => {
    expect(berth.parse('{"version":1,"services":{"web":{"blue":95.5,"green":4.5},"api":{"blue":100}}}')).toEqual({
      web: { blue: 95.5, green: 4.5 },
      api: { blue: 100 },
    });
  });

  test.each([
    '',
    '{"version":1,"services":{"web":{"bl',
    'null',
    '[]',
    '{"version":2,"services":{}}',
    '{"version":1}',
    '{"version":1,"services":[]}',
    '{"version":1,"services":{"web":null}}',
    '{"version":1,"services":{"web":{"red":1}}}',
    '{"version":1,"services":{"web":{"blue":"100"}}}',
    '{"version":1,"services":{"web":{"blue":-1}}}',
    '{"version":1,"services":{"web":{"blue":101}}}',
    '{"version":1,"services":{"web":{"blue":null}}}',
  ])('refuses %j', (text) => {
    expect(() => berth.parse(text)).toThrow(/expected|unterminated/i);
  });
});
