import { zstdDecompressSync } from 'node:zlib';

/** Flags of an image of a page in the log, one for each way in which the server compresses it (`wal_compression`). */
export const compressions = { pglz: 0x04, lz4: 0x08, zstd: 0x10 } as const;

/**
 * The bytes of an image, as the page has them. Two of the three ways are a few lines, and no package has them without more than that.
 *
 * @param how - Flags of the image.
 * @param length - Of the page, without the hole in its middle.
 * @returns Nothing for bytes that are no such image.
 */
export function unpackImage(packed: Buffer, how: number, length: number): Buffer | undefined {
  if ((how & (compressions.pglz | compressions.lz4 | compressions.zstd)) === 0) return packed.length === length ? packed : undefined;
  try {
    const page = unpack(packed, how, length);
    return page.length === length ? page : undefined;
  } catch (error) {
    // Beyond the end of what is there, or no frame of Zstandard.
    if (error instanceof RangeError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

function unpack(packed: Buffer, how: number, length: number): Buffer {
  if ((how & compressions.zstd) !== 0) return zstdDecompressSync(packed, { maxOutputLength: length });
  const page = new Page(length);
  if ((how & compressions.lz4) !== 0) unpackLz4(packed, page);
  else unpackPglz(packed, page);
  return page.bytes();
}

/** What has been unpacked so far, which the rest refers to. */
class Page {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(length: number) {
    this.#bytes = Buffer.alloc(length);
  }

  take(packed: Buffer, from: number, length: number): void {
    if (from + length > packed.length) throw new RangeError('beyond the image');
    this.#room(length);
    packed.copy(this.#bytes, this.#at, from, from + length);
    this.#at += length;
  }

  /** Byte by byte, as it may reach into what it writes. */
  repeat(distance: number, length: number): void {
    if (distance === 0 || distance > this.#at) throw new RangeError('before the page');
    this.#room(length);
    for (const end = this.#at + length; this.#at < end; this.#at += 1) this.#bytes[this.#at] = this.#bytes[this.#at - distance] ?? 0;
  }

  isFull = (): boolean => this.#at === this.#bytes.length;
  bytes = (): Buffer => this.#bytes.subarray(0, this.#at);

  #room(length: number): void {
    if (this.#at + length > this.#bytes.length) throw new RangeError('beyond the page');
  }
}

/** A block of LZ4, by its format description: literals, then a repetition of at least four bytes, and literals alone at the end. */
function unpackLz4(packed: Buffer, page: Page): void {
  let at = 0;
  const long = (short: number): number => {
    let length = short;
    for (let more = short === 15 ? 255 : 0; more === 255; length += more) more = packed.readUInt8(at++);
    return length;
  };
  while (at < packed.length) {
    const token = packed.readUInt8(at++);
    const literals = long(token >>> 4);
    page.take(packed, at, literals);
    at += literals;
    if (at === packed.length) return;
    const distance = packed.readUInt16LE(at);
    at += 2;
    page.repeat(distance, long(token & 15) + 4);
  }
}

/** PostgreSQL's own: a byte tells of the next eight whether each is a byte or a repetition of at least three. */
function unpackPglz(packed: Buffer, page: Page): void {
  for (let at = 0; at < packed.length && !page.isFull();) {
    const kinds = packed.readUInt8(at++);
    for (let bit = 0; bit < 8 && at < packed.length && !page.isFull(); bit += 1) {
      if ((kinds & (1 << bit)) === 0) {
        page.take(packed, at++, 1);
        continue;
      }
      const [first, second] = [packed.readUInt8(at), packed.readUInt8(at + 1)];
      at += 2;
      const short = (first & 15) + 3;
      page.repeat(((first & 0xf0) << 4) | second, short === 18 ? short + packed.readUInt8(at++) : short);
    }
  }
}
