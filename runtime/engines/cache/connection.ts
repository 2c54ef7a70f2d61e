import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectByTls } from 'node:tls';
import { BerthError } from '../../../model/errors.ts';
import type { Bytes } from '../../streams/blocks.ts';
import { refusalOf, type CacheAccess } from './access.ts';

/** A server that says nothing for so long is gone: while it makes a copy ready it sends an empty line every second. */
const silenceMs = 60_000;
const lineBreak = 10;
const longestLine = 65_536;
const markBytes = 40;

/**
 * A connection that asks, and that takes a copy as a replica takes it. Speaks the protocol of Redis as far as this needs it: commands of words, and
 * answers that are a line or a text.
 */
export class CacheConnection implements AsyncDisposable {
  readonly #access: CacheAccess;
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #signal: AbortSignal;
  readonly #cut: () => void;
  #rest: Buffer = Buffer.alloc(0);
  #waits = false;
  private constructor(access: CacheAccess, signal: AbortSignal) {
    this.#access = access;
    this.#signal = signal;
    const { host, port, ca } = access;
    this.#socket = ca === undefined ? connectSocket(port, host) : connectByTls({ host, port, ca });
    this.#cut = () => void this.#socket.destroy();
    signal.addEventListener('abort', this.#cut, { once: true });
    // While nobody asks for more, it is not the server that is silent.
    this.#socket.setTimeout(silenceMs, () => {
      if (this.#waits) this.#socket.destroy(new Error('nothing came for a minute'));
    });
    this.#chunks = (this.#socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** @throws BerthError `unreachable`. */
  static async open(access: CacheAccess, signal: AbortSignal): Promise<CacheConnection> {
    signal.throwIfAborted();
    const connection = new CacheConnection(access, signal);
    try {
      await connection.ask('AUTH', access.user, access.password.reveal());
      return connection;
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What it answers. @throws BerthError `unreachable` for an error of the server as well. */
  async ask(...words: readonly string[]): Promise<string> {
    return this.#inWords(async () => {
      this.#socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
      const line = await this.#answer();
      if (!line.startsWith('$')) return line.slice(1);
      const text = await this.#take(Number(line.slice(1)) + 2);
      return text.subarray(0, -2).toString('utf8');
    });
  }

  /** The server's own copy of all that it holds, as one moment has it. The connection can be asked nothing after it. */
  async *copy(): Bytes & AsyncGenerator<Uint8Array> {
    try {
      const line = await this.#answer();
      if (!line.startsWith('$')) throw new Error(`an answer that is none: ${line.slice(0, 60)}`);
      if (line.startsWith('$EOF:')) yield* this.#untilMark(Buffer.from(line.slice(5), 'latin1'));
      else yield* this.#counted(Number(line.slice(1)));
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** It does not know how long it will be, and says first what comes at its end. */
  async *#untilMark(mark: Buffer): AsyncGenerator<Uint8Array> {
    if (mark.length !== markBytes) throw new Error('an end mark of another length');
    for (let held = this.#takeRest(); ;) {
      if (held.length >= markBytes) {
        const [bytes, end] = [held.subarray(0, -markBytes), held.subarray(-markBytes)];
        if (bytes.length > 0) yield bytes;
        if (end.equals(mark)) return;
        held = end;
      }
      held = Buffer.concat([held, await this.#chunk()]);
    }
  }

  async *#counted(bytes: number): AsyncGenerator<Uint8Array> {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Error('a length that is none');
    for (let missing = bytes; missing > 0;) {
      const chunk = this.#rest.length > 0 ? this.#takeRest() : await this.#chunk();
      const piece = chunk.subarray(0, missing);
      missing -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  /** Before it there may be empty lines, so that we know that it lives. */
  async #answer(): Promise<string> {
    let line = '';
    while (line === '') line = await this.#line();
    if (line.startsWith('-')) throw new Error(line.slice(1));
    return line;
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(lineBreak);
      if (end >= 0) {
        const line = this.#rest.subarray(0, end).toString('latin1').replace(/\r$/, '');
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      if (this.#rest.length > longestLine) throw new Error('a line without an end');
      this.#rest = Buffer.concat([this.#rest, await this.#chunk()]);
    }
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) this.#rest = Buffer.concat([this.#rest, await this.#chunk()]);
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  #takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  async #chunk(): Promise<Buffer> {
    this.#waits = true;
    try {
      const { done, value } = await this.#chunks.next();
      if (done === true) throw new Error('the connection ended');
      return value;
    } finally {
      this.#waits = false;
    }
  }

  async #inWords<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(error: unknown): unknown {
    this.#signal.throwIfAborted();
    if (error instanceof BerthError || !(error instanceof Error)) return error;
    const { host, user } = this.#access;
    return (
      refusalOf(error.message, this.#access, error) ??
      new BerthError(
        'unreachable',
        `the cache at ${host}: ${error.message.slice(0, 200)}`,
        `see the log of the server, and that ${user} may do this`,
        { cause: error },
      )
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#cut);
    this.#socket.on('error', () => undefined);
    this.#socket.destroy();
    await this.#chunks.return?.().catch(() => undefined);
  }
}
