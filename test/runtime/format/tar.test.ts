import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTar, writeTar, type TarEntry } from '../../../runtime/format/tar.ts';
import { cut, from, fromAll, noise, whole } from '../streams/bytes.ts';

const entry = (path: string, more: Partial<TarEntry> = {}): TarEntry => ({
  path,
  kind: 'file',
  mode: 0o640,
  uid: 0,
  gid: 0,
  modified: new Date('2026-03-29T01:02:03Z'),
  bytes: 0,
  target: '',
  ...more,
});
const long = `${'a-folder-with-a-long-name/'.repeat(6)}ünïcode ☂.yaml`;
const contents: Readonly<Record<string, Uint8Array>> = {
  'empty': new Uint8Array(0),
  'one block': Buffer.alloc(512, 'x'),
  'large': noise(70_001),
  [long]: Buffer.from('deep'),
};
const entries: readonly TarEntry[] = [
  entry('folder', { kind: 'folder', mode: 0o700 }),
  ...Object.entries(contents).map(([path, { length }]) => entry(path, { bytes: length, uid: 3_000_000 })),
  entry('link', { kind: 'link', target: `../${'x'.repeat(120)}`, mode: 0o777 }),
];
const archive = (): Promise<Uint8Array> => whole(writeTar(entries, ({ path }) => fromAll(cut(contents[path] ?? Buffer.alloc(0), [700]))));

async function read(bytes: Uint8Array): Promise<readonly { readonly entry: TarEntry; readonly content: Buffer }[]> {
  const found = [];
  for await (const each of readTar(fromAll(cut(bytes, [333]))))
    found.push({ entry: each.entry, content: Buffer.from(await whole(each.bytes)) });
  return found;
}

test('an archive gives back names, modes, links and contents of any length', async () => {
  const found = await read(await archive());
  expect(found.map((each) => ({ ...each.entry, uid: 0 }))).toEqual(entries.map((each) => ({ ...each, uid: 0 })));
  for (const { entry: each, content } of found) expect(content.equals(contents[each.path] ?? Buffer.alloc(0)), each.path).toBe(true);
});

test('the tar of any system reads it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-tar-'));
  try {
    execFileSync('tar', ['-xpf', '-', '--no-same-owner', '-C', folder], { input: await archive() });
    for (const [path, content] of Object.entries(contents)) expect(readFileSync(join(folder, path)).equals(content), path).toBe(true);
    expect(readlinkSync(join(folder, 'link'))).toBe(`../${'x'.repeat(120)}`);
    expect(statSync(join(folder, 'folder')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'large')).mtime).toEqual(new Date('2026-03-29T01:02:03Z'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ['longer', 5],
  ['shorter', 7],
])('a file that is %s than it was when it was looked at is no backup', async (_, bytes) => {
  await expect(whole(writeTar([entry('berth.yaml', { bytes })], () => from(Buffer.from('abcdef'))))).rejects.toThrow(
    'berth.yaml changed while it was read',
  );
});

test('an archive that is cut, or whose header was changed, is refused', async () => {
  const bytes = Buffer.from(await archive());
  await expect(read(bytes.subarray(0, 1300))).rejects.toThrow('it ends in the middle');
  bytes[3] = 0x21;
  await expect(read(bytes)).rejects.toThrow('one of its headers cannot be read');
});
