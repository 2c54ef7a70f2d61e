/** From one who has things at times of his own to one who asks for them. Nothing is held but what nobody has taken yet. */
export class Handover<T> implements AsyncIterable<T> {
  #given: { readonly item: T; readonly taken: () => void } | undefined;
  #ended = false;
  #stopped: Error | undefined;
  #wake: () => void = () => undefined;

  /** Resolves once it was taken. One at a time. @throws when nobody takes any more. */
  async give(item: T): Promise<void> {
    if (this.#stopped !== undefined) throw this.#stopped;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#given = { item, taken: resolve };
    this.#wake();
    await promise;
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Nothing comes any more. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Nobody takes any more: whoever waits hears of it. */
  stop(reason: Error): void {
    this.#stopped = reason;
    this.#given?.taken();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const given = this.#given;
      if (given !== undefined) {
        this.#given = undefined;
        given.taken();
        yield given.item;
      } else if (this.#stopped !== undefined) throw this.#stopped;
      else if (this.#ended) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }
}
