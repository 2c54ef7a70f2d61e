import { expect, test } from 'vitest';
import { crc32cEnd, crc32cOf, crc32cStart } from '../../../../runtime/engines/postgres/crc32c.ts';

const viewOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length);
const of = (bytes: Buffer): string => crc32cEnd(crc32cOf(crc32cStart, viewOf(bytes), 0, bytes.length)).toString(16);

test('a checksum is that of RFC 3720', () => {
  expect(of(Buffer.from('123456789'))).toBe('e3069283');
  expect(of(Buffer.alloc(32))).toBe('8a9136aa');
  expect(of(Buffer.alloc(32, 0xff))).toBe('62a8ab43');
  expect(of(Buffer.from(Array.from({ length: 32 }, (_, n) => n)))).toBe('46dd794e');
});

test('a checksum goes on from one piece to the next', () => {
  const bytes = Buffer.from('in pieces of any length');
  for (let at = 0; at <= bytes.length; at += 1)
    expect(crc32cEnd(crc32cOf(crc32cOf(crc32cStart, viewOf(bytes), 0, at), viewOf(bytes), at, bytes.length)).toString(16)).toBe(of(bytes));
});
