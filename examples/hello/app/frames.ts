/** WebSocket frames (RFC 6455, section 5), as much as an echo of short messages needs: whole, masked, at most 64 KiB. */

export const OPCODE = { text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;
export const CLOSE = { goingAway: 1001, protocolError: 1002, unsupported: 1003, invalidText: 1007, tooBig: 1009 } as const;

export type Decoded =
  | { readonly kind: 'frame'; readonly opcode: number; readonly payload: Buffer; readonly rest: Buffer }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly code: number };

const known: ReadonlySet<number> = new Set(Object.values(OPCODE));
const refused = (code: number): Decoded => ({ kind: 'refused', code });

/** The first frame of what a client sent, and what follows it. */
export function decodeFrame(bytes: Buffer): Decoded {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return { kind: 'incomplete' };
  const opcode = first & 0x0f;
  const final = (first & 0x80) !== 0;
  const short = second & 0x7f;
  if ((first & 0x70) !== 0 || (second & 0x80) === 0) return refused(CLOSE.protocolError); // an extension we did not offer, or no mask
  if (opcode >= OPCODE.close && (!final || short > 125)) return refused(CLOSE.protocolError);
  if (!final || opcode === 0) return refused(CLOSE.unsupported); // a message in pieces
  if (!known.has(opcode)) return refused(CLOSE.protocolError);
  if (short === 127) return refused(CLOSE.tooBig);

  const maskAt = short === 126 ? 4 : 2;
  if (bytes.length < maskAt + 4) return { kind: 'incomplete' };
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  const start = maskAt + 4;
  if (bytes.length < start + length) return { kind: 'incomplete' };
  const payload = Buffer.alloc(length);
  for (let i = 0; i < length; i++) payload[i] = bytes.readUInt8(start + i) ^ bytes.readUInt8(maskAt + (i % 4));
  return { kind: 'frame', opcode, payload, rest: bytes.subarray(start + length) };
}

/** A whole frame from the server, which never masks. */
export function encodeFrame(opcode: number, payload: Buffer): Buffer {
  const head =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, payload.length])
      : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, payload]);
}

export function encodeClose(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return encodeFrame(OPCODE.close, payload);
}
