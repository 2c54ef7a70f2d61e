import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How far the restore of a whole site has come, in that site: a second run goes on where the first was cut off. */
interface Record {
  readonly version: 1;
  /** Of `--at`; the newest without it. */
  readonly at: string | null;
  /** Databases, buckets, caches and volumes whose data are in their place, or just about to be. */
  readonly placed: readonly string[];
  /** The point of each bucket, and the copy of each cache and volume that is put back, by its id: once its agent runs, it makes newer ones. */
  readonly points: Readonly<{ [name: string]: string }>;
}

const file = '.berth/restoring.json';

/** What an earlier run to the same time has put in its place already. */
export class Refilling {
  readonly #path: string;
  #record: Record;
  constructor(site: string, at: string | null) {
    this.#path = join(site, file);
    this.#record = { version: 1, at, placed: [], points: {} };
    const found = readRecord(this.#path);
    if (found?.version === 1 && found.at === at) this.#record = { ...this.#record, ...found };
  }

  isPlaced = (name: string): boolean => this.#record.placed.includes(name);

  /** Written before the data get there: they do in one step, so what is found there later tells whether that was done. */
  place(name: string): void {
    this.#write({ placed: [...this.#record.placed.filter((each) => each !== name), name] });
  }

  pointOf = (name: string): string | undefined => this.#record.points[name];

  choosePoint(name: string, id: string): void {
    this.#write({ points: { ...this.#record.points, [name]: id } });
  }

  #write(change: Partial<Record>): void {
    this.#record = { ...this.#record, ...change };
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(this.#record)}\n`, { flush: true });
    renameSync(`${this.#path}.new`, this.#path);
  }

  end(): void {
    rmSync(this.#path, { force: true });
  }
}

/** Where it cannot be read nothing is taken for done: data that are there are refused then, and not made again. */
function readRecord(path: string): Record | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record;
  } catch {
    return undefined;
  }
}
