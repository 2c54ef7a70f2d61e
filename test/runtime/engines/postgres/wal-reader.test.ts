import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLsn } from '../../../../runtime/engines/postgres/lsn.ts';
import { BrokenWal, WalReader, type WalPlace } from '../../../../runtime/engines/postgres/wal-reader.ts';
import { cut } from '../../streams/bytes.ts';
import { segmentBytes, seventeen } from './recorded-wal.ts';

const { dump, log, start } = seventeen;

const pageBytes = 8192;

function read(bytes: Buffer, lengths: readonly number[] = [], place: WalPlace = start, isWhole = false): readonly string[] {
  const found: string[] = [];
  const reader = new WalReader(
    place,
    (manager) => manager === 1 || manager === 10,
    ({ start: at, xid, manager, body, bodyAt, bodyEnd }) =>
      void found.push(`${formatLsn(BigInt(at))} ${xid} ${manager} ${body.toString('latin1', bodyAt, bodyEnd)}`),
  );
  for (const piece of cut(bytes, lengths)) reader.push(piece);
  reader.end(isWhole);
  return found;
}

const all = read(log, [], start, true);
const some = log.subarray(0, 250_000);
/** Where in the log the records begin that pg_waldump has found. */
const places = dump().map(({ lsn }) => Number(`0x${lsn.split('/')[1]}`) - Number(start.at));

describe('a log', () => {
  test('is the same in pieces of any length', () => {
    const whole = read(some);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 5 }), (lengths) => {
        expect(read(some, lengths)).toEqual(whole);
      }),
      { numRuns: 30 },
    );
    expect(read(log.subarray(0, 30_000), [1])).toEqual(read(log.subarray(0, 30_000)));
  });

  test('has records across pages and files, and nothing between a switch and the next file', () => {
    const crosses = (unit: number): boolean =>
      places.some((at, index) => Math.floor(at / unit) !== Math.floor(((places[index + 1] ?? at) - 1) / unit) && at % unit !== 0);
    expect([crosses(pageBytes), crosses(segmentBytes)]).toEqual([true, true]);
    expect(all.length).toBe(places.length);
  });

  test('that begins within a record goes on with the next one that begins on a page', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400_000 }), (at) => {
        const found = read(log.subarray(at), [], { ...start, at: start.at + BigInt(at), atRecord: false });
        const left = all.slice(-found.length);
        expect(found).toEqual(left);
        const nextPage = Math.ceil(at / pageBytes) * pageBytes;
        expect(found.length).toBe(places.filter((each) => each >= nextPage).length);
      }),
      { numRuns: 20 },
    );
  });

  test('that begins with a record has all from there on', () => {
    for (const index of [1, 7, 400, 2500]) {
      const at = places[index] ?? 0;
      expect(read(log.subarray(at), [], { ...start, at: start.at + BigInt(at) })).toEqual(all.slice(index));
    }
  });

  test('that was cut where a record ends must end so', () => {
    const at = places[90] ?? 0;
    expect(read(log.subarray(0, at), [], start, true)).toEqual(all.slice(0, 90));
    expect(() => read(log.subarray(0, at + 30), [], start, true)).toThrow(/the log breaks off within a record/);
    expect(read(log.subarray(0, at + 30))).toEqual(all.slice(0, 90));
  });

  test('that was damaged is never misread', () => {
    // Up to where a record ends: of a length that reaches beyond the end nothing else would tell.
    const some = log.subarray(
      0,
      places.find((at) => at > 250_000),
    );
    const isRead = (bytes: Buffer) => read(bytes, [], start, true);
    const whole = isRead(some);
    let noticed = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: some.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(some);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        try {
          expect(isRead(damaged)).toEqual(whole);
        } catch (error) {
          if (!(error instanceof BrokenWal)) throw error;
          noticed += 1;
        }
      }),
      { numRuns: 150 },
    );
    // Between records there are a few bytes of nothing.
    expect(noticed).toBeGreaterThan(100);
  });

  test.each([
    ['of another version', { ...start, version: 18 } as const, /not of PostgreSQL 18: it begins with 0xD116/],
    ['of another place', { ...start, at: start.at + BigInt(segmentBytes) }, /its page is of another place/],
    ['of a later timeline', { ...start, timeline: 0 }, /its page is of timeline 1/],
  ])('%s is said', (_, place, message) => {
    expect(() => read(some, [], place)).toThrow(message);
  });

  test('of which two records were swapped is said, though each of them is sound', () => {
    const [at = 0, next = 0] = places.flatMap((place, index) => {
      const [after = 0, last = 0] = places.slice(index + 1);
      const isAlike = last - after === after - place && Math.floor(place / pageBytes) === Math.floor(last / pageBytes);
      return isAlike && index > 3 ? [place, after] : [];
    });
    const damaged = Buffer.from(log);
    log.copy(damaged, at, next, 2 * next - at);
    log.copy(damaged, next, at, next);
    expect(() => read(damaged)).toThrow(/the record does not follow the one before it/);
  });

  test('of which a page was swapped for an older one is said', () => {
    const damaged = Buffer.from(some);
    some.copy(damaged, 5 * pageBytes, 3 * pageBytes, 4 * pageBytes);
    expect(() => read(damaged)).toThrow(/its page is of another place/);
    const zeros = Buffer.from(some).fill(0, 5 * pageBytes, 6 * pageBytes);
    expect(() => read(zeros)).toThrow(/it begins with 0x0000/);
  });
});
