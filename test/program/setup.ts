import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Builds the program once, in its place, before any test starts it. */
export default function setup(): void {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.ts'], {
    cwd: join(import.meta.dirname, '../..'),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the program cannot be built:\n${stderr}`);
}
