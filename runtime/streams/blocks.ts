/** Bytes as they come from a producer, a file or a socket: any lengths, empty ones included. */
export type Bytes = AsyncIterable<Uint8Array>;

/** Some bytes that lie in several places, in order. */
export interface Block {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
}

/** A block and what its bytes must hash to, wherever they lie. */
export interface HashedBlock extends Block {
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The same bytes in blocks of exactly `size`, but for the last, which may be shorter and is never empty. Copies nothing. */
export async function* inBlocks(source: Bytes, size: number, heard: (piece: Uint8Array) => void = () => undefined): AsyncGenerator<Block> {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      // As it is where all of it belongs here: so it can still be let go of.
      const piece = at === 0 && chunk.length <= size - bytes ? chunk : chunk.subarray(at, at + size - bytes);
      heard(piece);
      chunks.push(piece);
      bytes += piece.length;
      at += piece.length;
      if (bytes < size) continue;
      yield { chunks, bytes };
      chunks = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield { chunks, bytes };
}

/** A block as one piece; copies only where it lies in several. */
export const joined = ({ chunks, bytes }: Block): Uint8Array =>
  chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);

/** All bytes of a source in memory, for small things. @throws RangeError when there are more than `limit`. */
export async function collect(source: Bytes, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > limit) throw new RangeError(`more than ${limit} bytes where few were expected`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Some bytes that are there already, as a source. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}
