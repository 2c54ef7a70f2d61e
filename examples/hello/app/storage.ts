import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { Client, type BucketItem } from 'minio';
import type { Config } from './config.ts';
import { NOTE_LIMIT_BYTES, NOTE_PREFIX, timeOfKey, type Note } from './note.ts';
import { reasonOf } from './reason.ts';
import { Unavailable, type Storage } from './services.ts';

const REQUEST_LIMIT_MS = 3000;

/** Needs no connection to start with: every call is a request of its own, on kept-alive connections. The bucket is made by the site, not here. */
export function openStorage({ endpoint, region, accessKey, secretKey, bucket }: Config['s3']): Storage {
  const protocol = endpoint.protocol === 'https:' ? https : http;
  const agent = new protocol.Agent({ keepAlive: true, maxSockets: 16 });
  const client = new Client({
    endPoint: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: Number(endpoint.port) || (protocol === https ? 443 : 80),
    useSSL: protocol === https,
    region,
    accessKey,
    secretKey,
    transportAgent: agent,
    retryOptions: { disableRetry: true },
    // The client knows no timeout, so its requests get one here; it covers the body of the answer too.
    transport: { request: limited(protocol.request) },
  });

  const run = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof Unavailable ? error : new Unavailable('storage', reasonOf(error), { cause: error });
    }
  };

  const newestKeys = async (most: number): Promise<string[]> => {
    const keys: string[] = [];
    for await (const item of client.listObjectsV2(bucket, NOTE_PREFIX, true) as AsyncIterable<BucketItem>) {
      const ours = item.name !== undefined && timeOfKey(item.name) !== undefined && item.size <= NOTE_LIMIT_BYTES;
      if (ours) keys.push(item.name);
      if (keys.length >= most) break;
    }
    return keys;
  };
  const read = async (key: string): Promise<Note | undefined> => {
    const createdAt = timeOfKey(key);
    if (createdAt === undefined) return undefined;
    try {
      return { key, createdAt, text: await text(await client.getObject(bucket, key)) };
    } catch (error) {
      if (reasonOf(error) === 'NoSuchKey') return undefined; // removed since it was listed
      throw error;
    }
  };

  return {
    ping: () =>
      run(async () => {
        if (!(await client.bucketExists(bucket))) throw new Unavailable('storage', 'NoSuchBucket');
      }),
    put: (note) =>
      run(
        async () => void (await client.putObject(bucket, note.key, note.text, undefined, { 'Content-Type': 'text/plain; charset=utf-8' })),
      ),
    latest: (most) => run(async () => (await Promise.all((await newestKeys(most)).map(read))).filter((note) => note !== undefined)),
    remove: (note) => run(() => client.removeObject(bucket, note.key)),
    async close() {
      agent.destroy();
    },
  };
}

function limited(request: typeof http.request): typeof http.request {
  const send = (options: http.RequestOptions, answered?: (answer: http.IncomingMessage) => void): http.ClientRequest =>
    request({ ...options, signal: AbortSignal.timeout(REQUEST_LIMIT_MS) }, answered);
  return send as typeof http.request; // the client calls it in this one form
}
