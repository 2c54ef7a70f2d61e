import type { Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';

/**
 * Puts what a stranger needs to restore beside the backups: RESTORE.md and restore.mjs. Written again only where it differs, so that doing
 * it at every start costs two small reads.
 *
 * @param files - Key → content.
 */
export async function leaveInstructions(store: Store, files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<void> {
  for (const [key, content] of files) {
    if (
      (await store.size(key, signal)) === content.length &&
      Buffer.from(await collect(store.read(key, signal), content.length)).equals(content)
    )
      continue;
    await store.put(key, content, signal);
  }
}
