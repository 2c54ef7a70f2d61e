import { createReadStream } from 'node:fs';
import { open, truncate, type FileHandle } from 'node:fs/promises';
import type { RestoreTarget } from '../../ports/scratch-engine.ts';
import { ofThePlace, unreachable } from '../scratch-place.ts';
import { documentsOf } from './bson.ts';
import { formatTimestamp, parseTimestamp, readEntry, type OplogEntry, type Timestamp } from './oplog-entry.ts';

/**
 * The oplog that a restore reads, in one file: what came during the full backup, and every log behind it. In one, since a transaction may reach from one slice
 * into the next, and is carried out where it ends.
 */
export class OplogFile implements AsyncDisposable {
  readonly #file: FileHandle;
  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static make = async (path: string): Promise<OplogFile> => new OplogFile(await open(path, 'w', 0o600));

  async append(documents: readonly Buffer[]): Promise<void> {
    if (documents.length === 0) return;
    await this.#file.appendFile(Buffer.concat(documents)).catch((error: unknown) => {
      throw ofThePlace((error as Error).message);
    });
  }

  [Symbol.asyncDispose] = (): Promise<void> => this.#file.close();
}

/** Where a replay ends. */
export interface OplogEnd {
  /** Bytes of the file up to there. */
  readonly bytes: number;
  /** The last entry of it. */
  readonly at: Timestamp;
}

/**
 * Up to where the file is read to reach a target. What came during the full backup is always in it: without it nothing fits together.
 *
 * @param full - Up to where the full backup itself goes.
 */
export async function findEnd(path: string, full: Timestamp, target: RestoreTarget): Promise<OplogEnd> {
  const isTooMuch = beyond(target);
  let end: OplogEnd = { bytes: 0, at: 0n };
  let found = false;
  for await (const document of documentsOf(createReadStream(path) as AsyncIterable<Uint8Array>)) {
    const entry = readEntry(document);
    if (target.kind === 'transaction' && entry.at === parseTimestamp(target.id)) found = true;
    if (entry.at > full && isTooMuch(entry)) break;
    end = { bytes: end.bytes + document.length, at: entry.at };
  }
  if (target.kind === 'transaction' && !found) throw unreachable(target, 'no entry of the oplog that was backed up has that place');
  return end;
}

/** A time means the last entry before the first one that is later, in the order of the log. */
function beyond(target: RestoreTarget): (entry: OplogEntry) => boolean {
  switch (target.kind) {
    case 'latest':
      return () => false;
    case 'time':
      return ({ wall }) => wall > target.at;
    case 'position':
      return ({ at }) => at > parseTimestamp(target.position);
    case 'transaction':
      return ({ at }) => (target.inclusive ? at > parseTimestamp(target.id) : at >= parseTimestamp(target.id));
  }
}

/** Whatever lies behind its end is gone from the file. @returns the place reached by it. */
export async function cutAt(path: string, { bytes, at }: OplogEnd): Promise<string> {
  await truncate(path, bytes);
  return formatTimestamp(at);
}
