import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readState } from '../../../generator/io/disk.ts';
import { contentHash } from '../../../generator/merge/content-hash.ts';
import { artifact, generate, snapshot, temporarySite } from './site-fixture.ts';

const refusal = (message: string, hint = 'then run the command again'): unknown =>
  expect.objectContaining({ kind: 'io', message: expect.stringContaining(message), hint: expect.stringContaining(hint) });

describe('the state of a site', () => {
  test('is empty where nothing is, and reading it leaves no trace', () => {
    using site = temporarySite();
    expect(readState(site.path, ['compose.yaml', 'config/a/b'])).toEqual({
      current: new Map(),
      modes: new Map(),
      base: new Map(),
      hashes: new Map(),
    });
    expect(snapshot(site.path)).toEqual([]);
  });

  test('holds what was asked for and every file that Berth looks after', () => {
    using site = temporarySite();
    generate(site.path, [artifact('config/a', 'a\n'), artifact('secrets/s', 's\n', 'secret', 0o600)]);
    writeFileSync(join(site.path, 'mine'), 'mine\n');
    chmodSync(join(site.path, 'mine'), 0o640);
    const state = readState(site.path, ['mine']);
    expect(state.current).toEqual(
      new Map([
        ['config/a', 'a\n'],
        ['mine', 'mine\n'],
        ['secrets/s', 's\n'],
      ]),
    );
    expect(state.modes).toEqual(
      new Map([
        ['config/a', 0o644],
        ['mine', 0o640],
        ['secrets/s', 0o600],
      ]),
    );
    expect(state.base).toEqual(new Map([['config/a', 'a\n']]));
    expect(state.hashes).toEqual(
      new Map([
        ['config/a', contentHash('a\n')],
        ['secrets/s', contentHash('s\n')],
      ]),
    );
  });

  test('keeps every character: a byte order mark, CRLF, no final newline', () => {
    using site = temporarySite();
    const text = '\ufeffa\r\nü🙂';
    writeFileSync(join(site.path, 'a'), text);
    expect(readState(site.path, ['a']).current.get('a')).toBe(text);
  });

  test('follows links inside the site', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, 'real'));
    writeFileSync(join(site.path, 'real/a'), 'a\n');
    symlinkSync('real', join(site.path, 'config'));
    expect(readState(site.path, ['config/a', 'config/b']).current).toEqual(new Map([['config/a', 'a\n']]));
  });

  test('is read through a link to the site', () => {
    using site = temporarySite();
    using elsewhere = temporarySite();
    writeFileSync(join(site.path, 'a'), 'a\n');
    symlinkSync(site.path, join(elsewhere.path, 'link'));
    expect(readState(join(elsewhere.path, 'link'), ['a']).current.get('a')).toBe('a\n');
  });

  test.each([
    ['leads out of the site', '/etc', 'config is a link that leads out of the site, to /etc'],
    ['leads to the folder above', '..', 'config is a link that leads out of the site'],
    ['leads nowhere', 'gone', 'config is a link to nothing'],
    ['leads to itself', 'config', 'cannot open config'],
  ])('refuses a link that %s', (_, target, message) => {
    using site = temporarySite();
    symlinkSync(target, join(site.path, 'config'));
    expect(() => readState(site.path, ['config/hostname'])).toThrow(refusal(message));
  });

  test.each<[string, (path: string) => unknown, string]>([
    ['a folder', (path) => mkdirSync(path), 'SITE.md is a folder where a file should be'],
    ['a pipe', (path) => spawnSync('mkfifo', [path]), 'SITE.md is not a regular file'],
    ['bytes that are no UTF-8', (path) => writeFileSync(path, Buffer.from([0x61, 0xff, 0xfe])), 'SITE.md is not UTF-8 text'],
    ['more than 10 MiB', (path) => writeFileSync(path, Buffer.alloc(10 * 2 ** 20 + 1, 'a')), 'SITE.md has 11 MiB'],
    ['a name that is too long', () => {}, 'the name is too long'],
  ])('refuses %s and says what to do', (what, make, message) => {
    using site = temporarySite();
    make(join(site.path, 'SITE.md'));
    expect(() => readState(site.path, [what.includes('name') ? 'a'.repeat(300) : 'SITE.md'])).toThrow(refusal(message));
  });

  test('refuses a file where a folder should be', () => {
    using site = temporarySite();
    writeFileSync(join(site.path, 'config'), 'a\n');
    expect(() => readState(site.path, ['config/nginx/nginx.conf'])).toThrow(
      refusal('a file stands where a folder is needed', 'move that file out of the way'),
    );
  });

  test('refuses a site that is not there', () => {
    expect(() => readState('/nowhere/at/all', [])).toThrow(refusal('cannot open /nowhere/at/all: there is no such file or folder'));
  });

  test.each(['../outside', '/etc/passwd', 'a//b', 'a/./b', '', 'a/', 'a\\b', 'a\0b'])('has no place for the path %j', (path) => {
    using site = temporarySite();
    expect(() => readState(site.path, [path])).toThrow('not a path inside a site');
  });
});

describe('the recorded hashes', () => {
  const hash = contentHash('');
  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"version":1}',
    '{"version":1,"files":[]}',
    '{"version":1,"files":{"a":"xyz"}}',
    '{"version":1,"files":{"a":1}}',
    `{"version":1,"files":{"../../etc/passwd":"${hash}"}}`,
  ])('are refused when damaged: %s', (text) => {
    using site = temporarySite();
    mkdirSync(join(site.path, '.berth'));
    writeFileSync(join(site.path, '.berth/hashes.json'), text);
    expect(() => readState(site.path, [])).toThrow(refusal('.berth/hashes.json is damaged', 'restore it from a backup or delete it'));
  });

  test('of another version of Berth are refused as that', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, '.berth'));
    writeFileSync(join(site.path, '.berth/hashes.json'), '{"version":9,"files":{}}');
    expect(() => readState(site.path, [])).toThrow(expect.objectContaining({ kind: 'unsupported' }));
  });

  test('name the same files in any order of writing', () => {
    using one = temporarySite();
    using other = temporarySite();
    const artifacts = ['b', 'a/c', 'A', '__proto__', 'constructor'].map((path) => artifact(path, path));
    generate(one.path, artifacts);
    generate(other.path, artifacts.toReversed());
    expect(snapshot(one.path)).toEqual(snapshot(other.path));
    expect(readState(one.path, []).current.get('__proto__')).toBe('__proto__');
  });
});
