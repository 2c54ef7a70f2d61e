import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { build } from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import Handlebars from 'handlebars';
import { readAssets } from '../generator/io/assets.ts';
import { templateOptions } from '../generator/render/compile-template.ts';
import { specJsonSchema } from '../generator/spec/json-schema.ts';
import { leanImports } from './lean-imports.ts';
import { profileNames } from '../model/profile.ts';

const root = join(import.meta.dirname, '..');

/** A value as source text that gives the same value. */
function literal(value: unknown, what: string): string {
  const text = JSON.stringify(value);
  if (!isDeepStrictEqual(JSON.parse(text), value)) throw new Error(`${what} cannot be written as JSON`);
  return text;
}

const assets = readAssets(root);
const assetsModule = (): string => `
const templates = new Map(${literal([...assets.templates], 'templates/')});
const images = ${literal(assets.images, 'images.yaml')};
const profiles = ${literal(Object.fromEntries(profileNames.map((name) => [name, assets.profile(name as never)])), 'hardware-profiles/')};
export const readAssets = () => ({ templates, images, profile: (name) => profiles[name] });`;

const templatesModule = (): string => `
import Handlebars from 'handlebars/runtime.js';
const compiled = {${[...assets.templates].filter(([name]) => name.endsWith('.hbs')).map(([name, source]) => `${JSON.stringify(name)}: ${String(Handlebars.precompile(source, templateOptions))}`).join(',\n')}};
export const compileTemplate = (name) => Handlebars.template(compiled[name]);`;

const schemaModule = (): string => `export const specJsonSchema = () => ${literal(specJsonSchema(), 'the schema of the spec')};`;

/** What the sources work out from Berth's own files at every start, worked out once. Each stand-in exports what its source does. */
const standIns: ReadonlyMap<string, () => string> = new Map([
  ['generator/io/assets.ts', assetsModule],
  ['generator/render/compile-template.ts', templatesModule],
  ['generator/spec/json-schema.ts', schemaModule],
  // The schema of profiles has done its work.
  ['model/profile.ts', () => `export const profileNames = ${literal(profileNames, 'the names of profiles')};`],
]);

const workedOut: Plugin = { name: 'worked-out', setup: ({ onLoad }) => {
  for (const [path, contents] of standIns)
    onLoad({ filter: new RegExp(`${path.replaceAll(/[/.]/g, '\\$&')}$`) }, () => ({ contents: contents(), loader: 'js', resolveDir: root }));
} };

const options: BuildOptions = {
  absWorkingDir: root, entryPoints: { berth: 'cli/main.ts' }, bundle: true, splitting: true, minify: true, format: 'esm', platform: 'node', target: 'node24', legalComments: 'linked',
  chunkNames: 'chunks/[name]-[hash]', banner: { js: "const require=process.getBuiltinModule('node:module').createRequire(import.meta.url);" }, plugins: [workedOut, leanImports],
};

/** The program as one bundle, with chunks for what only some verbs need. */
export async function buildProgram(outdir: string, write = true): Promise<Metafile> {
  return (await build({ ...options, outdir, write, metafile: true })).metafile;
}
