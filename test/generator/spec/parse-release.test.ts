import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRelease } from '../../../generator/spec/parse-release.ts';
import { bytes, hello, oneLine, specOf } from './specs.ts';

const spec = specOf(hello);
const parse = (text: string) => parseRelease(bytes(text), 'release.yaml', spec);
const problems = (text: string): readonly string[] => {
  const parsed = parse(text);
  return parsed.ok ? [] : parsed.problems.map(oneLine);
};
const release = (web: string) => `apiVersion: berth/v1\nservices:\n  web: ${web}\n`;
const slot = (weight: number | string, more = '') => `{ image: registry.example/hello:1.0.0, weight: ${weight}${more} }`;

describe('release.yaml', () => {
  test.each([
    ['one slot', `{ blue: ${slot(100)} }`],
    ['two that share', `{ blue: ${slot(90)}, green: ${slot(10)} }`],
    ['two and one idle', `{ blue: ${slot(100)}, green: ${slot(0)} }`],
    ['none with traffic', `{ blue: ${slot(0)} }`],
    ['none at all', '{}'],
    ['shares that no binary fraction holds', `{ blue: ${slot(33.3)}, green: ${slot(66.7)} }`],
    ['replicas', `{ blue: ${slot(100, ', replicas: 2')}, green: ${slot(0, ', replicas: 0')} }`],
  ])('may fill %s', (_, web) => {
    expect(problems(release(web))).toEqual([]);
  });

  test('is read as it is written', () => {
    expect(parse(release(`{ green: ${slot(100, ', replicas: 3')} }`))).toEqual({
      ok: true,
      value: { apiVersion: 'berth/v1', services: { web: { green: { image: 'registry.example/hello:1.0.0', weight: 100, replicas: 3 } } } },
    });
  });

  test.each([
    [
      'a service that berth.yaml has not',
      'apiVersion: berth/v1\nservices:\n  wbe: {}\n',
      '3:3 services.wbe: berth.yaml has no service "wbe" | did you mean "web"?',
    ],
    [
      'a service that is far from any',
      'apiVersion: berth/v1\nservices:\n  constructor: {}\n',
      '3:3 services.constructor: berth.yaml has no service "constructor" | remove it here, or add it to berth.yaml',
    ],
    ['a third slot', release('{ gren: { image: a:1, weight: 100 } }'), '3:10 services.web.gren: unknown key | did you mean "green"?'],
    [
      'weights that are too little',
      release(`{ blue: ${slot(50)}, green: ${slot(40)} }`),
      '3:8 services.web: the weights of the slots add up to 90 | make them add up to 100, or all 0 for the maintenance page',
    ],
    [
      'weights that are too much',
      release(`{ blue: ${slot(100)}, green: ${slot(10)} }`),
      '3:8 services.web: the weights of the slots add up to 110 | make them add up to 100, or all 0 for the maintenance page',
    ],
    [
      'a weight below 0',
      release(`{ blue: ${slot(-1)} }`),
      '3:63 services.web.blue.weight: expected a share of the traffic from 0 to 100, got -1',
    ],
    [
      'a weight in words',
      release(`{ blue: ${slot('all')} }`),
      '3:63 services.web.blue.weight: expected a share of the traffic from 0 to 100, got "all"',
    ],
    [
      'no weight',
      release('{ blue: { image: a:1 } }'),
      '3:16 services.web.blue.weight: missing: expected a share of the traffic from 0 to 100',
    ],
    [
      'traffic without a replica',
      release(`{ blue: ${slot(100, ', replicas: 0')} }`),
      '3:78 services.web.blue.replicas: blue takes 100 % of the traffic with no replica | give it a replica, or weight 0',
    ],
    [
      'a fraction of a replica',
      release(`{ blue: ${slot(100, ', replicas: 1.5')} }`),
      '3:78 services.web.blue.replicas: expected a whole number of replicas, got 1.5',
    ],
    [
      'an image without a tag',
      release('{ blue: { image: registry.example:5000/a, weight: 100 } }'),
      '3:25 services.web.blue.image: expected an image with a tag that names one version, got "registry.example:5000/a" | for example registry.example/app:1.4.2',
    ],
    [
      'an image with latest',
      release('{ blue: { image: "a:latest", weight: 100 } }'),
      '3:25 services.web.blue.image: expected an image with a tag that names one version, got "a:latest" | for example registry.example/app:1.4.2',
    ],
    [
      'an image that breaks out of its line',
      release('{ blue: { image: "a:1\\nCOMPOSE_FILE=x", weight: 100 } }'),
      '3:25 services.web.blue.image: expected an image with a tag that names one version, got "a:1\\nCOMPOSE_FILE=x" | for example registry.example/app:1.4.2',
    ],
    [
      'another version of the format',
      'apiVersion: berth/v9\nservices: {}\n',
      '1:13 apiVersion: expected berth/v1, got "berth/v9" | did you mean "berth/v1"?',
    ],
    [
      'a name that JavaScript would lose',
      'apiVersion: berth/v1\nservices: { __proto__: {} }\n',
      '2:13 : the name "__proto__" cannot be used | choose another name',
    ],
  ])('with %s is refused', (_, text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  test('shows several problems at once', () => {
    expect(problems(`apiVersion: berth/v1\nservices:\n  wbe: {}\n  web: { blue: { image: a, weight: 40 } }\n`)).toHaveLength(3);
  });

  test('that is any text whatever is answered', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        parse(text);
      }),
      { numRuns: 500 },
    );
  });
});
