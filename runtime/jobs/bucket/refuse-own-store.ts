import type { Place } from '../../../model/backup/layout.ts';
import { probeKey } from '../../../model/backup/layout.ts';
import { BerthError } from '../../../model/errors.ts';
import type { Bucket } from '../../ports/bucket.ts';
import type { Store } from '../../ports/store.ts';
import { collect } from '../../streams/blocks.ts';

const probeBytes = 16;

/**
 * Backups must not be copied into themselves. One server may have many addresses, so what was just written to the store is looked for in the bucket.
 *
 * @throws BerthError `usage`.
 */
export async function refuseOwnStore(
  place: Place,
  bucket: Bucket,
  store: Store,
  random: (bytes: number) => Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const key = probeKey(place);
  const probe = Buffer.from(random(probeBytes)).toString('hex');
  await store.put(key, Buffer.from(probe), signal);
  try {
    const found = await bucket.open(key, undefined, signal);
    if (typeof found === 'string') return;
    if (found.bytes !== probe.length) return found.close();
    if (Buffer.from(await collect(found.body, probe.length)).toString() !== probe) return;
    throw new BerthError(
      'usage',
      `${bucket.name} is the store of the backups itself (${store.name})`,
      'keep backups in a bucket of their own, on another server: name it under backups.bucket in berth.yaml',
    );
  } finally {
    await store.delete(key, signal);
  }
}
