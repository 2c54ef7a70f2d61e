import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { describe, expect, test } from 'vitest';
import { readPlainYaml } from '../../model/plain-yaml.ts';

/** What a whole parser makes of a text; `undefined` where it has a complaint. */
function parsed(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true });
  return document.errors.length + document.warnings.length > 0 ? undefined : document.toJS();
}

const specimen = `# a site
name: my-site # of one host
domain: app.example.com
port: 8080
share: 0.5
on: yes
open: true
network: 10.201.4.0/22
rate: 100/s
text: "a \\"quoted\\" # text: \\u00e9 – ü"
variable: \${WEB_BLUE_REPLICAS}
empty:
none: []
also: {}
lists:
  - a
  - "b c"
  - name: first
    uses: [ database, "cache:x", 3 ]
    deep:
      - { engine: postgres, size: 16Gi }
  - name: second
`;

describe('plain YAML', () => {
  test('is read as a whole parser reads it', () => {
    expect(readPlainYaml(specimen)).toEqual(parsed(specimen));
    const example = readFileSync('examples/hello/berth.yaml', 'utf8');
    expect(readPlainYaml(example)).toEqual(parsed(example));
    expect(readPlainYaml(example)).toHaveProperty('apiVersion', 'berth/v1');
  });

  test.each([
    '',
    '# nothing',
    '- a\n',
    'a\n',
    'a: b: c\n',
    'a: b\na: c\n',
    'a: [b, a: c]\n',
    'a: {b: c}}\n',
    'a: [b}]\n',
    'a: [${B}]\n',
    'a: "b\n',
    "a: 'b'\n",
    'a: |\n  b\n',
    'a: >\n  b\n',
    'a: &x b\n',
    'a: *x\n',
    'a: !!str b\n',
    '<<: b\n',
    '__proto__: b\n',
    'true: b\n',
    '"a": b\n',
    '1: b\n',
    'a:b\n',
    'a: b c\n',
    'a: 0x10\n',
    'a: 1e3\n',
    'a: 007\n',
    'a: .5\n',
    'a: .inf\n',
    'a: ~\n',
    'a: Null\n',
    'a: YES\n  b\n',
    'a:\n- b\n',
    'a:\n  b: c\n   d: e\n',
    'a:\n  - b\n  c: d\n',
    'a:\n    b: c\n  d: e\n',
    'a:\tb\n',
    'a: b\r\n',
    '\ufeffa: b\n',
    'a: b\n---\na: c\n',
    '%YAML 1.1\n---\na: b\n',
    'a: "\\x41"\n',
    'a: "b" c\n',
    'a: "b"#c\n',
    '? a\n: b\n',
    `a: ${'['.repeat(50)}${']'.repeat(50)}\n`,
    'a:\n  -\n    b: c\n',
    '\u00a0a: b\n',
    'a: [b,,c]\n',
    'a: {b}\n',
  ])('is not %j', (text) => {
    expect(readPlainYaml(text)).toBeUndefined();
  });

  const pieces = fc.constantFrom(
    ...specimen.split(/(\s+|[:,[\]{}"#-])/).filter((piece) => piece !== ''),
    '\n',
    '\n  ',
    ': ',
    '- ',
    '# ',
    "'",
    '|',
    '&a ',
    '*a',
    '!',
    '\t',
    '\u2028',
    '1e3',
    'null',
    '.5',
    '0x1f',
    '${A}',
    '---\n',
    '\\',
    '\u00a0',
  );
  test('of any other kind is left to a whole parser: what this one reads, both read alike', () => {
    fc.assert(
      fc.property(fc.nat(specimen.length), fc.nat(12), fc.array(pieces, { maxLength: 3 }), (at, gone, put) => {
        const text = specimen.slice(0, at) + put.join('') + specimen.slice(at + gone);
        const read = readPlainYaml(text);
        if (read !== undefined) expect(read).toEqual(parsed(text));
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (put) => {
        const read = readPlainYaml(put.join(''));
        if (read !== undefined) expect(read).toEqual(parsed(put.join('')));
      }),
      { numRuns: 3000 },
    );
  });
});
