import { count, fields, ShapeError, text, type Shape } from './shape.ts';

/** What S3 keeps beside the bytes of an object. */
export interface ObjectAttributes {
  /** By their names in small letters: `content-type`, `x-amz-meta-owner`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** One object of a bucket, and where its bytes lie in the backups. */
export interface ObjectRow extends ObjectAttributes {
  readonly key: string;
  /** Of the list in the manifest, from 1, and of the files of that archive, from 1. */
  readonly batch: number;
  readonly entry: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Without quotation marks. */
  readonly etag: string;
  /** As the bucket said it. */
  readonly modified: string;
  readonly version: string | null;
}

/** Bytes of one name in a path; systems allow 255, and a name may get a little longer while it is written. */
const longestName = 200;
const utf8 = new TextEncoder();

/**
 * A key as a path that any file system and any shell takes: below the folder it is put in, and of one line. Keys that are paths already stay as they
 * are, letters of all languages included. No two keys have one path.
 */
export const pathOfKey = (key: string): string => key.split('/').map(nameOf).join('/');

function nameOf(part: string): string {
  if (part === '') return '%e';
  if (part === '.' || part === '..') return part.replaceAll('.', '%2E');
  const safe = part.replaceAll(/[\p{Cc}"\\%]/gu, (sign) => `%${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}`);
  return utf8.encode(safe).length <= longestName ? safe : inPieces(safe);
}

function inPieces(name: string): string {
  const pieces = [''];
  let bytes = 0;
  for (const [sign] of name.matchAll(/%[0-9A-F]{2}|[^]/gu)) {
    const more = utf8.encode(sign).length;
    if (bytes + more > longestName) {
      pieces.push('');
      bytes = 0;
    }
    pieces[pieces.length - 1] += sign;
    bytes += more;
  }
  return pieces.join('%l/');
}

/** The way back from {@link pathOfKey}. */
export const keyOfPath = (path: string): string =>
  path
    .replaceAll('%l/', '')
    .split('/')
    .map((name) =>
      name === '%e'
        ? ''
        : name.replaceAll(/%([0-9A-F]{2})/g, (_whole, digits: string) => String.fromCodePoint(Number.parseInt(digits, 16))),
    )
    .join('/');

/** One line, with the path and the place first, so that `sed` finds them. */
export function formatRow({ key, batch, entry, bytes, sha256, etag, modified, version, headers, tags }: ObjectRow): string {
  const row = {
    key: pathOfKey(key),
    file: `${batch}/${entry}`,
    bytes,
    sha256,
    etag,
    modified,
    ...(version === null ? {} : { version }),
    ...(isEmpty(headers) ? {} : { headers }),
    ...(isEmpty(tags) ? {} : { tags }),
  };
  return `${JSON.stringify(row)}\n`;
}

const isEmpty = (values: Readonly<Record<string, string>>): boolean => Object.keys(values).length === 0;

const anyText = text(/^/, 'text');
const texts: Shape<Readonly<Record<string, string>>> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError(path, 'an object');
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, anyText(each, `${path}.${name}`)]));
};
const optional =
  <T>(shape: Shape<T>, without: T): Shape<T> =>
  (value, path) =>
    value === undefined ? without : shape(value, path);

const rowShape = fields({
  key: anyText,
  file: text(/^[1-9]\d{0,8}\/[1-9]\d{0,8}$/, 'two numbers such as 3/17'),
  bytes: count(),
  sha256: text(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
  etag: anyText,
  modified: anyText,
  version: optional<string | null>(anyText, null),
  headers: optional(texts, {}),
  tags: optional(texts, {}),
});

/** @throws ShapeError, or SyntaxError for what is not JSON. */
export function parseRow(line: string): ObjectRow {
  const { key, file, ...rest } = rowShape(JSON.parse(line), '');
  const [batch = 0, entry = 0] = file.split('/').map(Number);
  return { ...rest, key: keyOfPath(key), batch, entry };
}
