import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileOf, rowOf, type SqlServerTools, type Written } from './backup-file.ts';
import { lsnOr0 } from './lsn.ts';

/** One log that the server has written, and that may be asked for again. */
export interface WaitingLog extends Written {
  readonly tag: string;
}

const pattern = /^log-([0-9a-z]+)\.(trn|json)$/;

/**
 * Logs that the server has written and that are still needed. It gives each of them once, and then throws away its own. So they stay until somebody says that they
 * are in a store, behind every full backup that they belong to.
 */
export class LogSpool {
  readonly #tools: SqlServerTools;
  constructor(tools: SqlServerTools) {
    this.#tools = tools;
  }

  path = (tag: string): string => fileOf(this.#tools.exchange, 'log', tag);
  #note = (tag: string): string => join(this.#tools.exchange, `log-${tag}.json`);

  /** Of a log that was written when we were cut off, the server knows what it is. One that it knows nothing of was cut off itself. */
  async tidy(signal: AbortSignal): Promise<void> {
    const tags = new Map<string, Set<string>>();
    for (const name of await readdir(this.#tools.exchange)) {
      const [, tag, ending] = pattern.exec(name) ?? [];
      if (tag !== undefined && ending !== undefined) tags.set(tag, (tags.get(tag) ?? new Set()).add(ending));
      if (/^log-.*\.new$/.test(name)) await rm(join(this.#tools.exchange, name), { force: true });
    }
    for (const [tag, endings] of tags) {
      if (endings.size === 2) continue;
      const row = endings.has('trn') ? await rowOf(this.#tools, 'log', tag, signal) : undefined;
      if (row === undefined) await this.#delete(tag);
      else await this.keep(tag, row);
    }
  }

  /** Written beside it in one step: a log without its note is looked up anew. */
  async keep(tag: string, written: Written): Promise<void> {
    const fresh = `${this.#note(tag)}.new`;
    await writeFile(fresh, JSON.stringify(written), { mode: 0o600, flush: true });
    await rename(fresh, this.#note(tag));
  }

  /** In the order of the log. */
  async waiting(): Promise<readonly WaitingLog[]> {
    const logs: WaitingLog[] = [];
    for (const name of await readdir(this.#tools.exchange)) {
      const [, tag, ending] = pattern.exec(name) ?? [];
      if (tag === undefined || ending !== 'json') continue;
      logs.push({ ...(JSON.parse(await readFile(this.#note(tag), 'utf8')) as Written), tag });
    }
    return logs.sort((a, b) => compare(lsnOr0(a.lastLsn), lsnOr0(b.lastLsn)) || (a.begun < b.begun ? -1 : 1));
  }

  /** The note goes last: what lies there without one is looked up again. */
  async #delete(tag: string): Promise<void> {
    await rm(this.path(tag), { force: true });
    await rm(this.#note(tag), { force: true });
  }

  /** @param upTo - The end of a log that lies in a store. */
  async forget(upTo: bigint): Promise<void> {
    for (const { tag, lastLsn } of await this.waiting()) if (lsnOr0(lastLsn) <= upTo) await this.#delete(tag);
  }
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
