import type { Manifest } from '../../../model/backup/manifest.ts';

const id = '01JD5Z5M2R0000000000000000';

/** A sound manifest of a full, but for what a test changes. */
export const manifest = (changes: Partial<Manifest> = {}): Manifest => ({
  format: 'berth-backup',
  version: 1,
  id,
  site: 'shop',
  source: 'db',
  engine: 'postgres',
  kind: 'full',
  chain: id,
  parent: null,
  label: null,
  scheduledFor: '2026-03-29T01:00:00.000Z',
  startedAt: '2026-03-29T01:00:02.120Z',
  finishedAt: '2026-03-29T01:03:02.120Z',
  durationMs: 180_000,
  position: { from: null, to: '0/3000148' },
  facts: { systemIdentifier: '7431', tables: { 'shop.orders': { rows: 12 } } },
  cipher: { suite: 'aes256', keyCheck: '00'.repeat(16) },
  streams: [
    {
      name: 'base.tar',
      compression: 'zstd',
      iv: `${'0f'.repeat(8)}${'00'.repeat(8)}`,
      plainBytes: 40,
      partBytes: 16,
      objects: [{ key: `v1/shop/db/data/${id}/base.tar.zst.aes.1`, bytes: 20, parts: ['ab'.repeat(32), 'cd'.repeat(32)] }],
    },
  ],
  tool: { name: 'pg_basebackup', version: '17.11', image: null },
  berth: '0.1.0',
  epoch: 3,
  ...changes,
});
