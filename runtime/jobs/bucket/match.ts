/** The order of S3: by the bytes of a key in UTF-8. */
export const compareKeys = (a: string, b: string): number => (a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** Two lists in the order of their keys, side by side: each pair has one of them, or both of one key. Holds one of each. */
export async function* matched<A extends { readonly key: string }, B extends { readonly key: string }>(
  left: AsyncIterable<A>,
  right: AsyncIterable<B>,
): AsyncGenerator<readonly [A | undefined, B | undefined]> {
  const [a, b] = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()];
  try {
    let [one, other] = [await next(a), await next(b)];
    while (one !== undefined || other !== undefined) {
      const order = one === undefined ? 1 : other === undefined ? -1 : compareKeys(one.key, other.key);
      yield [order <= 0 ? one : undefined, order >= 0 ? other : undefined];
      if (order <= 0) one = await next(a);
      if (order >= 0) other = await next(b);
    }
  } finally {
    await Promise.allSettled([a.return?.(), b.return?.()]);
  }
}

const next = async <T>(iterator: AsyncIterator<T>): Promise<T | undefined> => {
  const { done, value } = await iterator.next();
  return done === true ? undefined : value;
};
