import { execFileSync } from 'node:child_process';
import { createSecretKey } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeTar, type TarEntry } from '../../../runtime/format/tar.ts';
import { unpackVolume } from '../../../runtime/volume/unpack-volume.ts';
import { fingerprintOfVolume, volumeProducer, type VolumeSource } from '../../../runtime/volume/volume-producer.ts';
import { never } from '../jobs/backup-world.ts';
import { from, noise, whole } from '../streams/bytes.ts';

let home: string;
let volume: string;
const isRoot = process.getuid?.() === 0;
const write = (path: string, content: string | Uint8Array, mode = 0o644): void => {
  mkdirSync(join(volume, dirname(path)), { recursive: true });
  writeFileSync(join(volume, path), content);
  chmodSync(join(volume, path), mode);
};
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'berth-volume-'));
  volume = join(home, 'volume');
  write('.berth-volume', '');
  write('.berth-before-2026/old', 'old');
  write('uploads/ünïcode ☂.txt', 'hello', 0o640);
  write(`uploads/${'long-'.repeat(40)}name`, noise(5000));
  write('uploads/private', 'mine', 0o600);
  write('empty', '');
  mkdirSync(join(volume, 'an empty folder'), { mode: 0o750 });
  symlinkSync('../outside/of it', join(volume, 'link'));
  linkSync(join(volume, 'uploads/private'), join(volume, 'zz-other-name'));
  utimesSync(join(volume, 'empty'), 1_700_000_000.25, 1_700_000_000.25);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const source = (): VolumeSource => ({ folder: volume, key: createSecretKey(Buffer.from('key')), berth: '0.1.0' });

/** @param meanwhile - Done when so many bytes of the archive were taken. */
async function copy(meanwhile?: { readonly after: number; readonly run: () => void }) {
  await using snapshot = await volumeProducer(source()).open(never);
  const chunks: Uint8Array[] = [];
  let [bytes, done] = [0, false];
  for await (const stream of snapshot.streams)
    for await (const chunk of stream.bytes) {
      chunks.push(Buffer.from(chunk));
      bytes += chunk.length;
      if (meanwhile === undefined || done || bytes < meanwhile.after) continue;
      done = true;
      meanwhile.run();
    }
  const { facts } = await snapshot.finish();
  return { archive: Buffer.concat(chunks), facts };
}

const look = (folder: string): unknown =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((path) => !path.startsWith('.berth-'))
    .map((path) => {
      const { mode, uid, gid, size, mtimeMs } = lstatSync(join(folder, path));
      const found = lstatSync(join(folder, path));
      const holds = found.isFile()
        ? readFileSync(join(folder, path), 'base64')
        : found.isSymbolicLink()
          ? readlinkSync(join(folder, path))
          : '';
      return { path, mode, uid, gid, size: found.isDirectory() ? 0 : size, second: Math.floor(mtimeMs), holds };
    });

