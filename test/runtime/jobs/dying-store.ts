import type { Store } from '../../../runtime/ports/store.ts';

export class Killed extends Error {}

/**
 * A store whose user is killed at its n-th dealing with it: before the store does it, or after, when its answer is not heard any more.
 * Whoever is killed does nothing more.
 */
export function dyingStore(store: Store, at: number, when: 'before' | 'after'): Store & { readonly dealings: () => number } {
  let dealings = 0;
  const deal = async <T>(run: () => Promise<T>): Promise<T> => {
    dealings += 1;
    if (dealings > at || (dealings === at && when === 'before')) throw new Killed();
    const result = await run();
    if (dealings >= at) throw new Killed();
    return result;
  };
  const give = async function* <T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = source[Symbol.asyncIterator]();
    for (let next = await deal(() => iterator.next()); next.done !== true; next = await deal(() => iterator.next())) yield next.value;
  };
  return {
    name: store.name,
    put: (...args) => deal(() => store.put(...args)),
    create: (...args) => deal(() => store.create(...args)),
    upload: (key, parts, signal) => deal(() => store.upload(key, give(parts), signal)),
    read: (...args) => give(store.read(...args)),
    size: (...args) => deal(() => store.size(...args)),
    list: (...args) => give(store.list(...args)),
    delete: (...args) => deal(() => store.delete(...args)),
    clean: (...args) => deal(() => store.clean(...args)),
    room: store.room,
    exclusive: store.exclusive,
    dealings: () => dealings,
  };
}
