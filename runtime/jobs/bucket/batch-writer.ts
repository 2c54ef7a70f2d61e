import { formatRow, type ObjectRow } from '../../../model/backup/object-row.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { writeTar, type TarEntry } from '../../format/tar.ts';
import type { ProducedStream, Producer } from '../../ports/producer.ts';
import type { Bytes } from '../../streams/blocks.ts';
import { Handover } from '../../streams/handover.ts';
import { bucketEngine, contentsFile, indexFile } from './listing.ts';

interface Given {
  readonly entry: TarEntry;
  readonly body: Bytes;
}

/** What a file takes in an archive. */
export const archived = (bytes: number): number => 512 + Math.ceil(bytes / 512) * 512;

/** Contents on their way into one backup of the kind `contents`, while they are read. */
export class BatchWriter {
  /** Written so far. */
  bytes = 0;
  entries = 0;
  readonly #index: string[] = [];
  readonly #given = new Handover<Given>();
  readonly #made: Promise<Manifest>;
  /** @param make - Makes a backup of what it is handed. */
  constructor(berth: string, make: (producer: Producer) => Promise<Manifest>) {
    this.#made = make(this.#producer(berth));
    this.#made.catch((error: unknown) => this.abandon(error instanceof Error ? error : new Error(String(error))));
  }

  /** Resolves with the number of the file, from 1, once all of its bytes were taken. One at a time. */
  async add(bytes: number, body: Bytes): Promise<number> {
    const number = (this.entries += 1);
    this.bytes += archived(bytes);
    const taken = Promise.withResolvers<void>();
    const entry: TarEntry = { path: String(number), kind: 'file', mode: 0o600, uid: 0, gid: 0, modified: new Date(0), bytes, target: '' };
    await this.#given.give({ entry, body: heard(body, taken.resolve) });
    await Promise.race([taken.promise, this.#made]);
    return number;
  }

  /** Lets a run that takes this one up know what lies here. */
  note(row: ObjectRow): void {
    this.#index.push(formatRow({ ...row, batch: 1 }));
  }

  /** Resolves when it counts. */
  async close(): Promise<Manifest> {
    this.#given.end();
    return this.#made;
  }

  /** Nothing comes of it. */
  abandon(reason: Error): void {
    this.#given.stop(reason);
  }

  /** Resolves when nothing of it is at work any more. */
  async settled(): Promise<void> {
    await this.#made.catch(() => undefined);
  }

  #producer(berth: string): Producer {
    return {
      engine: bucketEngine,
      open: async () => ({
        streams: this.#streams(),
        finish: async () => ({
          position: { from: null, to: null },
          facts: { objects: this.entries },
          tool: { name: 'berth', version: berth, image: null },
        }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    };
  }

  async *#streams(): AsyncGenerator<ProducedStream> {
    let body: Bytes | undefined;
    const entries = async function* (given: AsyncIterable<Given>): AsyncGenerator<TarEntry> {
      for await (const each of given) {
        ({ body } = each);
        yield each.entry;
      }
    };
    const bodyOf = (): Bytes => {
      if (body === undefined) throw new Error('a file of an archive has no bytes');
      return body;
    };
    yield { name: contentsFile, bytes: writeTar(entries(this.#given), bodyOf) };
    yield { name: indexFile, bytes: encoded(this.#index) };
  }
}

async function* heard(source: Bytes, done: () => void): Bytes {
  yield* source;
  done();
}

async function* encoded(lines: readonly string[]): Bytes {
  await Promise.resolve();
  for (const line of lines) yield Buffer.from(line);
}
