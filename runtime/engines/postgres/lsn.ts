/** A place in the log of PostgreSQL: bytes since its beginning. Written as two hexadecimal halves of 32 bits: `0/3000148`. */
export type Lsn = bigint;

const half = 32n;
const lowHalf = 0xffff_ffffn;

export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new TypeError(`${text} is no place in a log of PostgreSQL`);
  return (BigInt(`0x${high}`) << half) | BigInt(`0x${low}`);
}

const hex = (value: bigint, length = 1): string => value.toString(16).toUpperCase().padStart(length, '0');

export const formatLsn = (lsn: Lsn): string => `${hex(lsn >> half)}/${hex(lsn & lowHalf)}`;

export const startOfSegment = (lsn: Lsn, segmentBytes: number): Lsn => lsn - (lsn % BigInt(segmentBytes));

/** The name of the file that holds a place: timeline, then the number of the file in two halves, of which the lower counts up to 4 GiB. */
export function segmentName(timeline: number, lsn: Lsn, segmentBytes: number): string {
  const number = lsn / BigInt(segmentBytes);
  const perHalf = (1n << half) / BigInt(segmentBytes);
  return hex(BigInt(timeline), 8) + hex(number / perHalf, 8) + hex(number % perHalf, 8);
}

/** Where the file of that name begins; `undefined` for other names. */
export function startOfSegmentNamed(name: string, segmentBytes: number): { readonly timeline: number; readonly start: Lsn } | undefined {
  const [, timeline, high, low] = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(?:\.partial)?$/.exec(name) ?? [];
  if (timeline === undefined || high === undefined || low === undefined) return undefined;
  const perHalf = (1n << half) / BigInt(segmentBytes);
  const number = BigInt(`0x${high}`) * perHalf + BigInt(`0x${low}`);
  return { timeline: Number(`0x${timeline}`), start: number * BigInt(segmentBytes) };
}

/** How the log is cut; the same in every build. */
export const pageBytes = 8192n;
/** The head of a page; that of the first of a file says more. */
const pageHead = 24n;
const firstPageHead = 40n;

/** Where the next record begins may lie behind the head of a page that is not there yet; the record before it ends where that page begins. */
export function endOfRecord(next: Lsn, segmentBytes: number): Lsn {
  const page = next - (next % pageBytes);
  return next - page === (page === startOfSegment(page, segmentBytes) ? firstPageHead : pageHead) ? page : next;
}
