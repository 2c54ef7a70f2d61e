import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { layout } from './layout.ts';
import type { Log } from './log.ts';
import { Unavailable } from './services.ts';
import type { Traffic } from './traffic.ts';

/** One request and how to answer it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly requestId: string;
}
export type Handler = (exchange: Exchange) => Promise<void> | void;
/** Path → method → handler. HEAD is answered by GET's handler, without the body. */
export type Routes = Readonly<Record<string, Readonly<Record<string, Handler>>>>;

/** Something the client can put right. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ServerOptions {
  readonly routes: Routes;
  /** Asked all day by probes: neither logged, nor a sign that anybody still needs us. */
  readonly probePaths: ReadonlySet<string>;
  readonly traffic: Traffic;
  readonly log: Log;
  readonly elapsed: () => number;
}

const KEEP_ALIVE_MS = 75_000; // longer than a proxy keeps a connection, so that we never close one it is about to use

export function createHttpServer({ routes, probePaths, traffic, log, elapsed }: ServerOptions): Server {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, shouldUpgradeCallback: isWebSocket });
  server.on('request', (request, response) => {
    const begun = elapsed();
    const exchange = exchangeOf(request, response);
    const probe = probePaths.has(exchange.path);
    if (!probe) traffic.serve(response, begun);
    prepare(exchange, traffic.draining);
    if (!probe) response.once('close', () => log('info', 'request', entryOf(exchange, elapsed() - begun)));
    void answer(routes, exchange, log);
  });
  return server;
}

/** Other upgrades, such as the h2c that some clients offer with every request, are answered as if they had not been offered. */
function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket' && pathOf(request) === '/ws';
}

/** The other end of the connection, an IPv4 address in its usual form also where both families share one socket. */
export function remoteOf(request: IncomingMessage): string | undefined {
  return request.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '');
}

export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

export function sendJson({ response }: Exchange, status: number, body: unknown): void {
  send(response, status, 'application/json; charset=utf-8', `${JSON.stringify(body)}\n`);
}
export function sendText({ response }: Exchange, status: number, body: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${body}\n`);
}
export function sendHtml({ response }: Exchange, status: number, body: string): void {
  send(response, status, 'text/html; charset=utf-8', body);
}

/** A browser's form wants a page; everything else gets JSON. */
export function wantsHtml({ request }: Exchange): boolean {
  return request.headers.accept?.includes('text/html') ?? false;
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  const path = pathOf(request);
  const query = new URLSearchParams((request.url ?? '').slice(path.length));
  return { request, response, path, query, requestId: requestIdOf(request) };
}

function prepare({ response, requestId }: Exchange, draining: boolean): void {
  response.setHeader('X-Request-ID', requestId);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'same-origin');
  response.setHeader('Content-Security-Policy', layout.contentSecurityPolicy);
  if (draining) response.setHeader('Connection', 'close');
}

function handlerOf(routes: Routes, { path, request }: Exchange): Handler {
  const methods = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (methods === undefined) return () => Promise.reject(new Refused(404, 'There is nothing at this address.'));
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (handler !== undefined) return handler;
  return ({ response }) => {
    response.setHeader('Allow', Object.keys(methods).join(', '));
    throw new Refused(405, `This address answers ${Object.keys(methods).join(' and ')} only.`);
  };
}

async function answer(routes: Routes, exchange: Exchange, log: Log): Promise<void> {
  try {
    await handlerOf(routes, exchange)(exchange);
  } catch (error) {
    if (exchange.response.destroyed) return; // the client left; there is nobody to tell
    const { status, message, code } = explain(error);
    if (status === 500) log('error', 'request failed', { requestId: exchange.requestId, path: exchange.path, error: String(error) });
    if (exchange.response.headersSent) exchange.response.destroy();
    else if (wantsHtml(exchange)) sendHtml(exchange, status, layout.problem(status, message));
    else sendJson(exchange, status, { error: message, ...(code === undefined ? {} : { code }), requestId: exchange.requestId });
  }
}

function explain(error: unknown): { readonly status: number; readonly message: string; readonly code?: string } {
  if (error instanceof Refused) return { status: error.status, message: error.message };
  if (error instanceof Unavailable)
    return { status: 503, message: `The ${error.service} is unavailable at the moment. Please try again.`, code: error.code };
  return { status: 500, message: 'Something went wrong here.' };
}

function entryOf({ request, response, path, requestId }: Exchange, milliseconds: number): Readonly<Record<string, unknown>> {
  return {
    requestId,
    method: request.method,
    path, // without the query, which may hold what should not be kept
    status: response.headersSent ? response.statusCode : 499, // 499, as the proxy writes it: the client left before we answered
    durationMs: Math.round(milliseconds),
    remote: remoteOf(request),
    ...(response.headersSent && !response.writableFinished ? { cut: true } : {}),
  };
}
