import { collect, type Bytes } from '../../../runtime/streams/blocks.ts';

/** A source that gives these pieces, one at a time; however many there are. */
export async function* fromAll(pieces: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    await Promise.resolve();
    yield Buffer.from(piece);
  }
}

export const from = (...pieces: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> => fromAll(pieces);

/** The same bytes in pieces of these lengths, used over and over; a length of 0 gives an empty piece. */
export function cut(bytes: Uint8Array, lengths: readonly number[]): readonly Uint8Array[] {
  if (lengths.every((length) => length === 0)) return [...lengths.map(() => bytes.subarray(0, 0)), bytes];
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 0;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

export const whole = async (source: Bytes): Promise<Buffer> => Buffer.from(await collect(source, Infinity));

/** Bytes that look random and are the same in each run. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}
