import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRow, keyOfPath, parseRow, pathOfKey, type ObjectRow } from '../../../model/backup/object-row.ts';

const row: ObjectRow = {
  key: 'ä/b c.png',
  batch: 3,
  entry: 17,
  bytes: 5,
  sha256: 'a'.repeat(64),
  etag: 'e',
  modified: '2026-03-29T01:00:00.000Z',
  version: null,
  headers: {},
  tags: {},
};
const anyKey = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 }),
  fc
    .array(fc.constantFrom('/', '.', '..', '%', '%e', '%l', '%2E', 'a', '\n', '\\', '"', 'ü', 'x'.repeat(150)), { minLength: 1 })
    .map((parts) => parts.join('')),
);

describe('a key', () => {
  test.each([
    ['uploads/2026/Ümläut photo.jpg', 'uploads/2026/Ümläut photo.jpg'],
    ['../../etc/passwd', '%2E%2E/%2E%2E/etc/passwd'],
    ['/a//b/', '%e/a/%e/b/%e'],
    ['100%', '100%25'],
    ['a\tb\n"c\\', 'a%09b%0A%22c%5C'],
    ['x'.repeat(450), `${'x'.repeat(200)}%l/${'x'.repeat(200)}%l/${'x'.repeat(50)}`],
  ])('%j lies under %j', (key, path) => {
    expect(pathOfKey(key)).toBe(path);
    expect(keyOfPath(path)).toBe(key);
  });

  test('of any kind has a path of its own, below the folder and on one line', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const path = pathOfKey(key);
        expect(keyOfPath(path)).toBe(key);
        for (const name of path.split('/')) {
          expect(name).not.toMatch(/^\.{0,2}$/);
          expect(name).not.toMatch(/[\p{Cc}"\\]/u);
          expect(Buffer.byteLength(name)).toBeLessThan(210);
        }
      }),
    );
  });
});

describe('a row', () => {
  test('is one line that begins with path and place', () => {
    expect(formatRow(row)).toMatch(/^\{"key":"ä\/b c.png","file":"3\/17","bytes":5,"sha256":"a{64}","etag":"e","modified":"[^"]+"\}\n$/);
  });

  test.each([row, { ...row, version: 'v1', headers: { 'content-type': 'x' }, tags: { a: '' } }, { ...row, key: '\u{1F600}/\n' }])(
    'is read as it was written',
    (each) => expect(parseRow(formatRow(each))).toEqual(each),
  );

  test.each([
    '',
    '[]',
    '{}',
    formatRow(row).replace('3/17', '0/17'),
    formatRow(row).replace('"e"', '5'),
    formatRow({ ...row, tags: { a: 'b' } }).replace('"b"', '{}'),
  ])('that is none is refused: %j', (line) => expect(() => parseRow(line)).toThrow());
});
