import { createSecretKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Manifest } from '../../model/backup/manifest.ts';
import { copyOf, type VolumeJob } from '../../runtime/volumes.ts';
import { never } from './jobs/backup-world.ts';

test('a volume is copied again when something changed, or when the copy could not have it whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-volume-'));
  try {
    writeFileSync(join(folder, 'report'), 'one');
    const { producer, holds } = copyOf({ volume: { folder } } as VolumeJob, createSecretKey(Buffer.from('key')), '0.1.0');
    await using snapshot = await producer.open(never);
    for await (const { bytes } of snapshot.streams) for await (const _ of bytes);
    const { facts } = await snapshot.finish();
    const still = (more: object = {}) => holds?.({ facts: { ...facts, ...more } } as unknown as Manifest, never);
    expect(await still()).toBe(true);
    expect(await still({ changed: 1 })).toBe(false);
    writeFileSync(join(folder, 'report'), 'two');
    expect(await still()).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
