import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstRelease, resolveRelease } from '../../../generator/plan/resolve-release.ts';
import { BerthError } from '../../../model/errors.ts';
import type { WrittenRelease } from '../../../model/release.ts';
import { app, plan, refusal, service, stack } from './plans.ts';

const spec = stack({ services: [app('web', { replicas: 3 }), app('api', { replicas: 2 })] });
const written = (services: WrittenRelease['services']): WrittenRelease => ({ apiVersion: 'berth/v1', services });
const slot = (weight: number, replicas?: number) => ({
  image: 'registry.example/web:2.0.0',
  weight,
  ...(replicas === undefined ? {} : { replicas }),
});
const counts = (services: WrittenRelease['services']) =>
  [...plan(spec, { release: written(services) }).release].map(([name, slots]) => [
    name,
    ...slots.map(({ slot: color, replicas }) => `${color} ${replicas}`),
  ]);

describe('a release', () => {
  test('that is the first one stands in blue', () => {
    expect(counts(firstRelease(spec).services)).toEqual([
      ['web', 'blue 3'],
      ['api', 'blue 2'],
    ]);
    expect(plan(spec).release).toEqual(plan(spec, { release: firstRelease(spec) }).release);
  });

  test.each([
    ['blue alone', { blue: slot(100) }, ['blue 3']],
    ['green alone', { green: slot(100) }, ['green 3']],
    ['a canary', { blue: slot(90), green: slot(10) }, ['blue 3', 'green 1']],
    ['most in green', { blue: slot(10), green: slot(90) }, ['blue 1', 'green 3']],
    ['halves', { blue: slot(50), green: slot(50) }, ['blue 3', 'green 1']],
    ['a standby', { blue: slot(100), green: slot(0) }, ['blue 3', 'green 1']],
    ['none with traffic', { green: slot(0) }, ['green 3']],
    ['replicas of its own', { blue: slot(50, 2), green: slot(50, 2) }, ['blue 2', 'green 2']],
    ['an empty standby', { blue: slot(100), green: slot(0, 0) }, ['blue 3', 'green 0']],
    ['nothing', {}, []],
  ])('with %s gives the slot with the most weight all replicas and the other one', (_, web, expected) => {
    expect(counts({ web })).toEqual([['web', ...expected], ['api']]);
  });

  test('keeps image and weight as they are', () => {
    expect(plan(spec, { release: written({ web: { green: slot(100) } }) }).release.get('web')).toEqual([
      { slot: 'green', image: 'registry.example/web:2.0.0', replicas: 3, weight: 100, migrates: true },
    ]);
  });

  test.each([
    ['both slots full', { blue: slot(50, 3), green: slot(50, 2) }, 5],
    ['one slot above all', { blue: slot(100, 5) }, 5],
  ])('with %s is refused: the host is not divided for so many', (_, web, sum) => {
    expect(refusal(spec, { release: written({ web }) })).toMatchObject({
      kind: 'capacity',
      message: `release.yaml runs ${sum} replicas of web at once; the host is divided for 3 and one surge replica`,
    });
  });

  test('may have one service at a time in two slots: there is room for one surge replica', () => {
    const both = { blue: slot(100), green: slot(0) };
    expect(refusal(spec, { release: written({ web: both, api: both }) })).toMatchObject({
      kind: 'capacity',
      message: 'release.yaml runs one more replica of web and of api at once; the host is divided for one surge replica of one service',
    });
    expect(counts({ web: both, api: { blue: slot(100), green: slot(0, 0) } })).toEqual([
      ['web', 'blue 3', 'green 1'],
      ['api', 'blue 2', 'green 0'],
    ]);
  });

  test('never runs more memory than the host was divided for', () => {
    const anySlot = fc.option(
      fc
        .record({ weight: fc.constantFrom(0, 10, 50, 90, 100), replicas: fc.option(fc.nat(5), { nil: undefined }) })
        .map(({ weight, replicas }) => slot(weight, replicas)),
      { nil: undefined },
    );
    const anyService = fc
      .record({ blue: anySlot, green: anySlot })
      .map(({ blue, green }) => ({ ...(blue ? { blue } : {}), ...(green ? { green } : {}) }));
    const made = plan(spec);
    const room = made.budget.rows
      .filter(({ name }) => ['web', 'api', 'surge'].includes(name))
      .reduce((sum, row) => sum + row.each * row.count, 0);
    fc.assert(
      fc.property(anyService, anyService, (web, api) => {
        try {
          const release = resolveRelease(
            written({ web, api }),
            spec,
            (name) => spec.services.find((one) => one.name === name)?.replicas ?? 0,
          );
          const used = [...release].reduce(
            (sum, [name, slots]) => sum + slots.reduce((all, { replicas }) => all + replicas, 0) * service(made, name).size.memory,
            0,
          );
          expect(used).toBeLessThanOrEqual(room);
        } catch (error) {
          if (!(error instanceof BerthError)) throw error;
        }
      }),
    );
  });

  test('for a service called constructor that is not mentioned is an empty one', () => {
    expect(plan(stack({ services: [app('constructor')] }), { release: written({}) }).release.get('constructor')).toEqual([]);
  });
});
