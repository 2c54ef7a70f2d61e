import { rmSync } from 'node:fs';
import { buildHello } from '../examples/hello/build.ts';
import { buildProgram } from './build-program.ts';

/** dist/: the program, and the sample application as one file. */
rmSync('dist', { recursive: true, force: true });
await Promise.all([buildProgram('dist'), buildHello('dist/examples/hello/server.mjs')]);
