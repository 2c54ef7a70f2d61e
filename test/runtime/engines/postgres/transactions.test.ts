import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { postgresLogReader } from '../../../../runtime/engines/postgres/transactions.ts';
import type { LoggedTransaction } from '../../../../runtime/ports/log-reader.ts';
import type { Restorable } from '../../../../runtime/ports/scratch-engine.ts';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { manifest } from '../../format/manifests.ts';
import { cut, fromAll } from '../../streams/bytes.ts';
import { eighteen, segmentBytes, seventeen, type Recording } from './recorded-wal.ts';

const { dump, log, place } = seventeen;

const factsOf = ({ version, place }: Recording) => ({ timeline: 1, segmentBytes, version: `${version}.1`, nextTransaction: place.next });
/** The log behind it begins with the file in which it ends. */
const fullOf = (recording: Recording): Manifest =>
  manifest({ position: { from: null, to: `${recording.place.from.slice(0, -3)}100` }, facts: factsOf(recording) });
const named = (base: Manifest): Manifest => ({ ...base, streams: [{ ...base.streams[0]!, name: 'relations.json' }] });
const facts = factsOf(seventeen);
const full = fullOf(seventeen);
const withNames = named(full);

interface Reading {
  readonly of?: Recording;
  readonly base?: Manifest;
  readonly after?: Manifest;
  readonly logs?: readonly (readonly [Buffer, boolean])[];
  readonly lengths?: readonly number[];
}

async function read({ of = seventeen, base = named(fullOf(of)), after = base, logs = [[of.log, true]], lengths = [] }: Reading = {}) {
  const found: LoggedTransaction[] = [];
  let bytes = 0;
  const each = async function* (): AsyncGenerator<Restorable> {
    for (const [log, endsWithRecord] of logs) {
      await Promise.resolve();
      yield { manifest: manifest({ kind: 'log', facts: { endsWithRecord } }), open: () => fromAll(cut(log, lengths)) };
    }
  };
  const opened: Restorable = { manifest: base, open: () => fromAll([JSON.stringify(of.relations)]) };
  await postgresLogReader.read(
    { base: async () => opened, after },
    each(),
    (one) => found.push(one),
    (more) => (bytes += more),
  );
  return { found, bytes };
}

const line = ({ id, tables, statements, partOf = [] }: LoggedTransaction): string =>
  [
    id,
    ...statements,
    ...tables.map(({ name, inserted, updated, deleted }) => `${name} +${inserted} ~${updated} -${deleted}`),
    ...partOf.map((name) => `part of ${name}`),
  ].join(' | ');

const { found: recorded } = await read();

