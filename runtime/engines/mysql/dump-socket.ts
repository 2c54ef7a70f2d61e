import { connect as connectSocket, type Socket } from 'node:net';
import { createConnection } from 'mysql2/promise';
import type { Bytes } from '../../streams/blocks.ts';
import { addressOf, refusalOf, type MysqlAccess } from './access.ts';
import { BrokenLog } from './binlog-events.ts';
import type { Dialect, LogPlace } from './dialect.ts';
import { connectionOptions } from './session.ts';

/** The server has not got what was asked for. */
export class LogNotThere extends Error {}

const binlogDump = 0x12;
const longestPacket = 0xff_ffff;
/** The server ends a connection of ours on which nothing moves; a hung one is ended by us. */
const silenceMs = 60_000;

/**
 * The binary log from a place on, as its events stand in the files, up to where it ends now. mysql2 logs in; from then on the socket is
 * read here: it holds back what is not yet wanted, and no event is too large for it.
 *
 * @throws LogNotThere when the server has removed it, or never had it.
 */
export async function* dumpLog(
  { title, dump }: Dialect,
  access: MysqlAccess,
  { file, position }: LogPlace,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const address = addressOf(access);
  const socket = address.host === undefined ? connectSocket(address.socketPath) : connectSocket(address.port, address.host);
  const cut = (): void => void socket.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    const connection = await createConnection({ ...connectionOptions(access), stream: () => socket });
    connection.on('error', () => undefined);
    for (const statement of dump.prepare) await connection.query(statement);
    // By TLS it is not the socket above that is read, but what mysql2 has put around it; its types do not tell of it.
    const { stream } = (connection as unknown as { readonly connection: { readonly stream: Socket } }).connection;
    stream.removeAllListeners('data');
    stream.setTimeout(silenceMs, () => stream.destroy(new Error('timed out: nothing came for a minute')));
    stream.write(request(file, position, dump.flags));
    yield* eventsIn(stream);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LogNotThere || error instanceof BrokenLog) throw error;
    throw refusalOf(title)((error as Error).message, access, error) ?? error;
  } finally {
    signal.removeEventListener('abort', cut);
    socket.destroy();
  }
}

function request(file: string, position: number, flags: number): Buffer {
  const name = Buffer.from(file);
  const payload = Buffer.alloc(11 + name.length);
  payload.writeUInt8(binlogDump, 0);
  payload.writeUInt32LE(position, 1);
  payload.writeUInt16LE(flags, 5);
  // No server number: it is no replica that asks.
  payload.writeUInt32LE(0, 7);
  name.copy(payload, 11);
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  return Buffer.concat([head, payload]);
}

const fatalReading = 1236;
/** Not a log that is missing, but an event of over 1 GiB, which the server sends to nobody. */
const tooLarge = /max_allowed_packet/;

function saidBy(packet: Buffer): Error {
  const code = packet.readUInt16LE(1);
  const message = packet.subarray(9).toString('utf8');
  if (code !== fatalReading) return new Error(message);
  return tooLarge.test(message)
    ? new BrokenLog(`the server does not send what comes next in its log: ${message}`)
    : new LogNotThere(message);
}

/** What the server sends is packets; each begins with a byte that says whether it is an event, an error or the end. */
async function* eventsIn(socket: Socket): Bytes & AsyncGenerator<Uint8Array> {
  const packets = new PacketReader();
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    const pieces = packets.push(chunk);
    if (pieces.length > 0) yield Buffer.concat(pieces);
    if (packets.failed !== undefined) throw saidBy(packets.failed);
    if (packets.ended) return;
  }
  throw new Error('Connection lost while the log was read');
}

class PacketReader {
  readonly #head = Buffer.alloc(4);
  #filled = 0;
  #left = 0;
  /** A packet of full length goes on in the next. */
  #goesOn = false;
  #status: number | undefined;
  #said: Buffer[] = [];
  ended = false;
  failed: Buffer | undefined;

  push(chunk: Buffer): readonly Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < chunk.length && !this.ended;)
      at += this.#left > 0 ? this.#takeBody(chunk.subarray(at), pieces) : this.#takeHead(chunk.subarray(at));
    return pieces;
  }

  #takeHead(bytes: Buffer): number {
    const piece = bytes.subarray(0, this.#head.length - this.#filled);
    this.#head.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === this.#head.length) {
      this.#filled = 0;
      this.#left = this.#head.readUIntLE(0, 3);
      if (!this.#goesOn) this.#status = undefined;
      this.#goesOn = this.#left === longestPacket;
    }
    return piece.length;
  }

  #takeBody(bytes: Buffer, pieces: Uint8Array[]): number {
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    const isFirst = this.#status === undefined;
    this.#status ??= piece.readUInt8(0);
    if (this.#status === 0) pieces.push(isFirst ? piece.subarray(1) : piece);
    else this.#said.push(piece);
    if (this.#left === 0 && !this.#goesOn && this.#status !== 0) this.#finish();
    return piece.length;
  }

  #finish(): void {
    this.ended = true;
    const said = Buffer.concat(this.#said);
    if (said.readUInt8(0) === 0xff) this.failed = said;
  }
}
