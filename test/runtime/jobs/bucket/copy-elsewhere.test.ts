import { expect, test } from 'vitest';
import { copyBackups } from '../../../../runtime/jobs/copy-backups.ts';
import type { Store } from '../../../../runtime/ports/store.ts';
import { memoryStore } from '../../../../runtime/stores/memory-store.ts';
import { signer } from '../../format/keys.ts';
import { FakeClock } from '../../schedule/fake-clock.ts';
import { noise } from '../../streams/bytes.ts';
import { never, openLease } from '../backup-world.ts';
import { dyingStore } from '../dying-store.ts';
import { backupsIn, bucketPlace, contentOf, copy } from './bucket-world.ts';
import { memoryBucket } from './memory-bucket.ts';

test('a second store has the contents of a bucket before any point in time that needs them, killed at any moment', async () => {
  const clock = new FakeClock('2026-03-29T01:00:00Z');
  const from = memoryStore(clock.now);
  const bucket = memoryBucket(clock.now);
  for (let index = 0; index < 8; index += 1) bucket.put(`o/${index}`, noise(900, index + 1));
  // Ids sort by time: the listing is begun before the contents that it needs.
  const now = (): Date => {
    clock.set(clock.now().getTime() + 10);
    return clock.now();
  };
  const { manifest } = await copy(from, bucket, { clock: { ...clock, now } });
  const there = new Map([...bucket.objects].map(([key, { body }]) => [key, body.toString('latin1')]));
  const recorder = { signer, clock, random: (bytes: number) => Buffer.alloc(bytes, 7), berth: '0.1.0' };
  const pass = (to: Store) =>
    copyBackups(
      bucketPlace,
      { from, to, lease: openLease(), trusted: [signer.publicKey], recorder, mends: 'bytes', heard: () => undefined },
      never,
    );
  const to = memoryStore(clock.now);
  let points = 0;
  for (let at = 1; at < 400 && points === 0; at += 3) {
    await pass(dyingStore(to, at, 'after')).catch(() => undefined);
    for (const { kind } of await backupsIn(to)) if (kind === 'bucket') points += 1;
    if (points > 0) expect(await contentOf(to, manifest)).toEqual(there);
  }
  expect(points).toBe(1);
});
