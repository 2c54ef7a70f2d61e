import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Bytes } from '../streams/blocks.ts';
import { BufferPool, filled, type Filled } from '../streams/filled.ts';
import { inOrder } from '../streams/in-order.ts';
import { damaged } from './damage.ts';
import { frameBytes } from './frame-size.ts';
import { splitFrames } from './split-frames.ts';

/** A frame of this format holds {@link frameBytes} at most; one that claims more is not ours and must not fill the memory. */
const mostFromFrame = 4 * frameBytes;

/**
 * Level 3, with a checksum of the content in each frame. Never ZSTD_c_nbWorkers: Node 24 throws ERR_STREAM_PUSH_AFTER_EOF out of
 * reach on large input (nodejs/node 59899). Frames on the pool of libuv are as fast.
 */
const compression = {
  params: { [zlib.constants.ZSTD_c_compressionLevel]: 3, [zlib.constants.ZSTD_c_checksumFlag]: 1 },
  // One round to the pool for most frames; with the usual 16 KiB there are a hundred.
  chunkSize: 2 ** 20,
};

// Looked up at the call: an older Node without Zstandard can then at least say so.
const compressFrame = async (bytes: Uint8Array): Promise<Uint8Array> => promisify(zlib.zstdCompress)(bytes, compression);
const decompressFrame = async (frame: Uint8Array): Promise<Uint8Array> =>
  promisify(zlib.zstdDecompress)(frame, { maxOutputLength: mostFromFrame, chunkSize: frameBytes });

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
      return await compressFrame(block.buffer.subarray(0, block.bytes));
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
      return await decompressFrame(frame);
    } catch (error) {
      throw damaged('the compressed data', 'a frame does not decompress', { cause: error });
    }
  });
}
