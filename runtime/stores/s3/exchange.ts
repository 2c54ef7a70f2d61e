import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';

/** One request as it goes over the wire. */
export interface Exchange {
  readonly origin: string;
  /** As it was signed. A URL would take `.` and `..` for folders, and in a bucket they are names. */
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: readonly Uint8Array[];
  /** Gives up when nothing has moved for so long. */
  readonly idleMs: number;
  readonly agent: http.Agent;
  readonly signal: AbortSignal;
}

/** Resolves with the head of the answer; its body is still to be read. Does not try again. */
export function exchange({ origin, path, method, headers, chunks, idleMs, agent, signal }: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = origin.startsWith('https:') ? https : http;
    const sent = request(origin, { path, method, headers, agent, signal });
    sent.setTimeout(idleMs, () => sent.destroy(new Error(`nothing moved for ${idleMs / 1000} s`)));
    sent.on('error', reject);
    sent.on('response', (answer) => {
      // From here on the reader may be slow for good reasons; it watches the time itself, and hears of any error.
      sent.setTimeout(0);
      sent.off('error', reject).on('error', () => undefined);
      resolve(answer);
    });
    // A server may answer and hang up before it has all; the answer says more than the broken pipe.
    for (const chunk of chunks) sent.write(chunk);
    sent.end();
  });
}

/** The body of an answer, given up when the server sends nothing for too long while somebody waits for it. */
export async function* bodyOf(answer: IncomingMessage, idleMs: number): AsyncGenerator<Uint8Array> {
  const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const timer = setTimeout(() => answer.destroy(new Error(`nothing came for ${idleMs / 1000} s`)), idleMs);
      const { done, value } = await chunks.next().finally(() => clearTimeout(timer));
      if (done === true) break;
      yield value;
    }
    if (!answer.complete) throw new Error('the answer broke off');
  } finally {
    answer.destroy();
  }
}
