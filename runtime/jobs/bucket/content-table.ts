/** Where some bytes lie: a batch, by its number in the list of the manifest that is being made, and a file of its archive. */
export interface ContentPlace {
  readonly batch: number;
  readonly entry: number;
}

/** Of a hash, as much as nobody finds twice: four words, and two for the place. */
const words = 4;
const wide = words + 2;
const least = 64;
/** Each part grows by itself: a whole that doubles would stand beside its double for a while. */
const parts = 64;

/**
 * Which contents are in the backups, by their SHA-256: of a million, in some 40 MB, where a Map takes several times that.
 * Hash tables with open addressing; a slot is free when its batch is 0.
 */
export class ContentTable {
  readonly #parts = Array.from({ length: parts }, () => new TablePart());

  /** The newest place counts. @param sha256 - Its bytes. */
  add(sha256: Buffer, place: ContentPlace): void {
    this.#partOf(sha256).add(sha256, place);
  }

  find(sha256: Buffer): ContentPlace | undefined {
    return this.#partOf(sha256).find(sha256);
  }

  // By bits that say nothing about the slot.
  #partOf(sha256: Buffer): TablePart {
    return this.#parts[(sha256[31] ?? 0) % parts] as TablePart;
  }
}

class TablePart {
  #slots = least;
  #used = 0;
  #table = new Uint32Array(least * wide);

  add(sha256: Buffer, { batch, entry }: ContentPlace): void {
    if (this.#used * 4 > this.#slots * 3) this.#grow();
    const at = this.#find(wordAt(sha256, 0), wordAt(sha256, 1), wordAt(sha256, 2), wordAt(sha256, 3));
    if (this.#table[at + words] === 0) this.#used += 1;
    for (let word = 0; word < words; word += 1) this.#table[at + word] = wordAt(sha256, word);
    this.#table[at + words] = batch;
    this.#table[at + words + 1] = entry;
  }

  find(sha256: Buffer): ContentPlace | undefined {
    const at = this.#find(wordAt(sha256, 0), wordAt(sha256, 1), wordAt(sha256, 2), wordAt(sha256, 3));
    const batch = this.#table[at + words] ?? 0;
    return batch === 0 ? undefined : { batch, entry: this.#table[at + words + 1] ?? 0 };
  }

  /** Where a hash lies in the table, or the free slot where it belongs. */
  #find(a: number, b: number, c: number, d: number): number {
    const table = this.#table;
    for (let at = (a % this.#slots) * wide; ; at = (at + wide) % table.length)
      if (table[at + words] === 0 || (table[at] === a && table[at + 1] === b && table[at + 2] === c && table[at + 3] === d)) return at;
  }

  #grow(): void {
    const old = this.#table;
    // By half: what is free on average is what it costs.
    this.#slots = Math.ceil(this.#slots * 1.5);
    this.#table = new Uint32Array(this.#slots * wide);
    for (let from = 0; from < old.length; from += wide) {
      const slot = old.subarray(from, from + wide);
      const [a = 0, b = 0, c = 0, d = 0, batch] = slot;
      if (batch !== 0) this.#table.set(slot, this.#find(a, b, c, d));
    }
  }
}

const wordAt = (hash: Buffer, word: number): number => hash.readUInt32LE(word * 4);
