import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';

/** A database whose data change places: from just before they do until everything runs again. */
interface LiveRecord {
  readonly version: 1;
  /** The command that goes on with it, without `--yes`. */
  readonly command: string;
  /** Where the old data are kept. */
  readonly kept: string;
  /** What tells the old data from the new ones wherever they lie: the number of their folder, which a rename leaves alone. */
  readonly old: string;
}

export const liveRecord = '.berth/restoring-live.json';

/** How far the exchange of a database has come, in its site: a second run of the command goes on where the first was cut off. */
export class LiveRecordFile {
  readonly #path: string;
  constructor(site: string) {
    this.#path = join(site, liveRecord);
  }

  /** @throws BerthError when what was cut off is another restore, or cannot be read. */
  leftOf(command: string): LiveRecord | undefined {
    if (!existsSync(this.#path)) return undefined;
    const left = this.#read();
    if (left.command === command) return left;
    throw new BerthError(
      'conflict',
      `another restore was cut off after its data were ready: ${left.command}`,
      `end that first: ${left.command} --yes; if you have ended it by hand, remove ${liveRecord}`,
    );
  }

  write(record: Omit<LiveRecord, 'version'>): void {
    writeFileSync(`${this.#path}.new`, `${JSON.stringify({ version: 1, ...record })}\n`, { flush: true });
    renameSync(`${this.#path}.new`, this.#path);
  }

  end(): void {
    rmSync(this.#path, { force: true });
  }

  #read(): LiveRecord {
    try {
      const found = JSON.parse(readFileSync(this.#path, 'utf8')) as LiveRecord;
      if (found.version === 1) return found;
    } catch {
      // As one of another version.
    }
    throw new BerthError(
      'conflict',
      `${liveRecord} tells of a restore that was cut off, and cannot be read`,
      `look which data lie in the volume of the database, run \`docker compose up -d --wait\`, then remove ${liveRecord}`,
    );
  }
}
