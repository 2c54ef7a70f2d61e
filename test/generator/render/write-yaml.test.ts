import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { writeDocuments, writeYaml } from '../../../generator/render/write-yaml.ts';
import type { Yaml } from '../../../generator/render/write-yaml.ts';

/** Words that some reader of YAML takes for something else than text, beside any text at all. */
const awkward = fc.constantFrom(
  'yes',
  'No',
  'on',
  'y',
  'null',
  '~',
  'true',
  '1.30',
  '0x1f',
  '012',
  '0o17',
  '12:30',
  '1e3',
  'e0',
  'E-12',
  '.inf',
  '=',
  '<<',
  '-',
  '- a',
  '? a',
  'a: b',
  'a #b',
  '#a',
  ' a',
  'a ',
  '',
  '*a',
  '&a',
  '!a',
  '%a',
  '@a',
  '`a`',
  '{a',
  '[a',
  'a,b',
  '"a',
  "'a",
  '|',
  '>',
  'a\n',
  '\na',
  'a\n\nb\n',
  'a\n\n',
  'a\tb\n',
  'tab\n\tb',
  'trailing \nb',
  '\u0085',
  '\u2028',
  '\ufeff',
  'é\nü\n',
  '10m',
  '16Gi',
  'docker.io/a/b:1.2',
  'a:',
  ':a',
  'a::b',
  '2026-11-21',
);
const text = fc.oneof(
  awkward,
  fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed()),
);
const key = fc.oneof(awkward, fc.string()).filter((value) => value !== '__proto__' && value !== '<<');
const { tree } = fc.letrec<{ tree: Yaml }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

describe('what is written as YAML', () => {
  test.each(['1.2', '1.1'] as const)('is read back unchanged by a reader of YAML %s', (version) => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(parse(writeYaml(value), { version })).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps the order of keys and leaves out those without a value', () => {
    expect(writeYaml({ b: 1, a: undefined, c: { d: ['x', { e: true }, []] } })).toBe('b: 1\nc:\n  d:\n    - x\n    - e: true\n    - []\n');
  });

  test('shows a script as it is', () => {
    expect(writeYaml({ script: '#!/bin/sh\nset -e\n\nexit 0\n' })).toBe('script: |\n  #!/bin/sh\n  set -e\n\n  exit 0\n');
  });

  test('has as many documents as it was given, each under its comment', () => {
    const text = writeDocuments('head', [{ comment: 'one\nmore', body: { a: 1 } }, { body: { b: '---' } }]);
    expect(text).toBe('# head\n---\n# one\n# more\na: 1\n---\nb: "---"\n');
    expect([parseAllDocuments(text)].flat().map((document) => document.toJS() as unknown)).toEqual([{ a: 1 }, { b: '---' }]);
  });
});
