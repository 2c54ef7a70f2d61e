import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { lockSite } from '../../../generator/io/lock.ts';
import { findHolder } from '../../../generator/io/lock-holder.ts';
import { snapshot, temporarySite } from './site-fixture.ts';

const run = (site: string): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [join(import.meta.dirname, 'hold-lock.child.ts'), site]);
const lineOf = async (child: ChildProcessWithoutNullStreams): Promise<string> => String((await once(child.stdout, 'data'))[0]).trim();

describe('the lock of a site', { timeout: 60_000 }, () => {
  test('makes its folder, open to read whatever the umask, and can be taken again once it is given back', () => {
    using site = temporarySite();
    const umask = process.umask(0o077);
    try {
      lockSite(site.path)[Symbol.dispose]();
    } finally {
      process.umask(umask);
    }
    expect(statSync(join(site.path, '.berth')).mode & 0o777).toBe(0o755);
    using again = lockSite(site.path);
    expect(again).toBeDefined();
  });

  test('may be given back twice', () => {
    using site = temporarySite();
    const lock = lockSite(site.path);
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
  });

  test('touches nothing in a site that was locked before', async () => {
    using site = temporarySite();
    lockSite(site.path)[Symbol.dispose]();
    const before = snapshot(site.path, { times: true });
    const times = statSync(join(site.path, '.berth/lock')).mtimeMs;
    await delay(5);
    lockSite(site.path)[Symbol.dispose]();
    expect(snapshot(site.path, { times: true })).toEqual(before);
    expect(statSync(join(site.path, '.berth/lock')).mtimeMs).toBe(times);
  });

  test('refuses a second holder in the same process', () => {
    using site = temporarySite();
    using lock = lockSite(site.path);
    expect(lock).toBeDefined();
    expect(() => lockSite(site.path)).toThrow(expect.objectContaining({ kind: 'locked' }));
  });

  test('refuses another process at once, naming the one that holds it, and warns of nothing', async () => {
    using site = temporarySite();
    const holder = run(site.path);
    let warnings = '';
    holder.stderr.on('data', (data) => {
      warnings += String(data);
    });
    expect(await lineOf(holder)).toBe('held');
    expect(() => lockSite(site.path)).toThrow(
      expect.objectContaining({
        kind: 'locked',
        message: expect.stringContaining(`another berth (process ${holder.pid}) works on ${site.path}`),
        hint: expect.stringContaining('wait'),
      }),
    );
    holder.stdin.write('let go');
    expect(await lineOf(holder)).toBe('released');
    lockSite(site.path)[Symbol.dispose]();
    holder.kill();
    expect(warnings).toBe('');
  });

  test('goes with a process killed by kill -9', async () => {
    using site = temporarySite();
    const holder = run(site.path);
    expect(await lineOf(holder)).toBe('held');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    using lock = lockSite(site.path);
    expect(lock).toBeDefined();
    expect(snapshot(site.path)).toEqual(['0755 .berth/']);
  });

  test('goes to exactly one of several that start together', async () => {
    using site = temporarySite();
    const children = Array.from({ length: 5 }, () => run(site.path));
    const answers = await Promise.all(children.map(lineOf));
    expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
    expect(answers.filter((answer) => answer.startsWith('locked: another berth'))).toHaveLength(4);
    for (const child of children) child.kill('SIGKILL');
  });

  test('says what to do where it cannot be made', () => {
    using site = temporarySite();
    expect(() => lockSite(join(site.path, 'nowhere'))).toThrow(
      expect.objectContaining({ kind: 'io', message: expect.stringContaining('nowhere/.berth') }),
    );
    expect(existsSync(join(site.path, 'nowhere'))).toBe(false);
    mkdirSync(join(site.path, '.berth/lock'), { recursive: true });
    expect(() => lockSite(site.path)).toThrow(
      expect.objectContaining({ kind: 'io', message: expect.stringContaining(`cannot lock ${site.path}`) }),
    );
  });

  test('asks to delete a lock file that somebody wrote into', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, '.berth'));
    chmodSync(join(site.path, '.berth'), 0o755);
    writeFileSync(join(site.path, '.berth/lock'), 'pid 4711\n'.repeat(100));
    expect(() => lockSite(site.path)).toThrow(expect.objectContaining({ kind: 'io', hint: expect.stringContaining('delete') }));
  });
});

describe('the holder of a lock', () => {
  const locks =
    '1: FLOCK  ADVISORY  WRITE 5 fe:00:7 0 EOF\n2: POSIX  ADVISORY  WRITE 4711 fe:00:7 1 2\n3: POSIX  ADVISORY  WRITE 0 fe:00:8 1 2\n';
  test.each([
    ['fe:00:7', 4711],
    ['fe:00:8', undefined],
    ['fe:00:9', undefined],
  ])('of inode %s is %s', (inode, holder) => {
    expect(findHolder(locks, inode)).toBe(holder);
  });
});
