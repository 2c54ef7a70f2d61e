import type { StoredObject, StoredStream } from '../../model/backup/manifest.ts';
import { ahead } from '../streams/ahead.ts';
import type { Bytes, HashedBlock } from '../streams/blocks.ts';
import { damaged } from './damage.ts';
import { compress, decompress } from './frames.ts';
import type { DataKey } from './keys.ts';
import { checkedParts, inParts } from './parts.ts';
import type { Suite } from './suites.ts';

export interface SealOptions {
  readonly suite: Suite;
  readonly key: DataKey;
  /** As the suite drew it. Used once. */
  readonly iv: string | null;
  /** Random bytes, fit for keys. */
  readonly random: (bytes: number) => Uint8Array;
  readonly partBytes: number;
  /** Frames at work at the same time. */
  readonly width: number;
}

/** A stream on its way into a store. */
export interface Sealed {
  readonly parts: AsyncGenerator<HashedBlock>;
  /** Bytes that the source gave so far: all of them, once the parts have ended. */
  plainBytes: () => number;
}

/** Source → frames → cipher → parts. Memory is flat at any length; an error of the source comes out of the parts. */
export function seal(source: Bytes, { suite, key, iv, random, partBytes, width }: SealOptions): Sealed {
  const meter = { bytes: 0 };
  const sealed = suite.encrypt(compress(metered(source, meter), width), key, iv, random);
  return { parts: ahead(inParts(sealed, partBytes)), plainBytes: () => meter.bytes };
}

/**
 * The way back. No byte comes out before its part was checked.
 *
 * @param read - The bytes of one object as they lie in the store.
 * @throws BerthError `damaged` for anything that is not what was sealed, too few bytes included.
 */
export async function* unseal(
  stream: StoredStream,
  suite: Suite,
  key: DataKey,
  read: (object: StoredObject) => Bytes,
  width: number,
): AsyncGenerator<Uint8Array> {
  const meter = { bytes: 0 };
  yield* metered(decompress(suite.decrypt(checked(stream, read), key, stream.iv), width), meter);
  if (meter.bytes !== stream.plainBytes)
    throw damaged(`stream ${stream.name}`, `it gives ${meter.bytes} bytes, and ${stream.plainBytes} were put in`);
}

async function* checked(stream: StoredStream, read: (object: StoredObject) => Bytes): AsyncGenerator<Uint8Array> {
  for (const object of stream.objects) yield* checkedParts(object, stream, read(object));
}

async function* metered(source: Bytes, meter: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    meter.bytes += chunk.length;
    yield chunk;
  }
}
