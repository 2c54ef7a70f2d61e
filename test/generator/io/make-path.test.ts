import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { makePath } from '../../../generator/io/make-path.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-path-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a folder', () => {
  test('is made with all that leads to it, and the first of them is named', () => {
    expect(makePath(join(folder, 'a/b/c'), 0o700)).toBe(join(folder, 'a'));
    expect(makePath(join(folder, 'a/b/d'))).toBe(join(folder, 'a/b/d'));
    expect(makePath(join(folder, 'a/b/c'))).toBeUndefined();
    expect(statSync(join(folder, 'a/b')).mode & 0o777).toBe(0o700);
  });

  test.each([
    ['where nobody can make one, although the one above is there', '/proc/berth/site'],
    ['in place of a file', join(folder, 'file')],
    ['below a file', join(folder, 'file/site')],
    ['in place of a link that leads nowhere', join(folder, 'link')],
  ])('is refused at once %s', (_, path) => {
    writeFileSync(join(folder, 'file'), '');
    rmSync(join(folder, 'link'), { force: true });
    symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
    expect(() => makePath(path)).toThrow(/ENOENT|EEXIST|ENOTDIR/);
  });
});
