import { createHash } from 'node:crypto';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Clock } from '../../ports/clock.ts';
import { collect } from '../../streams/blocks.ts';
import { bodyOf, exchange } from './exchange.ts';
import { doubtsCredentials, explain, mayPass, readRefusal, RefusedError } from './failures.ts';
import { encode, formatQuery, signHeaders, type Credentials } from './sign.ts';

export interface S3Options {
  /** `https://s3.example.com`; a path in it is kept. */
  readonly endpoint: URL;
  readonly bucket: string;
  readonly region: string;
  /** The bucket as part of the path, which every server but AWS understands at once, or of the host name. */
  readonly pathStyle: boolean;
  /** Asked again, once, when the store refuses what it was given: keys are rotated while Berth runs. */
  readonly credentials: () => Promise<Credentials>;
  /** PEM of the authority that signed the certificate of the store, where the system does not know it. */
  readonly ca?: string;
  readonly clock: Clock;
  /** From 0 to 1, for the spread of retries. */
  readonly random: () => number;
  /** A connection on which nothing moves for so long is given up. */
  readonly idleMs: number;
  /** How long one request is tried again. */
  readonly patienceMs: number;
}

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly chunks?: readonly Uint8Array[];
  /** SHA-256 of all chunks. Worked out where it is not given. */
  readonly sha256?: string;
  /** Statuses that are an answer and no failure, beside 2xx. */
  readonly accept?: readonly number[];
  /** Completes "cannot …". */
  readonly deed: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The first try counts. After more than one, an earlier try may have been done without our hearing of it. */
  readonly tries: number;
}

const firstPauseMs = 200;
const longestPauseMs = 10_000;
/** A list of 1,000 keys is about 400 kB. */
const longestAnswer = 16 * 2 ** 20;
const hashOfNothing = createHash('sha256').digest('hex');

/** Signed requests to one bucket, tried again while that may help. */
export class S3Client {
  readonly #options: S3Options;
  readonly #agent: http.Agent;
  #credentials: Promise<Credentials> | undefined;
  constructor(options: S3Options) {
    this.#options = options;
    const keep = { keepAlive: true, maxSockets: 16 };
    this.#agent =
      options.endpoint.protocol === 'https:' ? new https.Agent({ ...keep, ...(options.ca && { ca: options.ca }) }) : new http.Agent(keep);
  }

  /** An answer whose body is small. */
  async call(request: Request, signal: AbortSignal): Promise<Answer> {
    return this.#persist(request, signal, async (tries) => {
      const answer = await this.#send(request, signal);
      const body = Buffer.from(await collect(bodyOf(answer, this.#options.idleMs), longestAnswer)).toString('utf8');
      const status = answer.statusCode ?? 0;
      // S3 may begin to answer 200 before it knows that it fails.
      const failed =
        (status < 200 || status > 299 || /^\s*(?:<\?xml[^>]*>)?\s*<Error[\s>]/.test(body)) && !(request.accept ?? []).includes(status);
      if (failed) throw new RefusedError(readRefusal(status, body, answer.headers['retry-after']));
      return { status, headers: answer.headers, body, tries };
    });
  }

  /** An answer whose body is for the caller to read, with {@link bodyOf}. Its breaking off is the caller's to mend. */
  async open(request: Request, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#persist(request, signal, async () => {
      const answer = await this.#send(request, signal);
      const status = answer.statusCode ?? 0;
      if ((status >= 200 && status <= 299) || (request.accept ?? []).includes(status)) return answer;
      const body = Buffer.from(await collect(bodyOf(answer, this.#options.idleMs), longestAnswer)).toString('utf8');
      throw new RefusedError(readRefusal(status, body, answer.headers['retry-after']));
    });
  }

  /** Names an object of this bucket to the server, which is to copy it. */
  copySource(key: string, versionId: string): string {
    return `/${encode(this.#options.bucket)}/${key.split('/').map(encode).join('/')}?versionId=${encode(versionId)}`;
  }

  get idleMs(): number {
    return this.#options.idleMs;
  }

  /** Pause before the next try: random within bounds that double, so that many clients do not come back at the same moment. */
  async pause(tries: number, error: unknown, signal: AbortSignal): Promise<void> {
    const asked = error instanceof RefusedError ? (error.refusal.retryAfter ?? 0) * 1000 : 0;
    const bound = Math.min(longestPauseMs, firstPauseMs * 2 ** tries);
    await this.#options.clock.sleep(Math.max(bound * this.#options.random(), Math.min(asked, longestPauseMs)), signal);
    signal.throwIfAborted();
  }

  async #persist<T>({ deed }: Request, signal: AbortSignal, run: (tries: number) => Promise<T>): Promise<T> {
    const { clock, patienceMs } = this.#options;
    const until = clock.elapsed() + patienceMs;
    let renewed = false;
    for (let tries = 1; ; tries += 1) {
      try {
        signal.throwIfAborted();
        return await run(tries);
      } catch (error) {
        signal.throwIfAborted();
        if (doubtsCredentials(error) && !renewed) {
          renewed = true;
          this.#credentials = undefined;
          continue;
        }
        if (!mayPass(error) || clock.elapsed() >= until) throw explain(error, deed);
        await this.pause(tries, error, signal);
      }
    }
  }

  async #send(request: Request, signal: AbortSignal): Promise<IncomingMessage> {
    const { clock, region, idleMs } = this.#options;
    const { origin, host, path } = this.#place(request.key);
    const query = request.query ?? {};
    const chunks = request.chunks ?? [];
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const unsigned = {
      method: request.method,
      path,
      query,
      headers: { host, ...request.headers, ...(request.method.startsWith('P') && { 'content-length': String(length) }) },
      bodyHash: request.sha256 ?? (length === 0 ? hashOfNothing : hashOfAll(chunks)),
    };
    const headers = signHeaders(unsigned, await (this.#credentials ??= this.#options.credentials()), region, clock.now());
    const search = formatQuery(query);
    return exchange({
      origin,
      path: `${path}${search && `?${search}`}`,
      method: request.method,
      headers,
      chunks,
      idleMs,
      agent: this.#agent,
      signal,
    });
  }

  #place(key: string): { readonly origin: string; readonly host: string; readonly path: string } {
    const { endpoint, bucket, pathStyle } = this.#options;
    const host = pathStyle ? endpoint.host : `${bucket}.${endpoint.host}`;
    const base = endpoint.pathname.replace(/\/$/, '');
    const encodedKey = key.split('/').map(encode).join('/');
    return { origin: `${endpoint.protocol}//${host}`, host, path: `${base}${pathStyle ? `/${encode(bucket)}` : ''}/${encodedKey}` };
  }
}

function hashOfAll(chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
