import { createRequire, isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);

/** Packages that a run without surprises does not need: evaluated when something of theirs is first asked for. */
const onDemand = ['yaml', 'node-diff3', 'fastest-levenshtein'];

/** A module of getters: importing it costs nothing. */
const getters = (names: readonly string[], value: (name: string) => string): string =>
  `module.exports = {\n${names.filter((name) => /^[A-Za-z_]\w*$/.test(name)).map((name) => `get ${name}() { return ${value(name)}; }`).join(',\n')}\n};`;

/** As many constants as there are names; those that nobody imports leave no trace. */
const constants = (names: readonly string[], from: string): string =>
  `const from = ${from};\nconst get = (name) => from[name];\nexport default from;\n${names.filter((name) => /^[A-Za-z]\w*$/.test(name) && name !== 'default').map((name) => `export const ${name} = /* @__PURE__ */ get('${name}');`).join('\n')}`;

/** Node makes a namespace for each of its modules that is imported and fills it in, lazy parts included; asked for by name, the same module comes as it is. */
const builtinModule = (name: string): string => `process.getBuiltinModule(${JSON.stringify(`node:${name}`)})`;

/** Imports that cost their price when they are used, if ever. What they give is the same. */
export const leanImports: Plugin = { name: 'lean-imports', setup: ({ onLoad, onResolve }) => {
  onResolve({ filter: /^(?:node:)?[a-z0-9_]+(?:\/[a-z]+)?$/ }, ({ path, importer, kind }) => {
    if (!isBuiltin(path)) return undefined;
    const name = path.replace(/^node:/, '');
    // The command line parser loads it for programs whose verbs are programs, too.
    if (name === 'child_process' && importer.includes('/commander/')) return { path: name, namespace: 'late-builtin' };
    return { path: name, namespace: kind === 'import-statement' ? 'builtin' : 'required-builtin' };
  });
  onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({ contents: constants(Object.keys(require(`node:${path}`) as object), builtinModule(path)), loader: 'js' }));
  onLoad({ filter: /./, namespace: 'required-builtin' }, ({ path }) => ({ contents: `module.exports = ${builtinModule(path)};`, loader: 'js' }));
  onLoad({ filter: /./, namespace: 'late-builtin' }, ({ path }) => ({ contents: getters(Object.keys(require(`node:${path}`) as object), (name) => `${builtinModule(path)}.${name}`), loader: 'js' }));
  onResolve({ filter: new RegExp(`^(?:${onDemand.join('|')})$`) }, ({ path, namespace, kind }) => (namespace === 'file' && kind === 'import-statement' ? { path, namespace: 'on-demand' } : undefined));
  onLoad({ filter: /./, namespace: 'on-demand' }, ({ path }) => ({ contents: getters(Object.keys(require(path) as object), (name) => `require(${JSON.stringify(path)}).${name}`), loader: 'js', resolveDir: import.meta.dirname }));
} };
