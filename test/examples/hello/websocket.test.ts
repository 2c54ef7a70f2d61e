import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { expect, test } from 'vitest';
import { decodeFrame, encodeFrame, OPCODE } from '../../../examples/hello/app/frames.ts';
import { runApp } from './fakes.ts';

/** A frame as a client sends it: masked. */
function masked(opcode: number, payload: Buffer, first = 0x80 | opcode): Buffer {
  const plain = encodeFrame(opcode, payload);
  const headLength = plain.length - payload.length;
  const head = Buffer.from(plain.subarray(0, headLength));
  head[0] = first;
  head[1] = (head[1] ?? 0) | 0x80;
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

async function opened(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  await once(socket as unknown as EventTarget, 'open');
  return socket;
}
async function said(socket: WebSocket): Promise<unknown> {
  const [event] = (await once(socket as unknown as EventTarget, 'message')) as [MessageEvent];
  return event.data;
}
async function closed(socket: WebSocket): Promise<number> {
  const [event] = (await once(socket as unknown as EventTarget, 'close')) as [CloseEvent];
  return event.code;
}

test.each([['hello'], ['日本語 ✓'], [''], ['x'.repeat(125)], ['x'.repeat(126)], ['x'.repeat(60_000)]])(
  '%.12s… comes back as it was sent',
  async (text) => {
    await using running = await runApp();
    const socket = await opened(running.port);
    socket.send(text);
    expect(await said(socket)).toBe(text);
    socket.close(1000);
    expect(await closed(socket)).toBe(1000);
  },
);

test('a message too long for an echo closes the connection with 1009', async () => {
  await using running = await runApp();
  const socket = await opened(running.port);
  socket.send('x'.repeat(70_000));
  expect(await closed(socket)).toBe(1009);
});

test('draining says "going away" to open connections', async () => {
  await using running = await runApp();
  const socket = await opened(running.port);
  const goodbye = closed(socket);
  await running.app.stop({ quietMs: 0, limitMs: 1000 });
  expect(await goodbye).toBe(1001);
});

test('a client that disappears is forgotten', async () => {
  await using running = await runApp();
  const socket = net.connect(running.port, '127.0.0.1');
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='); // the example of RFC 6455
  socket.resetAndDestroy();
  await expect.poll(() => new Promise((resolve) => running.app.server.getConnections((_, count) => resolve(count)))).toBe(0);
});

test('a handshake without a sound key is refused with 400', async () => {
  await using running = await runApp();
  const headers = { 'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'short' };
  const status = await new Promise((resolve, reject) =>
    http
      .get({ port: running.port, host: '127.0.0.1', path: '/ws', headers }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject),
  );
  expect(status).toBe(400);
});

test('a frame may arrive byte by byte, and two may arrive at once', () => {
  const frame = masked(OPCODE.text, Buffer.from('hello'));
  for (let end = 0; end < frame.length; end++) expect(decodeFrame(frame.subarray(0, end)).kind).toBe('incomplete');
  const decoded = decodeFrame(Buffer.concat([frame, frame]));
  expect(decoded).toMatchObject({ kind: 'frame', opcode: OPCODE.text, payload: Buffer.from('hello'), rest: frame });
});

test.each([
  ['an unmasked frame', encodeFrame(OPCODE.text, Buffer.from('a')), 1002],
  ['a reserved bit', masked(OPCODE.text, Buffer.from('a'), 0xc1), 1002],
  ['an unknown opcode', masked(0x3, Buffer.from('a')), 1002],
  ['a message in pieces', masked(OPCODE.text, Buffer.from('a'), 0x01), 1003],
  ['a ping in pieces', masked(OPCODE.ping, Buffer.from('a'), 0x09), 1002],
  ['a long ping', masked(OPCODE.ping, Buffer.alloc(126)), 1002],
])('%s is refused', (_, bytes, code) => {
  expect(decodeFrame(bytes)).toEqual({ kind: 'refused', code });
});
