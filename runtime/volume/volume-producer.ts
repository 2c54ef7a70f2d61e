import { createHmac, type Hmac, type KeyObject } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { writeTar, type TarEntry } from '../format/tar.ts';
import type { ProducedStream, Producer } from '../ports/producer.ts';
import type { Bytes } from '../streams/blocks.ts';
import { ContentsSum, keyMarkOf } from './contents-sum.ts';
import { entryOf, unlessGone, walkVolume, type FoundEntry } from './walk-volume.ts';

export interface VolumeSource {
  /** Where it is mounted. */
  readonly folder: string;
  /** Of fingerprints. */
  readonly key: KeyObject;
  readonly berth: string;
}

export const volumeTar = 'volume.tar';
const pieceBytes = 2 ** 20;
/** What is no longer than this is read at once, and again when it was written meanwhile. */
const wholeBytes = 4 * pieceBytes;
const tries = 3;
/** Beyond these the number alone is said. */
const mostNames = 20;

/** Equal as long as nothing was written, removed or changed in the volume: names, sizes and times, not the contents, which would all have to be read. */
class Fingerprint {
  readonly #sum: Hmac;
  constructor(key: KeyObject) {
    this.#sum = createHmac('sha256', key);
  }

  add({ path, kind, mode, uid, gid, bytes, target }: TarEntry, { mtimeNs, ctimeNs }: BigIntStats): void {
    this.#sum.update(`${JSON.stringify([path, kind, mode, uid, gid, bytes, target, String(mtimeNs), String(ctimeNs)])}\n`);
  }

  digest = (): string => this.#sum.digest('hex');
}

/** What a volume is now, to be compared with what was copied last. */
export async function fingerprintOfVolume({ folder, key }: VolumeSource, signal: AbortSignal): Promise<string> {
  const fingerprint = new Fingerprint(key);
  for await (const { entry, stats } of walkVolume(folder, { gone: () => undefined, leftOut: () => undefined }, signal))
    fingerprint.add(entry, stats);
  return fingerprint.digest();
}

/** Files of a service as an archive, with their owners, as they are found one after the other: the service goes on writing. What could not be had whole is told in the facts. */
export const volumeProducer = (source: VolumeSource): Producer => ({
  engine: 'volume',
  open: async (signal) => {
    const run = new VolumeCopy(source, signal);
    return {
      streams: (async function* (): AsyncGenerator<ProducedStream> {
        yield { name: volumeTar, bytes: run.archive() };
      })(),
      finish: async () => ({
        position: { from: null, to: null },
        facts: run.facts(),
        tool: { name: 'berth', version: source.berth, image: null },
      }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
});

/** A file as it goes into the archive. */
interface Held {
  readonly entry: TarEntry;
  readonly stats: BigIntStats;
  /** Of one that was read at once. */
  readonly content: Uint8Array | undefined;
  readonly file: FileHandle;
  /** It was written while it was read, each time. */
  changed: boolean;
}

class Names {
  count = 0;
  readonly first: string[] = [];
  add(name: string): void {
    this.count += 1;
    if (this.first.length < mostNames) this.first.push(name);
  }
}

class VolumeCopy {
  readonly #source: VolumeSource;
  readonly #signal: AbortSignal;
  readonly #fingerprint: Fingerprint;
  readonly #contents: ContentsSum;
  readonly #counts = { files: 0, folders: 0, links: 0, bytes: 0 };
  readonly #changed = new Names();
  readonly #gone = new Names();
  readonly #leftOut = new Names();
  #held: Held | undefined;
  constructor(source: VolumeSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
    this.#fingerprint = new Fingerprint(source.key);
    this.#contents = new ContentsSum(source.key);
  }

  archive = (): Bytes => writeTar(this.#entries(), () => this.#content());

  async *#entries(): AsyncGenerator<TarEntry> {
    const heard = {
      gone: (path: string) => this.#gone.add(path),
      leftOut: (path: string, because: string) => this.#leftOut.add(`${path}: ${because}`),
    };
    const lost = new Set<string>();
    for await (const found of walkVolume(this.#source.folder, heard, this.#signal)) {
      const { entry, stats } = found;
      if (entry.kind === 'file') {
        const held = await unlessGone(`read ${this.#source.folder}/${entry.path}`, () => hold(found));
        if (held === 'gone') {
          this.#gone.add(entry.path);
          lost.add(entry.path);
          continue;
        }
        await using _ = held.file;
        this.#held = held;
        this.#counts.files += 1;
        this.#counts.bytes += held.entry.bytes;
        this.#fingerprint.add(held.entry, held.stats);
        this.#contents.begin(held.entry);
        yield held.entry;
        if (held.changed) this.#changed.add(entry.path);
        this.#held = undefined;
      } else {
        // A second name of a file whose first name was gone: there is nothing that it could be the same as.
        if (entry.kind === 'same' && lost.has(entry.target)) {
          this.#gone.add(entry.path);
          continue;
        }
        this.#counts[entry.kind === 'folder' ? 'folders' : 'links'] += 1;
        this.#fingerprint.add(entry, stats);
        this.#contents.begin(entry);
        yield entry;
      }
    }
  }

  /** As many bytes as were announced, whatever happens to the file: one that became shorter ends with zeros. */
  async *#content(): AsyncGenerator<Uint8Array> {
    const held = this.#held;
    if (held === undefined) throw new Error('a file was read that nobody announced');
    if (held.content !== undefined) {
      this.#contents.add(held.content);
      return yield held.content;
    }
    const { bytes } = held.entry;
    for (let at = 0; at < bytes;) {
      this.#signal.throwIfAborted();
      const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, bytes - at));
      const { bytesRead } = await held.file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) buffer.fill(0);
      const piece = bytesRead === 0 ? buffer : buffer.subarray(0, bytesRead);
      at += piece.length;
      this.#contents.add(piece);
      yield piece;
    }
    held.changed = isOther(held.stats, await held.file.stat({ bigint: true }));
  }

  facts() {
    return {
      ...this.#counts,
      changed: this.#changed.count,
      changedNames: this.#changed.first,
      gone: this.#gone.count,
      leftOut: this.#leftOut.count,
      leftOutNames: this.#leftOut.first,
      fingerprint: this.#fingerprint.digest(),
      contents: this.#contents.digest(),
      contentsKey: keyMarkOf(this.#source.key),
    };
  }
}

const isOther = (before: BigIntStats, after: BigIntStats): boolean =>
  before.size !== after.size || before.mtimeNs !== after.mtimeNs || before.ctimeNs !== after.ctimeNs;

/** Whoever stands there by then may be no file any more, and one that waits for a writer must not keep us. */
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function hold({ entry: { path }, at }: FoundEntry): Promise<Held | 'gone'> {
  const file = await open(at, fileFlags);
  try {
    let stats = await file.stat({ bigint: true });
    if (!stats.isFile()) {
      await file.close();
      return 'gone';
    }
    let content: Uint8Array | undefined;
    let changed = false;
    for (let turn = 0; turn < tries && stats.size <= BigInt(wholeBytes); turn += 1) {
      content = await readWhole(file, Number(stats.size));
      const after = await file.stat({ bigint: true });
      changed = isOther(stats, after) || content.length !== Number(stats.size);
      if (!changed) break;
      stats = after;
    }
    if (stats.size > BigInt(wholeBytes)) content = undefined;
    const entry = entryOf(path, 'file', stats, '');
    return { entry: content === undefined ? entry : { ...entry, bytes: content.length }, stats, content, file, changed };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readWhole(file: FileHandle, bytes: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
