import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Held, Lease, Leases } from '../ports/lease.ts';
import { formatLease, parseLease, type LeaseRecord } from './lease-record.ts';
import { lostTo } from './lost.ts';

/** https://sqlite.org/rescode.html */
const busy = 5;

/**
 * A lease for runtimes of one host: a lock of the kernel on a file (fcntl, by way of SQLite, since Node has no call for it), which ends
 * with its process. The epoch stands in a file beside it.
 */
export function fileLeases(folder: string, holder: string): Leases {
  return {
    async acquire(name, signal) {
      signal.throwIfAborted();
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const lock = lockFile(join(folder, `${name}.lock`));
      if (lock === undefined) return heldBy(folder, name);
      try {
        return holdFile(folder, name, holder, lock);
      } catch (error) {
        lock.close();
        throw error;
      }
    },
  };
}

const recordFile = (folder: string, name: string): string => join(folder, `${name}.epoch`);

const heldBy = (folder: string, name: string): Held => ({ heldBy: readRecord(recordFile(folder, name))?.holder ?? 'another runtime' });

function lockFile(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 100 });
  try {
    // Nothing is ever written, so no journal need come and go beside the file.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === busy) return undefined;
    throw error;
  }
}

function holdFile(folder: string, name: string, holder: string, lock: DatabaseSync): Lease {
  const path = recordFile(folder, name);
  const lockPath = join(folder, `${name}.lock`);
  const { ino } = statSync(lockPath);
  const epoch = (readRecord(path)?.epoch ?? 0) + 1;
  writeRecord(path, { format: 'berth-lease', version: 1, holder, epoch, beat: 0, state: 'held' });
  const lost = new AbortController();
  return {
    epoch,
    lost: lost.signal,
    async confirm(signal) {
      signal.throwIfAborted();
      // A lock lives with its file: one that was deleted or replaced protects nothing.
      const same = statSync(lockPath, { throwIfNoEntry: false })?.ino === ino;
      const record = readRecord(path);
      if (!same || record?.epoch !== epoch) lost.abort(lostTo(name, record?.holder ?? 'its files are gone'));
      lost.signal.throwIfAborted();
    },
    async release() {
      if (lock.isOpen) lock.close();
      lost.abort(lostTo(name, 'this one gave it back'));
    },
  };
}

function readRecord(path: string): LeaseRecord | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const record = parseLease(readFileSync(path));
  if (record === undefined) throw new Error(`${path} is damaged; delete it when no runtime runs`);
  return record;
}

function writeRecord(path: string, record: LeaseRecord): void {
  const beside = `${path}.new`;
  const handle = openSync(beside, 'w', 0o600);
  try {
    writeFileSync(handle, formatLease(record));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(beside, path);
}
