import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSpecBytes } from '../../../generator/io/read-spec-bytes.ts';
import { temporarySite } from './site-fixture.ts';

test.each([0, 1, 70_000, 3_000_000])('a file of %i bytes is read to its end', (length) => {
  using site = temporarySite();
  const bytes = Buffer.alloc(length, 'abcdefg');
  writeFileSync(join(site.path, 'a.yaml'), bytes);
  expect(Buffer.compare(readSpecBytes(site.path, 'a.yaml'), bytes)).toBe(0);
});

test('of a file of 20 MiB the first 16 are read: enough to refuse it', () => {
  using site = temporarySite();
  writeFileSync(join(site.path, 'a.yaml'), Buffer.alloc(20 * 2 ** 20));
  expect(readSpecBytes(site.path, 'a.yaml')).toHaveLength(16 * 2 ** 20);
});

test('a pipe, which tells no size, is read to its end', () => {
  using site = temporarySite();
  expect(spawnSync('mkfifo', [join(site.path, 'pipe')]).status).toBe(0);
  spawn('/bin/sh', ['-c', `head -c 300000 /dev/zero > '${join(site.path, 'pipe')}'`], { stdio: 'ignore' });
  expect(readSpecBytes(site.path, 'pipe')).toHaveLength(300_000);
});

test.each([
  { what: 'nothing', name: 'gone', says: 'there is no such file or folder', cure: 'correct its name, or create it' },
  { what: 'a folder', name: 'folder', says: 'a folder stands where a file is needed', cure: 'move that folder out of the way' },
])('$what under that name is refused in words', ({ name, says, cure }) => {
  using site = temporarySite();
  mkdirSync(join(site.path, 'folder'));
  expect(() => readSpecBytes(site.path, name)).toThrow(
    expect.objectContaining({
      kind: 'io',
      message: `cannot read ${join(site.path, name)}: ${says}`,
      hint: `${cure}, then run the command again`,
    }),
  );
});
