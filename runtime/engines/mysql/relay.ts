import { createReadStream } from 'node:fs';
import { chmod, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RestoreTarget } from '../../ports/scratch-engine.ts';
import { unreachable } from '../scratch-place.ts';
import { magic } from './binlog-events.ts';
import type { GtidSet } from './gtids.ts';
import { SliceReader, type Transaction } from './slice-reader.ts';

/** Where the log is left for a target. */
export interface LogEnd {
  /** So many of the slices are read, and the last of them up to a transaction, or to its end. */
  readonly slices: number;
  readonly lastBytes: number | undefined;
  /** What the server has then. */
  readonly goal: GtidSet;
  readonly transactions: number;
}

/** Whether a transaction is the first that does not belong to what is asked for. */
function firstBeyond(target: RestoreTarget, position: GtidSet | undefined): (transaction: Transaction) => boolean {
  let isNext = false;
  switch (target.kind) {
    case 'latest':
      return () => false;
    case 'time':
      return ({ at }) => at > target.at.getTime();
    case 'position':
      return ({ gtid }) => position?.has(gtid) === false;
    case 'transaction':
      return ({ gtid }) => {
        if (isNext) return true;
        if (gtid.toLowerCase() !== target.id.toLowerCase()) return false;
        isNext = target.inclusive;
        return !target.inclusive;
      };
  }
}

/**
 * Reads the log up to the first transaction beyond the target. In the order of the log, and no further: a time is that of the last
 * commit before the first one that is later.
 *
 * @param held - What the full backup has.
 */
export async function findEnd(
  paths: readonly string[],
  held: GtidSet,
  parse: (text: string) => GtidSet,
  target: RestoreTarget,
): Promise<LogEnd> {
  const position = target.kind === 'position' ? parse(target.position) : undefined;
  const isBeyond = firstBeyond(target, position);
  const all = held.copy();
  const goal = held.copy();
  let transactions = 0;
  let isThere = target.kind !== 'transaction';
  for (const [index, path] of paths.entries()) {
    let end: number | undefined;
    const found = (transaction: Transaction): void => {
      if (end !== undefined) return;
      if (target.kind === 'transaction' && transaction.gtid.toLowerCase() === target.id.toLowerCase()) isThere = true;
      if (isBeyond(transaction)) {
        end = transaction.start;
        return;
      }
      goal.add(transaction.gtid);
      transactions += 1;
    };
    await readSlice(path, all, parse, found);
    if (end === undefined) continue;
    if (!isThere) break;
    checkPosition(target, position, goal);
    return { slices: index + 1, lastBytes: end, goal, transactions };
  }
  if (!isThere) throw unreachable(target, 'it is not in what was backed up');
  checkPosition(target, position, goal);
  return { slices: paths.length, lastBytes: undefined, goal, transactions };
}

function checkPosition(target: RestoreTarget, position: GtidSet | undefined, goal: GtidSet): void {
  if (position !== undefined && !(goal.covers(position) && position.covers(goal)))
    throw unreachable(target, `the log never stood there: it goes to ${goal.toString()}`);
}

/** Through one slice. @throws NotContinuous, BrokenLog */
export async function readSlice(
  path: string,
  gtids: GtidSet,
  parse: (text: string) => GtidSet,
  found: (transaction: Transaction) => void,
): Promise<void> {
  const reader = new SliceReader(gtids, parse, magic.length, found);
  for await (const chunk of createReadStream(path, { start: magic.length }) as AsyncIterable<Uint8Array>) reader.push(chunk);
  reader.end();
}

const relayName = (index: number): string => `relay.${String(index + 1).padStart(6, '0')}`;

/** Puts the slices where a replica would have written what it received. */
export async function placeRelayLogs(paths: readonly string[], { slices, lastBytes }: LogEnd, data: string): Promise<void> {
  const used = paths.slice(0, slices);
  for (const [index, path] of used.entries()) {
    if (index === slices - 1 && lastBytes !== undefined) await truncate(path, lastBytes);
    await chmod(path, 0o640);
    await rename(path, join(data, relayName(index)));
  }
  await writeFile(join(data, 'relay.index'), used.map((_, index) => `./${relayName(index)}\n`).join(''), { mode: 0o640 });
}
