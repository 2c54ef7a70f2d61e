/**
 * The same, each got ready while the one before is in use: whoever reads and whoever works on what was read do not wait for each other in turn.
 * Holds one that nobody has asked for yet. When the consumer stops early, the source is closed once it has come to its next.
 */
export async function* ahead<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const ask = (): Promise<IteratorResult<T>> => {
    const next = iterator.next();
    next.catch(() => undefined); // heard when its turn comes; until then it must not count as unhandled
    return next;
  };
  try {
    for (let next = ask(); ;) {
      const { done, value } = await next;
      if (done === true) return;
      next = ask();
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}
