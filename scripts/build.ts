import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildHello } from '../examples/hello/build.ts';
import { buildProgram } from './build-program.ts';
import { buildRestore } from './build-restore.ts';
import { licencesOf } from './licences.ts';
import { warmUp } from './warm-up.ts';

/** dist/: the program, what Node made of it, the file that restores backups without it, and the sample application as one file. */
rmSync('dist', { recursive: true, force: true });
const [{ inputs }] = await Promise.all([
  buildProgram('dist'),
  buildHello('dist/examples/hello/server.mjs'),
  buildRestore('dist/restore.mjs'),
]);
copyFileSync('runtime/restore/RESTORE.md', 'dist/RESTORE.md');
writeFileSync('dist/LICENSES.txt', licencesOf(Object.keys(inputs)));
warmUp(join(import.meta.dirname, '..', 'cli', 'berth.js'));
