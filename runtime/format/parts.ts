import { createHash } from 'node:crypto';
import type { StoredObject, StoredStream } from '../../model/backup/manifest.ts';
import { ahead } from '../streams/ahead.ts';
import { inBlocks, type Bytes, type HashedBlock } from '../streams/blocks.ts';
import { damaged } from './damage.ts';

/** Hashed as it comes: a part at once would keep everybody else waiting for some milliseconds. */
export async function* inParts(source: Bytes, size: number): AsyncGenerator<HashedBlock> {
  let hash = createHash('sha256');
  for await (const block of inBlocks(source, size, (piece) => hash.update(piece))) {
    const sha256 = hash.digest('hex');
    hash = createHash('sha256');
    yield { ...block, sha256 };
  }
}

/**
 * The bytes of an object, none of them given out before the part that it belongs to was found to be as it was written.
 * Needs no key: this is all that a scrub does.
 *
 * @throws BerthError `damaged`, naming the part.
 */
export async function* checkedParts(
  object: StoredObject,
  stream: Pick<StoredStream, 'partBytes'>,
  body: Bytes,
): AsyncGenerator<Uint8Array> {
  let index = 0;
  let bytes = 0;
  for await (const block of ahead(inParts(body, stream.partBytes))) {
    const place = `part ${index + 1} of ${object.parts.length} (from byte ${bytes})`;
    bytes += block.bytes;
    if (bytes > object.bytes) throw damaged(object.key, `it is longer than the ${object.bytes} bytes that were written`);
    if (bytes < object.bytes && block.bytes < stream.partBytes) throw damaged(object.key, cutShort(object, bytes));
    if (block.sha256 !== object.parts[index]) throw damaged(object.key, `${place} is not what was written`);
    index += 1;
    yield* block.chunks;
  }
  if (bytes < object.bytes) throw damaged(object.key, cutShort(object, bytes));
}

const cutShort = (object: StoredObject, bytes: number): string => `it ends after ${bytes} of ${object.bytes} bytes`;
