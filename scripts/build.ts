import { copyFileSync, globSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { buildHello } from '../examples/hello/build.ts';
import { buildProgram } from './build-program.ts';
import { buildRestore } from './build-restore.ts';
import { licencesOf } from './licences.ts';
import { warmUp } from './warm-up.ts';

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

/** dist/: the program, what Node made of it, the file that restores backups without it, and the sample application as one file. */
mkdirSync('dist', { recursive: true });
// What a build left that was killed; none takes an hour.
for (const left of globSync('dist/new-*')) if (Date.now() - statSync(left).mtimeMs > 3_600_000) rmSync(left, { recursive: true });
const fresh = mkdtempSync('dist/new-');
try {
  const [{ inputs }] = await Promise.all([
    buildProgram(fresh),
    buildHello(join(fresh, 'examples/hello/server.mjs')),
    buildRestore(join(fresh, 'restore.mjs')),
  ]);
  copyFileSync('runtime/restore/RESTORE.md', join(fresh, 'RESTORE.md'));
  writeFileSync(join(fresh, 'LICENSES.txt'), licencesOf(Object.keys(inputs)));
  // File by file, so that a program that starts meanwhile finds each, old or new.
  const made = filesIn(fresh);
  for (const file of made) {
    mkdirSync(dirname(join('dist', file)), { recursive: true });
    renameSync(join(fresh, file), join('dist', file));
  }
  for (const file of filesIn('dist')) if (!file.startsWith('new-') && !made.includes(file)) rmSync(join('dist', file), { force: true });
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
warmUp(join(import.meta.dirname, '..', 'cli', 'berth.js'));
