/**
 * Applies `work` to what `source` gives, up to `width` at a time, and yields the results in the order of the source.
 * Holds at most `width` results; asks the source for more only when there is room. When anything fails or the consumer
 * stops early, the source is closed, and what is still at work comes to its end unheard before this does.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  const start = (item: T): void => {
    const result = work(item);
    result.catch(() => undefined); // heard below, when its turn comes; until then it must not count as unhandled
    running.push(result);
  };
  try {
    for await (const item of source) {
      start(item);
      if (running.length >= width) yield await (running.shift() as Promise<R>);
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    await Promise.allSettled(running);
  }
}
