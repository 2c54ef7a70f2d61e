/** Where some bytes lie: a batch, by its number in the list of the manifest that is being made, and a file of its archive. */
export interface ContentPlace {
  readonly batch: number;
  readonly entry: number;
}

/** Of a hash, as much as nobody finds twice. */
const words = 4;
const least = 1024;

/**
 * Which contents are in the backups, by their SHA-256: of a million, in less than 50 MB, where a Map takes several times that.
 * A hash table with open addressing; a slot is free when its batch is 0.
 */
export class ContentTable {
  #slots = least;
  #used = 0;
  #hashes = new Uint32Array(least * words);
  #places = new Uint32Array(least * 2);

  /** @param sha256 - Bytes. The newest place counts. */
  add(sha256: Uint8Array, { batch, entry }: ContentPlace): void {
    if (this.#used * 3 > this.#slots * 2) this.#grow();
    const hash = wordsOf(sha256);
    const slot = this.#slotOf(hash);
    if (this.#places[slot * 2] === 0) this.#used += 1;
    this.#hashes.set(hash, slot * words);
    this.#places.set([batch, entry], slot * 2);
  }

  find(sha256: Uint8Array): ContentPlace | undefined {
    const slot = this.#slotOf(wordsOf(sha256));
    const [batch = 0, entry = 0] = this.#places.subarray(slot * 2, slot * 2 + 2);
    return batch === 0 ? undefined : { batch, entry };
  }

  /** The slot of a hash, or the free one where it belongs. */
  #slotOf(hash: Uint32Array): number {
    for (let slot = (hash[0] ?? 0) % this.#slots; ; slot = (slot + 1) % this.#slots)
      if (this.#places[slot * 2] === 0 || hash.every((word, index) => this.#hashes[slot * words + index] === word)) return slot;
  }

  #grow(): void {
    const [hashes, places, slots] = [this.#hashes, this.#places, this.#slots];
    this.#slots = slots * 2;
    this.#hashes = new Uint32Array(this.#slots * words);
    this.#places = new Uint32Array(this.#slots * 2);
    for (let slot = 0; slot < slots; slot += 1) {
      if (places[slot * 2] === 0) continue;
      const hash = hashes.subarray(slot * words, (slot + 1) * words);
      const to = this.#slotOf(hash);
      this.#hashes.set(hash, to * words);
      this.#places.set(places.subarray(slot * 2, slot * 2 + 2), to * 2);
    }
  }
}

const wordsOf = (sha256: Uint8Array): Uint32Array =>
  new Uint32Array(sha256.buffer.slice(sha256.byteOffset, sha256.byteOffset + words * Uint32Array.BYTES_PER_ELEMENT));
