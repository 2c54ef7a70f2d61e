import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseSpec } from '../../../generator/spec/parse-spec.ts';
import type { Problem } from '../../../model/errors.ts';
import { bytes, hello, problemsOf, specOf, web } from './specs.ts';

/** Lines and columns as a person counts them: a place may lie just behind the last character. */
function expectInside(problems: readonly Problem[], text: string): void {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  for (const { line, column } of problems) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
  }
}

const wellFormed = fc.string({ unit: 'binary' });
const pieces = fc.constantFrom(
  'a',
  'services',
  'web',
  ':',
  ': ',
  '\n',
  '\n  ',
  '\n    ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '&a ',
  '*a',
  '!x ',
  '? ',
  '|\n',
  '>',
  '"',
  "'",
  '#',
  '%YAML',
  '---\n',
  '...\n',
  '<<',
  '__proto__',
  '\t',
  '\r\n',
  '\ufeff',
  '0',
  'null',
  'apiVersion',
  '\u2028',
  '\0',
);

test('any text is answered with a spec or with problems that lie inside it', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        wellFormed,
        fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
      ),
      (text) => {
        const parsed = parseSpec(bytes(text), 'berth.yaml');
        if (parsed.ok) return;
        expect(parsed.problems.length).toBeGreaterThan(0);
        expectInside(parsed.problems, text);
      },
    ),
    { numRuns: 600 },
  );
}, 60_000);

test('any bytes are answered with problems', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (file) => {
      const problems = problemsOf(file);
      expect(problems.length).toBeGreaterThan(0);
      expectInside(problems, new TextDecoder().decode(file));
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('a spec that was damaged anywhere is read, or answered with problems inside it', () => {
  fc.assert(
    fc.property(fc.nat(hello.length), fc.nat(20), fc.oneof(wellFormed, pieces), (start, length, inserted) => {
      const text = hello.slice(0, start) + inserted + hello.slice(start + length);
      expectInside(problemsOf(text), text);
    }),
    { numRuns: 600 },
  );
}, 60_000);

test('any value in any place of the spec is answered, and every problem names a place', () => {
  const paths = [
    'apiVersion',
    'name',
    'profile',
    'target',
    'domain',
    'host',
    'network',
    'services',
    'services.web',
    'databases',
    'databases.database',
    'caches.cache',
    'caches.cache.use',
    'stores',
    'stores.files.buckets',
    'stores.files.buckets.uploads',
    'edge',
    ...[
      'kind',
      'image',
      'build',
      'port',
      'runtime',
      'user',
      'replicas',
      'cpu',
      'memory',
      'pool',
      'routes',
      'live',
      'ready',
      'stopGrace',
      'uses',
      'env',
      'secrets',
      'writable',
      'egress',
    ].map((key) => `services.web.${key}`),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 4 }), (path, value) => {
      const text = `${JSON.stringify(withValue(path.split('.'), value), null, 1)}\n`;
      const problems = problemsOf(text);
      expectInside(problems, text);
      for (const { message } of problems) expect(message).not.toMatch(/undefined|\[object|Invalid input|Unrecognized/);
    }),
    { numRuns: 600 },
  );
}, 60_000);

const base = {
  apiVersion: 'berth/v1',
  name: 'hello',
  profile: 'minimum',
  services: { web: { image: 'r/a:1', port: 80, uses: ['database'] } },
  databases: { database: { engine: 'postgres' } },
  caches: { cache: { engine: 'valkey' } },
  stores: { files: { engine: 'minio', buckets: { uploads: {} } } },
};
function withValue(
  [first = '', ...rest]: readonly string[],
  value: unknown,
  into: Record<string, unknown> = base,
): Record<string, unknown> {
  const inner = into[first];
  return {
    ...into,
    [first]:
      rest.length === 0
        ? value
        : withValue(rest, value, typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}),
  };
}

const value = wellFormed.filter((text) => !text.includes('\0'));
// The library writes the next-line character and its kin raw, which no file needs to be read.
const yamlText = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[\u007f-\u00a0\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

test('any value of a variable comes back as it was typed, in double quotes', () => {
  fc.assert(
    fc.property(value, (text) => {
      expect(specOf(web(`env: { VALUE: ${yamlText(text)} }`)).services[0]?.env).toEqual({ VALUE: text });
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('any value of a variable comes back as a YAML library wrote it, plain, quoted or as a block', () => {
  fc.assert(
    fc.property(
      value.filter((text) => !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)),
      (text) => {
        expect(specOf(web(stringify({ env: { VALUE: text } }).replace(/\n$/, ''))).services[0]?.env).toEqual({ VALUE: text });
      },
    ),
    { numRuns: 500 },
  );
}, 60_000);
