import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pathOfKey, type ObjectRow } from '../../../model/backup/object-row.ts';
import { ObjectFiles } from '../../../runtime/restore/object-files.ts';
import { never } from '../jobs/backup-world.ts';
import { from } from '../streams/bytes.ts';

let home: string;
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'berth-objects-'))));
afterEach(() => rmSync(home, { recursive: true }));
const row = (key: string): ObjectRow => ({
  key,
  batch: 1,
  entry: 1,
  bytes: 1,
  sha256: '',
  etag: '',
  modified: '2026-03-29T01:02:03.000Z',
  version: null,
  headers: {},
  tags: {},
});
const take = (files: ObjectFiles, key: string) => files.take(row(key), from('of ', key), never);
const read = (path: string): string => readFileSync(join(home, 'out', path), 'utf8');

test('objects become files under the paths of their keys, with the time of their last change', async () => {
  const files = new ObjectFiles(join(home, 'out'));
  const keys = ['a/b.txt', '../../up', 'ä ☂', '/x', 'a//b', `${'y'.repeat(500)}.png`];
  await Promise.all(keys.map((key) => take(files, key)));
  for (const key of keys) expect(read(pathOfKey(key))).toBe(`of ${key}`);
  expect(statSync(join(home, 'out/a/b.txt')).mtime.toISOString()).toBe('2026-03-29T01:02:03.000Z');
  expect(readdirSync(home)).toEqual(['out']);
});

test.each([
  ['a', 'a/b', 'a/b/c'],
  ['a/b/c', 'a/b', 'a'],
  ['a/b', 'a', 'a/b/c'],
])('a key that is the folder of others has its file beside them: %s, %s, %s', async (...keys) => {
  const files = new ObjectFiles(join(home, 'out'));
  for (const key of [...keys, ...keys]) await take(files, key);
  expect(['a%file', 'a/b%file', 'a/b/c'].map(read)).toEqual(['of a', 'of a/b', 'of a/b/c']);
});

test('an object whose bytes fail leaves no file that looks whole', async () => {
  const files = new ObjectFiles(join(home, 'out'));
  const failing = async function* () {
    yield Buffer.from('half');
    await Promise.reject(new Error('damaged'));
  };
  await expect(files.take(row('one'), failing(), never)).rejects.toThrow('damaged');
  await take(files, 'two');
  expect(readdirSync(join(home, 'out')).filter((name) => !name.startsWith('%'))).toEqual(['two']);
});

test('nothing is written where a link leads', async () => {
  const files = new ObjectFiles(join(home, 'out'));
  await take(files, 'first');
  symlinkSync(home, join(home, 'out/link'));
  await take(files, 'link/evil');
  expect(read('link/evil')).toBe('of link/evil');
  expect(readdirSync(home)).toEqual(['out']);
});
