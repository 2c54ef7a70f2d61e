import { createHash } from 'node:crypto';
import { manifestKey, manifestPrefix, idInKey, removedKey } from '../../../model/backup/layout.ts';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { formatRow, type ObjectRow } from '../../../model/backup/object-row.ts';
import { BerthError } from '../../../model/errors.ts';
import type { ListedObject } from '../../ports/bucket.ts';
import type { Producer, SnapshotFacts } from '../../ports/producer.ts';
import { collect, once, type Bytes } from '../../streams/blocks.ts';
import { inOrder } from '../../streams/in-order.ts';
import { backup } from '../backup.ts';
import { undoRemoval } from '../prune.ts';
import type { Wish } from '../take-backup.ts';
import { BatchWriter } from './batch-writer.ts';
import type { ContentPlace } from './content-table.ts';
import { guessOf, isSame, previousRows, remember, type Known, type ListingTools } from './survey.ts';
import { bucketEngine, listingFile, type ContentBatch } from './listing.ts';
import { matched } from './match.ts';
import { openCurrent, type CurrentObject } from './read-object.ts';

/** An object on its way into the listing. */
type Item =
  | { readonly kind: 'known'; readonly row: ObjectRow }
  | { readonly kind: 'read'; readonly found: CurrentObject; readonly content: Uint8Array }
  | { readonly kind: 'large'; readonly listed: ListedObject }
  | { readonly kind: 'gone'; readonly key: string };

/** A batch that this run writes. */
interface OpenBatch {
  readonly number: number;
  readonly writer: BatchWriter;
}

/** Copies what is new, and writes down what there is: the listing is committed last. */
export const writeListing = ({ due, label }: Wish, known: Known, tools: ListingTools, signal: AbortSignal): Promise<Manifest> =>
  backup(
    { place: tools.place, kind: 'bucket', after: null, label, scheduledFor: due, newestId: known.newestId },
    { ...tools, recipients: tools.recipients(), producer: listingProducer(known, tools) },
    signal,
  );

const listingProducer = (known: Known, tools: ListingTools): Producer => ({
  engine: bucketEngine,
  open: async (signal) => {
    const stop = new AbortController();
    const run = new ListingRun(known, tools, AbortSignal.any([signal, stop.signal]));
    return {
      streams: (async function* () {
        await Promise.resolve();
        yield { name: listingFile, bytes: run.rows() };
      })(),
      finish: () => run.finish(),
      [Symbol.asyncDispose]: async () => {
        stop.abort(new Error('the run has ended'));
        await run.abandon();
      },
    };
  },
});

class ListingRun {
  readonly #known: Known;
  readonly #tools: ListingTools;
  readonly #signal: AbortSignal;
  /** In the order in which the manifest will name them: numbers of this run. */
  readonly #referred: number[] = [];
  readonly #finalOf = new Map<number, number>();
  readonly #writers: BatchWriter[] = [];
  #batch: OpenBatch | undefined;
  #closing: Promise<void> = Promise.resolve();
  readonly #counts = { objects: 0, bytes: 0, copied: 0, copiedBytes: 0, changed: 0, gone: 0 };
  constructor(known: Known, tools: ListingTools, signal: AbortSignal) {
    this.#known = known;
    this.#tools = tools;
    this.#signal = signal;
  }

