import type { StoredObject } from '../../model/backup/manifest.ts';
import type { Store } from '../ports/store.ts';
import type { HashedBlock } from '../streams/blocks.ts';

/** How a stream is laid out; smaller in tests. */
export interface StreamLayout {
  /** What is sent, hashed and read back as one: large enough for any store, small enough to hold a few in memory. */
  readonly partBytes: number;
  /** Far below the 10,000 that S3 allows. A longer stream goes on in the next object. */
  readonly partsPerObject: number;
}

export const usualLayout: StreamLayout = { partBytes: 16 * 2 ** 20, partsPerObject: 4096 };

/**
 * Parts → as many objects as it takes.
 *
 * @param keyOf - The key of the n-th object, from 1.
 */
export async function uploadStream(
  store: Store,
  parts: AsyncGenerator<HashedBlock>,
  keyOf: (index: number) => string,
  { partsPerObject }: StreamLayout,
  signal: AbortSignal,
): Promise<readonly StoredObject[]> {
  const objects: StoredObject[] = [];
  try {
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
      const record = { key: keyOf(objects.length + 1), bytes: 0, parts: [] as string[] };
      await store.upload(record.key, oneObject(next.value, parts, partsPerObject, record), signal);
      objects.push(record);
    }
    return objects;
  } finally {
    await parts.return(undefined);
  }
}

/** Takes the parts of one object off the stream, and notes them. The stream stays open for the next. */
async function* oneObject(
  first: HashedBlock,
  rest: AsyncGenerator<HashedBlock>,
  most: number,
  record: { bytes: number; readonly parts: string[] },
): AsyncGenerator<HashedBlock> {
  const note = (part: HashedBlock): HashedBlock => {
    record.parts.push(part.sha256);
    record.bytes += part.bytes;
    return part;
  };
  yield note(first);
  while (record.parts.length < most) {
    const next = await rest.next();
    if (next.done === true) return;
    yield note(next.value);
  }
}
