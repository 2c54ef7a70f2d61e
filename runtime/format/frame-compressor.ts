import zlib from 'node:zlib';
import { frameBytes } from './frame-size.ts';

/** Level 3, with a checksum of the content in each frame. */
export const compression = { [zlib.constants.ZSTD_c_compressionLevel]: 3, [zlib.constants.ZSTD_c_checksumFlag]: 1 };

/** What a frame of {@link frameBytes} can grow to, by ZSTD_compressBound. */
const longestFrame = frameBytes + frameBytes / 256;
/** Pages that nobody writes to take no memory, so what compresses well shares the buffer with the frames after it. */
const roomBytes = longestFrame + frameBytes;

/**
 * Makes one frame of each block, one block at a time. Zstandard is told with each block that the frame ends there, and has room for all that may come of it: only
 * then does it compress from where the bytes lie to where they shall be. Told later, as Node's `zstdCompress` does, it first copies them into a window of its own, which
 * costs a tenth more time and some 4 MiB for each that is at work.
 */
export class FrameCompressor implements Disposable {
  #stream: zlib.ZstdCompress | undefined;
  #room = 0;

  async compress(block: Uint8Array): Promise<Uint8Array> {
    const stream = this.#withRoom();
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    stream.once('error', reject);
    // It is read only here, so all of a frame lies there in one piece.
    stream.write(block, () => resolve(stream.read() as Uint8Array));
    try {
      const frame = await promise;
      this.#room -= frame.length;
      return frame;
    } finally {
      stream.off('error', reject);
    }
  }

  #withRoom(): zlib.ZstdCompress {
    if (this.#stream !== undefined && this.#room >= longestFrame) return this.#stream;
    this[Symbol.dispose]();
    const options = {
      params: compression,
      flush: zlib.constants.ZSTD_e_end,
      chunkSize: roomBytes,
      // It never waits for a reader.
      highWaterMark: 2 * roomBytes,
    };
    this.#room = roomBytes;
    return (this.#stream = zlib.createZstdCompress(options));
  }

  [Symbol.dispose](): void {
    this.#stream?.destroy();
    this.#stream = undefined;
  }
}
