import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildHello } from '../examples/hello/build.ts';
import { buildProgram } from './build-program.ts';
import { warmUp } from './warm-up.ts';

/** dist/: the program, what Node made of it, and the sample application as one file. */
rmSync('dist', { recursive: true, force: true });
await Promise.all([buildProgram('dist'), buildHello('dist/examples/hello/server.mjs')]);
warmUp(join(import.meta.dirname, '..', 'cli', 'berth.js'));
