/** The polynomial that Redis took (Jones), with its bits the other way round, in two halves: numbers here have 53 bits. */
const polynomial = { high: 0x95ac9329, low: 0xac4bc9b5 };
const slices = 8;

/** For each place in eight bytes what a byte there comes to: so eight are done in one step. */
const [highs, lows] = ((): readonly [Uint32Array, Uint32Array] => {
  const [high, low] = [new Uint32Array(256 * slices), new Uint32Array(256 * slices)];
  for (let byte = 0; byte < 256; byte += 1) {
    let [h, l] = [0, byte];
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = (l & 1) === 1;
      l = (l >>> 1) | ((h & 1) << 31);
      h >>>= 1;
      if (odd) [h, l] = [h ^ polynomial.high, l ^ polynomial.low];
    }
    high[byte] = h;
    low[byte] = l;
  }
  for (let slice = 1; slice < slices; slice += 1)
    for (let byte = 0; byte < 256; byte += 1) {
      const before = (slice - 1) * 256 + byte;
      const [h, l] = [high[before] ?? 0, low[before] ?? 0];
      low[slice * 256 + byte] = ((l >>> 8) | (h << 24)) ^ (low[l & 255] ?? 0);
      high[slice * 256 + byte] = (h >>> 8) ^ (high[l & 255] ?? 0);
    }
  return [high, low];
})();

/** The checksum at the end of an RDB file, over bytes as they come. */
export class Crc64 {
  #high = 0;
  #low = 0;

  update(bytes: Uint8Array): void {
    let [h, l] = [this.#high, this.#low];
    let at = 0;
    for (const end = bytes.length - (slices - 1); at < end; at += slices) {
      const a = l ^ ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
      const b = h ^ ((bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8) | ((bytes[at + 6] ?? 0) << 16) | ((bytes[at + 7] ?? 0) << 24));
      const [a0, a1, a2, a3] = [1792 + (a & 255), 1536 + ((a >>> 8) & 255), 1280 + ((a >>> 16) & 255), 1024 + (a >>> 24)];
      const [b0, b1, b2, b3] = [768 + (b & 255), 512 + ((b >>> 8) & 255), 256 + ((b >>> 16) & 255), b >>> 24];
      h =
        (highs[a0] ?? 0) ^
        (highs[a1] ?? 0) ^
        (highs[a2] ?? 0) ^
        (highs[a3] ?? 0) ^
        (highs[b0] ?? 0) ^
        (highs[b1] ?? 0) ^
        (highs[b2] ?? 0) ^
        (highs[b3] ?? 0);
      l =
        (lows[a0] ?? 0) ^
        (lows[a1] ?? 0) ^
        (lows[a2] ?? 0) ^
        (lows[a3] ?? 0) ^
        (lows[b0] ?? 0) ^
        (lows[b1] ?? 0) ^
        (lows[b2] ?? 0) ^
        (lows[b3] ?? 0);
    }
    for (; at < bytes.length; at += 1) {
      const byte = (l ^ (bytes[at] ?? 0)) & 255;
      l = ((l >>> 8) | (h << 24)) ^ (lows[byte] ?? 0);
      h = (h >>> 8) ^ (highs[byte] ?? 0);
    }
    this.#high = h;
    this.#low = l;
  }

  /** As it stands in the file: eight bytes, the lowest first. */
  digest(): Uint8Array {
    const digest = Buffer.alloc(8);
    digest.writeUInt32LE(this.#low >>> 0, 0);
    digest.writeUInt32LE(this.#high >>> 0, 4);
    return digest;
  }
}
