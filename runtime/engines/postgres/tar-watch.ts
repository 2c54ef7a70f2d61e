import type { Bytes } from '../../streams/blocks.ts';

const blockBytes = 512;

/** What was seen of a tar that passed by. */
export interface TarSeen {
  /** Members that were asked for, by name. */
  readonly members: ReadonlyMap<string, Buffer>;
  readonly last: string | undefined;
  /** Whether the mark of its end came. */
  readonly ended: boolean;
}

/** A tar on its way: the same bytes, and a look at what is in it. Knows what pg_basebackup writes: ustar, and no file beyond 8 GiB. */
export function watchTar(source: Bytes, wanted: ReadonlySet<string>): { readonly bytes: Bytes; readonly seen: () => TarSeen } {
  const watch = new TarWatch(wanted);
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      watch.push(chunk);
      yield chunk;
    }
  }
  return { bytes: bytes(), seen: () => watch.seen() };
}

class TarWatch {
  readonly #wanted: ReadonlySet<string>;
  readonly #header = Buffer.alloc(blockBytes);
  readonly #found = new Map<string, Buffer[]>();
  #filled = 0;
  /** Bytes of the present member that are still to come, and what fills its last block up. */
  #content = 0;
  #padding = 0;
  #last: string | undefined;
  #emptyBlocks = 0;
  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) at += this.#take(chunk.subarray(at));
  }

  seen(): TarSeen {
    const members = new Map([...this.#found].map(([name, pieces]) => [name, Buffer.concat(pieces)]));
    return { members, last: this.#last, ended: this.#emptyBlocks >= 2 };
  }

  #take(bytes: Uint8Array): number {
    if (this.#content > 0) {
      const piece = bytes.subarray(0, this.#content);
      if (this.#last !== undefined) this.#found.get(this.#last)?.push(Buffer.from(piece));
      this.#content -= piece.length;
      return piece.length;
    }
    if (this.#padding > 0) {
      const length = Math.min(this.#padding, bytes.length);
      this.#padding -= length;
      return length;
    }
    const piece = bytes.subarray(0, blockBytes - this.#filled);
    this.#header.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === blockBytes) this.#open();
    return piece.length;
  }

  #open(): void {
    this.#filled = 0;
    if (this.#header.every((byte) => byte === 0)) {
      this.#emptyBlocks += 1;
      return;
    }
    this.#last = textOf(this.#header.subarray(0, 100));
    this.#content = Number.parseInt(textOf(this.#header.subarray(124, 136)), 8) || 0;
    this.#padding = (blockBytes - (this.#content % blockBytes)) % blockBytes;
    if (this.#wanted.has(this.#last)) this.#found.set(this.#last, []);
  }
}

const textOf = (field: Buffer): string => field.toString('latin1').split('\0')[0]?.trim() ?? '';
