import { spawnSync } from 'node:child_process';
import { parseEnv } from 'node:util';
import { Script } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { quote } from '../../../generator/render/quote.ts';
import type { Format } from '../../../generator/render/quote.ts';
import { helloPlan, prepareHello } from './hello.ts';
import {
  readDotenv,
  readHba,
  readInterpolated,
  readMarkdown,
  readNginx,
  readOptionFile,
  readPostgres,
  readSql,
  readHaproxy,
  readValkey,
} from './readers.ts';

/** What breaks out of quotes, lines and encodings, mixed with anything else that Unicode has. */
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '"',
      "'",
      '\\',
      '$',
      '${',
      '$$',
      '{{',
      '}}',
      '`',
      '#',
      ' #',
      ': ',
      '\n',
      '\r',
      '\t',
      ' ',
      '%',
      '!',
      '&',
      '*',
      '|',
      '>',
      '<',
      '-',
      '\u0000',
      '\u0007',
      '\u001b',
      '\u007f',
      '\u0085',
      '\u009b',
      '\u00a0',
      '\u2028',
      '\u2029',
      '\ufeff',
      '\u{1f9ff}',
      'n',
      '0',
      'x41',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 40,
});

/** The quoted word, or nothing where the format has no way to write the value and says so. */
/** A Unicode literal of SQL Server: a doubled quote is one, and nothing else is special. */
function readTsql(word: string): string {
  const [, inner] = /^N'((?:[^']|'')*)'$/s.exec(word) ?? expect.unreachable(`no literal: ${word}`);
  return inner?.replaceAll("''", "'") ?? '';
}

function tryQuote(format: Format, value: string): string | undefined {
  try {
    return quote(format, value);
  } catch (error) {
    expect(String(error)).toContain('the spec should have refused it');
    return undefined;
  }
}

const readAsYaml = (word: string): unknown => (parse(`a: ${word}\nb: 1\n`) as { a: unknown; b: unknown }).a;

