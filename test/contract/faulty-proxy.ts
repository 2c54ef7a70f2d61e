import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes wrong with one request between a client and a store. */
export type Fault =
  /** Answers itself; the store hears nothing. */
  | { readonly answer: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The store does it, and its answer is lost. */
  | { readonly lose: 'answer' }
  /** The store does it, and something else is answered. */
  | { readonly replace: number; readonly body: string }
  /** Only so many bytes of the answer come through before the connection breaks. */
  | { readonly cutAnswerAt: number }
  /** As before, but the connection ends as if that were all. */
  | { readonly endAnswerAt: number }
  | { readonly cutRequestAt: number }
  /** One bit of that byte is turned over on its way. */
  | { readonly flipRequestAt: number }
  | { readonly flipAnswerAt: number }
  /** The connection stands still. */
  | { readonly hang: true }
  | { readonly delayMs: number }
  /** The same question is answered as it was the first time. */
  | { readonly stale: true };

export interface Seen {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  /** Counts from 1. */
  readonly turn: number;
}

interface Proxy extends AsyncDisposable {
  readonly endpoint: URL;
  readonly seen: readonly Seen[];
  /** Asked for every request; nothing goes wrong where it answers `undefined`. */
  fault: (request: Seen) => Fault | undefined;
}

/**
 * A network between a client and a store at `target` that does what it is told.
 *
 * @param address - Where it is reached, of this machine.
 */
export async function faultyProxy(target: URL, address = '127.0.0.1'): Promise<Proxy> {
  const seen: Seen[] = [];
  const proxy = { fault: (() => undefined) as Proxy['fault'] };
  const agent = new http.Agent({ keepAlive: false });
  const firstAnswers = new Map<string, Buffer>();
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', target);
    const entry = {
      method: request.method ?? '',
      key: url.pathname.split('/').slice(2).join('/'),
      query: url.searchParams,
      turn: seen.length + 1,
    };
    seen.push(entry);
    void pass(request, response, { target, agent, firstAnswers }, proxy.fault(entry)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return Object.assign(proxy, {
    endpoint: new URL(`http://${address}:${(server.address() as AddressInfo).port}`),
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

interface Beyond {
  readonly target: URL;
  readonly agent: http.Agent;
  readonly firstAnswers: Map<string, Buffer>;
}

async function pass(request: IncomingMessage, response: ServerResponse, beyond: Beyond, fault: Fault | undefined): Promise<void> {
  const { target, agent, firstAnswers } = beyond;
  if (fault !== undefined && 'hang' in fault) return;
  if (fault !== undefined && 'delayMs' in fault) await sleep(fault.delayMs);
  if (fault !== undefined && 'cutRequestAt' in fault) return cutRequest(request, fault.cutRequestAt);
  const body = await bytesOf(request);
  if (fault !== undefined && 'answer' in fault) return void response.writeHead(fault.answer, fault.headers).end(fault.body ?? '');
  if (fault !== undefined && 'flipRequestAt' in fault) flip(body, fault.flipRequestAt);
  const answer = await forward(request, body, target, agent);
  const question = `${request.method} ${request.url}`;
  const fresh = await bytesOf(answer);
  if (!firstAnswers.has(question)) firstAnswers.set(question, Buffer.from(fresh));
  const content = (fault !== undefined && 'stale' in fault && firstAnswers.get(question)) || fresh;
  if (fault !== undefined && 'lose' in fault) return void response.destroy();
  if (fault !== undefined && 'replace' in fault) return void response.writeHead(fault.replace).end(fault.body);
  if (fault !== undefined && 'flipAnswerAt' in fault) flip(content, fault.flipAnswerAt);
  const headers = Object.fromEntries(
    Object.entries(answer.headers).filter(
      ([name]) => !['transfer-encoding', 'connection', 'keep-alive', ...(content === fresh ? [] : ['content-length'])].includes(name),
    ),
  );
  const cut = fault !== undefined && ('cutAnswerAt' in fault ? fault.cutAnswerAt : 'endAnswerAt' in fault ? fault.endAnswerAt : undefined);
  if (typeof cut !== 'number') return void response.writeHead(answer.statusCode ?? 500, headers).end(content);
  if (fault !== undefined && 'endAnswerAt' in fault) delete headers['content-length'];
  response.writeHead(answer.statusCode ?? 500, headers);
  await new Promise((resolve) => response.write(content.subarray(0, cut), resolve));
  if (fault !== undefined && 'endAnswerAt' in fault) response.end();
  else response.destroy();
}

/** Takes so many bytes and hangs up. */
async function cutRequest(request: IncomingMessage, length: number): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes >= length) break;
  }
  request.socket.destroy();
}

const flip = (bytes: Buffer, at: number): void => {
  if (bytes.length > 0) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ 1;
};

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const forward = (request: IncomingMessage, body: Buffer, target: URL, agent: http.Agent): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const options = {
      host: target.hostname,
      port: target.port,
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      agent,
    };
    http.request(options, resolve).on('error', reject).end(body);
  });
