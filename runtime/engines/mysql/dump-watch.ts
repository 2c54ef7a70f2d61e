import { BerthError } from '../../../model/errors.ts';
import type { Bytes } from '../../streams/blocks.ts';

/** The place in the log and the transactions stand in the first lines; a list of transactions may be long. */
const beginningBytes = 2 ** 20;
const endBytes = 200;
const trailer = /\n-- Dump completed(?: on [^\n]*)?\s*$/;

/** What was seen of a dump that passed by. */
export interface DumpSeen {
  readonly beginning: string;
  /** Whether its last line came. */
  readonly ended: boolean;
  readonly bytes: number;
  /** Of its lines the longest: a row is never more than one, and a statement neither. */
  readonly longest: { readonly bytes: number; /** How the statement begins that it is of. */ readonly statement: string };
}

/** What a server and its clients take in one statement, whatever they are set to. */
const largestStatement = 2 ** 30;
/** Enough to tell the table. */
const lineBeginningBytes = 300;
const newline = 0x0a;
/** Of `INSERT INTO … VALUES`, where the rows stand on lines of their own. */
const valuesEnds = 'S'.charCodeAt(0);
const rowBegins = '('.charCodeAt(0);

/** A dump on its way: the same bytes, and a look at how it begins and ends. */
export function watchDump(source: Bytes): { readonly bytes: Bytes; readonly seen: () => DumpSeen } {
  const first: Buffer[] = [];
  let held = 0;
  let last = Buffer.alloc(0);
  let total = 0;
  const lines = new LongestLine();
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (held < beginningBytes) {
        first.push(Buffer.from(chunk.subarray(0, beginningBytes - held)));
        held += chunk.length;
      }
      last = Buffer.concat([last, chunk.subarray(-endBytes)]).subarray(-endBytes);
      total += chunk.length;
      lines.push(chunk);
      yield chunk;
    }
  }
  return {
    bytes: bytes(),
    seen: () => ({
      beginning: Buffer.concat(first).toString('latin1'),
      ended: trailer.test(last.toString('latin1')),
      bytes: total,
      longest: lines.longest,
    }),
  };
}

class LongestLine {
  /** Of a line that goes on in the next chunk, what has come of it. */
  #bytes = 0;
  #beginning = Buffer.alloc(0);
  /** That of MariaDB gives each row a line of its own, behind the one that names the table. */
  #insert = '';
  longest = { bytes: 0, statement: '' };

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const next = chunk.indexOf(newline, at);
      const piece = chunk.subarray(at, next === -1 ? chunk.length : next);
      const bytes = this.#bytes + piece.length;
      const first = this.#bytes === 0 ? piece[0] : this.#beginning[0];
      if (bytes > this.longest.bytes) {
        const statement = first === rowBegins ? this.#insert : this.#beginningWith(piece).toString('utf8');
        this.longest = { bytes, statement };
      }
      if (next === -1) {
        this.#beginning = this.#beginningWith(piece);
        this.#bytes = bytes;
        return;
      }
      if ((piece.at(-1) ?? this.#beginning.at(-1)) === valuesEnds) this.#insert = this.#beginningWith(piece).toString('utf8');
      if (this.#bytes > 0) this.#beginning = Buffer.alloc(0);
      this.#bytes = 0;
      at = next + 1;
    }
  }

  #beginningWith(piece: Uint8Array): Buffer<ArrayBuffer> {
    return Buffer.concat([this.#beginning, piece.subarray(0, lineBeginningBytes)]).subarray(0, lineBeginningBytes);
  }
}

/**
 * A restore would fail at it, and with it all of the backup: better known now than then.
 *
 * @throws BerthError `unsupported` with the table.
 */
export function refuseTooLarge({ bytes, statement }: DumpSeen['longest']): void {
  if (bytes < largestStatement) return;
  const table = /^INSERT INTO (`(?:[^`]|``)+`)/.exec(statement)?.[1] ?? 'a table';
  throw new BerthError(
    'unsupported',
    `no backup holds a row of ${table}: it is a statement of ${bytes} bytes, and no server takes one of 1 GiB`,
    'a dump writes a byte of binary data as two: keep values of 500 MiB and more in a bucket, and their names in the table',
  );
}

/** Where in the log the snapshot of a dump stands. */
export function placeInDump(beginning: string) {
  const [, file, position] = /(?:SOURCE|MASTER)_LOG_FILE='([^']+)', (?:SOURCE|MASTER)_LOG_POS=(\d+)/.exec(beginning) ?? [];
  return file === undefined ? undefined : { file, position: Number(position) };
}
