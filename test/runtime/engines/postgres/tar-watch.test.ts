import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { watchTar } from '../../../../runtime/engines/postgres/tar-watch.ts';
import { cut, from, fromAll, noise, whole } from '../../streams/bytes.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-tar-'));
afterAll(() => rmSync(home, { recursive: true }));
const files = {
  'backup_label': Buffer.from('START'),
  'base/1': noise(5000),
  'empty': Buffer.alloc(0),
  'block': noise(1024),
  'backup_manifest': noise(3000),
};
mkdirSync(join(home, 'base'));
for (const [name, content] of Object.entries(files)) writeFileSync(join(home, name), content);
const tar = execFileSync('tar', ['--format=ustar', '-C', home, '-cf', '-', ...Object.keys(files)]);
const wanted = new Set(['backup_manifest', 'empty', 'missing']);

describe('a tar on its way', () => {
  test('is not changed, and shows what is in it, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2000), { minLength: 1, maxLength: 6 }), async (lengths) => {
        const { bytes, seen } = watchTar(fromAll(cut(tar, lengths)), wanted);
        expect((await whole(bytes)).equals(tar)).toBe(true);
        const { members, last, ended } = seen();
        expect([...members.keys()].sort()).toEqual(['backup_manifest', 'empty']);
        expect(members.get('backup_manifest')?.equals(files.backup_manifest)).toBe(true);
        expect([last, ended]).toEqual(['backup_manifest', true]);
      }),
    );
  });

  test('that is cut short has no end', async () => {
    const { bytes, seen } = watchTar(from(tar.subarray(0, 7500)), wanted);
    await whole(bytes);
    expect(seen()).toMatchObject({ last: 'empty', ended: false });
  });
});
