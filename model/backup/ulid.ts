/** https://github.com/ulid/spec: 48 bits of milliseconds, then 80 bits of randomness, in Crockford's base 32. Sorts by time as text. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const timeLength = 10;
const randomLength = 16;

export const ulidPattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/**
 * An id that sorts after `last`, even when the clock has gone back since: then it takes over the time of `last`, and
 * counts up by chance: an attempt that failed has left its id behind, and none is ever used twice.
 *
 * @param random - Ten bytes.
 */
export function makeUlid(now: Date, random: Uint8Array, last = ''): string {
  const time = encode(BigInt(now.getTime()), timeLength);
  if (time > last.slice(0, timeLength)) return time + encode(asNumber(random), randomLength);
  return encode(decode(last) + 1n + (asNumber(random) >> 48n), timeLength + randomLength);
}

/** When an id was made, by the clock of its maker. */
export const timeOfUlid = (id: string): Date => new Date(Number(decode(id.slice(0, timeLength))));

const asNumber = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

const encode = (value: bigint, length: number): string =>
  Array.from({ length }, (_, index) => digits[Number((value >> BigInt(5 * (length - 1 - index))) & 31n)]).join('');

const decode = (text: string): bigint => [...text].reduce((sum, digit) => (sum << 5n) | BigInt(digits.indexOf(digit)), 0n);
