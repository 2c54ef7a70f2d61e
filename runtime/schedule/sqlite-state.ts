import { existsSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Outcome, Run, ScheduleState } from '../ports/schedule-state.ts';

/** https://sqlite.org/rescode.html */
const corrupt = 11;
const notADatabase = 26;
/** Runs of a job that are kept for people to look at. */
const history = 500;

const tables = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS settled (job TEXT PRIMARY KEY, moment INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, job TEXT NOT NULL, due INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,
    outcome TEXT NOT NULL, message TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS runs_of_job ON runs (job, id);
`;

/**
 * The state in a file. One that is damaged is put aside as `FILE.damaged`, and an empty one begun: nothing in it cannot be lost.
 *
 * @param onLoss - Hears of that, since somebody should look at the disk.
 */
export function openSqliteState(file: string, onLoss: (message: string) => void): ScheduleState & Disposable {
  try {
    return new SqliteState(file);
  } catch (error) {
    const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
    if (code !== corrupt && code !== notADatabase) throw error;
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    if (existsSync(file)) renameSync(file, `${file}.damaged`);
    onLoss(`${file} was damaged (${error instanceof Error ? error.message : ''}); it was moved to ${file}.damaged, and an empty one begun`);
    return new SqliteState(file);
  }
}

class SqliteState implements ScheduleState, Disposable {
  readonly #database: DatabaseSync;
  constructor(file: string) {
    this.#database = new DatabaseSync(file, { timeout: 5000 });
    try {
      this.#database.exec(tables);
      // Reads all of it, so that damage shows here and not in the middle of a night.
      const [check] = this.#database.prepare('PRAGMA quick_check').all();
      if (check?.['quick_check'] !== 'ok') throw Object.assign(new Error(String(check?.['quick_check'])), { errcode: corrupt });
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  settledUntil(job: string): Date | undefined {
    const row = this.#database.prepare('SELECT moment FROM settled WHERE job = ?').get(job);
    return row && new Date(Number(row['moment']));
  }

  settle(job: string, moment: Date): void {
    this.#database
      .prepare('INSERT INTO settled (job, moment) VALUES (?, ?) ON CONFLICT (job) DO UPDATE SET moment = excluded.moment')
      .run(job, moment.getTime());
  }

  failures(job: string, due: Date): readonly Run[] {
    const rows = this.#database
      .prepare(`SELECT * FROM runs WHERE job = ? AND due = ? AND outcome IN ('failed', 'timed out') ORDER BY id DESC`)
      .all(job, due.getTime());
    return rows.map((row) => ({
      job,
      due,
      startedAt: new Date(Number(row['started'])),
      endedAt: new Date(Number(row['ended'])),
      outcome: row['outcome'] as Outcome,
      message: row['message'] as string | null,
    }));
  }

  record({ job, due, startedAt, endedAt, outcome, message }: Run): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#database
        .prepare('INSERT INTO runs (job, due, started, ended, outcome, message) VALUES (?, ?, ?, ?, ?, ?)')
        .run(job, due.getTime(), startedAt.getTime(), endedAt.getTime(), outcome, message);
      this.#database
        .prepare('DELETE FROM runs WHERE job = ? AND id <= (SELECT id FROM runs WHERE job = ? ORDER BY id DESC LIMIT 1 OFFSET ?)')
        .run(job, job, history);
      if (outcome === 'done') this.settle(job, due);
      this.#database.exec('COMMIT');
    } catch (error) {
      // Some failures, as that of a full disk, have ended it already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
