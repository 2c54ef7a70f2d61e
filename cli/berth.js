#!/usr/bin/env node
// Starts Berth on the Node it was made for. A machine with an older one on its PATH has the right one beside this package.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
// As a whole: an older Node refuses a program that names what its modules lack.
import * as nodeModule from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

const needed = 24;
const built = join(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), '..', 'dist', 'berth.js');
const entry = existsSync(built) ? built : join(dirname(built), '..', 'cli', 'main.ts');

function pinnedNode() {
  try {
    return join(dirname(nodeModule.createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  } catch {
    return undefined;
  }
}

if (Number(process.versions.node.split('.')[0]) >= needed) {
  nodeModule.enableCompileCache();
  await import(entry);
} else {
  const node = pinnedNode();
  if (!node || !existsSync(node)) {
    console.error(`berth needs Node ${needed} or newer; this is ${process.versions.node}, and the one that belongs to Berth is missing.\n→ run \`npm ci\` in Berth's folder, or install Node ${needed}`);
    process.exit(1);
  }
  const child = spawn(node, [import.meta.filename ?? new URL(import.meta.url).pathname, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
}
