import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { postgresLogReader } from '../../../../runtime/engines/postgres/transactions.ts';
import type { LoggedTransaction } from '../../../../runtime/ports/log-reader.ts';
import type { Restorable } from '../../../../runtime/ports/scratch-engine.ts';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { manifest } from '../../format/manifests.ts';
import { cut, fromAll } from '../../streams/bytes.ts';
import { dump, log, place, relations, segmentBytes } from './recorded-wal.ts';

const facts = { timeline: 1, segmentBytes, version: '17.11', nextTransaction: place.next };
const full = manifest({ position: { from: null, to: '0/B00100' }, facts });
const [stream] = full.streams;
const withNames = { ...full, streams: [{ ...stream!, name: 'relations.json' }] };

interface Reading {
  readonly base?: Manifest;
  readonly after?: Manifest;
  readonly logs?: readonly (readonly [Buffer, boolean])[];
  readonly lengths?: readonly number[];
}

async function read({ base = withNames, after = base, logs = [[log, true]], lengths = [] }: Reading = {}) {
  const found: LoggedTransaction[] = [];
  let bytes = 0;
  const each = async function* (): AsyncGenerator<Restorable> {
    for (const [log, endsWithRecord] of logs) {
      await Promise.resolve();
      yield { manifest: manifest({ kind: 'log', facts: { endsWithRecord } }), open: () => fromAll(cut(log, lengths)) };
    }
  };
  const opened: Restorable = { manifest: base, open: () => fromAll([JSON.stringify(relations)]) };
  await postgresLogReader.read(
    { base: async () => opened, after },
    each(),
    (one) => found.push(one),
    (more) => (bytes += more),
  );
  return { found, bytes };
}

const line = ({ id, tables, statements }: LoggedTransaction): string =>
  [id, ...statements, ...tables.map(({ name, inserted, updated, deleted }) => `${name} +${inserted} ~${updated} -${deleted}`)].join(' | ');

const { found: recorded } = await read();

