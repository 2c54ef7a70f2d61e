import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { applyChanges, recoverSite } from '../../../generator/io/disk.ts';
import { artifact, decide, generate, snapshot, temporarySite } from './site-fixture.ts';
import { cpuTime } from '../../cpu-time.ts';

const text = (site: string, path: string): string => readFileSync(join(site, path), 'utf8');
const modeOf = (site: string, path: string): string => (statSync(join(site, path)).mode & 0o7777).toString(8);

describe('applying a decision', () => {
  test('touches nothing when nothing is to be done, not even a time', async () => {
    using site = temporarySite();
    const artifacts = [
      artifact('config/a', 'a\n'),
      artifact('compose.yaml', 'c\n', 'owned'),
      artifact('secrets/s', 's\n', 'secret', 0o444),
      artifact('k8s/site/k', 'k\n', 'once'),
    ];
    generate(site.path, artifacts);
    writeFileSync(join(site.path, 'config/a'), 'edited\n');
    const before = snapshot(site.path, { times: true });
    await delay(5);
    generate(site.path, artifacts);
    expect(recoverSite(site.path).outcome).toBe('untouched');
    expect(snapshot(site.path, { times: true })).toEqual(before);
  });

  test('leaves files alone that are as they should be', async () => {
    using site = temporarySite();
    generate(site.path, [artifact('a', 'a\n'), artifact('b', 'b\n')]);
    const { mtimeMs, ino } = statSync(join(site.path, 'a'));
    await delay(5);
    generate(site.path, [artifact('a', 'a\n'), artifact('b', 'B\n')]);
    expect(statSync(join(site.path, 'a'))).toMatchObject({ mtimeMs, ino });
  });

  test.each([0o000, 0o022, 0o077, 0o777])('gives the promised modes under umask %o', (mask) => {
    using site = temporarySite();
    const umask = process.umask(mask);
    try {
      generate(site.path, [
        artifact('config/deep/a', 'a\n'),
        artifact('secrets/db/s', 's\n', 'secret', 0o444),
        artifact('secrets/e.env', 'e\n', 'secret', 0o600),
        artifact('k8s/secrets/t', 't\n', 'secret', 0o600),
      ]);
    } finally {
      process.umask(umask);
    }
    expect(snapshot(site.path).map((line) => line.split(':')[0])).toEqual([
      '0755 .berth/',
      '0755 .berth/base/',
      '0755 .berth/base/config/',
      '0755 .berth/base/config/deep/',
      '0644 .berth/base/config/deep/a',
      '0600 .berth/hashes.json',
      '0755 config/',
      '0755 config/deep/',
      '0644 config/deep/a',
      '0755 k8s/',
      '0700 k8s/secrets/',
      '0600 k8s/secrets/t',
      '0700 secrets/',
      '0755 secrets/db/',
      '0444 secrets/db/s',
      '0600 secrets/e.env',
    ]);
  });

  test('closes a secrets folder that others can enter, and leaves one alone that is open to a group only', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, 'secrets'));
    chmodSync(join(site.path, 'secrets'), 0o775);
    generate(site.path, [artifact('secrets/s', '1\n', 'secret', 0o600)]);
    expect(modeOf(site.path, 'secrets')).toBe('770');
    generate(site.path, [artifact('secrets/s', '2\n', 'secret', 0o600)]);
    expect(modeOf(site.path, 'secrets')).toBe('770');
  });

  test('keeps no copy of a secret', () => {
    using site = temporarySite();
    generate(site.path, [artifact('secrets/s', 'hunter2\n', 'secret', 0o600)]);
    generate(site.path, [artifact('secrets/s', 'letmein\n', 'secret', 0o600)]);
    expect(snapshot(site.path).filter((line) => /hunter2|letmein/.test(line))).toEqual(['0600 secrets/s: letmein\n']);
  });

  test('changes a mode in place, so that a container that mounted the file sees it', () => {
    using site = temporarySite();
    generate(site.path, [artifact('a', 'a\n')]);
    const { ino } = statSync(join(site.path, 'a'));
    chmodSync(join(site.path, 'a'), 0o600);
    generate(site.path, [artifact('a', 'a\n')]);
    expect(statSync(join(site.path, 'a')).ino).toBe(ino);
    expect(modeOf(site.path, 'a')).toBe('644');
  });

  test('removes the folders it empties, and no other', () => {
    using site = temporarySite();
    generate(site.path, [artifact('config/a/b/c', 'c\n'), artifact('config/d/e', 'e\n'), artifact('keep', 'k\n')]);
    writeFileSync(join(site.path, 'config/d/mine'), 'mine\n');
    generate(site.path, [artifact('keep', 'k\n')]);
    expect(snapshot(site.path).filter((line) => !line.includes('.berth'))).toEqual([
      '0755 config/',
      '0755 config/d/',
      '0644 config/d/mine: mine\n',
      '0644 keep: k\n',
    ]);
  });

  test('may empty a folder and fill it in one go', () => {
    using site = temporarySite();
    generate(site.path, [artifact('config/a', 'a\n')]);
    generate(site.path, [artifact('config/b', 'b\n')]);
    expect(text(site.path, 'config/b')).toBe('b\n');
  });

  test('writes through links that stay inside the site', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, 'real'));
    symlinkSync('real', join(site.path, 'config'));
    symlinkSync('real/SITE.md', join(site.path, 'SITE.md'));
    writeFileSync(join(site.path, 'real/SITE.md'), 'old\n');
    generate(site.path, [artifact('config/a', 'a\n'), artifact('SITE.md', 'old\n')]);
    generate(site.path, [artifact('config/a', 'b\n'), artifact('SITE.md', 'new\n')]);
    expect(snapshot(site.path)).toEqual(
      expect.arrayContaining(['0644 real/a: b\n', '0644 real/SITE.md: new\n', '0777 SITE.md -> real/SITE.md', '0777 config -> real']),
    );
  });

  test('merges an edit kept over several versions', () => {
    using site = temporarySite();
    generate(site.path, [artifact('SITE.md', 'one\ntwo\nthree\n')]);
    writeFileSync(join(site.path, 'SITE.md'), 'zero\r\none\r\ntwo\r\nthree');
    generate(site.path, [artifact('SITE.md', 'one\ntwo\nTHREE\n')]);
    generate(site.path, [artifact('SITE.md', 'one\nTWO\nTHREE\nfour\n')]);
    expect(text(site.path, 'SITE.md')).toBe('zero\r\none\r\nTWO\r\nTHREE\r\nfour');
  });

  test('recovers from lost records: what is as Berth writes it is taken over', () => {
    using site = temporarySite();
    const artifacts = [artifact('config/a', 'a\n'), artifact('compose.yaml', 'c\n', 'owned')];
    generate(site.path, artifacts);
    const before = snapshot(site.path);
    rmSync(join(site.path, '.berth'), { recursive: true });
    generate(site.path, artifacts);
    expect(snapshot(site.path)).toEqual(before);
  });

  test('is not held up by what an earlier run staged and never committed', () => {
    using site = temporarySite();
    mkdirSync(join(site.path, '.berth/stage'), { recursive: true });
    writeFileSync(join(site.path, '.berth/stage/0'), 'stale\n');
    generate(site.path, [artifact('compose.yaml', 'c\n', 'owned')]);
    expect(text(site.path, 'compose.yaml')).toBe('c\n');
  });

  test('writes nothing at all when there is a conflict', () => {
    using site = temporarySite();
    writeFileSync(join(site.path, 'compose.yaml'), 'mine\n');
    const decision = decide(site.path, [artifact('compose.yaml', 'c\n', 'owned'), artifact('a', 'a\n')]);
    expect(() => applyChanges(site.path, decision)).toThrow(
      expect.objectContaining({ kind: 'conflict', message: 'compose.yaml is there already and was not written by Berth' }),
    );
    expect(snapshot(site.path)).toEqual(['0644 compose.yaml: mine\n']);
  });

  test.each([
    ['saved', 'late\n'],
    ['removed', undefined],
    ['created', 'late\n'],
  ])('writes nothing when a file was %s since it was read', (verb, content) => {
    using site = temporarySite();
    if (verb !== 'created') generate(site.path, [artifact('a', 'a\n')]);
    const decision = decide(site.path, [artifact('a', 'b\n'), artifact('b', 'b\n')]);
    if (content === undefined) rmSync(join(site.path, 'a'));
    else writeFileSync(join(site.path, 'a'), content);
    const before = snapshot(site.path);
    expect(() => applyChanges(site.path, decision)).toThrow(
      expect.objectContaining({ kind: 'conflict', message: expect.stringContaining('a was changed by somebody else') }),
    );
    expect(snapshot(site.path)).toEqual(before);
  });

  test('of a hundred files costs well under a second', () => {
    using site = temporarySite();
    const artifacts = Array.from({ length: 100 }, (_, index) => artifact(`config/${index % 10}/${index}.conf`, 'line\n'.repeat(50)));
    const start = cpuTime();
    generate(site.path, artifacts);
    expect(cpuTime() - start).toBeLessThan(1000);
  });
});
