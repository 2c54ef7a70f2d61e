#!/usr/bin/env node
// Starts Berth on the Node it was made for. A machine with an older one on its PATH has the right one beside this package.
// Nothing is imported before the version is known: an older Node refuses a program that names what its modules lack, and every import costs.

const needed = 24;
const built = new URL('../dist/berth.js', import.meta.url);
const sources = new URL('main.ts', import.meta.url);

if (Number(process.versions.node.split('.')[0]) >= needed) {
  const { existsSync } = process.getBuiltinModule('node:fs');
  const isBuilt = existsSync(built);
  rememberCompiled(isBuilt);
  await import(isBuilt ? built.href : sources.href);
} else {
  await startOn(await pinnedNode());
}

/**
 * Keeps compiled code for the next start: beside the program, where the build has put some already, or with the user's own caches.
 * Never in the folder for temporary files, where somebody else may have put code before. Where nothing can be written, starts are slower and no different.
 */
function rememberCompiled(isBuilt) {
  const { constants, enableCompileCache } = process.getBuiltinModule('node:module');
  const { HOME, XDG_CACHE_HOME } = process.env;
  const own = XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
  const folders = [
    ...(isBuilt ? [process.getBuiltinModule('node:url').fileURLToPath(new URL('cache', built))] : []),
    ...(own ? [`${own}/berth`] : []),
  ];
  folders.find((directory) => enableCompileCache({ directory, portable: true }).status !== constants.compileCacheStatus.FAILED);
}

async function pinnedNode() {
  const [{ existsSync }, { createRequire }, { dirname, join }] = await Promise.all([
    import('node:fs'),
    import('node:module'),
    import('node:path'),
  ]);
  try {
    const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}

async function startOn(node) {
  if (!node) {
    console.error(
      `berth needs Node ${needed} or newer; this is ${process.versions.node}, and the one that belongs to Berth is missing.\n→ run \`npm ci\` in Berth's folder, or install Node ${needed}`,
    );
    process.exit(1);
  }
  const [{ spawn }, { constants }, { fileURLToPath }] = await Promise.all([
    import('node:child_process'),
    import('node:os'),
    import('node:url'),
  ]);
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
}