describe.each<{ readonly format: Format; readonly by: string; readonly read: (word: string) => unknown; readonly refuses: RegExp }>([
  { format: 'yaml', by: 'the yaml package', read: readAsYaml, refuses: /(?!)/ },
  {
    format: 'compose',
    by: 'the yaml package, then interpolation as Compose does it',
    read: (word) => readInterpolated(String(readAsYaml(word))),
    refuses: /(?!)/,
  },
  { format: 'dotenv', by: 'the rules of compose-go', read: readDotenv, refuses: /['\n\r\\]/ },
  { format: 'dotenv', by: "Node's own reader of env files", read: (word) => parseEnv(`A=${word}\nB=1\n`)['A'], refuses: /['\n\r\\]/ },
  { format: 'nginx', by: "the rules of nginx's lexer", read: readNginx, refuses: /[$\u0000-\u001f\u007f]/ },
  { format: 'postgres', by: "the rules of PostgreSQL's lexer", read: readPostgres, refuses: /[\u0000-\u001f]/ },
  { format: 'hba', by: 'the rules of pg_hba.conf', read: readHba, refuses: /["\u0000-\u001f]/ },
  { format: 'mycnf', by: "the rules of MySQL's option files", read: readOptionFile, refuses: /["\u0000-\u001f]/ },
  { format: 'sql', by: "the rules of MySQL's lexer", read: readSql, refuses: /[\u0000-\u001f]/ },
  { format: 'tsql', by: "the rules of SQL Server's lexer", read: readTsql, refuses: /[\u0000-\u001f]/ },
  { format: 'js', by: 'Node itself', read: (word) => new Script(word).runInNewContext() as unknown, refuses: /(?!)/ },
  { format: 'valkey', by: "the rules of Valkey's lexer", read: readValkey, refuses: /[\u0000-\u001f]/ },
  { format: 'haproxy', by: "the rules of HAProxy's strong quotes", read: readHaproxy, refuses: /['\u0000-\u001f]/ },
])('a value in $format, read by $by', ({ format, read, refuses }) => {
  test('comes back as it was, and is refused only for what the format cannot hold', () => {
    fc.assert(
      fc.property(nasty, (value) => {
        const word = tryQuote(format, value);
        expect(word === undefined).toBe(refuses.test(value));
        if (word !== undefined) expect(read(word)).toBe(value);
      }),
      { numRuns: 1500 },
    );
  });
});

test('a value in markdown comes back but for its line breaks, and is no markup', () => {
  fc.assert(
    fc.property(nasty, (value) => {
      expect(readMarkdown(quote('markdown', value))).toBe(value.replaceAll(/\s*\n\s*/g, ' '));
    }),
    { numRuns: 1500 },
  );
});

test('a value in a shell script is one word, read by /bin/sh', () => {
  const values = fc.sample(nasty, 1500).map((value) => value.toWellFormed());
  const accepted = values.flatMap((value) => {
    const word = tryQuote('shell', value);
    return word === undefined ? [] : [{ value, word }];
  });
  expect(accepted).toHaveLength(values.filter((value) => !value.includes('\0')).length);
  const { stdout, stderr, status } = spawnSync('/bin/sh', ['-s'], {
    input: `printf '%s\\0' ${accepted.map(({ word }) => word).join(' \\\n')}\n`,
    maxBuffer: 2 ** 26,
  });
  expect([status, stderr.toString()]).toEqual([0, '']);
  expect(stdout.toString('utf8').split('\0').slice(0, -1)).toEqual(accepted.map(({ value }) => value));
});

test('numbers and switches are written as the words they are', () => {
  expect([quote('yaml', 3), quote('yaml', true), quote('dotenv', 80), quote('postgres', 1)]).toEqual(['"3"', '"true"', '80', "'1'"]);
});

describe('a variable of an application', () => {
  const values: Readonly<Record<string, string>> = {
    DOLLAR: '$HOME ${HOME} $$ $',
    QUOTES: `"double" 'single' \`back\``,
    HASH: 'a # b #c',
    COLON: 'key: value',
    NEWLINES: 'one\ntwo\r\nthree\n\n',
    BRACES: '{{q this}} {{{x}}} }}',
    SPACES: '  leading and trailing\t ',
    LONG: '0123456789'.repeat(500),
    EMPTY: '',
    UNICODE: 'Grüße, 世界, \u{1f9ff}, e\u0301',
    C1: 'a\u0080b\u0085c\u009bd\u009f',
    SEPARATORS: '\u2028\u2029\ufeff\u00a0',
    C0: '\u0001\u0007\u001b[31m\u007f',
    BREAKOUT: '"\n    privileged: true\n    x: "',
    DOCUMENT: '---\n...\n%YAML 1.1',
    ALIAS: '*a &b !c',
    NULL: 'null',
    NO: 'no',
    True: 'x',
    Y: 'y',
    NUMBER: '007',
    BACKSLASH: '\\n \\u0041 C:\\',
  };
  const possible = nasty.filter((value) => value.isWellFormed() && !value.includes('\0'));
  const environment = async (env: Readonly<Record<string, string>>): Promise<Record<string, string>> => {
    const compose = parse((await prepareHello({ env })).decision.merged.get('compose.yaml') ?? '') as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    return Object.fromEntries(
      Object.entries(compose.services['web-blue']?.environment ?? {})
        .filter(([, value]) => !/^\$\{[A-Z_]+\}$/.test(value))
        .map(([name, value]) => [name, readInterpolated(value)]),
    );
  };

  test('arrives in compose.yaml byte for byte', async () => {
    const read = await environment(values);
    for (const [name, value] of Object.entries(values)) expect(Buffer.from(read[name] ?? '?')).toEqual(Buffer.from(value));
  });

  test('arrives so whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(possible, possible, possible, async (a, b, c) => {
        expect(await environment({ A: a, B: b, C: c })).toMatchObject({ A: a, B: b, C: c });
      }),
      { numRuns: 10 },
    );
  });

  test('is in no way changed by the plan', () => {
    expect(helloPlan({ env: values }).services.find(({ name }) => name === 'web')?.env).toMatchObject(values);
  });
});
