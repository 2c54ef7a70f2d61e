import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, remoteOf, sendJson, sendText, type Handler } from './http.ts';

/** Addresses that show what lies between the client and here: which headers a proxy adds, how long it waits, how much it lets pass. */

const SLOWEST_MS = 30_000;
const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

export const echo: Handler = (exchange) => {
  const { request } = exchange;
  const headers = Object.entries(request.headers).map(([name, value]) => [name, secretHeaders.has(name) ? '[redacted]' : value]);
  sendJson(exchange, 200, {
    method: request.method,
    url: request.url,
    httpVersion: request.httpVersion,
    remoteAddress: remoteOf(request),
    headers: Object.fromEntries(headers),
  });
};

export const slow: Handler = async (exchange) => {
  const given = exchange.query.get('ms') ?? '1000';
  const milliseconds = /^\d{1,5}$/.test(given) ? Number(given) : Number.NaN;
  if (!(milliseconds <= SLOWEST_MS)) throw new Refused(400, `ms must be a whole number from 0 to ${SLOWEST_MS}.`);
  const gone = new AbortController();
  exchange.response.once('close', () => gone.abort());
  await sleep(milliseconds, undefined, { signal: gone.signal });
  sendText(exchange, 200, `answered after ${milliseconds} ms`);
};

/** Any length passes in constant memory. */
export const upload: Handler = async (exchange) => {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of exchange.request as AsyncIterable<Buffer>) {
    length += chunk.length;
    hash.update(chunk);
  }
  sendJson(exchange, 200, { length, sha256: hash.digest('hex') });
};
