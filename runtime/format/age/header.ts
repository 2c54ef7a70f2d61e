import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { ByteReader } from '../../streams/byte-reader.ts';
import { damaged } from '../damage.ts';

/** What a file of age begins with: the key of the file, wrapped for each who may open it, and a sum by that key. */
export interface Stanza {
  readonly type: string;
  readonly args: readonly string[];
  readonly body: Uint8Array;
}

interface Header {
  readonly stanzas: readonly Stanza[];
  /** All that the sum is of. */
  readonly text: string;
  readonly sum: Uint8Array;
}

const firstLine = 'age-encryption.org/v1';
/** Of a line of base64 in a header. */
const columns = 64;
/** One of Berth has some hundred bytes; whatever goes on for longer must not fill the memory. */
const longest = 64 * 2 ** 10;
const ending = '---';

export const hkdf = (key: Uint8Array, salt: Uint8Array, info: string): Buffer => Buffer.from(hkdfSync('sha256', key, salt, info, 32));
const sumOf = (text: string, fileKey: Uint8Array): Buffer =>
  createHmac('sha256', hkdf(fileKey, Buffer.alloc(0), 'header'))
    .update(text, 'latin1')
    .digest();

/** Without padding, as age writes it. */
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

/** Nothing for any other spelling than {@link toBase64} has. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return toBase64(bytes) === text ? bytes : undefined;
}

export function formatHeader(stanzas: readonly Stanza[], fileKey: Uint8Array): Buffer {
  const text = `${firstLine}\n${stanzas.map(formatStanza).join('')}${ending}`;
  return Buffer.from(`${text} ${toBase64(sumOf(text, fileKey))}\n`, 'latin1');
}

/** The last line of a body is shorter than the others, if it must be by being empty: so its end is seen. */
function formatStanza({ type, args, body }: Stanza): string {
  const base64 = toBase64(body);
  const lines = Array.from({ length: Math.floor(base64.length / columns) + 1 }, (_, line) =>
    base64.slice(line * columns, (line + 1) * columns),
  );
  return `-> ${[type, ...args].join(' ')}\n${lines.join('\n')}\n`;
}

/** @throws BerthError `damaged` unless a header is what stands there next. */
export async function readHeader(reader: ByteReader): Promise<Header> {
  let text = '';
  for (;;) {
    let line = '';
    do {
      const [byte] = await reader.take(1);
      if (byte === undefined || text.length + line.length >= longest) throw unreadable();
      line += String.fromCharCode(byte);
    } while (!line.endsWith('\n'));
    text += line;
    if (text === line && line !== `${firstLine}\n`) throw unreadable();
    if (line.startsWith(ending)) return parseHeader(text);
  }
}

/** The same of a file that is there as a whole. @returns also where the header ends. */
export function headerOf(file: Buffer): { readonly header: Header; readonly end: number } {
  const text = file.toString('latin1', 0, longest);
  const end = text.indexOf('\n', text.indexOf(`\n${ending}`) + 1) + 1;
  return { header: parseHeader(text.slice(0, end)), end };
}

function parseHeader(whole: string): Header {
  const [first, ...lines] = whole.split('\n').slice(0, -1);
  if (first !== firstLine) throw unreadable();
  const [, sumText = ''] = /^--- ([A-Za-z0-9+/]{43})$/.exec(lines.pop() ?? '') ?? [];
  const sum = fromBase64(sumText);
  if (sum?.length !== 32) throw unreadable();
  const stanzas: Stanza[] = [];
  while (lines.length > 0) stanzas.push(takeStanza(lines));
  if (stanzas.length === 0) throw unreadable();
  return { stanzas, sum, text: whole.slice(0, whole.lastIndexOf(ending) + ending.length) };
}

function takeStanza(lines: string[]): Stanza {
  const [, words = ''] = /^-> ([\x21-\x7e]+(?: [\x21-\x7e]+)*)$/.exec(lines.shift() ?? '') ?? [];
  const [type = '', ...args] = words.split(' ');
  if (type === '') throw unreadable();
  let base64 = '';
  for (let line: string | undefined; (line = lines.shift()) !== undefined;) {
    if (line.length > columns) throw unreadable();
    base64 += line;
    if (line.length < columns) {
      const body = fromBase64(base64);
      if (body === undefined) throw unreadable();
      return { type, args, body };
    }
  }
  throw unreadable();
}

/** @throws BerthError `damaged` when the header is not the one that this key was wrapped in. */
export function checkSum({ text, sum }: Header, fileKey: Uint8Array): void {
  if (!timingSafeEqual(sumOf(text, fileKey), sum)) throw damaged('a file of age', 'its header was changed');
}

const unreadable = () => damaged('a file of age', 'its header cannot be read');
