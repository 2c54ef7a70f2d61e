import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyChanges } from '../../../generator/io/disk.ts';
import { artifact, decide, generate, snapshot, temporarySite } from './site-fixture.ts';

/** A file system of its own, unmounted at the end of the block; or the reason why there is none. */
function mounted(options: string): Disposable & { readonly path: string; readonly obstacle: string } {
  const path = mkdtempSync(join(tmpdir(), 'berth-mount-'));
  const run = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { encoding: 'utf8' });
  const obstacle = run.status === 0 ? '' : run.stderr || String(run.error ?? 'mount failed');
  return {
    path,
    obstacle,
    [Symbol.dispose]: () => {
      if (obstacle === '') spawnSync('umount', [path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

const isRoot = process.getuid?.() === 0;
const obstacle = isRoot ? mountObstacle() : 'not root';
function mountObstacle(): string {
  using probe = mounted('size=64k');
  return probe.obstacle;
}
if (obstacle !== '')
  console.warn(`SKIPPED: a really full disk and a read-only one, since nothing can be mounted here (${obstacle.trim()})`);
if (!isRoot) console.warn('SKIPPED: a folder of another user, since only root can become somebody else');

describe('a disk that refuses', { timeout: 60_000 }, () => {
  test.runIf(obstacle === '')('because it is full leaves the old site, without crumbs, and says so', () => {
    using disk = mounted('size=256k');
    generate(disk.path, [artifact('config/a', 'a\n'), artifact('config/b', 'b\n')]);
    const before = snapshot(disk.path);
    const decision = decide(disk.path, [
      artifact('config/a', 'A\n'),
      artifact('config/b', 'b'.repeat(100_000)),
      artifact('config/c', 'c'.repeat(100_000)),
    ]);
    expect(() => applyChanges(disk.path, decision)).toThrow(
      expect.objectContaining({
        kind: 'io',
        message: expect.stringMatching(/^cannot write .+: no space is left on the device$/),
        hint: 'free some space there, then run the command again; the site is as it was',
      }),
    );
    expect(snapshot(disk.path)).toEqual(before);
    generate(disk.path, [artifact('config/a', 'A\n')]);
  });

  test.runIf(obstacle === '')('because it has no room for another folder leaves the old site', () => {
    using disk = mounted('nr_inodes=17');
    generate(disk.path, [artifact('a', 'a\n', 'owned')]);
    const before = snapshot(disk.path);
    for (let depth = 1; depth < 20; depth += 1) {
      const folders = Array.from({ length: depth }, (_, index) => `${index}`).join('/');
      const decision = decide(disk.path, [artifact('a', 'b\n', 'owned'), artifact(`${folders}/c`, 'c\n', 'owned')]);
      if (depth < 9) continue;
      expect(() => applyChanges(disk.path, decision)).toThrow(
        expect.objectContaining({ message: expect.stringContaining('no space is left') }),
      );
      expect(snapshot(disk.path)).toEqual(before);
    }
  });

  test.runIf(obstacle === '')('because it is mounted read-only says so', () => {
    using disk = mounted('size=256k');
    writeFileSync(join(disk.path, 'a'), 'a\n');
    mkdirSync(join(disk.path, '.berth'));
    spawnSync('mount', ['-o', 'remount,ro', disk.path]);
    expect(() => generate(disk.path, [artifact('b', 'b\n')])).toThrow(
      expect.objectContaining({ kind: 'io', message: expect.stringContaining('mounted read-only') }),
    );
    expect(snapshot(disk.path)).toEqual(['0755 .berth/', '0644 a: a\n']);
  });

  test.runIf(obstacle === '')('to rename between two file systems is worked around', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, 'secrets'));
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', join(site.path, 'secrets')]);
    try {
      generate(site.path, [artifact('secrets/s', '1\n', 'secret', 0o444)]);
      generate(site.path, [artifact('secrets/s', '2\n', 'secret', 0o444)]);
      expect(snapshot(site.path)).toContain('0444 secrets/s: 2\n');
      expect(snapshot(site.path).join()).not.toContain('berth-new');
    } finally {
      spawnSync('umount', [join(site.path, 'secrets')]);
    }
  });

  test.runIf(isRoot).each([
    ['the whole site', '.', 'cannot write to '],
    ['the folder of a file', 'config', 'cannot write to config'],
  ])('because %s belongs to another user leaves the old site', (_, closed, message) => {
    using site = temporarySite();
    generate(site.path, [artifact('config/a', 'a\n')]);
    if (closed !== '.') spawnSync('chown', ['-R', '65534', site.path]);
    spawnSync('chown', ['-R', '0', join(site.path, closed)]);
    chmodSync(site.path, 0o755);
    chmodSync(join(site.path, '.berth/hashes.json'), 0o644);
    const before = snapshot(site.path);
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'generate-as.child.ts'), site.path, '65534'], {
      encoding: 'utf8',
    });
    expect(child.stdout).toContain(`io: ${message}`);
    expect(child.stdout).toContain('permission denied');
    expect(child.stdout).toContain('the site is as it was');
    expect(snapshot(site.path)).toEqual(before);
  });

  test.runIf(isRoot)('to change the mode of another user’s file is met before anything is written', () => {
    using site = temporarySite();
    generate(site.path, [artifact('config/a', 'a\n'), artifact('b', 'b\n')]);
    spawnSync('chown', ['-R', '65534', site.path]);
    spawnSync('chown', ['0', join(site.path, 'config/a')]);
    chmodSync(join(site.path, 'config/a'), 0o666);
    const before = snapshot(site.path);
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'generate-as.child.ts'), site.path, '65534', 'a\n'], {
      encoding: 'utf8',
    });
    expect(child.stdout).toContain('cannot change the mode of config/a');
    expect(snapshot(site.path)).toEqual(before);
  });
});
