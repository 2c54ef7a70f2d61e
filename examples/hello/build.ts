import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What libraries would use if it were there: pg asks for the first only when told to, debug looks for the second and goes on without. */
export const OPTIONAL = ['pg-native', 'supports-color'];

/**
 * Bundle the application with all its libraries into one module that needs Node 24 and nothing else, so that its image is built
 * without a package registry.
 */
export async function buildHello(outFile: string): Promise<void> {
  await build({
    entryPoints: [here('app/main.ts')],
    outfile: outFile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    treeShaking: true,
    legalComments: 'inline', // the licences of the libraries travel with their code
    external: OPTIONAL,
    banner: { js: `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);` }, // for the libraries in CommonJS
    logLevel: 'silent', // a failed build throws, with every message in it
  });
}

if (import.meta.main) {
  const outFile = process.argv[2] ?? here('server.mjs');
  await buildHello(outFile);
  process.stdout.write(`wrote ${outFile}\n`);
}
