import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { build } from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import Handlebars from 'handlebars';
import { readAssets } from '../generator/io/assets.ts';
import { templateOptions } from '../generator/render/compile-template.ts';
import { specJsonSchema } from '../generator/spec/json-schema.ts';
import { profileNames } from '../model/profile.ts';
import { asModules, fileOf, leanImports, onDemand } from './lean-imports.ts';

const root = join(import.meta.dirname, '..');

/** A value as source text that gives the same value. */
function literal(value: unknown, what: string): string {
  const text = JSON.stringify(value);
  if (!isDeepStrictEqual(JSON.parse(text), value)) throw new Error(`${what} cannot be written as JSON`);
  return text;
}

const assets = readAssets(root);
const assetsModule = (): string => `
const templates = new Map(${literal(
  [...assets.templates].map(([name, text]) => [name, name.endsWith('.hbs') ? '' : text]),
  'templates/',
)});
const images = ${literal(assets.images, 'images.yaml')};
const profiles = ${literal(Object.fromEntries(profileNames.map((name) => [name, assets.profile(name)])), 'hardware-profiles/')};
export const readAssets = () => ({ templates, images, profile: (name) => profiles[name] });`;

/** Where in its template each value stands: a fifth of what is compiled, and of use to nobody but whoever edits a template, who runs it from its source. */
const places = /\{"start":\{"line":\d+,"column":\d+\},"end":\{"line":\d+,"column":\d+\}\}/g;
const precompiled = (source: string): string =>
  (Handlebars.precompile(source, templateOptions) as unknown as string).replaceAll(places, '0');

/** Templates that only some sites need, by the file that holds them: it is loaded when the first of them is asked for. */
const seldom: Readonly<Record<string, RegExp>> = {
  'templates-backups.cjs': /^site\/(?:runtime-backups|elsewhere)\./,
  'templates-cache.cjs': /^cache\/cache\./,
  'templates-compose.cjs': /^(?:compose|systemd)\/|^site\/SITE\.md/,
  'templates-egress.cjs': /^nginx\/egress\./,
  'templates-kubernetes.cjs': /^site\/SITE-kubernetes\./,
  'templates-mongodb.cjs': /^database\/mongo/,
  'templates-mysql.cjs': /^database\/m(?:ysql|ariadb|y\.cnf)/,
  'templates-pgbouncer.cjs': /^database\/pgbouncer/,
  'templates-postgres.cjs': /^database\/(?:accounts|pg_hba|postgresql|replica|start)\./,
  'templates-sentinel.cjs': /^cache\/(?:cluster|node|sentinel|haproxy)/,
  'templates-sqlserver.cjs': /^database\/sqlserver/,
  'templates-seaweedfs.cjs': /^storage\/seaweedfs/,
  'templates-storage.cjs': /^storage\/buckets/,
};
const fileOfTemplate = (name: string): string | undefined => Object.keys(seldom).find((file) => seldom[file]?.test(name));
const compiledTemplates = (file: string | undefined): string =>
  `{${[...assets.templates]
    .filter(([name]) => name.endsWith('.hbs') && fileOfTemplate(name) === file)
    .map(([name, source]) => `${JSON.stringify(name)}: ${precompiled(source)}`)
    .join(',\n')}}`;

const templatesModule = (): string => `
import Handlebars from 'handlebars/runtime.js';
const compiled = ${compiledTemplates(undefined)};
const seldom = [${Object.entries(seldom)
  .map(([file, names]) => `[${String(names)}, () => require('./${file}')]`)
  .join(', ')}];
export const compileTemplate = (name) => Handlebars.template(compiled[name] ?? seldom.find(([names]) => names.test(name))[1]()[name]);`;

const schemaFile = 'spec-schema.cjs';

/**
 * Modules that only some sites need, by the file that holds them: it is loaded when the first of their functions is called. They export functions alone and
 * throw nothing that anybody tells by its class but BerthError, as each file has its own copy of what it shares.
 */
