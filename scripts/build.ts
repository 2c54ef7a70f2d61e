import { rmSync } from 'node:fs';
import { build } from 'esbuild';
import { buildHello } from '../examples/hello/build.ts';

/** dist/: the program as one bundle with chunks for what only some verbs need, and the sample application as one file. */
rmSync('dist', { recursive: true, force: true });
await Promise.all([
  build({
    entryPoints: { berth: 'cli/main.ts' }, outdir: 'dist', bundle: true, splitting: true, minify: true, format: 'esm', platform: 'node', target: 'node24', legalComments: 'linked',
    chunkNames: 'chunks/[name]-[hash]', banner: { js: "import{createRequire as berthRequire}from'node:module';const require=berthRequire(import.meta.url);" },
  }),
  buildHello('dist/examples/hello/server.mjs'),
]);
