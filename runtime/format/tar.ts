import type { Bytes } from '../streams/blocks.ts';
import { ByteReader } from '../streams/byte-reader.ts';
import { damaged } from './damage.ts';

/** One file of an archive. */
export interface TarEntry {
  /** Without a / at either end. */
  readonly path: string;
  /** `same`: another name of a file that came before. */
  readonly kind: 'file' | 'folder' | 'link' | 'same';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modified: Date;
  /** Where the second that it was modified in is not enough: how many of it had passed. */
  readonly nanoseconds?: number;
  /** Of a file. */
  readonly bytes: number;
  /** Of a symbolic link where it leads, and of another name the first one. */
  readonly target: string;
}

const block = 512;
const kinds = { file: '0', same: '1', link: '2', folder: '5' } as const;
/** What eleven octal digits hold. */
const mostOctal = 8 ** 11 - 1;
const empty = Buffer.alloc(block);

/**
 * The POSIX format of 2001, which every `tar` reads: headers of 1988, and before them what those cannot hold. Written here, since files are
 * what a site has, and a package for it would bring several more into the one file that restores.
 *
 * @param entries - Each is asked for once all bytes of the one before were taken.
 * @param read - The bytes of a file. Other than were announced is an error.
 */
export async function* writeTar(
  entries: Iterable<TarEntry> | AsyncIterable<TarEntry>,
  read: (entry: TarEntry) => Bytes,
): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    yield headerOf(entry);
    if (entry.kind !== 'file') continue;
    let bytes = 0;
    for await (const chunk of read(entry)) {
      bytes += chunk.length;
      if (bytes > entry.bytes) break;
      yield chunk;
    }
    if (bytes !== entry.bytes) throw new Error(`${entry.path} changed while it was read`);
    yield padding(bytes);
  }
  yield Buffer.alloc(2 * block);
}

const padding = (bytes: number): Uint8Array => empty.subarray(0, (block - (bytes % block)) % block);

function headerOf(entry: TarEntry): Uint8Array {
  const name = entry.kind === 'folder' ? `${entry.path}/` : entry.path;
  const more = [
    ...(isShort(name) ? [] : [record('path', name)]),
    ...(isShort(entry.target) ? [] : [record('linkpath', entry.target)]),
    ...(entry.bytes > mostOctal ? [record('size', String(entry.bytes))] : []),
    ...(Math.max(entry.uid, entry.gid) >= 8 ** 7 ? [record('uid', String(entry.uid)), record('gid', String(entry.gid))] : []),
    ...(entry.nanoseconds ? [record('mtime', timeOf(entry.modified, entry.nanoseconds))] : []),
  ];
  const own = plainHeader({ ...entry, path: name }, kinds[entry.kind]);
  if (more.length === 0) return own;
  const body = Buffer.concat(more);
  const extended = plainHeader({ ...entry, path: 'PaxHeaders/more', target: '', bytes: body.length }, 'x');
  return Buffer.concat([extended, body, padding(body.length), own]);
}

/** Seconds since 1970, with all that is known of the last. */
const timeOf = (modified: Date, nanoseconds: number): string =>
  `${Math.floor(modified.getTime() / 1000)}.${String(nanoseconds).padStart(9, '0')}`;

/** Plain ASCII that fits the field of 1988. */
const isShort = (text: string): boolean => text.length <= 100 && /^[\x20-\x7e]*$/.test(text);

