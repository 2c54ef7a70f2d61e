import type { Bytes } from './blocks.ts';

/** Takes bytes off a source by the count, for formats that say in their own words how long they are. */
export class ByteReader implements AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  constructor(source: Bytes) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `count` bytes as one piece; fewer only when the source has ended. */
  async take(count: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (let missing = count; missing > 0;) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#source.next();
        if (done === true) break;
        this.#rest = value;
      }
      const piece = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(piece.length);
      chunks.push(piece);
      missing -= piece.length;
    }
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.();
  }
}
