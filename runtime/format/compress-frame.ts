import zlib from 'node:zlib';
import { frameBytes } from './frame-size.ts';

/** Level 3, with a checksum of the content in each frame. */
const params = { [zlib.constants.ZSTD_c_compressionLevel]: 3, [zlib.constants.ZSTD_c_checksumFlag]: 1 };
const flush = zlib.constants.ZSTD_e_end;
/** What a frame can grow to, by ZSTD_compressBound, and a little more. Pages that nobody writes to take no memory. */
const roomFor = (bytes: number): number => bytes + Math.ceil(bytes / 256) + 2 ** 10;
/** Nobody reads before all of the frame is there. */
const highWaterMark = 2 * frameBytes;

/**
 * One frame of at most {@link frameBytes}, which says how long its content is. Zstandard is told with the bytes that the frame ends there, and has room for all that may come of
 * it: only then does it compress from where they lie to where the frame shall be. Told later, as Node's `zstdCompress` does, it first copies them into a window of its own,
 * which costs a tenth more time and some 4 MiB for each that is at work. Nothing else lies in the memory of what is given back.
 */
export async function compressFrame(block: Uint8Array): Promise<Uint8Array> {
  const options = { params, flush, chunkSize: roomFor(block.length), highWaterMark };
  const stream = zlib.createZstdCompress(options);
  try {
    return await new Promise((resolve, reject) => {
      stream.once('error', reject);
      stream.write(block, () => resolve(stream.read() as Uint8Array));
    });
  } finally {
    stream.destroy();
  }
}
