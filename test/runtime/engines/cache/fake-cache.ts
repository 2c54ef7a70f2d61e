import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { copies } from './copies.ts';

export interface FakeCache extends AsyncDisposable {
  readonly port: number;
  readonly heard: readonly string[];
}

export interface FakeOptions {
  /** Lines of INFO beside the usual ones. */
  readonly info?: string;
  /** CLUSTER NODES. */
  readonly nodes?: string;
  /** How a copy comes. */
  readonly form?: 'marked' | 'counted';
  readonly copy?: Buffer;
  /** Ends the connection after so many bytes of the copy. */
  readonly cutAt?: number;
  /** Bytes that are sent at once. */
  readonly piece?: number;
  /** Answers to a command instead of the usual ones. */
  readonly says?: Readonly<Record<string, string>>;
  /** It speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const mark = 'm'.repeat(20) + 'n'.repeat(20);
const id = 'a'.repeat(40);

/** Answers as a server does, on an address of its own. */
export async function fakeCache(host: string, port: number, options: FakeOptions = {}): Promise<FakeCache> {
  const heard: string[] = [];
  const { info = 'role:master', nodes = '', form = 'marked', copy = copies['Valkey 8.1.1'], cutAt, piece = 64, says = {} } = options;
  const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const send = async (socket: Socket, bytes: Buffer): Promise<void> => {
    for (let at = 0; at < bytes.length && !socket.destroyed; at += piece) {
      socket.write(bytes.subarray(at, at + piece));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const answers: Readonly<Record<string, (socket: Socket) => unknown>> = {
    AUTH: (socket) => socket.write('+OK\r\n'),
    REPLCONF: (socket) => socket.write('+OK\r\n'),
    INFO: (socket) =>
      socket.write(
        bulk(
          `# Server\r\nvalkey_version:8.1.1\r\nredis_version:7.2.4\r\nused_memory:1000\r\nmaster_replid:${id}\r\nmaster_repl_offset:9\r\ndb0:keys=6,expires=0\r\ndb3:keys=1,expires=0\r\n${info}\r\n`,
        ),
      ),
    CLUSTER: (socket) => socket.write(bulk(nodes)),
    PSYNC: async (socket) => {
      socket.write(`\n\n+FULLRESYNC ${id} 9\r\n\n`);
      const body =
        form === 'marked'
          ? Buffer.concat([Buffer.from(`$EOF:${mark}\r\n`), copy, Buffer.from(mark)])
          : Buffer.concat([Buffer.from(`$${copy.length}\r\n`), copy]);
      await send(socket, cutAt === undefined ? body : body.subarray(0, cutAt));
      if (cutAt !== undefined) socket.end();
    },
  };
  const serve = (socket: Socket): void => {
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let words = commandIn(text); words !== undefined; words = commandIn(text)) {
        text = text.slice(words.taken);
        heard.push(words.words.join(' '));
        const [name = ''] = words.words;
        const said = says[name];
        if (said === undefined) void answers[name]?.(socket);
        else socket.write(`${said}\r\n`);
      }
    });
  };
  const server: Server = options.tls ? createTlsServer(options.tls, serve).on('tlsClientError', () => undefined) : createServer(serve);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function commandIn(text: string): { readonly words: readonly string[]; readonly taken: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return undefined;
  const words: string[] = [];
  let at = head[0].length;
  for (let word = 0; word < Number(head[1]); word += 1) {
    const [line, length] = /^\$(\d+)\r\n/.exec(text.slice(at)) ?? [];
    if (line === undefined || text.length < at + line.length + Number(length) + 2) return undefined;
    words.push(text.slice(at + line.length, at + line.length + Number(length)));
    at += line.length + Number(length) + 2;
  }
  return { words, taken: at };
}