const seldomPlanned: Readonly<Record<string, readonly string[]>> = {
  'plan-cache.cjs': ['generator/plan/services/cache-cluster.ts', 'generator/plan/services/cache-sentinel.ts'],
  'plan-egress.cjs': [
    'generator/plan/services/relay.ts',
    'generator/plan/services/ways.ts',
    'generator/render/edge-filters.ts',
    'generator/render/relay-view.ts',
    'generator/spec/check-filters.ts',
  ],
  'plan-explain.cjs': ['generator/plan/fixed-decisions.ts'],
  'plan-files.cjs': [
    'generator/plan/backup-notes.ts',
    'generator/plan/filter-notes.ts',
    'generator/plan/loosened-notes.ts',
    'generator/plan/operations-notes.ts',
    'generator/plan/services/agent-elsewhere.ts',
    'generator/plan/services/agent-files.ts',
    'generator/render/runbook-elsewhere.ts',
    'generator/spec/check-backups.ts',
    'generator/spec/check-external-backups.ts',
  ],
  'plan-kubernetes.cjs': [
    'cli/describe-cluster.ts',
    'generator/io/public-keys.ts',
    'generator/io/written-claims.ts',
    'generator/plan/cluster-notes.ts',
    'generator/plan/kubernetes.ts',
    'generator/render/kubernetes/index.ts',
    'generator/render/runbook-restores.ts',
  ],
  'plan-memcached.cjs': ['generator/plan/services/memcached.ts'],
  'plan-mongodb.cjs': ['generator/plan/services/mongodb-settings.ts', 'generator/plan/services/mongodb-tls.ts'],
  'plan-mysql.cjs': ['generator/plan/services/mysql-replica.ts', 'generator/plan/services/mysql-tls.ts'],
  'plan-operations.cjs': ['generator/spec/check-cluster.ts', 'generator/spec/check-operations.ts'],
  'plan-pgbouncer.cjs': ['generator/plan/services/pgbouncer.ts'],
  'plan-runtimes.cjs': ['go', 'java', 'python'].map((runtime) => `generator/plan/services/app-${runtime}.ts`),
  'plan-seaweedfs.cjs': ['generator/plan/services/seaweedfs-containers.ts', 'generator/render/seaweedfs-view.ts'],
  'plan-sqlserver.cjs': ['containers', 'exchange', 'settings'].map((part) => `generator/plan/services/sqlserver-${part}.ts`),
};
const exportAll = (modules: readonly string[]): string => modules.map((path) => `export * from './${path}';`).join('\n');

async function lateModule(file: string, path: string): Promise<string> {
  const exported = Object.entries((await import(join(root, path))) as object);
  const others = exported.filter(([, value]) => typeof value !== 'function');
  if (others.length > 0)
    throw new Error(`${path} is loaded late, so it can export nothing but functions: ${others.map(([name]) => name).join(', ')}`);
  return exported.map(([name]) => `export const ${name} = (...given) => require('./${file}').${name}(...given);`).join('\n');
}
const lateModules = await Promise.all(
  Object.entries(seldomPlanned).flatMap(([file, paths]) => paths.map(async (path) => [path, await lateModule(file, path)] as const)),
);

/** What the sources work out from Berth's own files at every start, worked out once. Each stand-in exports what the program uses of its source. */
const standIns: ReadonlyMap<string, () => string> = new Map([
  ['generator/io/assets.ts', assetsModule],
  ['generator/render/compile-template.ts', templatesModule],
  // Many kilobytes that a site is given as they are: only who writes a site reads them.
  ['generator/spec/json-schema.ts', () => `export const specJsonSchema = () => require('./${schemaFile}');`],
  // The schema of profiles has done its work.
  ['model/profile.ts', () => `export const profileNames = ${literal(profileNames, 'the names of profiles')};`],
  ...lateModules.map(([path, text]) => [path, () => text] as const),
]);

/** What a key is for is told by the JSON Schema, which is made by then. A description that is no plain text stays where it is. */
const described = /\.describe\(\s*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`$\\]*`),?\s*\)/g;

const workedOut: Plugin = {
  name: 'worked-out',
  setup: (program) => {
    program.onResolve({ filter: /^\.\/(?:(?:templates|plan)-[a-z]+|spec-schema)\.cjs$/ }, ({ path }) => ({ path, external: true }));
    program.onLoad({ filter: /\/model\/written-[a-z]+\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(described, ''),
      loader: 'ts',
    }));
    for (const [path, contents] of standIns)
      program.onLoad({ filter: new RegExp(`${path.replaceAll(/[/.]/g, '\\$&')}$`) }, () => ({
        contents: contents(),
        loader: 'js',
        resolveDir: root,
      }));
  },
};

