import { dataPrefix, keysPrefix, manifestPrefix, type Place } from '../../model/backup/layout.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import { inOrder } from '../streams/in-order.ts';

const dayMs = 86_400_000;
/** Each is a question to a server that may be far away. */
const atOnce = 16;

/**
 * Locks anew what is kept: an old backup may be what the newest rests on. Each object has its turn whenever half of its time has passed, so that this may be
 * late by as much.
 *
 * @param since - The turns until then were taken.
 * @returns how many were; none where the store locks nothing.
 */
export async function renewLocks(
  place: Place,
  store: Pick<Store, 'list' | 'locked'>,
  { since, now }: { readonly since: Date; readonly now: Date },
  signal: AbortSignal,
): Promise<number> {
  const { locked } = store;
  if (locked === undefined) return 0;
  const every = (locked.days * dayMs) / 2;
  const turns = (at: Date, modified: Date): number => Math.floor((at.getTime() - modified.getTime()) / every);
  const hasTurn = ({ modified }: ObjectInfo): boolean => turns(now, modified) > Math.max(0, turns(since, modified));
  const due = async function* (): AsyncGenerator<ObjectInfo> {
    for (const prefix of [manifestPrefix(place), dataPrefix(place), keysPrefix(place)])
      for await (const info of store.list(prefix, signal)) if (hasTurn(info)) yield info;
  };
  let renewed = 0;
  for await (const _ of inOrder(due(), atOnce, ({ key }) => locked.renew(key, signal))) renewed += 1;
  return renewed;
}