describe('transactions of a log of PostgreSQL', () => {
  test('are told with the rows of each table and what was made, emptied, written anew and dropped; aborted ones are not', () => {
    expect(recorded.map(line)).toMatchInlineSnapshot(`
      [
        "755 | shop.public.audit +3 ~0 -0",
        "756 | shop.public.orders +0 ~10 -0",
        "757 | shop.public.orders +0 ~0 -40",
        "758 | shop.public.audit +1 ~0 -0 | shop.sales.bookings +0 ~0 -200 | shop.public.rooms +0 ~20 -0",
        "760 | shop.public.audit +2 ~0 -0 | shop.public.rooms +0 ~0 -1",
        "765 | shop.sales.bookings +8 ~0 -0",
        "766 | shop.public.audit +4 ~0 -0",
        "767 | shop.public.audit +1 ~1 -0",
        "768 | shop.public.audit +2 ~0 -0",
        "771 | CREATE TABLE shop.public.dropped | catalog +13 ~0 -0",
        "772 | DROP TABLE shop.public.dropped | catalog +0 ~0 -13",
        "773 | CREATE TABLE shop.public.fresh | catalog +53 ~3 -0",
        "774 | shop.public.fresh +2 ~0 -0",
        "775 | CREATE TABLE shop.public.copied | shop.public.copied +25 ~0 -0 | catalog +32 ~1 -0",
        "776 | TRUNCATE shop.public.orders | catalog +0 ~4 -0",
        "777 | shop.public.orders +1 ~0 -0",
        "778 | TRUNCATE shop.public.audit | TRUNCATE shop.public.rooms | catalog +0 ~6 -0",
        "779 | shop.public.rooms +1 ~0 -0",
        "780 | REWRITE TABLE shop.sales.bookings | catalog +32 ~9 -32",
        "781 | shop.sales.bookings +0 ~0 -1",
        "782 | REWRITE TABLE shop.public.rooms | catalog +14 ~4 -14",
        "783 | shop.public.rooms +1 ~0 -0",
        "784 | CREATE INDEX shop.public.orders_customer_idx | catalog +4 ~0 -0",
        "785 | catalog +0 ~3 -0",
        "786 | DROP TABLE shop.public.gone | catalog +0 ~0 -13",
        "787 | DROP TABLE shop.public.copied | CREATE TABLE shop.public.copied | shop.public.copied +1 ~0 -0 | catalog +13 ~0 -32",
        "788 | CREATE SCHEMA shop.later | catalog +1 ~0 -0",
        "789 | CREATE TABLE shop.later.things | catalog +13 ~0 -0",
        "790 | shop.later.things +2 ~0 -0",
        "791 | CREATE MATERIALIZED VIEW shop.public.sums | catalog +29 ~4 -13",
        "792 | REWRITE TABLE shop.public.sums | catalog +13 ~3 -13",
        "793 | shop.public.events_1 +1 ~0 -0",
        "794 | shop.public.events_1 +0 ~0 -1 | shop.public.events_2 +1 ~0 -0",
        "795 | catalog +15 ~0 -0",
        "797 | CREATE VIEW shop.public.seen | catalog +9 ~1 -0",
        "798 | catalog +0 ~1 -0",
        "800 | shop.public.rooms +1 ~0 -0 | catalog +13 ~0 -13",
        "801 | DROP TABLE shop.later.things | catalog +0 ~0 -14",
        "802 | catalog +1 ~0 -0",
        "803 | DROP DATABASE 16505 | catalog +0 ~0 -1",
        "804 | shop.public.rooms +1 ~0 -0",
        "805 | shop.public.rooms +1 ~0 -0",
        "806 | CREATE TABLE shop.public.anew | catalog +13 ~0 -0",
        "807 | shop.public.anew +1 ~0 -0",
        "808 | CREATE TABLE shop.public.squeezed | catalog +13 ~0 -0",
        "809 | shop.public.squeezed +1 ~0 -0",
        "810 | catalog +0 ~0 -13",
      ]
    `);
  });

  test('have the time of their commit and their size as pg_waldump has them, with their parts', () => {
    const ends = dump().flatMap(({ told }) => (told?.[0] === 'COMMIT' ? [told] : []));
    const times = new Map(ends.map(([, xid, at]) => [String(xid), at]));
    expect(recorded.map(({ at }) => at.getTime())).toEqual(recorded.map(({ id }) => times.get(id)));
    expect(recorded.every(({ bytes, isPartial }) => bytes > 50 && isPartial === false)).toBe(true);
  });

  test('are the same however the log is cut into slices and pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: log.length - 1 }),
        fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 4 }),
        async (at, lengths) => {
          const { found, bytes } = await read({
            logs: [
              [log.subarray(0, at), false],
              [log.subarray(at), true],
            ],
            lengths,
          });
          expect([found, bytes]).toEqual([recorded, log.length]);
        },
      ),
      { numRuns: 10 },
    );
  });

  test('have numbers in place of names where the backup is older than its list of names, but for what is made later', async () => {
    const { found } = await read({ base: full });
    const of = (id: string) => found.find((each) => each.id === id);
    expect(of('757')?.tables).toEqual([
      { name: 'relation 16387 of database 16384', inserted: 0, updated: 0, deleted: 40, isUnnamed: true },
    ]);
    expect(found.map(line)).toContainEqual(expect.stringContaining('CREATE TABLE 16384.public.fresh'));
    expect(found.length).toBe(recorded.length);
  });

  test('keep the whole of their number, of which the log has the lower half', async () => {
    const epoch = 3 * 2 ** 32;
    const { found } = await read({ base: { ...withNames, facts: { ...facts, nextTransaction: String(epoch + Number(place.next)) } } });
    expect(found.map(({ id }) => Number(id) - epoch)).toEqual(recorded.map(({ id }) => Number(id)));
  });

  test('that may have begun before what is read are marked so, up to the first list of those at work', async () => {
    const at = 250_000;
    const after = manifest({
      id: '01JD5Z5M2R0000000000000009',
      kind: 'log',
      position: { from: '0/B00000', to: `0/${(0xb00000 + at).toString(16).toUpperCase()}` },
      facts: { endsWithRecord: false },
    });
    const { found } = await read({ after, logs: [[log.subarray(at), true]] });
    const marked = found.filter(({ isPartial }) => isPartial === true).map(({ id }) => Number(id));
    const whole = found.filter(({ isPartial }) => isPartial === false).map(({ id }) => Number(id));
    expect(Math.max(...marked)).toBeLessThan(Math.min(...whole));
    expect(whole.length).toBeGreaterThan(3);
    expect(found.at(-1)).toEqual(recorded.at(-1));
  });

  test('of a log that is not what was written are no answer', async () => {
    const damaged = Buffer.from(log);
    damaged[100_000] = 255 - (damaged[100_000] ?? 0);
    await expect(read({ logs: [[damaged, true]] })).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('cannot be read: at 0/B'),
    });
    await expect(read({ logs: [[log.subarray(0, -20), true]] })).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('breaks off within a record'),
    });
  });

  test('of a version whose log is not known are refused', async () => {
    await expect(read({ base: { ...full, facts: { ...facts, version: '19.1' } } })).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('19.1'),
    });
  });
});