/**
 * What only some verbs load, each in a file of its own. Were it split off the program by the bundler, everything that both share would become files of
 * their own, and every start would read them: so it is a program beside the program, with its own copy of what they share.
 */
const besides: Readonly<Record<string, readonly string[]>> = {
  'cluster.js': [
    ...['client', 'connect', 'dry-run', 'probe', 'read-facts'].map((name) => `runtime/orchestrators/kubernetes/${name}.ts`),
    'generator/doctor/cluster.ts',
    'generator/plan/cluster-needs.ts',
    'cli/describe-diff.ts',
    'cli/site-manifests.ts',
  ],
  'agent.js': ['cli/agent-program.ts'],
  'lint.js': ['cli/lint-site.ts', 'cli/overlay-images.ts'],
  'host.js': ['cli/doctor-host.ts', 'cli/images-verbs.ts'],
  'completion.js': ['cli/completion/script.ts'],
  'runtime.js': ['cli/runtime-commands.ts', 'cli/restore/live-record.ts'],
  'keys.js': ['cli/certs-verbs.ts', 'cli/secrets-verbs.ts'],
};
const apart: Plugin = {
  name: 'apart',
  setup: (program) => {
    program.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, kind }) => {
      const module = relative(root, join(resolveDir, path));
      const file = kind === 'dynamic-import' ? Object.keys(besides).find((name) => besides[name]?.includes(module)) : undefined;
      return file === undefined ? undefined : { path: `./${file}`, external: true };
    });
  },
};

const smaller: Plugin = {
  name: 'smaller',
  setup: (program) => {
    program.onResolve({ filter: /^zod$/ }, () => ({ path: join(import.meta.dirname, 'slim-zod.ts') }));
  },
};

/** What compiles templates finds none in a built program: a module that is loaded late would write files with nothing in them. */
const withoutTemplates: Plugin = {
  name: 'without-templates',
  setup: (program) => {
    program.onLoad({ filter: /\/generator\/render\/compile-template\.ts$/ }, () => ({
      errors: [{ text: 'what is loaded late cannot fill templates: have it give what they are filled with' }],
    }));
  },
};

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  legalComments: 'none',
  metafile: true,
};

/**
 * The program as one bundle beside which lies, in files of their own, what only some runs need.
 * @returns all that went in, and what came out of the bundle itself.
 */
export async function buildProgram(outdir: string, write = true): Promise<Metafile> {
  const built = await Promise.all([
    build({
      ...common,
      outdir,
      write,
      entryPoints: { berth: 'cli/main.ts' },
      splitting: true,
      format: 'esm',
      plugins: [apart, workedOut, smaller, leanImports],
      ...asModules,
    }),
    ...Object.entries(besides).map(([file, modules]) =>
      build({
        ...common,
        write,
        stdin: { contents: exportAll(modules), resolveDir: root },
        format: 'esm',
        outfile: join(outdir, file),
        plugins: [workedOut, smaller, leanImports],
        ...asModules,
      }),
    ),
    ...[
      ...onDemand.map((name) => ({ file: fileOf(name), contents: `module.exports = require('${name}')` })),
      { file: schemaFile, contents: `module.exports = ${literal(specJsonSchema(), 'the schema of the spec')}` },
      ...Object.entries(seldomPlanned).map(([file, modules]) => ({ file, contents: exportAll(modules) })),
      ...Object.keys(seldom).map((file) => ({ file, contents: `module.exports = ${compiledTemplates(file)}` })),
    ].map(({ file, contents }) =>
      build({
        ...common,
        write,
        stdin: { contents, resolveDir: root },
        format: 'cjs',
        outfile: join(outdir, file),
        plugins: [withoutTemplates],
      }),
    ),
  ]);
  const metafiles = built.map(({ metafile }) => metafile as Metafile);
  return {
    inputs: Object.assign({}, ...metafiles.map(({ inputs }) => inputs)) as Metafile['inputs'],
    outputs: metafiles[0]?.outputs ?? {},
  };
}
