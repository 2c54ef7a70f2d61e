import { accessSync, closeSync, constants, fsyncSync, openSync, statSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { notKnown } from '../../model/host-state.ts';
import type { DiskState, Seen, SyncLatency } from '../../model/host-state.ts';
import { mib } from '../../model/units.ts';
import { fileFailure } from './view.ts';

export function readDisk(folder: string): Seen<DiskState> {
  try {
    const { blocks, bavail, bsize, files, ffree } = statfsSync(folder);
    return {
      folder,
      size: mib(Math.floor((blocks * bsize) / 2 ** 20)),
      free: mib(Math.floor((bavail * bsize) / 2 ** 20)),
      inodes: files,
      freeInodes: ffree,
    };
  } catch (error) {
    return notKnown(fileFailure(folder, error));
  }
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first of `folders` that may be written to and lies on the same file system as `root`. */
function beside(root: string, folders: readonly string[]): string | undefined {
  const { dev } = statSync(root);
  return [root, ...folders].find((folder) => statSync(folder).dev === dev && mayWrite(folder));
}

const writes = 200;
/** No more than this, however slow the disk is. */
const longest = 3000;

/** Milliseconds of each write of one block with its fsync, as a write-ahead log does it. */
function timeWrites(file: string, clock: () => number): readonly number[] {
  const block = Buffer.alloc(4096, 'berth');
  const handle = openSync(file, 'wx', 0o600);
  try {
    const times: number[] = [];
    const started = clock();
    while (times.length < writes && clock() - started < longest) {
      const before = clock();
      writeSync(handle, block);
      fsyncSync(handle);
      times.push(clock() - before);
    }
    return times;
  } finally {
    closeSync(handle);
    unlinkSync(file);
  }
}

/** The smallest value that `share` of all do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/**
 * How fast the disk under Docker's folder makes writes last. Measured in that folder, or in one of `folders` on the same file system; the file is gone afterwards.
 * `clock` counts milliseconds.
 */
export function measureSync(root: string, folders: readonly string[], id: string, clock: () => number): Seen<SyncLatency> {
  let folder: string | undefined;
  try {
    folder = beside(root, folders);
  } catch (error) {
    return notKnown(fileFailure(root, error));
  }
  if (folder === undefined) return notKnown(`you may not write to ${root}, and the site lies on another file system`);
  try {
    const times = timeWrites(join(folder, `.berth-fsync-${id}`), clock);
    return { folder, writes: times.length, median: percentile(times, 0.5), p99: percentile(times, 0.99) };
  } catch (error) {
    return notKnown(`cannot write to ${folder}: ${(error as Error).message}`);
  }
}
