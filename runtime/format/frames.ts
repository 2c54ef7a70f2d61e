import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Bytes } from '../streams/blocks.ts';
import { BufferPool, filled, type Filled } from '../streams/filled.ts';
import { giveAway, letGo } from '../streams/given-away.ts';
import { inOrder } from '../streams/in-order.ts';
import { compressFrame } from './compress-frame.ts';
import { damaged } from './damage.ts';
import { frameBytes } from './frame-size.ts';
import { splitFrames } from './split-frames.ts';

/** A frame of this format holds {@link frameBytes} at most; one that claims more is not ours and must not fill the memory. */
const mostFromFrame = 4 * frameBytes;

/** With a byte to spare, it ends with the round to the pool that has filled it. */
const decompression = { maxOutputLength: mostFromFrame, chunkSize: frameBytes + 1 };

// Looked up at the call: an older Node without Zstandard can then at least say so.
const decompressFrame = async (frame: Uint8Array): Promise<Uint8Array> => promisify(zlib.zstdDecompress)(frame, decompression);

/**
 * Zstandard frames, each of its own: joined they are one .zst file. No bytes at all give one empty frame, as `zstd` does.
 *
 * @param width - Frames at work at the same time; memory is some 8 MiB for each.
 */
export async function* compress(source: Bytes, width: number): AsyncGenerator<Uint8Array> {
  let frames = 0;
  const buffers = new BufferPool(frameBytes);
  const work = async (block: Filled): Promise<Uint8Array> => {
    try {
      return giveAway(await compressFrame(block.buffer.subarray(0, block.bytes)));
    } finally {
      buffers.giveBack(block.buffer);
    }
  };
  for await (const frame of inOrder(filled(source, buffers), width, work)) {
    frames += 1;
    yield frame;
  }
  if (frames === 0) yield await compressFrame(new Uint8Array(0));
}

/**
 * What {@link compress} was given. Node's own decoder ends silently after the first of several frames (24.21), so each is handed to it alone.
 *
 * @throws BerthError `damaged` for anything that is not whole frames.
 */
export async function* decompress(source: Bytes, width: number): AsyncGenerator<Uint8Array> {
  yield* inOrder(splitFrames(source), width, async (frame) => {
    try {
      return giveAway(await decompressFrame(frame));
    } catch (error) {
      throw damaged('the compressed data', 'a frame does not decompress', { cause: error });
    } finally {
      letGo(frame);
    }
  });
}
