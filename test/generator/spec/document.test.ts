import { describe, expect, test } from 'vitest';
import { bytes, hello, onlyProblem, oneLine, problemsOf, specOf, web } from './specs.ts';

describe('a file that is no spec', () => {
  test.each([
    ['empty', '', '1:1 : the file is empty'],
    ['only comments', '# name: x\n# more\n', '1:1 : the file is empty'],
    ['only the start of a document', '---\n', '1:4 : expected a map of keys and values'],
    ['a list', '- a\n- b\n', '1:1 : expected a map of keys and values'],
    ['plain text', 'hello\n', '1:1 : expected a map of keys and values'],
    ['null', '~\n', '1:1 : expected a map of keys and values'],
  ])('is refused when it is %s', (_, text, start) => {
    expect(onlyProblem(text)).toContain(start);
    expect(onlyProblem(text)).toContain('berth init');
  });

  test('that is not UTF-8 is refused at the first bad byte, not at a character that only looks like one', () => {
    const text = [...bytes('# \ufffd fine\nname: b'), 0xe4, ...bytes('r\n')];
    expect(onlyProblem(Uint8Array.from(text))).toBe('2:8 : the file is not UTF-8 text | save it as UTF-8 in your editor');
  });

  test('that was saved as UTF-16 is refused', () => {
    expect(onlyProblem(Uint8Array.from([0xff, 0xfe, ...Buffer.from(hello, 'utf16le')]))).toContain('1:1 : the file is not UTF-8 text');
    expect(problemsOf(Uint8Array.from(Buffer.from(hello, 'utf16le')))[0]?.message).toContain('U+0000');
  });

  test('of 10 MB is refused by its size alone', () => {
    expect(onlyProblem(`${hello}# ${'x'.repeat(10_000_000)}\n`)).toBe(
      '1:1 : the file has 9.5 MiB; a spec has at most 1 MiB | check that this is the file you meant',
    );
  });

  test.each([
    ['lists', '['.repeat(5000)],
    ['maps', '{a: '.repeat(5000)],
    ['dashes', '- '.repeat(5000)],
    ['two hundred and ten lists', '['.repeat(210) + ']'.repeat(210)],
    ['indents', Array.from({ length: 1300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ])('of %s nested too deeply is one problem', (_, text) => {
    expect(onlyProblem(text)).toContain('nested too deeply');
  });

  test('of another kind has its first 200 problems shown and the rest counted', () => {
    const problems = problemsOf(Array.from({ length: 5000 }, (_, index) => `key${index}: 1\n`).join(''));
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toMatchObject({ line: 197, message: '4804 more problems from here on' });
  });
});

describe('YAML', () => {
  test.each([
    ['a list that is not closed', 'a: [1, 2\nb: 1\n', /^2:1 : not valid YAML: /],
    ['a tab as indentation', 'services:\n\tweb: 1\n', /^2:1 : not valid YAML: Tabs .* \| indent with spaces$/],
    ['a second document', `${hello}---\nname: other\n`, /^16:1 : a second document begins here \| keep one document/],
    ['a key that stands twice', `${hello}name: other\n`, /^16:1 : this key stands twice in its map \| keep one of the two$/],
    ['a key that stands twice in a map on one line', web('env: { A: "1", B: "2", A: "3" }'), /^8:28 : this key stands twice in its map/],
    ['a list as a key', '? [a, b]\n: 1\n', /^1:3 : expected plain text as a key/],
    ['an alias without an anchor', web('env: *common'), /^8:10 : there is no anchor "&common" above this alias/],
    ['a merge key', web('env: { <<: { A: "1" } }'), /^8:12 : merge keys are not part of YAML 1.2 \| write the keys out/],
    ['a tag', web('env: { A: !secret abc }'), /^8:15 : not plain YAML 1.2: .*!secret/],
    ['a tag of YAML itself that makes no text', web('env: !!set { A, B }'), /^8:10 : not plain YAML 1.2: .*set/],
    ['another version', `%YAML 1.1\n---\n${hello}`, /^1:1 : the file says it is YAML 1.1/],
    ['a version there is not', `%YAML 9.9\n---\n${hello}`, /^1:7 : not plain YAML 1.2: /],
  ])('%s is refused with its place', (_, text, expected) => {
    expect(onlyProblem(text)).toMatch(expected);
  });

  test('several mistakes of syntax are all shown', () => {
    expect(problemsOf('a: [1\nb: {').length).toBeGreaterThan(1);
  });

  test('an alias bomb is refused before it grows', () => {
    const level = (name: string, of: string) => `${name}: &${name} [${Array.from({ length: 9 }, () => of).join(', ')}]\n`;
    const bomb = level('a', 'x') + level('b', '*a') + level('c', '*b') + level('d', '*c') + level('e', '*d');
    expect(onlyProblem(bomb)).toContain('the aliases of the file expand to more than a thousand parts');
  });

  test('an anchor that holds itself is no endless loop', () => {
    expect(problemsOf(web('env: &env { A: *env }')).map(oneLine)).toEqual([
      '8:20 services.web.env.A: expected text: put the value in quotes, so that it arrives as you typed it, got a map',
    ]);
  });

  test('an anchor serves as a value in many services', () => {
    const many = Array.from(
      { length: 150 },
      (_, index) => `  web-${index}: { image: r/a:1, port: 80, env: *env, routes: [{ path: /${index}/ }] }\n`,
    ).join('');
    const spec = specOf(
      `apiVersion: berth/v1\nname: a\nprofile: minimum\nservices:\n  web: { image: r/a:1, port: 80, env: &env { A: "1" } }\n${many}`,
    );
    expect(spec.services.map((service) => service.env)).toEqual(Array.from({ length: 151 }, () => ({ A: '1' })));
  });

  test('a problem behind an alias is placed where the value was written', () => {
    const text = `apiVersion: berth/v1\nname: a\nprofile: minimum\nservices:\n  one: &one\n    image: r/a:1\n    port: 0\n  two: *one\n`;
    expect(
      problemsOf(text)
        .filter(({ path }) => path.endsWith('port'))
        .map(({ line, column, path }) => ({ line, column, path })),
    ).toEqual([
      { line: 7, column: 11, path: 'services.one.port' },
      { line: 7, column: 11, path: 'services.two.port' },
    ]);
  });

  test.each([
    ['NUL', '\0'],
    ['backspace', '\b'],
    ['escape', '\x1b'],
    ['delete', '\x7f'],
  ])('a control character (%s) is refused where it stands, though no editor shows it', (_, character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    expect(onlyProblem(hello.replace('name: hello', `name: he${character}llo`))).toBe(
      `2:9 : the character U+${code} cannot stand in a text file | remove it, or write it as an escape in double quotes`,
    );
  });

  test('a byte order mark and Windows line ends change nothing, places included', () => {
    expect(specOf(`\ufeff${hello.replaceAll('\n', '\r\n')}`)).toEqual(specOf(hello));
    expect(onlyProblem(`\ufeff${hello.replace('port: 3000', 'port: 0').replaceAll('\n', '\r\n')}`)).toContain('7:11 services.web.port');
    expect(
      onlyProblem(`\ufeff${hello.replace('apiVersion', 'apiversion')}`.replace('apiversion: berth/v1', 'apiVersion: berth/v2')),
    ).toContain('1:13 apiVersion');
  });

  test('a key is the text that was typed, also when it looks like a number', () => {
    expect(problemsOf(web('env: { 0x10: "a" }')).map(({ path }) => path)).toEqual(['services.web.env.0x10']);
    expect(problemsOf(web('env: { null: "a" }'))).toEqual([]);
  });
});

describe('names that JavaScript knows', () => {
  test.each([
    ['a key of the spec', `${hello}__proto__: { a: 1 }\n`],
    ['a service', hello.replace('  web:', '  __proto__:')],
    ['a variable', web('env: { __proto__: "x" }')],
    ['a use', web('uses: { __proto__: A }')],
  ])('__proto__ is refused as %s instead of being lost', (_, text) => {
    expect(problemsOf(text).map(({ message }) => message)).toEqual(['the name "__proto__" cannot be used']);
  });

  test('constructor is a service, a variable and a secret like any other', () => {
    const spec = specOf(
      hello.replace('  web:', '  constructor:\n    env: { constructor: "a", toString: "b" }\n    secrets: { valueOf: {} }'),
    );
    expect(spec.services[0]).toMatchObject({ name: 'constructor', secrets: [{ name: 'valueOf' }] });
    expect(Object.entries(spec.services[0]?.env ?? {})).toEqual([
      ['constructor', 'a'],
      ['toString', 'b'],
    ]);
  });

  test('constructor and toString are no databases that exist', () => {
    expect(problemsOf(web('uses: [constructor, toString, __proto__]')).map(({ message }) => message)).toEqual(
      ['constructor', 'toString', '__proto__'].map((name) => `there is no database, cache or store "${name}"`),
    );
  });

  test.each(['constructor', 'toString', 'hasOwnProperty'])('%s is an unknown key of the spec', (key) => {
    expect(onlyProblem(`${hello}${key}: 1\n`)).toContain(`16:1 ${key}: unknown key`);
  });
});