describe('transactions of a log of PostgreSQL', () => {
  test('are told with the rows of each table, what that is a part of, and what was made, emptied, written anew and dropped; aborted ones are not', () => {
    expect(recorded.map(line)).toMatchInlineSnapshot(`
      [
        "761 | shop.public.audit +3 ~0 -0",
        "762 | shop.public.orders +0 ~10 -0",
        "763 | shop.public.orders +0 ~0 -40",
        "764 | shop.public.audit +1 ~0 -0 | shop.sales.bookings +0 ~0 -200 | shop.public.rooms +0 ~20 -0",
        "766 | shop.public.audit +2 ~0 -0 | shop.public.rooms +0 ~0 -1",
        "771 | shop.sales.bookings +8 ~0 -0",
        "772 | shop.public.audit +4 ~0 -0",
        "773 | shop.public.audit +1 ~1 -0",
        "774 | shop.public.audit +2 ~0 -0",
        "777 | CREATE TABLE shop.public.dropped | catalog +13 ~0 -0",
        "778 | DROP TABLE shop.public.dropped | catalog +0 ~0 -13",
        "779 | CREATE TABLE shop.public.fresh | catalog +53 ~3 -0",
        "780 | shop.public.fresh +2 ~0 -0",
        "781 | CREATE TABLE shop.public.copied | shop.public.copied +25 ~0 -0 | catalog +32 ~1 -0",
        "782 | TRUNCATE shop.public.orders | catalog +0 ~4 -0",
        "783 | shop.public.orders +1 ~0 -0",
        "784 | TRUNCATE shop.public.audit | TRUNCATE shop.public.rooms | catalog +0 ~6 -0",
        "785 | shop.public.rooms +1 ~0 -0",
        "786 | REWRITE TABLE shop.sales.bookings | catalog +32 ~9 -32",
        "787 | shop.sales.bookings +0 ~0 -1",
        "788 | REWRITE TABLE shop.public.rooms | catalog +14 ~4 -14",
        "789 | shop.public.rooms +1 ~0 -0",
        "790 | CREATE INDEX shop.public.orders_customer_idx | catalog +4 ~0 -0",
        "791 | catalog +0 ~3 -0",
        "792 | DROP TABLE shop.public.gone | catalog +0 ~0 -13",
        "793 | DROP TABLE shop.public.copied | CREATE TABLE shop.public.copied | shop.public.copied +1 ~0 -0 | catalog +13 ~0 -32",
        "794 | CREATE SCHEMA shop.later | catalog +1 ~0 -0",
        "795 | CREATE TABLE shop.later.things | catalog +13 ~0 -0",
        "796 | shop.later.things +2 ~0 -0",
        "797 | CREATE MATERIALIZED VIEW shop.public.sums | catalog +29 ~4 -13",
        "798 | REWRITE TABLE shop.public.sums | catalog +13 ~3 -13",
        "799 | shop.public.events_1 +1 ~0 -0 | part of shop.public.events",
        "800 | shop.public.events_1 +0 ~1 -0 | shop.public.events_2 +1 ~0 -0 | part of shop.public.events",
        "801 | catalog +15 ~0 -0",
        "803 | CREATE VIEW shop.public.seen | catalog +9 ~1 -0",
        "804 | catalog +0 ~1 -0",
        "806 | shop.public.rooms +1 ~0 -0 | catalog +13 ~0 -13",
        "807 | DROP TABLE shop.later.things | catalog +0 ~0 -14",
        "808 | catalog +1 ~0 -0",
        "809 | DROP DATABASE 16523 | catalog +0 ~0 -1",
        "810 | shop.public.rooms +1 ~0 -0",
        "811 | shop.public.rooms +1 ~0 -0",
        "812 | CREATE TABLE shop.public.anew | catalog +13 ~0 -0",
        "813 | shop.public.anew +1 ~0 -0",
        "814 | REWRITE TABLE shop.public.mig | shop.public.mig +0 ~0 -70 | catalog +19 ~4 -19",
        "815 | TRUNCATE shop.public.mig | shop.public.mig +1 ~0 -20 | catalog +0 ~2 -0",
        "816 | DROP TABLE shop.public.mig | shop.public.mig +0 ~0 -1 | catalog +0 ~0 -19",
        "817 | TRUNCATE shop.public.jobs | catalog +0 ~4 -0",
        "818 | TRUNCATE shop.public.jobs | TRUNCATE shop.public.rooms | catalog +0 ~6 -0",
        "819 | DROP TABLE shop.public.jobs | catalog +0 ~0 -37",
        "820 | MOVE TABLE shop.public.moved | catalog +0 ~1 -0",
        "821 | shop.public.moved +0 ~0 -1",
        "822 | catalog +44 ~1 -44",
        "823 | catalog +32 ~10 -32",
        "824 | catalog +59 ~9 -59",
        "825 | catalog +17 ~5 -17",
        "826 | catalog +46 ~8 -46",
        "827 | CREATE SCHEMA shop.last | catalog +1 ~0 -0",
        "828 | CREATE TABLE shop.last.behind | catalog +13 ~0 -0",
        "829 | shop.last.behind +1 ~0 -0",
        "831 | DROP TABLE shop.last.behind | catalog +0 ~0 -13",
        "832 | catalog +0 ~1 -0",
        "833 | REWRITE TABLE shop.public.moved | catalog +13 ~4 -13",
        "834 | catalog +0 ~0 -4",
        "835 | CREATE TABLE shop.public.wide | catalog +13 ~0 -0",
        "836 | shop.public.wide +1 ~0 -0",
        "837 | TRUNCATE shop.public.wide | REWRITE TABLE shop.public.wide | catalog +13 ~3 -13",
        "838 | CREATE TABLE shop.public.inside | shop.public.inside +1 ~0 -0 | catalog +13 ~0 -0",
        "839 | shop.pg_catalog.pg_largeobject +1 ~0 -0 | catalog +1 ~0 -0",
        "840 | shop.pg_catalog.pg_largeobject +0 ~0 -1 | catalog +0 ~0 -1",
        "841 | CREATE TABLE shop.public.parcels | catalog +15 ~0 -0",
        "842 | CREATE TABLE shop.public.parcels_1 | catalog +17 ~2 -0 | part of shop.public.parcels",
        "843 | CREATE TABLE shop.public.parcels_1_1 | catalog +15 ~2 -0 | part of shop.public.parcels_1 | part of shop.public.parcels",
        "844 | shop.public.parcels_1_1 +1 ~0 -0 | part of shop.public.parcels_1 | part of shop.public.parcels",
        "845 | shop.public.parcels_1_1 +0 ~0 -1 | part of shop.public.parcels_1 | part of shop.public.parcels",
        "846 | CREATE TABLE shop.public.parcels_2 | catalog +13 ~0 -0",
        "847 | catalog +2 ~2 -0",
        "848 | shop.public.parcels_2 +1 ~0 -0 | part of shop.public.parcels",
        "849 | TRUNCATE shop.public.parcels_2 | TRUNCATE shop.public.parcels_1_1 | catalog +0 ~2 -0 | part of shop.public.parcels | part of shop.public.parcels_1",
        "850 | DROP TABLE shop.public.events_2 | catalog +0 ~0 -16 | part of shop.public.events",
        "851 | CREATE TABLE shop.public.heir | catalog +16 ~1 -0 | part of shop.public.rooms",
        "852 | shop.public.heir +1 ~0 -0 | part of shop.public.rooms",
        "853 | CREATE TABLE shop.public.squeezed | catalog +13 ~0 -0",
        "854 | shop.public.squeezed +1 ~0 -0",
        "855 | catalog +0 ~0 -13",
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
    expect(of('763')?.tables).toEqual([
      { name: 'relation 16387 of database 16384', inserted: 0, updated: 0, deleted: 40, isUnnamed: true },
    ]);
    expect(found.map(line)).toContainEqual(expect.stringContaining('CREATE TABLE 16384.public.fresh'));
    expect(found.length).toBe(recorded.length);
  });

  test('that gave up a file without a name leave open what it was, and pass every filter; names that lack their database do as well', async () => {
    const { found } = await read({ base: full });
    const of = (id: string) => found.find((each) => each.id === id);
    const [first, ...others] = of('782')?.statements ?? [];
    expect([first, others.length]).toEqual(['TRUNCATE/REINDEX relation 16387 of database 16384', 3]);
    expect(of('782')).toMatchObject({ isOpaque: true, isUnnamed: true });
    expect(of('792')).toMatchObject({ isOpaque: true, statements: [expect.stringMatching(/^DROP relation \d+ of database 16384$/)] });
    expect(of('780')?.tables).toContainEqual({ name: '16384.public.fresh', inserted: 2, updated: 0, deleted: 0, isUnnamed: true });
    expect(of('809')).toMatchObject({ statements: [expect.stringContaining('DROP DATABASE')], isUnnamed: true });
    expect(recorded.some(({ isOpaque }) => isOpaque)).toBe(false);
  });

  test('of what was made before what is read are told with numbers', async () => {
    const { found: all } = await read();
    const end = all.find(({ id }) => id === '799')?.place ?? '';
    const at = Number(`0x${end.slice(2)}`) - Number(`0x${place.from.slice(2)}`);
    const after = manifest({
      id: '01JD5Z5M2R0000000000000009',
      kind: 'log',
      position: { from: place.from, to: end },
      facts: { endsWithRecord: true },
    });
    const { found } = await read({ after, logs: [[log.subarray(at), true]] });
    expect(found.find(({ id }) => id === '807')).toMatchObject({
      statements: [expect.stringMatching(/^DROP\/TRUNCATE relation \d+ of database shop$/)],
      isOpaque: true,
      isPartial: true,
    });
  });

  test('of which the end alone is read are told as having begun before, and what they gave up is not taken for dropped', async () => {
    const told = async (xid: number) => {
      const { lsn } = dump().find((each) => each.told?.[0] === 'COMMIT' && each.told[1] === xid) ?? expect.unreachable('no such commit');
      const at = Number(`0x${lsn.slice(2)}`) - Number(`0x${place.from.slice(2)}`);
      const after = manifest({
        id: '01JD5Z5M2R0000000000000009',
        kind: 'log',
        position: { from: place.from, to: lsn.replace(/\/0+/, '/') },
        facts: { endsWithRecord: true },
      });
      const { found } = await read({ after, logs: [[log.subarray(at), true]] });
      return found.find(({ id }) => id === String(xid));
    };
    // Forty rows of orders were deleted before.
    expect(await told(763)).toMatchObject({ tables: [], statements: [], isPartial: true });
    expect(await told(786)).toMatchObject({ statements: ['DROP/TRUNCATE shop.sales.bookings'], isOpaque: true, isPartial: true });
  });

  test('of 18 are the same', async () => {
    const { found } = await read({ of: eighteen });
    // Numbers of files, of transactions and of what the server keeps of itself are its own.
    const plain = (transactions: readonly LoggedTransaction[]) =>
      transactions.map((each) =>
        line(each)
          .replace(/^\d+/, '')
          .replace(/(?<=DATABASE )\d+/, '')
          .replace(/ \| catalog.*/, ''),
      );
    expect(plain(found)).toEqual(plain(recorded));
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

  test('that began while the tables were counted, behind the end of the copy, are whole', async () => {
    const among = (changes: Record<string, string>) => read({ base: { ...withNames, facts: { ...facts, ...changes } } });
    const marked = ({ found }: Awaited<ReturnType<typeof read>>) => found.filter(({ isPartial }) => isPartial).map(({ id }) => id);
    expect(marked(await among({ nextTransaction: '764' }))).toEqual(['760', '761', '762', '763']);
    expect(marked(await among({ nextTransaction: '764', snapshot: '760:762:760' }))).toEqual(['760', '761']);
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
