import { keyFileKey, keysPrefix } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { damaged } from '../format/damage.ts';
import { parseKeyFile, type KeyFile } from '../format/key-file.ts';
import type { Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';

export const largestKeyFile = 2 ** 20;

/** The backup that a key file belongs to. */
type Keyed = Pick<Manifest, 'site' | 'source' | 'id'>;

/** The key files of a backup. After a rotation there may be more than one for a while. @throws BerthError `damaged` where there is none. */
export async function readKeyFiles(store: Store, { site, source, id }: Keyed, signal: AbortSignal): Promise<readonly KeyFile[]> {
  const files: KeyFile[] = [];
  for await (const { key } of store.list(`${keysPrefix({ site, source })}${id}/`, signal)) files.push(await readOne(store, key, signal));
  if (files.length > 0) return files;
  throw new BerthError('damaged', `backup ${id} has no key in ${store.name}`, 'use the copy in the second store, or another backup');
}

/**
 * Whether the key of a backup lies in a store: without it nobody ever reads the rest, however whole that is. Needs no key itself, and tells nothing of whom it
 * opens for.
 *
 * @throws BerthError `damaged` where none can be read that is its own.
 */
export async function checkKeys(store: Store, keyed: Keyed, signal: AbortSignal): Promise<void> {
  for (const { backup } of await someOf(store, keyed, signal))
    if (backup !== keyed.id) throw damaged(`the key of backup ${keyed.id}`, `it is that of ${backup}`);
}

/** The first one has a name that is known: it takes a request, where a list is one more, and may be an old one. */
async function someOf(store: Store, keyed: Keyed, signal: AbortSignal): Promise<readonly KeyFile[]> {
  try {
    return [await readOne(store, keyFileKey(keyed, keyed.id, keyed.id), signal)];
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind !== 'damaged') throw error;
    return readKeyFiles(store, keyed, signal);
  }
}

const readOne = async (store: Store, key: string, signal: AbortSignal): Promise<KeyFile> =>
  parseKeyFile(Buffer.from(await collect(store.read(key, signal), largestKeyFile)).toString('utf8'), key);
