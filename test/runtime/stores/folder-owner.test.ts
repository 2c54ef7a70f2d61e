import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chownFor } from '../../../runtime/stores/folder-owner.ts';

const isRoot = process.getuid?.() === 0;
const own = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;

test.each([own, ...(isRoot ? ['10001:10002'] : [])])(
  'a folder store is given to %s, with all of the site that lies there and nothing of others',
  (owner) => {
    const root = mkdtempSync(join(tmpdir(), 'berth-owner-'));
    try {
      mkdirSync(join(root, 'v1/shop/database/data'), { recursive: true });
      mkdirSync(join(root, 'v1/other'));
      writeFileSync(join(root, 'v1/shop/database/data/x'), '');
      writeFileSync(join(root, 'RESTORE.md'), '');
      chownFor(root, 'shop', owner);
      const ownerOf = (path: string) => `${statSync(join(root, path)).uid}:${statSync(join(root, path)).gid}`;
      for (const path of ['', 'RESTORE.md', '.berth-parts', '.berth-leases/shop', 'v1', 'v1/shop', 'v1/shop/database/data/x'])
        expect(ownerOf(path), path).toBe(owner);
      expect(ownerOf('v1/other')).toBe(own);
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);

test('is refused with the cure where the owner cannot be changed', () => {
  const root = mkdtempSync(join(tmpdir(), 'berth-owner-'));
  const refused = () => {
    throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
  };
  expect(() => chownFor(root, 'shop', '10001:10001', refused)).toThrow(
    /does not belong to 10001:10001, as whom the agent of the databases runs/,
  );
  rmSync(root, { recursive: true });
});