  async *rows(): Bytes {
    const { bucketLayout } = this.#tools;
    for await (const item of inOrder(this.#items(), bucketLayout.readers, (each) => this.#read(each))) {
      const row = await this.#place(item);
      if (row === undefined) continue;
      this.#counts.objects += 1;
      this.#counts.bytes += row.bytes;
      yield Buffer.from(formatRow({ ...row, batch: this.#final(row.batch) }));
    }
  }

  /** Everything that the listing refers to lies in the store, and counts. */
  async finish(): Promise<SnapshotFacts> {
    const { bucket, berth } = this.#tools;
    await this.#closeBatch();
    await this.#closing;
    const contents = this.#referred.map((number) => this.#known.batches[number - 1] as ContentBatch);
    await this.#keep(contents);
    return {
      position: { from: null, to: null },
      facts: { bucket: bucket.name, ...this.#counts, contents: contents.map(({ id, bytes }) => ({ id, bytes })) },
      tool: { name: 'berth', version: berth, image: null },
    };
  }

  async abandon(): Promise<void> {
    for (const writer of this.#writers) writer.abandon(new Error('the run has ended'));
    await Promise.all([this.#closing.catch(() => undefined), ...this.#writers.map((writer) => writer.settled())]);
  }

  /** What is there now, in the order of its keys, and what is known of it. */
  async *#items(): AsyncGenerator<ObjectRow | ListedObject> {
    const { bucket } = this.#tools;
    for await (const [listed, row] of matched(bucket.list('', this.#signal), previousRows(this.#known, this.#signal))) {
      if (listed === undefined) continue;
      if (row !== undefined && this.#isGood(row) && isSame(listed, row)) yield row;
      else {
        const resumed = this.#known.resumed.get(listed.key);
        yield resumed !== undefined && isSame(listed, resumed) ? resumed : listed;
      }
    }
  }

  #isGood({ batch }: ContentPlace): boolean {
    return batch > 0 && !this.#known.sparse.has(batch);
  }

  async #read(each: ObjectRow | ListedObject): Promise<Item> {
    const { bucket, bucketLayout } = this.#tools;
    if ('batch' in each) return { kind: 'known', row: each };
    if (each.bytes > bucketLayout.smallBytes) return { kind: 'large', listed: each };
    const found = await openCurrent(bucket, each, this.#signal);
    if (found === undefined) return { kind: 'gone', key: each.key };
    if (found.opened.bytes > bucketLayout.smallBytes) {
      found.opened.close();
      return { kind: 'large', listed: found.listed };
    }
    return { kind: 'read', found, content: await collect(found.opened.body, found.opened.bytes) };
  }

  /** Gives an object its place: where its content lies already, or in the batch that is being written. */
  async #place(item: Item): Promise<ObjectRow | undefined> {
    switch (item.kind) {
      case 'known':
        return item.row;
      case 'gone':
        return this.#tell('gone', item.key);
      case 'read': {
        const { found, content } = item;
        const sha256 = createHash('sha256').update(content).digest();
        const present = this.#find(sha256);
        if (present !== undefined) return this.#row(found, sha256, present);
        const batch = this.#current();
        const entry = await batch.writer.add(content.length, once(content));
        return this.#copied(found, sha256, batch, entry);
      }
      case 'large':
        return this.#placeLarge(item.listed);
    }
  }

  /** One whose like lies there already is read to be sure of it, and not sent. */
  async #placeLarge(listed: ListedObject): Promise<ObjectRow | undefined> {
    const { bucket } = this.#tools;
    if (this.#find(guessOf(listed)) !== undefined) {
      const found = await openCurrent(bucket, listed, this.#signal);
      if (found === undefined) return this.#tell('gone', listed.key);
      const hash = createHash('sha256');
      for await (const chunk of found.opened.body) hash.update(chunk);
      const sha256 = hash.digest();
      const present = this.#find(sha256);
      if (present !== undefined) return this.#row(found, sha256, present);
    }
    const found = await openCurrent(bucket, listed, this.#signal);
    if (found === undefined) return this.#tell('gone', listed.key);
    const alone = found.opened.bytes >= this.#tools.bucketLayout.aloneBytes;
    const batch = alone ? this.#begin() : this.#current();
    const hash = createHash('sha256');
    const entry = await batch.writer.add(found.opened.bytes, hashing(found.opened.body, hash)).catch((error: unknown) => {
      found.opened.close();
      throw error;
    });
    const row = await this.#copied(found, hash.digest(), batch, entry);
    if (alone) await this.#close(batch);
    return row;
  }

  #find(sha256: Buffer): ContentPlace | undefined {
    const present = this.#known.table.find(sha256);
    return present !== undefined && this.#isGood(present) ? present : undefined;
  }

  #row({ listed, opened, changed }: CurrentObject, sha256: Buffer, { batch, entry }: ContentPlace): ObjectRow {
    if (changed) this.#tell('changed', listed.key);
    const { version, headers, tags, bytes } = opened;
    const modified = listed.modified.toISOString();
    return { key: listed.key, batch, entry, bytes, sha256: sha256.toString('hex'), etag: listed.etag, modified, version, headers, tags };
  }

  async #copied(found: CurrentObject, sha256: Buffer, { number, writer }: OpenBatch, entry: number): Promise<ObjectRow> {
    const { bucketLayout } = this.#tools;
    const row = this.#row(found, sha256, { batch: number, entry });
    remember(row, this.#known.table, bucketLayout);
    writer.note(row);
    this.#counts.copied += 1;
    this.#counts.copiedBytes += row.bytes;
    if (writer.bytes >= bucketLayout.batchBytes || writer.entries >= bucketLayout.batchEntries)
      if (this.#batch?.writer === writer) await this.#closeBatch();
    return row;
  }

  #tell(event: 'changed' | 'gone', key: string): undefined {
    this.#counts[event] += 1;
    this.#tools.heard(event, key);
  }

  #current(): OpenBatch {
    return (this.#batch ??= this.#begin());
  }

  #begin(): OpenBatch {
    const { batches, newestId } = this.#known;
    const tools = this.#tools;
    const request = { place: tools.place, kind: 'contents', after: null, label: null, scheduledFor: null, newestId } as const;
    const writer = new BatchWriter(tools.berth, (producer) =>
      backup(request, { ...tools, recipients: tools.recipients(), producer }, this.#signal),
    );
    this.#writers.push(writer);
    // What it is called is known when it counts.
    return { number: batches.push({ id: '', bytes: 0 }), writer };
  }

  async #closeBatch(): Promise<void> {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch !== undefined) await this.#close(batch);
  }

  /** Lets it come to its end while the next is filled; of those there is one at most. */
  async #close({ number, writer }: OpenBatch): Promise<void> {
    await this.#closing;
    this.#closing = this.#closed(number, writer);
    this.#closing.catch(() => undefined); // heard when the next is closed, or at the end
  }

  async #closed(number: number, writer: BatchWriter): Promise<void> {
    const { id, streams } = await writer.close();
    this.#known.batches[number - 1] = { id, bytes: streams[0]?.plainBytes ?? 0 };
    this.#writers.splice(this.#writers.indexOf(writer), 1);
  }

  #final(number: number): number {
    const final = this.#finalOf.get(number) ?? this.#referred.push(number);
    this.#finalOf.set(number, final);
    return final;
  }

  /** Somebody who removes may have looked at an old list, or lost his lease in the middle: what is needed is brought back before it is referred to. */
  async #keep(contents: readonly ContentBatch[]): Promise<void> {
    const { place, store } = this.#tools;
    const there = new Set<string>();
    const prefix = manifestPrefix(place);
    for await (const { key } of store.list(prefix, this.#signal)) there.add(idInKey(key, prefix) ?? '');
    for (const { id } of contents) {
      if (there.has(id) || (await store.size(manifestKey(place, id, 'contents'), this.#signal)) !== undefined) continue;
      if ((await store.size(removedKey(place, id, 'contents'), this.#signal)) === undefined)
        throw new BerthError(
          'conflict',
          `contents ${id} were removed while they were needed`,
          'nothing is lost: the next backup copies them anew',
        );
      await undoRemoval(place, { id, kind: 'contents' }, store, this.#signal);
    }
  }
}

async function* hashing(source: Bytes, hash: ReturnType<typeof createHash>): Bytes {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}
