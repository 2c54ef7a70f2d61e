import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DrainOptions {
  /** How long nothing may have arrived before we believe that the proxy sends no more. */
  readonly quietMs: number;
  /** When to stop regardless. */
  readonly limitMs: number;
  readonly elapsed: () => number;
}

/** Who is being served right now, so that the process can leave without cutting anybody short. */
export class Traffic {
  #draining = false;
  #lastArrival = 0;
  readonly #requests = new Set<ServerResponse>();
  readonly #streams = new Set<() => void>();

  get draining(): boolean {
    return this.#draining;
  }

  /** Count a request until its answer has been sent, or its client has gone. */
  serve(response: ServerResponse, at: number): void {
    this.#lastArrival = at;
    this.#requests.add(response);
    response.once('close', () => this.#requests.delete(response));
  }

  /** A stream has no end of its own, so nobody waits for it: `leave` is called to end it politely. Returns how to forget it. */
  stream(leave: () => void, response?: ServerResponse): () => void {
    this.#streams.add(leave);
    if (response !== undefined) this.#requests.delete(response);
    return () => void this.#streams.delete(leave);
  }

  endStreams(): void {
    for (const leave of this.#streams) leave();
  }

  /**
   * Say goodbye while still serving. Every answer asks its client to close the connection, open streams are ended so that their clients
   * come back elsewhere, and the wait ends when nothing is in flight and nothing has arrived for a while, or when the limit is reached.
   */
  async drain({ quietMs, limitMs, elapsed }: DrainOptions): Promise<'idle' | 'limit'> {
    const begun = elapsed();
    this.#draining = true;
    for (const response of this.#requests) if (!response.headersSent) response.setHeader('Connection', 'close');
    this.endStreams();
    while (elapsed() - begun < limitMs) {
      const quietSince = Math.max(begun, this.#lastArrival);
      if (this.#requests.size === 0 && elapsed() - quietSince >= quietMs) return 'idle';
      await sleep(Math.min(50, quietMs));
    }
    return 'limit';
  }
}
