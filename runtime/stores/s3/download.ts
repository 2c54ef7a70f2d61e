import type { IncomingMessage } from 'node:http';
import type { ByteRange } from '../../ports/store.ts';
import { bodyOf } from './exchange.ts';
import type { S3Client } from './client.ts';
import { explain, misbehaves } from './failures.ts';

/** Connections that may break off one after the other without a single byte in between. */
const mostBreaks = 5;

/**
 * The bytes of an object, over as many connections as it takes: one that breaks off is taken up where it ended.
 * `undefined` for an object that is not there.
 */
export async function download(
  client: S3Client,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<AsyncGenerator<Uint8Array> | undefined> {
  const from = range?.from ?? 0;
  if (range !== undefined && range.to <= from) return nothing();
  const first = await request(client, key, from, range?.to, { accept: [404, 416] }, signal);
  if (first.statusCode === 404) {
    first.resume();
    return undefined;
  }
  return follow(client, key, first, { from, ...(range && { to: range.to }) }, signal);
}

/** The rest of an object whose first answer is here already: one state of it alone, by its etag. */
export async function* follow(
  client: S3Client,
  key: string,
  first: IncomingMessage,
  { from, to }: { readonly from: number; readonly to?: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const resumed = { accept: [416], ...(first.headers.etag !== undefined && { tag: first.headers.etag }) };
  let at = from;
  let breaks = 0;
  for (let answer = first; ; answer = await request(client, key, at, to, resumed, signal)) {
    if (answer.statusCode === 416) return void answer.resume(); // nothing is left beyond this byte
    if (at > 0 && answer.statusCode !== 206) throw misbehaves(`asked for ${key} from byte ${at} on, it begins at the first`);
    try {
      for await (const chunk of bodyOf(answer, client.idleMs)) {
        at += chunk.length;
        breaks = 0;
        yield chunk;
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      breaks += 1;
      if (breaks > mostBreaks) throw explain(error, `read ${key}`);
      await client.pause(breaks, error, signal);
    }
  }
}

const request = (
  client: S3Client,
  key: string,
  from: number,
  to: number | undefined,
  { accept, tag }: { readonly accept: readonly number[]; readonly tag?: string },
  signal: AbortSignal,
): Promise<IncomingMessage> =>
  client.open(
    {
      method: 'GET',
      key,
      headers: {
        ...(from > 0 || to !== undefined ? { range: `bytes=${from}-${to === undefined ? '' : to - 1}` } : {}),
        ...(tag === undefined ? {} : { 'if-match': tag }),
      },
      accept,
      deed: `read ${key}`,
    },
    signal,
  );

async function* nothing(): AsyncGenerator<Uint8Array> {
  // No bytes.
}
