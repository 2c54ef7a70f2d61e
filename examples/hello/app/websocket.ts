import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CLOSE, decodeFrame, encodeClose, encodeFrame, OPCODE } from './frames.ts';
import { requestIdOf } from './http.ts';
import type { Log } from './log.ts';
import type { Traffic } from './traffic.ts';

const PING_EVERY_MS = 25_000; // a proxy cuts a connection that is silent for a minute
const GOODBYE_MS = 1000;

export interface WebSocketOptions {
  readonly traffic: Traffic;
  readonly log: Log;
}

/** For the server's `upgrade` event: shake hands, then send every message back. */
export function echoWebSocket({ traffic, log }: WebSocketOptions): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    const requestId = requestIdOf(request);
    const key = request.headers['sec-websocket-key'] ?? '';
    const sound = request.method === 'GET' && request.headers['sec-websocket-version'] === '13' && /^[A-Za-z0-9+/]{22}==$/.test(key);
    socket.on('error', () => socket.destroy());
    log('info', 'request', { requestId, method: request.method, path: '/ws', status: sound ? 101 : 400 });
    if (!sound) {
      socket.end('HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'); // the constant of RFC 6455
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Request-ID: ${requestId}\r\n\r\n`,
    );
    echoFrames(socket, head, traffic);
  };
}

function echoFrames(socket: Duplex, head: Buffer, traffic: Traffic): void {
  let received = Buffer.alloc(0);
  let heard = true;

  const leave = (code: number): void => {
    socket.end(encodeClose(code));
    setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
  };
  const onFrame = (opcode: number, payload: Buffer): void => {
    if (opcode === OPCODE.close) socket.end(encodeFrame(OPCODE.close, payload.subarray(0, 2)));
    else if (opcode === OPCODE.ping) socket.write(encodeFrame(OPCODE.pong, payload));
    else if (opcode === OPCODE.text && !isUtf8(payload)) leave(CLOSE.invalidText);
    else if (opcode !== OPCODE.pong) socket.write(encodeFrame(opcode, payload));
  };
  const onData = (bytes: Buffer): void => {
    heard = true;
    received = Buffer.concat([received, bytes]);
    while (socket.writable) {
      const decoded = decodeFrame(received);
      if (decoded.kind === 'incomplete') return;
      if (decoded.kind === 'refused') return leave(decoded.code);
      received = Buffer.from(decoded.rest);
      onFrame(decoded.opcode, decoded.payload);
    }
  };

  const timer = setInterval(() => {
    if (!heard) socket.destroy();
    else if (socket.writable) socket.write(encodeFrame(OPCODE.ping, Buffer.alloc(0)));
    heard = false;
  }, PING_EVERY_MS);
  const forget = traffic.stream(() => leave(CLOSE.goingAway));
  socket.on('data', onData);
  socket.on('end', () => socket.end());
  socket.on('close', () => {
    clearInterval(timer);
    forget();
  });
  if (head.length > 0) onData(head);
}
