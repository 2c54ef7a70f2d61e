import { BerthError } from '../../../model/errors.ts';
import type { Bytes } from '../../streams/blocks.ts';
import { Crc64 } from './crc64.ts';

/** What an RDB file says of itself. */
export interface RdbFacts {
  /** The version of the format, such as 11. */
  readonly version: number;
  readonly bytes: number;
  /** Whether the server wrote a checksum: one that was told to write none leaves zeros. */
  readonly checksum: boolean;
}

const headBytes = 9;
const endOfFile = 0xff;
/** Since then a file ends with a checksum. */
const firstWithChecksum = 5;

/** `REDIS0011`, and since Valkey 9 `VALKEY080`. */
function versionOf(head: Uint8Array): number | undefined {
  const [, redis, valkey] = /^(?:REDIS(\d{4})|VALKEY(\d{3}))$/.exec(Buffer.from(head).toString('latin1')) ?? [];
  return redis === undefined && valkey === undefined ? undefined : Number(redis ?? valkey);
}

/**
 * The same bytes, looked at as they pass: they begin and end as an RDB file does, and its checksum is theirs.
 *
 * @param found - Told at the end.
 * @throws BerthError `damaged` otherwise, once the last of them was taken.
 */
export async function* checkedRdb(source: Bytes, found: (facts: RdbFacts) => void): AsyncGenerator<Uint8Array> {
  const rdb = new RdbWatch();
  for await (const chunk of source) {
    rdb.see(chunk);
    yield chunk;
  }
  found(rdb.finish());
}

class RdbWatch {
  readonly #sum = new Crc64();
  #head: Buffer = Buffer.alloc(0);
  /** Not summed up yet: the last eight bytes are the sum itself. */
  #tail: Buffer = Buffer.alloc(0);
  #last = 0;
  #bytes = 0;

  see(chunk: Uint8Array): void {
    if (this.#head.length < headBytes) {
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, headBytes - this.#head.length)]);
      if (this.#head.length === headBytes && versionOf(this.#head) === undefined) throw notWhole('it does not begin as an RDB file');
    }
    this.#bytes += chunk.length;
    if (chunk.length < 8) {
      const both = Buffer.concat([this.#tail, chunk]);
      const sure = Math.max(0, both.length - 8);
      this.#take(both.subarray(0, sure));
      this.#tail = both.subarray(sure);
      return;
    }
    this.#take(this.#tail);
    this.#take(chunk.subarray(0, -8));
    this.#tail = Buffer.from(chunk.subarray(-8));
  }

  #take(bytes: Uint8Array): void {
    this.#sum.update(bytes);
    this.#last = bytes.at(-1) ?? this.#last;
  }

  finish(): RdbFacts {
    const version = versionOf(this.#head);
    if (version === undefined || this.#bytes < headBytes + 9) throw notWhole('it is too short');
    if (version < firstWithChecksum) throw notWhole(`it is of version ${version}, which has no checksum`);
    if (this.#last !== endOfFile) throw notWhole('its end is missing');
    const checksum = this.#tail.some((byte) => byte !== 0);
    if (checksum && !this.#tail.equals(this.#sum.digest())) throw notWhole('its checksum is another');
    return { version, bytes: this.#bytes, checksum };
  }
}

const notWhole = (what: string): BerthError =>
  new BerthError(
    'damaged',
    `a copy of a cache is damaged: ${what}`,
    'one that is being made is made again; of one that was restored take another with --at, and see `berth backup verify`',
  );
