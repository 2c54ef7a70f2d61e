import { isOfBackup, sitePrefix, sourceInKey } from '../../model/backup/layout.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import { inOrder } from '../streams/in-order.ts';

const dayMs = 86_400_000;
/** Each is a question to a server that may be far away. */
const atOnce = 16;

/**
 * Locks anew what is kept: an old backup may be what the newest rests on. Each object has its turn whenever half of its time has passed, so that this may be
 * late by as much.
 *
 * @param isOwn - Whose backups, by the name of what was copied: others may see to theirs.
 * @param since - The turns until then were taken; without it all is locked anew.
 * @returns how many were; none where the store locks nothing.
 * @throws the first failure, once all others had their turn.
 */
export async function renewLocks(
  site: string,
  isOwn: (source: string) => boolean,
  store: Pick<Store, 'list' | 'locked'>,
  { since, now }: { readonly since: Date | undefined; readonly now: Date },
  signal: AbortSignal,
): Promise<number> {
  const { locked } = store;
  if (locked === undefined) return 0;
  const every = (locked.days * dayMs) / 2;
  const turns = (at: Date, modified: Date): number => Math.floor((at.getTime() - modified.getTime()) / every);
  const hasTurn = ({ modified }: ObjectInfo): boolean => since === undefined || turns(now, modified) > Math.max(0, turns(since, modified));
  const due = async function* (): AsyncGenerator<ObjectInfo> {
    for await (const info of store.list(sitePrefix(site), signal))
      if (isOfBackup(info.key) && isOwn(sourceInKey(info.key)) && hasTurn(info)) yield info;
  };
  // One that cannot be locked, for whatever reason, must not keep the others from it.
  const renew = async ({ key }: ObjectInfo): Promise<unknown> =>
    locked.renew(key, signal).then(
      () => undefined,
      (error: unknown) => error,
    );
  let renewed = 0;
  const failures: unknown[] = [];
  for await (const failure of inOrder(due(), atOnce, renew)) {
    signal.throwIfAborted();
    if (failure === undefined) renewed += 1;
    else failures.push(failure);
  }
  if (failures.length > 0) throw failures[0];
  return renewed;
}
