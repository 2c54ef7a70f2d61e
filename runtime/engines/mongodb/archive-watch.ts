import type { Bytes } from '../../streams/blocks.ts';
import { BrokenBson, fieldsOf, isLength, textIn, truthIn } from './bson.ts';

const magic = 0x81_99_e2_6d;
const terminator = -1;
const wordBytes = 4;

/** What was seen of an archive of mongodump that passed by. */
export interface ArchiveSeen {
  /** Whether all that was begun in it has its end, the oplog too. */
  readonly ended: boolean;
  readonly bytes: number;
}

/**
 * An archive on its way: the same bytes, and the entries of the oplog that came while it was made.
 *
 * @param entries - Is given them as they pass, in order, and is waited for.
 */
export function watchArchive(
  source: Bytes,
  entries: (documents: readonly Buffer[]) => Promise<void>,
): { readonly bytes: Bytes; readonly seen: () => ArchiveSeen } {
  const watch = new ArchiveWatch();
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      watch.push(chunk);
      await entries(watch.take());
      yield chunk;
    }
  }
  return { bytes: bytes(), seen: () => watch.seen() };
}

/** In the prelude stands what follows; then pieces of collections, each behind a heading, in any order. */
type Part = 'magic' | 'prelude' | 'heading' | 'piece';

class ArchiveWatch {
  readonly #word = Buffer.alloc(wordBytes);
  #filled = 0;
  #part: Part = 'magic';
  /** Bytes of the present document that are still to come. */
  #left = 0;
  #kept: Buffer[] | undefined;
  /** Whether the present piece is of the oplog. */
  #inOplog = false;
  readonly #open = new Set<string>();
  #oplogEnded = false;
  #entries: Buffer[] = [];
  #bytes = 0;

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    for (let at = 0; at < chunk.length;) at += this.#take(chunk.subarray(at));
  }

  /** Entries that have passed since the last time. */
  take(): readonly Buffer[] {
    return this.#entries.splice(0);
  }

  seen(): ArchiveSeen {
    const isAtRest = this.#part === 'heading' && this.#left === 0 && this.#filled === 0;
    return { ended: isAtRest && this.#open.size === 0 && this.#oplogEnded, bytes: this.#bytes };
  }

  #take(bytes: Uint8Array): number {
    if (this.#left > 0) {
      const piece = bytes.subarray(0, this.#left);
      this.#kept?.push(Buffer.from(piece));
      this.#left -= piece.length;
      if (this.#left === 0) this.#end();
      return piece.length;
    }
    const piece = bytes.subarray(0, wordBytes - this.#filled);
    this.#word.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === wordBytes) this.#begin();
    return piece.length;
  }

  #begin(): void {
    this.#filled = 0;
    if (this.#part === 'magic') {
      if (this.#word.readUInt32LE(0) !== magic) throw new BrokenBson('this is no archive of mongodump');
      this.#part = 'prelude';
      return;
    }
    const length = this.#word.readInt32LE(0);
    if (length === terminator && this.#part !== 'heading') {
      this.#part = 'heading';
      return;
    }
    if (!isLength(length)) throw new BrokenBson(`an archive of mongodump cannot hold a document of ${length} bytes`);
    this.#left = length - wordBytes;
    this.#kept = this.#part === 'heading' || (this.#part === 'piece' && this.#inOplog) ? [Buffer.from(this.#word)] : undefined;
  }

  #end(): void {
    if (this.#kept === undefined) return;
    const document = Buffer.concat(this.#kept);
    this.#kept = undefined;
    if (this.#part === 'piece') this.#entries.push(document);
    else this.#head(document);
  }

  #head(document: Buffer): void {
    const fields = fieldsOf(document);
    const [database, collection] = [textIn(fields.get('db')), textIn(fields.get('collection'))];
    if (database === undefined || collection === undefined) throw new BrokenBson('an archive of mongodump says of nothing what it is');
    const name = `${database}.${collection}`;
    this.#inOplog = database === '' && collection === 'oplog';
    this.#part = 'piece';
    if (!truthIn(fields.get('EOF'))) {
      this.#open.add(name);
      return;
    }
    this.#open.delete(name);
    if (this.#inOplog) this.#oplogEnded = true;
  }
}
