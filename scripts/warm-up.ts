import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const host = ['--host-cpus', '16', '--host-memory', '64Gi', '--host-disk', '1Ti'];

/**
 * Runs the program that was just built, so that Node keeps its compiled code beside it: the first start of whoever installs it is then as fast as the second.
 * A cache that is not there, or of another Node, changes nothing but the time of a start.
 */
export function warmUp(program: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'berth-build-'));
  try {
    const site = join(folder, 'site');
    for (const args of [
      ['init', site, '--profile', 'recommended', '--yes', ...host],
      ['generate', '--check', '--site', site],
    ]) {
      const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      if (status !== 0) process.stderr.write(`The built program could not be tried, so its first start will be slower:\n${stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
