import type { Bytes } from './blocks.ts';
import { letGo } from './given-away.ts';

/** A buffer of the pool, and how much of it is in use. */
export interface Filled {
  readonly buffer: Uint8Array;
  readonly bytes: number;
}

/** Buffers of one size, used over and over: fresh ones of this size cost a page fault for each 4 KiB, and wait long for their collection. */
export class BufferPool {
  readonly #size: number;
  readonly #free: Uint8Array[] = [];
  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  take(): Uint8Array {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  giveBack(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }
}

/** The same bytes, copied into buffers that are full but for the last, which is never empty. Who is done with one gives it back. */
export async function* filled(source: Bytes, pool: BufferPool): AsyncGenerator<Filled> {
  let buffer = pool.take();
  let bytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + pool.size - bytes);
      buffer.set(piece, bytes);
      bytes += piece.length;
      at += piece.length;
      if (bytes < pool.size) continue;
      yield { buffer, bytes };
      buffer = pool.take();
      bytes = 0;
    }
    letGo(chunk);
  }
  if (bytes > 0) yield { buffer, bytes };
}
