import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { commandLine, editSpec } from '../../../generator/spec/edit-spec.ts';
import type { SpecEdit } from '../../../generator/spec/edit-spec.ts';

const spec = `# The one file you edit.
apiVersion: berth/v1
name: shop # its name
profile: minimum

services:
  web:
    image: shop/web:1 # the first one
    port: 3000
    routes:
      - path: / # everything
      - path: /api/
    env:
    kept: &anchor { a: 1 }
    same: *anchor
databases:
`;
const set = (path: string, yaml: string): SpecEdit => ({ path: path.split('.'), yaml, only: 'always' });
const edit = (...edits: SpecEdit[]) => editSpec(spec, 'shop.yaml', edits, []);
const value = (...edits: SpecEdit[]): unknown => {
  const { text, problems } = edit(...edits);
  expect(problems).toEqual([]);
  return parse(text);
};
const fault = (...edits: SpecEdit[]) => {
  const { problems } = edit(...edits);
  expect(problems).toHaveLength(1);
  return problems[0];
};

describe('an edited spec', () => {
  test('keeps every line that is not edited, comments included', () => {
    expect(edit(set('profile', 'recommended')).text).toBe(spec.replace('minimum', 'recommended'));
    expect(edit(set('services.web.image', 'shop/web:2')).text).toBe(spec.replace('web:1', 'web:2'));
    expect(edit(set('services.web.routes.0.path', '/shop/')).text).toBe(spec.replace('path: / ', 'path: /shop/ '));
  });

  test('of the example keeps all of its comments', () => {
    const hello = readFileSync('examples/hello/berth.yaml', 'utf8');
    const { text } = editSpec(
      hello,
      'berth.yaml',
      [set('profile', 'minimum'), set('services.web.port', '8080'), set('domain', 'a.example')],
      [],
    );
    const comments = (yaml: string) => [...yaml.matchAll(/#.*/g)].map(([comment]) => comment);
    expect(comments(text)).toEqual(comments(hello));
  });

  test.each<[string, string, unknown]>([
    ['a number', '3000', 3000],
    ['a fraction', '0.5', 0.5],
    ['a switch', 'true', true],
    ['a list', '[a, b]', ['a', 'b']],
    ['a map', '{ rate: 5/s }', { rate: '5/s' }],
    ['text', 'app.example.com', 'app.example.com'],
    ['a quoted number', '"3000"', '3000'],
    ['nothing', '', ''],
    ['an equals sign', 'a=b', 'a=b'],
    ['a colon', 'shop/web:1', 'shop/web:1'],
    ['an address', 'http://a/b', 'http://a/b'],
    ['half a list', '[1, 2', '[1, 2'],
    ['what looks like an alias', '*anchor', '*anchor'],
    ['an alias inside', '[*anchor]', '[*anchor]'],
    ['what looks like a tag', '!foo bar', '!foo bar'],
    ['two documents', 'a\n---\nb', 'a\n---\nb'],
    ['a key twice', '{a: 1, a: 2}', '{a: 1, a: 2}'],
    ['only a comment', '# c', ''],
  ])('takes %s as typed', (_, typed, expected) => {
    expect(value(set('domain', typed))).toMatchObject({ domain: expected });
  });

  test('says nothing on the terminal about odd values', () => {
    const warned: string[] = [];
    const listen = (warning: Error) => warned.push(warning.message);
    process.on('warning', listen);
    edit(set('domain', '!foo bar'));
    process.removeListener('warning', listen);
    expect(warned).toEqual([]);
  });

  test('reaches into lists by number, and adds to their end', () => {
    expect(value(set('services.web.routes.1.body', '1Gi'), set('services.web.routes.2.path', '/new'))).toMatchObject({
      services: { web: { routes: [{ path: '/' }, { path: '/api/', body: '1Gi' }, { path: '/new' }] } },
    });
  });

  test('makes the parents that are not there, and fills those that are empty', () => {
    expect(
      value(
        set('edge.https', '8443'),
        set('services.web.secrets.KEY.length', '64'),
        set('services.web.env.A', 'x'),
        set('databases.database.engine', 'postgres'),
        set('services.web.writable.0', '/data'),
      ),
    ).toMatchObject({
      edge: { https: 8443 },
      databases: { database: { engine: 'postgres' } },
      services: { web: { secrets: { KEY: { length: 64 } }, env: { A: 'x' }, writable: ['/data'] } },
    });
  });

  test.each([
    ['a key below text', 'profile.x', 'profile is a plain value and has no keys'],
    ['deep in one', 'services.web.port.a.b', 'services.web.port is a plain value and has no keys'],
    ['a word in a list', 'services.web.routes.first', 'services.web.routes is a list: expected a number from 0 to 2 after it'],
    ['beyond the end of a list', 'services.web.routes.4.path', 'services.web.routes is a list: expected a number from 0 to 2 after it'],
    ['far beyond one that is not there', 'services.web.writable.99999999', 'services.web.writable is no list yet: expected 0 after it'],
    ['through an alias', 'services.web.same.a', 'services.web.same is an alias; write it out in the spec first'],
  ])('has no place for %s', (_, path, message) => {
    expect(fault(set(path, 'x'))).toEqual({ file: commandLine, line: 1, column: 1, path, message, hint: 'check the path after --set' });
  });

  test.each(['__proto__.polluted', 'constructor.prototype.polluted', 'services.__proto__.polluted', 'services.web.env.__proto__.polluted'])(
    'changes no object of the program by way of %s',
    (path) => {
      edit(set(path, 'yes'));
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    },
  );

  test('takes later edits over earlier ones, and sets what is only wanted when absent only then', () => {
    expect(value(set('profile', 'a'), set('profile', 'b'))).toMatchObject({ profile: 'b' });
    const only = (path: string): SpecEdit => ({ path: [path], value: 'new', only: 'when absent' });
    expect(value(only('profile'), only('network'))).toMatchObject({ profile: 'minimum', network: 'new' });
  });

  test('puts new keys where a reader looks for them', () => {
    const { text } = edit({ path: ['host'], value: { cpus: 2 }, only: 'always', comment: ' measured' }, set('domain', 'x'));
    expect([...text.matchAll(/^\w+/gm)].map(([key]) => key)).toEqual([
      'apiVersion',
      'name',
      'profile',
      'domain',
      'host',
      'services',
      'databases',
    ]);
    expect(text).toMatch(/# measured\n\s*cpus: 2/);
  });

  test('is read again as it was meant, whatever the value holds', () => {
    for (const odd of [
      'a\nb',
      ' lead',
      'trail ',
      '# no comment',
      '{{x}}',
      "it's",
      '"',
      'é\u{1f9ff}',
      'x'.repeat(5000),
      '- a',
      '? a',
      '%a',
      '@a',
      '`a`',
    ])
      expect(parse(edit({ path: ['services', 'web', 'env', 'A'], value: odd, only: 'always' }).text)).toMatchObject({
        services: { web: { env: { A: odd } } },
      });
  });

  test('is not made from one that is no YAML: its problems come back with their places', () => {
    expect(editSpec('a: [1\nb: 2\n', 'mine.yaml', [set('x', '1')], []).problems).toMatchObject([
      { file: 'mine.yaml', line: expect.any(Number) },
    ]);
  });
});