/** `LENGTH NAME=VALUE`, with a length that counts itself. */
function record(name: string, value: string): Buffer {
  const rest = Buffer.from(` ${name}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function plainHeader({ path, mode, uid, gid, bytes, modified, target }: TarEntry, type: string): Buffer {
  const header = Buffer.alloc(block);
  const octal = (value: number, length: number): string =>
    `${Math.min(value, 8 ** (length - 1) - 1)
      .toString(8)
      .padStart(length - 1, '0')}\0`;
  header.write(path.slice(0, 100), 0, 100, 'latin1');
  header.write(octal(mode & 0o7777, 8), 100, 'latin1');
  header.write(octal(uid, 8), 108, 'latin1');
  header.write(octal(gid, 8), 116, 'latin1');
  header.write(octal(bytes, 12), 124, 'latin1');
  header.write(octal(Math.max(0, Math.floor(modified.getTime() / 1000)), 12), 136, 'latin1');
  header.fill(' ', 148, 156);
  header.write(type, 156, 'latin1');
  header.write(target.slice(0, 100), 157, 100, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(`${sumOf(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** With blanks in place of the sum itself. */
const sumOf = (header: Uint8Array): number => header.reduce((sum, byte) => sum + byte, 0);

/** The files of an archive, in its order. The bytes of each must be read to their end before the next is asked for. */
export async function* readTar(source: Bytes): AsyncGenerator<{ readonly entry: TarEntry; readonly bytes: Bytes }> {
  await using reader = new ByteReader(source);
  for (let more: ReadonlyMap<string, string> = new Map(); ;) {
    const header = await reader.take(block);
    if (header.length < block) throw damaged('an archive', 'it ends in the middle');
    if (header.every((byte) => byte === 0)) return;
    const { type, entry } = parseHeader(Buffer.from(header));
    if (type === 'x') {
      more = recordsOf(await body(reader, entry.bytes));
      continue;
    }
    const whole = withMore(entry, more);
    more = new Map();
    if (whole.kind !== 'file') {
      yield { entry: whole, bytes: nothing() };
      continue;
    }
    const rest = { bytes: whole.bytes };
    yield { entry: whole, bytes: bodyInPieces(reader, rest) };
    if (rest.bytes > 0) throw new Error(`${whole.path} was not read to its end`);
    await reader.take(padding(whole.bytes).length);
  }
}

async function* nothing(): Bytes {}

async function* bodyInPieces(reader: ByteReader, rest: { bytes: number }): Bytes {
  while (rest.bytes > 0) {
    const piece = await reader.take(Math.min(rest.bytes, 2 ** 20));
    if (piece.length === 0) throw damaged('an archive', 'it ends in the middle of a file');
    rest.bytes -= piece.length;
    yield piece;
  }
}

async function body(reader: ByteReader, bytes: number): Promise<string> {
  if (bytes > 2 ** 20) throw damaged('an archive', 'one of its headers is longer than any can be');
  const text = Buffer.from(await reader.take(bytes)).toString('utf8');
  await reader.take(padding(bytes).length);
  return text;
}

function recordsOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const length = Number(/^(\d{1,7}) /.exec(rest.subarray(0, 8).toString('latin1'))?.[1] ?? 0);
    const [, name = '', value = ''] = /^\d+ ([^=]+)=([^]*)\n$/.exec(rest.subarray(0, length).toString('utf8')) ?? [];
    if (name === '') throw damaged('an archive', 'one of its headers cannot be read');
    found.set(name, value);
    rest = rest.subarray(length);
  }
  return found;
}

function parseHeader(header: Buffer): { readonly type: string; readonly entry: TarEntry } {
  const text = (from: number, length: number): string => header.toString('latin1', from, from + length).replace(/\0[^]*$/, '');
  const number = (from: number, length: number): number => Number.parseInt(text(from, length).trim() || '0', 8);
  const sum = number(148, 8);
  header.fill(' ', 148, 156);
  const type = text(156, 1);
  const kind = (Object.keys(kinds) as (keyof typeof kinds)[]).find((each) => kinds[each] === type);
  if (sum !== sumOf(header) || (kind === undefined && type !== 'x')) throw damaged('an archive', 'one of its headers cannot be read');
  const entry: TarEntry = {
    path: text(0, 100).replace(/\/$/, ''),
    kind: kind ?? 'file',
    mode: number(100, 8),
    uid: number(108, 8),
    gid: number(116, 8),
    bytes: number(124, 12),
    modified: new Date(number(136, 12) * 1000),
    target: text(157, 100),
  };
  return { type, entry };
}

function withMore(entry: TarEntry, more: ReadonlyMap<string, string>): TarEntry {
  const [, second, fraction] = /^(\d{1,12})(?:\.(\d{1,9}))?\d*$/.exec(more.get('mtime') ?? '') ?? [];
  const nanoseconds = Number((fraction ?? '').padEnd(9, '0'));
  return {
    ...entry,
    path: more.get('path')?.replace(/\/$/, '') ?? entry.path,
    target: more.get('linkpath') ?? entry.target,
    bytes: Number(more.get('size') ?? entry.bytes),
    uid: Number(more.get('uid') ?? entry.uid),
    gid: Number(more.get('gid') ?? entry.gid),
    ...(second === undefined ? {} : { modified: new Date(Number(second) * 1000) }),
    ...(nanoseconds > 0 ? { nanoseconds } : {}),
  };
}
