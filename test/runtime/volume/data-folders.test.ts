import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dataFolders } from '../../../runtime/volume/data-folders.ts';
import { never } from '../jobs/backup-world.ts';
import { from, noise, whole } from '../streams/bytes.ts';

let home: string;
let data: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'berth-data-'));
  data = join(home, 'data');
  mkdirSync(join(data, '#innodb_redo'), { recursive: true });
  mkdirSync(join(data, 'empty'));
  writeFileSync(join(data, 'ibdata1'), noise(3_000_000), { mode: 0o640 });
  writeFileSync(join(data, '#innodb_redo/#ib_redo7'), noise(70_000));
  writeFileSync(join(data, 'nothing'), '');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test('the data of a server are the same once they were packed and unpacked, also by tar', async () => {
  const archive = await whole(dataFolders.pack(data, never));
  const copy = join(home, 'copy');
  await dataFolders.unpack(copy, from(archive), never);
  for (const name of ['ibdata1', '#innodb_redo/#ib_redo7', 'nothing'])
    expect(readFileSync(join(copy, name)).equals(readFileSync(join(data, name))), name).toBe(true);
  expect([statSync(copy).mode & 0o777, statSync(join(copy, 'ibdata1')).mode & 0o777]).toEqual([0o700, 0o640]);
  expect(statSync(join(copy, 'empty')).isDirectory()).toBe(true);
  const other = join(home, 'other');
  mkdirSync(other);
  execFileSync('tar', ['--extract', '--file=-', `--directory=${other}`], { input: archive });
  expect(execFileSync('diff', ['--recursive', copy, other]).toString()).toBe('');
});

test('what is neither a file nor a folder makes no archive of a server', async () => {
  execFileSync('mkfifo', [join(data, 'pipe')]);
  await expect(whole(dataFolders.pack(data, never))).rejects.toMatchObject({
    kind: 'io',
    message: expect.stringContaining('cannot be packed: pipe') as string,
  });
});

test('nothing is unpacked over what is there', async () => {
  const archive = await whole(dataFolders.pack(data, never));
  await expect(dataFolders.unpack(data, from(archive), never)).rejects.toThrow('is already there');
});
