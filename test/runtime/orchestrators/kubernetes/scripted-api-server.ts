import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { makeAuthority } from './certificates.ts';
import type { Authority } from './certificates.ts';

/** A request as the stand-in saw it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: unknown;
  /** Who asked, by client certificate or token; the stand-in verifies both. */
  readonly user: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What is answered to one path. Nothing is returned when it answers by itself. */
export type Script = (asked: Asked, response: ServerResponse) => Reply | undefined | Promise<Reply | undefined>;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly authority: Authority;
  readonly asked: Asked[];
}

export const token = 'a-token-that-nobody-may-see-0123456789';

/** Status objects as an API server writes them. */
export const status = (code: number, message: string, reason = ''): Reply => ({
  status: code,
  body: { apiVersion: 'v1', kind: 'Status', status: 'Failure', message, reason, code },
});

function userOf(request: IncomingMessage): string | undefined {
  const socket = request.socket as TLSSocket;
  if (request.headers.authorization === `Bearer ${token}`) return 'token';
  return socket.authorized ? [socket.getPeerCertificate().subject.CN].flat()[0] : undefined;
}

function answer(response: ServerResponse, { status: code = 200, headers = {}, body = {} }: Reply): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

interface Options {
  readonly authority?: Authority;
  /** Names in the server's certificate, and its validity in days from now. */
  readonly addresses?: readonly string[];
  readonly to?: number;
}

/**
 * A stand-in for an API server: HTTPS with an authority of its own, client certificates and tokens verified, answers by script.
 * It knows nothing of Kubernetes.
 */
export async function startScriptedServer(
  script: Script,
  { authority: given, addresses = ['127.0.0.1'], to = 10 }: Options = {},
): Promise<ScriptedServer> {
  const authority = given ?? (await makeAuthority());
  const leaf = await authority.issue({ name: 'kube-apiserver', addresses, for: 'server', to, from: -20 });
  const asked: Asked[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'https://stand-in');
    const sent = await text(request);
    const user = userOf(request);
    const one: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      contentType: request.headers['content-type'] ?? '',
      body: sent === '' ? undefined : JSON.parse(sent),
      user: user ?? 'nobody',
    };
    asked.push(one);
    const reply = user === undefined ? status(401, 'Unauthorized', 'Unauthorized') : await script(one, response);
    if (reply) answer(response, reply);
  };
  const server = createServer(
    { cert: leaf.certificate, key: leaf.key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      handle(request, response).catch(() => response.destroy());
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    authority,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers by `METHOD /path`; everything else is 404. */
export const routes =
  (table: Readonly<Record<string, Reply | Script>>): Script =>
  (asked, response) => {
    const found = table[`${asked.method} ${asked.path}`];
    return typeof found === 'function'
      ? found(asked, response)
      : (found ?? status(404, `the server could not find ${asked.path}`, 'NotFound'));
  };

/** Answers one after the other; the last one stays. */
export function inTurn(...replies: readonly (Reply | Script)[]): Script {
  let turn = 0;
  return (asked, response) => {
    const reply = replies[Math.min(turn, replies.length - 1)];
    turn += 1;
    return typeof reply === 'function' ? reply(asked, response) : reply;
  };
}
