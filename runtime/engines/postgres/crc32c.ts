/** CRC-32C, which neither Node nor a package that is here has: zlib's is another polynomial. Eight tables, so as to take eight bytes at a time. */
const tableBytes = 1024;
const tables = new DataView(new ArrayBuffer(8 * tableBytes));
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  tables.setInt32(byte * 4, value, true);
}
for (let at = tableBytes; at < 8 * tableBytes; at += 4) {
  const before = tables.getInt32(at - tableBytes, true);
  tables.setInt32(at, tables.getInt32((before & 0xff) << 2, true) ^ (before >>> 8), true);
}

/** What the checksum of no bytes is, before {@link crc32cEnd}. */
export const crc32cStart = -1;

/** @param crc - Of the bytes before. */
export function crc32cOf(crc: number, bytes: DataView, from: number, to: number): number {
  let value = crc;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    value ^= bytes.getInt32(at, true);
    const next = bytes.getInt32(at + 4, true);
    value =
      tables.getInt32(7168 + ((value & 0xff) << 2), true) ^
      tables.getInt32(6144 + ((value >>> 6) & 0x3fc), true) ^
      tables.getInt32(5120 + ((value >>> 14) & 0x3fc), true) ^
      tables.getInt32(4096 + ((value >>> 22) & 0x3fc), true) ^
      tables.getInt32(3072 + ((next & 0xff) << 2), true) ^
      tables.getInt32(2048 + ((next >>> 6) & 0x3fc), true) ^
      tables.getInt32(1024 + ((next >>> 14) & 0x3fc), true) ^
      tables.getInt32((next >>> 22) & 0x3fc, true);
  }
  for (; at < to; at += 1) value = tables.getInt32(((value ^ bytes.getUint8(at)) & 0xff) << 2, true) ^ (value >>> 8);
  return value;
}

export const crc32cEnd = (crc: number): number => ~crc >>> 0;
