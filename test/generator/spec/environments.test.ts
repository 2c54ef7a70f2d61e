import { describe, expect, test } from 'vitest';
import { bytes, oneLine, onlyProblem, problemsOf, specOf } from './specs.ts';
import { layersOf } from '../../../generator/spec/environments.ts';
import { parseSpec } from '../../../generator/spec/parse-spec.ts';

const base = `apiVersion: berth/v1
name: shop
profile: recommended
domain: shop.example.com
services:
  web:
    image: registry.example/shop:1.0.0
    port: 3000
    env: { MODE: live, LEVEL: info }
    uses: [cache]
    routes:
      - { path: /, timeout: 60s }
      - { path: /api/, rateLimit: { rate: 20/s } }
caches:
  cache: { engine: valkey }
`;
const staging = `environments:
  staging:
    profile: minimum
    domain: staging.shop.example.com
    services:
      web:
        replicas: 1
        env: { MODE: trial }
        routes:
          - { path: /api/, rateLimit: { rate: 5/s } }
          - { path: /debug/ }
  production:
    edge: { hsts: true }
`;
const chosen = (name: string, text = base + staging) => text.replace('profile: recommended', `environment: ${name}\nprofile: recommended`);

describe('an environment', () => {
  test('is what the file says where none is chosen', () => {
    expect(specOf(base + staging)).toEqual(specOf(base));
  });

  test('replaces plain values, merges maps, and routes by their path', () => {
    const spec = specOf(chosen('staging'));
    expect(spec).toMatchObject({ profile: 'minimum', domain: 'staging.shop.example.com', caches: [{ name: 'cache' }] });
    expect(spec.services[0]).toMatchObject({ replicas: 1, env: { MODE: 'trial', LEVEL: 'info' }, image: 'registry.example/shop:1.0.0' });
    expect(spec.services[0]?.http?.routes.map(({ path, timeout, rateLimits }) => [path, timeout, rateLimits[0]?.rate])).toEqual([
      ['/', 60, undefined],
      ['/api/', 60, '5r/s'],
      ['/debug/', 60, undefined],
    ]);
    expect(specOf(chosen('production'))).toEqual({ ...specOf(base), edge: { ...specOf(base).edge, hsts: true } });
  });

  test('takes a key away with null, and replaces a list of plain values as a whole', () => {
    const value = {
      services: { web: { uses: ['a', 'b'], pool: 3 } },
      environments: { dev: { services: { web: { uses: ['c'], pool: null } } } },
      environment: 'dev',
    };
    expect(layersOf(value).chosen.value).toEqual({ services: { web: { uses: ['c'] } }, environment: 'dev' });
  });

  test.each([
    ['a value of its own', 'replicas: 1', 'replicas: 0', '23:19 environments.staging.services.web.replicas: expected a number of replicas'],
    ['a key', 'replicas: 1', 'replica: 1', '23:9 environments.staging.services.web.replica: unknown key'],
    [
      'a route that it changes',
      'rate: 5/s',
      'rate: fast',
      '26:47 environments.staging.services.web.routes[0].rateLimit.rate: expected a rate',
    ],
    ['a route that it adds', 'path: /debug/', 'path: debug', '27:21 environments.staging.services.web.routes[1].path: expected a path'],
    [
      'a reference',
      'replicas: 1',
      'uses: [cash]',
      '23:16 environments.staging.services.web.uses[0]: there is no database, cache or store "cash"',
    ],
    ['the base', 'port: 3000', 'port: 0', '9:11 services.web.port: expected a port'],
  ])('has the place of what is wrong in %s', (_, from, to, problem) => {
    expect(onlyProblem(chosen('staging').replace(from, to))).toContain(problem);
  });

  test('is checked though another one is chosen, and said once', () => {
    const wrong = chosen('production').replace('replicas: 1', 'replicas: 0').replace('port: 3000', 'port: 0');
    expect(problemsOf(wrong).map(({ path }) => path)).toEqual(['services.web.port', 'environments.staging.services.web.replicas']);
  });

  test.each([
    ['a name that is not there', chosen('stagng'), '3:14 environment: there is no environment "stagng" | did you mean "staging"?'],
    ['a name where there are none', chosen('staging', base), 'environment: there is no environment "staging" | add it under environments'],
    [
      'another form of the file',
      chosen('staging').replace('    profile: minimum', '    apiVersion: berth/v2'),
      'environments.staging.apiVersion: is said for the whole file',
    ],
    [
      'an environment in an environment',
      chosen('staging').replace('    profile: minimum', '    environment: other'),
      'environments.staging.environment: is said for',
    ],
    ['no map', `${base}environments: { staging: small }\n`, 'environments.staging: expected a map, got "small"'],
    ['a list', `${base}environments: [staging]\n`, 'environments: expected a map from the name of an environment'],
  ])('is refused with %s', (_, text, problem) => {
    expect(onlyProblem(text)).toContain(problem);
  });

  test('is read the same by the quick reader and by the one that knows places', () => {
    const commented = chosen('staging').replace('name: shop', 'name: &n shop');
    const parsed = parseSpec(bytes(commented), 'berth.yaml');
    expect(parsed.ok ? parsed.value : parsed.problems.map(oneLine)).toEqual(specOf(chosen('staging')));
  });
});
