import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { build } from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import Handlebars from 'handlebars';
import { readAssets } from '../generator/io/assets.ts';
import { templateOptions } from '../generator/render/compile-template.ts';
import { specJsonSchema } from '../generator/spec/json-schema.ts';
import { profileNames } from '../model/profile.ts';
import { fileOf, leanImports, onDemand } from './lean-imports.ts';

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

const templatesModule = (): string => `
import Handlebars from 'handlebars/runtime.js';
const compiled = {${[...assets.templates]
  .filter(([name]) => name.endsWith('.hbs'))
  .map(([name, source]) => `${JSON.stringify(name)}: ${Handlebars.precompile(source, templateOptions) as unknown as string}`)
  .join(',\n')}};
export const compileTemplate = (name) => Handlebars.template(compiled[name]);`;

/** What the sources work out from Berth's own files at every start, worked out once. Each stand-in exports what the program uses of its source. */
const standIns: ReadonlyMap<string, () => string> = new Map([
  ['generator/io/assets.ts', assetsModule],
  ['generator/render/compile-template.ts', templatesModule],
  ['generator/spec/json-schema.ts', () => `export const specJsonSchema = () => ${literal(specJsonSchema(), 'the schema of the spec')};`],
  // The schema of profiles has done its work.
  ['model/profile.ts', () => `export const profileNames = ${literal(profileNames, 'the names of profiles')};`],
]);

const workedOut: Plugin = {
  name: 'worked-out',
  setup: (program) => {
    for (const [path, contents] of standIns)
      program.onLoad({ filter: new RegExp(`${path.replaceAll(/[/.]/g, '\\$&')}$`) }, () => ({
        contents: contents(),
        loader: 'js',
        resolveDir: root,
      }));
  },
};

const smaller: Plugin = {
  name: 'smaller',
  setup: (program) => {
    program.onResolve({ filter: /^zod$/ }, () => ({ path: join(import.meta.dirname, 'slim-zod.ts') }));
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
      plugins: [workedOut, smaller, leanImports],
      // What is written as modules is bundled as such: of the rest, nothing can be left out.
      mainFields: ['module', 'main'],
      banner: { js: "const require=process.getBuiltinModule('node:module').createRequire(import.meta.url);" },
    }),
    ...onDemand.map((name) =>
      build({
        ...common,
        write,
        stdin: { contents: `module.exports = require('${name}')`, resolveDir: root },
        format: 'cjs',
        outfile: join(outdir, fileOf(name)),
      }),
    ),
  ]);
  const metafiles = built.map(({ metafile }) => metafile as Metafile);
  return {
    inputs: Object.assign({}, ...metafiles.map(({ inputs }) => inputs)) as Metafile['inputs'],
    outputs: metafiles[0]?.outputs ?? {},
  };
}
