import { createRequire, isBuiltin } from 'node:module';
import { relative } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';

const require = createRequire(import.meta.url);

/** Packages that a run without surprises does not need, each as a file of its own, which is loaded when something of it is first asked for. */
export const onDemand = ['yaml', 'node-diff3', 'fastest-levenshtein'] as const;
export const fileOf = (name: string): string => `${name}.cjs`;

/** A module of getters: importing it costs nothing. */
const getters = (names: readonly string[], value: (name: string) => string): string =>
  `module.exports = {\n${names
    .filter((name) => /^[A-Za-z_]\w*$/.test(name))
    .map((name) => `get ${name}() { return ${value(name)}; }`)
    .join(',\n')}\n};`;

/** As many constants as there are names; those that nobody imports leave no trace. */
const constants = (names: readonly string[], from: string): string =>
  // No name of a module begins with a dollar.
  `const $from = ${from};\nconst $get = (name) => $from[name];\nexport default $from;\n${names
    .filter((name) => /^[A-Za-z]\w*$/.test(name) && name !== 'default')
    .map((name) => `export const ${name} = /* @__PURE__ */ $get('${name}');`)
    .join('\n')}`;

const namesOf = (module: string): readonly string[] => Object.keys(require(module) as object);
/** Node makes a namespace for each of its modules that is imported and fills it in, lazy parts included; asked for by name, the same module comes as it is. */
const builtinModule = (name: string): string => `process.getBuiltinModule(${JSON.stringify(`node:${name}`)})`;
/** One stand-in for each importer: what two parts of the program share becomes a file of its own, and a file costs more than these lines. */
const forImporter = (importer: string): string => `?${relative(import.meta.dirname, importer)}`;

/** Imports that cost their price when they are used, if ever. What they give is the same. */
export const leanImports: Plugin = {
  name: 'lean-imports',
  setup: (program) => {
    program.onResolve({ filter: /^(?:node:)?[a-z0-9_]+(?:\/[a-z]+)?$/ }, ({ path, importer, kind }) => {
      if (!isBuiltin(path)) return undefined;
      const name = path.replace(/^node:/, '');
      // The command line parser loads it for programs whose verbs are programs, too.
      const late = name === 'child_process' && importer.includes('/commander/');
      return {
        path: name,
        namespace: late ? 'late-builtin' : kind === 'import-statement' ? 'builtin' : 'required-builtin',
        suffix: forImporter(importer),
      };
    });
    program.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: constants(namesOf(`node:${path}`), builtinModule(path)),
      loader: 'js',
    }));
    program.onLoad({ filter: /./, namespace: 'required-builtin' }, ({ path }) => ({
      contents: `module.exports = ${builtinModule(path)};`,
      loader: 'js',
    }));
    program.onLoad({ filter: /./, namespace: 'late-builtin' }, ({ path }) => ({
      contents: getters(namesOf(`node:${path}`), (name) => `${builtinModule(path)}.${name}`),
      loader: 'js',
    }));

    program.onResolve({ filter: new RegExp(`^(?:${onDemand.join('|')})$`) }, ({ path, importer, namespace, kind }) =>
      namespace === 'file' && kind === 'import-statement' ? { path, namespace: 'on-demand', suffix: forImporter(importer) } : undefined,
    );
    program.onLoad({ filter: /./, namespace: 'on-demand' }, ({ path }) => ({
      contents: getters(namesOf(path), (name) => `require(${JSON.stringify(`./${fileOf(path)}`)}).${name}`),
      loader: 'js',
    }));
    program.onResolve({ filter: /^\.\/[a-z0-9-]+\.cjs$/ }, ({ path, namespace }) =>
      namespace === 'on-demand' ? { path, external: true } : undefined,
    );
  },
};

/** What every bundle of modules has in common. */
export const asModules = {
  // What is written as modules is bundled as such: of the rest, nothing can be left out.
  mainFields: ['module', 'main'],
  banner: { js: "const require=process.getBuiltinModule('node:module').createRequire(import.meta.url);" },
} satisfies BuildOptions;
