import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';
import { BerthError } from '../../../model/errors.ts';
import type { Seconds } from '../../../model/units.ts';
import type { Connection } from './connect.ts';
import { busyFailure, connectionFailure, refusal, timeoutFailure } from './failures.ts';

/** Time as it is handed in. */
export interface Clock {
  readonly now: () => Date;
  /** Resolves after so many milliseconds; rejects when the signal says so. */
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Aborts after so many milliseconds. */
  readonly deadline: (milliseconds: number) => AbortSignal;
}

interface Question {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** What is asked for, for messages: `list nodes`. */
  readonly deed: string;
  /** Ask again when the server is busy. Default: yes. */
  readonly patient?: boolean;
}

/** An answer of whatever status but 401, which ends everything. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where it was JSON, otherwise text. */
  readonly body: unknown;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** The API server at arm's length. All methods throw BerthErrors that name its address and hold nothing secret. */
export interface Client {
  readonly server: string;
  readonly clock: Clock;
  /** Any answer. @throws BerthError when there is none, or 401. */
  ask: (method: Method, path: string, question: Question) => Promise<Answer>;
  /** The body of an answer that is a success. @throws BerthError for any other. */
  expect: <T>(method: Method, path: string, question: Question) => Promise<T>;
  /** Lines of an answer as they come, until the server ends it. Ends without an error when the connection is cut. */
  lines: (path: string, question: Question, signal: AbortSignal) => AsyncIterable<string>;
}

/** How often a busy server is asked again, and how long at most one waits for it each time. */
const mostRetries = 4;
const longestWait = 60_000;

/** Milliseconds that a busy server asks to wait, in either of the two forms of the header. */
export function retryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

interface Options {
  readonly timeout: Seconds;
  readonly clock: Clock;
  /** Stops everything. */
  readonly signal?: AbortSignal;
}

const isAborted = (error: unknown): boolean => error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
const stopped = (): BerthError => new BerthError('interrupted', 'stopped', 'run the command again');

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
};

/** Where a path leads: the server of a kubeconfig may itself have one (a proxy such as Rancher's). */
function urlOf(server: string, path: string, query: Readonly<Record<string, string>> = {}): URL {
  const url = new URL(`${server.replace(/\/+$/, '')}${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

export function openClient(connection: Connection, { timeout, clock, signal: stop }: Options): Client {
  const { server, address } = connection;

  const send = async (method: Method, path: string, question: Question, signal: AbortSignal): Promise<IncomingMessage> => {
    const url = urlOf(address, path, question.query);
    const payload = question.body === undefined ? undefined : JSON.stringify(question.body);
    const options: RequestOptions = await connection.authorise();
    return new Promise((resolve, reject) => {
      const request: ClientRequest = (url.protocol === 'http:' ? httpRequest : httpsRequest)(
        url,
        {
          ...options,
          method,
          signal,
          headers: {
            ...options.headers,
            'Accept': 'application/json',
            'User-Agent': 'berth',
            ...(payload === undefined
              ? {}
              : { 'Content-Type': question.contentType ?? 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) }),
          },
        },
        resolve,
      );
      request.once('error', reject);
      request.end(payload);
    });
  };

  /** What a request ran into, as the operator must hear it. */
  const explain = (error: unknown, deed: string, limit: AbortSignal): unknown => {
    if (stop?.aborted) return stopped();
    if (limit.aborted && isAborted(error)) return timeoutFailure(deed, server, timeout);
    return connectionFailure(error, server) ?? error;
  };

  const once = async (method: Method, path: string, question: Question): Promise<Answer> => {
    const limit = clock.deadline(timeout * 1000);
    try {
      const response = await send(method, path, question, stop ? AbortSignal.any([limit, stop]) : limit);
      const body = parsed(await text(response));
      return { status: response.statusCode ?? 0, headers: response.headers, body };
    } catch (error) {
      throw explain(error, question.deed, limit);
    }
  };

  const ask = async (method: Method, path: string, question: Question): Promise<Answer> => {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await once(method, path, question);
      if (answer.status === 401) throw refusal(401, answer.body, question.deed, server);
      if ((answer.status !== 429 && answer.status !== 503) || question.patient === false) return answer;
      const wait = retryAfter(answer.headers['retry-after'], clock.now()) ?? 1000 * 2 ** attempt;
      if (wait > longestWait) throw busyFailure(question.deed, server, `it asks to wait ${Math.ceil(wait / 1000)} s`);
      if (attempt === mostRetries) throw busyFailure(question.deed, server, `it was asked ${mostRetries + 1} times`);
      await clock.sleep(wait, stop).catch((error: unknown) => {
        throw stop?.aborted ? stopped() : error;
      });
    }
  };

  return {
    server,
    clock,
    ask,
    expect: async <T>(method: Method, path: string, question: Question): Promise<T> => {
      const { status, body } = await ask(method, path, question);
      if (status < 200 || status > 299) throw refusal(status, body, question.deed, server);
      return body as T;
    },
    async *lines(path, question, signal) {
      const header = new AbortController();
      const limit = clock.deadline(timeout * 1000);
      const onLimit = (): void => header.abort(limit.reason);
      limit.addEventListener('abort', onLimit, { once: true });
      let response: IncomingMessage;
      try {
        response = await send('GET', path, question, AbortSignal.any([signal, header.signal, ...(stop ? [stop] : [])]));
      } catch (error) {
        throw signal.aborted ? stopped() : explain(error, question.deed, limit);
      } finally {
        limit.removeEventListener('abort', onLimit);
      }
      const { statusCode = 0 } = response;
      if (statusCode !== 200) throw new StreamRefused(statusCode, refusal(statusCode, parsed(await text(response)), question.deed, server));
      yield* wholeLines(response, () => signal.aborted || stop?.aborted === true);
    },
  };
}

/** A stream that did not begin, with the status that says why. */
export class StreamRefused extends Error {
  readonly status: number;
  readonly failure: BerthError;
  constructor(status: number, failure: BerthError) {
    super(failure.message);
    this.status = status;
    this.failure = failure;
  }
}

/** Lines that were sent to their end; half a line before a cut is none. */
async function* wholeLines(response: IncomingMessage, isStopped: () => boolean): AsyncIterable<string> {
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      yield* lines.filter((line) => line !== '');
    }
  } catch (error) {
    // A cut is what the caller expects of a stream, and goes on from.
    if (isStopped()) throw stopped();
    if (!(error instanceof Error) || !('code' in error)) throw error;
  }
}