describe('a volume', () => {
  test('comes back as it was: names, contents, modes, times, links and second names', async () => {
    const { archive, facts } = await copy();
    expect(facts).toMatchObject({ files: 4, folders: 2, links: 2, changed: 0, gone: 0, leftOut: 0 });
    const back = join(home, 'back');
    mkdirSync(back);
    expect(await unpackVolume(back, from(archive), isRoot, never)).toMatchObject({ files: 4, folders: 2, links: 2 });
    expect(look(back)).toEqual(look(volume));
    expect(lstatSync(join(back, 'zz-other-name')).ino).toBe(lstatSync(join(back, 'uploads/private')).ino);
    expect(lstatSync(join(back, 'empty')).mtimeMs).toBe(1_700_000_000_250);
  });

  test('comes back by the tar of any system', async () => {
    const back = join(home, 'back');
    mkdirSync(back);
    execFileSync('tar', ['-xpf', '-', '-C', back], { input: (await copy()).archive });
    expect(look(back)).toEqual(look(volume));
  });

  test.runIf(isRoot)('comes back with its owners where root restores it', async () => {
    for (const [path, uid, gid] of [
      ['empty', 1000, 2000],
      ['link', 3_000_000, 4],
      ['uploads', 5, 6],
    ] as const)
      lchownSync(join(volume, path), uid, gid);
    const back = join(home, 'back');
    mkdirSync(back);
    await unpackVolume(back, from((await copy()).archive), true, never);
    expect(look(back)).toEqual(look(volume));
  });

  test('is as it was while nothing changes, and another one by any change', async () => {
    const before = await fingerprintOfVolume(source(), never);
    expect((await copy()).facts['fingerprint']).toBe(before);
    expect(await fingerprintOfVolume(source(), never)).toBe(before);
    const changes: readonly (() => void)[] = [
      () => appendFileSync(join(volume, 'empty'), 'x'),
      () => writeFileSync(join(volume, 'uploads/private'), 'nime'),
      () => chmodSync(join(volume, 'uploads/private'), 0o640),
      () => rmSync(join(volume, 'link')),
      () => mkdirSync(join(volume, 'new')),
    ];
    let last = before;
    for (const change of changes) {
      change();
      const now = await fingerprintOfVolume(source(), never);
      expect(now).not.toBe(last);
      last = now;
    }
  });

  test('is not copied while a restore has its files on their way, nor when one began meanwhile', async () => {
    const refusal = { kind: 'conflict', message: expect.stringContaining('is half done') as string };
    const begin = (): void => write('.berth-restore/exchanging', 'leaving');
    await expect(copy({ after: 1, run: begin })).rejects.toMatchObject(refusal);
    await expect(copy()).rejects.toMatchObject(refusal);
    await expect(fingerprintOfVolume(source(), never)).rejects.toMatchObject(refusal);
    // Unpacked beside what is there, it disturbs nobody.
    rmSync(join(volume, '.berth-restore/exchanging'));
    write('.berth-restore/new/then', 'then');
    expect((await copy()).facts).toMatchObject({ files: 4 });
  });

  test('whose long file grows, shrinks or is replaced while it is read is copied all the same, and says which', async () => {
    for (const change of [
      () => appendFileSync(join(volume, 'film'), 'more'),
      () => truncateSync(join(volume, 'film'), 10),
      () => writeFileSync(join(volume, 'film'), noise(6 * 2 ** 20, 7)),
    ]) {
      write('film', noise(6 * 2 ** 20));
      const { archive, facts } = await copy({ after: 2 * 2 ** 20, run: change });
      expect(facts).toMatchObject({ changed: 1, changedNames: ['film'] });
      const back = mkdtempSync(join(home, 'back-'));
      await unpackVolume(back, from(archive), isRoot, never);
      expect(lstatSync(join(back, 'film')).size).toBe(6 * 2 ** 20);
    }
  });

  test('of which something vanishes while it is read is copied without it', async () => {
    write('film', noise(6 * 2 ** 20));
    const run = (): void => {
      rmSync(join(volume, 'uploads'), { recursive: true });
      rmSync(join(volume, 'link'));
    };
    const { archive, facts } = await copy({ after: 2 ** 20, run });
    expect(facts).toMatchObject({ gone: 2, changed: 0 });
    const back = mkdtempSync(join(home, 'back-'));
    await unpackVolume(back, from(archive), isRoot, never);
    expect(readdirSync(back).sort()).toEqual(['an empty folder', 'empty', 'film', 'zz-other-name']);
  });

  test('never leads out of itself: a folder that becomes a link while it is read is gone', async () => {
    write('film', noise(6 * 2 ** 20));
    mkdirSync(join(home, 'secrets'));
    writeFileSync(join(home, 'secrets/password'), 'hunter2');
    const run = (): void => {
      rmSync(join(volume, 'uploads'), { recursive: true });
      symlinkSync(join(home, 'secrets'), join(volume, 'uploads'));
    };
    const { archive } = await copy({ after: 2 ** 20, run });
    expect(archive.includes('hunter2')).toBe(false);
  });

  test('says what it cannot hold: pipes, sockets, and names that are no text', async () => {
    execFileSync('mkfifo', [join(volume, 'pipe')]);
    writeFileSync(Buffer.concat([Buffer.from(`${volume}/`), Buffer.from([0x66, 0xff])]), 'x');
    const { facts } = await copy();
    expect(facts).toMatchObject({ leftOut: 2 });
    expect((facts['leftOutNames'] as string[]).map((line) => line.replace(/.*: /, '')).sort()).toEqual([
      'it is a pipe',
      'its name is not written in UTF-8',
    ]);
  });

  test('that is not there is not taken for an empty one', async () => {
    rmSync(volume, { recursive: true });
    await expect(copy()).rejects.toMatchObject({ kind: 'io', message: expect.stringContaining('there is no such file') as string });
  });

  test('may be empty', async () => {
    rmSync(volume, { recursive: true });
    mkdirSync(volume);
    const { archive, facts } = await copy();
    expect(facts).toMatchObject({ files: 0, bytes: 0 });
    const back = mkdtempSync(join(home, 'back-'));
    expect(await unpackVolume(back, from(archive), isRoot, never)).toEqual({ files: 0, folders: 0, links: 0, bytes: 0 });
  });
});

describe('the archive of a volume that somebody else made', () => {
  const entry = (path: string, more: Partial<TarEntry> = {}): TarEntry => ({
    path,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    modified: new Date(0),
    bytes: 0,
    target: '',
    ...more,
  });
  test.each<readonly [string, readonly TarEntry[]]>([
    ['leads above its folder', [entry('../out')]],
    ['writes through a link', [entry('a', { kind: 'link', target: '/etc' }), entry('a/passwd')]],
    ['names a file outside as the same', [entry('a', { kind: 'same', target: '../../etc/passwd' })]],
    ['names a file that is not in it as the same', [entry('a', { kind: 'same', target: 'b' })]],
    ['has something below a file', [entry('a'), entry('a/b')]],
  ])('is refused when it %s', async (_, entries) => {
    const archive = await whole(writeTar(entries, () => from()));
    const back = mkdtempSync(join(home, 'back-'));
    await expect(unpackVolume(back, from(archive), false, never)).rejects.toMatchObject({ kind: 'damaged' });
  });
});
