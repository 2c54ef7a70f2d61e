import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../model/backup/manifest.ts';
import { listTransactions, type TransactionQuery } from '../../../runtime/jobs/list-transactions.ts';
import type { LoggedTransaction, LogReader } from '../../../runtime/ports/log-reader.ts';
import type { Store } from '../../../runtime/ports/store.ts';
import { memoryStore } from '../../../runtime/stores/memory-store.ts';
import { operator } from '../format/keys.ts';
import { FakeClock } from '../schedule/fake-clock.ts';
import { whole } from '../streams/bytes.ts';
import { engineOf, never, run } from './backup-world.ts';
import { minute, numbered } from './chains.ts';

/** What the logs that were read followed. */
let begun: string[] = [];

/** A log of lines: the number of a transaction, the minute of its commit, its bytes, its table, with `<` and what that is a part of, or `-`, or `?` for more than is known, and a statement. */
const reader: LogReader = {
  counts: 'rows',
  nameParts: 2,
  read: async ({ after }, logs, found, heard) => {
    begun.push(after.id);
    for await (const { open } of logs) {
      const text = (await whole(open('lines'))).toString();
      heard(text.length);
      for (const line of text.split('\n').filter((each) => each !== '')) {
        const [id = '', at, bytes, told = '', ...statement] = line.split(' ');
        const [table = '', ...partOf] = told.split('<');
        found({
          id,
          at: minute(Number(at)),
          bytes: Number(bytes),
          tables: table === '-' || table === '?' ? [] : [{ name: table, inserted: 1, updated: 0, deleted: 0 }],
          statements: statement.length === 0 ? [] : [statement.join(' ')],
          isOpaque: table === '?',
          partOf,
        });
      }
    }
  },
};

/** Logs behind a full backup at a position, each with its lines and the minute up to which it holds everything. */
async function chain(
  store: Store,
  position: number,
  began: number,
  logs: readonly (readonly [string, number])[],
  server = 'a',
): Promise<readonly Manifest[]> {
  const make = (to: number, from: number | null, until: number, lines: string, after?: Manifest) =>
    run(
      store,
      engineOf({ lines: Buffer.from(lines) }, async () => ({
        position: { from: from === null ? null : String(from), to: String(to) },
        facts: { server, next: String(to), coveredUntil: minute(until).toISOString(), restorableFrom: minute(began).toISOString() },
        tool: { name: 'lines', version: '1', image: null },
      })),
      { clock: new FakeClock(minute(until).toISOString()) },
      after === undefined ? {} : { kind: 'log', after: { chain: after.chain, parent: after.id }, newestId: after.id },
    );
  const made = [await make(position, null, began, '')];
  for (const [lines, until] of logs) {
    const after = made.at(-1)!;
    const from = Number(after.position.to);
    made.push(await make(from + lines.split('\n').length, from, until, lines, after));
  }
  return made;
}

const query: TransactionQuery = { since: undefined, until: undefined, table: undefined, limit: 50, largest: false };
const list = (
  store: Store,
  manifests: readonly Manifest[],
  changes: Partial<TransactionQuery> = {},
  heard: (bytes: number) => void = () => undefined,
  broken: readonly Manifest[] = [],
  nameParts: LogReader['nameParts'] = 2,
) =>
  listTransactions(
    manifests,
    { ...query, ...changes },
    {
      store,
      engine: 'postgres',
      rules: numbered,
      reader: { ...reader, nameParts },
      isBroken: (id) => broken.some((each) => each.id === id),
      identity: operator.privateKey,
      width: 2,
      heard,
    },
    never,
  );
const ids = (found: { readonly transactions: readonly LoggedTransaction[] }): readonly string[] => found.transactions.map(({ id }) => id);

const store = memoryStore();
const day = await chain(store, 100, 0, [
  ['100 10 5 shop.orders\n101 11 90 shop.audit', 20],
  ['102 70 7 shop.orders_old\n103 80 3 - DROP TABLE shop.orders', 90],
  ['104 100 1 shop.audit', 110],
]);

describe('transactions in the log', () => {
  test('are those of the last hour, where no time is said', async () => {
    const found = await list(store, day);
    expect(found).toMatchObject({ since: minute(50), until: minute(110), logUntil: minute(110), matched: 3, holes: [] });
    expect(ids(found)).toEqual(['102', '103', '104']);
    expect(await list(store, day, { until: minute(30) })).toMatchObject({ since: minute(0), holes: [] });
  });

  test('are those of a time, its ends with it, and no log is read that cannot hold them', async () => {
    let bytes = 0;
    expect(ids(await list(store, day, { since: minute(10), until: minute(11) }, (more) => (bytes += more)))).toEqual(['100', '101']);
    expect(bytes).toBe('100 10 5 shop.orders\n101 11 90 shop.audit'.length);
    bytes = 0;
    expect(ids(await list(store, day, { since: minute(98) }, (more) => (bytes += more)))).toEqual(['104']);
    expect(bytes).toBe('104 100 1 shop.audit'.length);
  });

  test('are those that touch a table, named with its database or without', async () => {
    for (const table of ['orders', 'Shop.Orders']) expect(ids(await list(store, day, { since: minute(0), table }))).toEqual(['100', '103']);
    expect(ids(await list(store, day, { since: minute(0), table: 'order' }))).toEqual([]);
  });

  test('are the newest or the largest, and how many there are is said', async () => {
    const newest = await list(store, day, { since: minute(0), limit: 2 });
    expect([ids(newest), newest.matched]).toEqual([['103', '104'], 5]);
    expect(ids(await list(store, day, { since: minute(0), limit: 2, largest: true }))).toEqual(['101', '102']);
  });

  test('that several chains hold are told once, though one between them has no log', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a\n101 30 5 a', 40]]);
    const newer = await chain(two, 101, 20, [['101 30 5 a\n102 45 5 a', 50]]);
    expect(ids(await list(two, [...older, ...newer], { since: minute(0) }))).toEqual(['100', '101', '102']);
    expect(ids(await list(two, [...older, newer[0]!], { since: minute(0) }))).toEqual(['100', '101']);
    const three = memoryStore();
    const first = await chain(three, 100, 0, [['100 10 5 a\n101 30 5 a\n102 45 5 a', 50]]);
    const middle = await chain(three, 101, 20, []);
    const last = await chain(three, 102, 40, [['102 45 5 a\n103 50 5 a', 55]]);
    expect(ids(await list(three, [...first, ...middle, ...last], { since: minute(0) }))).toEqual(['100', '101', '102', '103']);
    const short = await chain(three, 101, 21, [['101 30 5 a', 35]]);
    expect(ids(await list(three, [...first, ...short, ...last], { since: minute(0) }))).toEqual(['100', '101', '102', '103']);
  });

  test('stand in the order of their commits where the older log went on beside the newer, and the newest are the last of them', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a\n101 30 5 a\n102 45 5 a\n103 59 5 - DROP TABLE a', 60]]);
    const newer = await chain(two, 101, 20, [['101 30 5 a', 40]]);
    expect(ids(await list(two, [...older, ...newer], { since: minute(0) }))).toEqual(['100', '101', '102', '103']);
    expect(ids(await list(two, [...older, ...newer], { since: minute(0), limit: 1 }))).toEqual(['103']);
  });

  test('stand in the order of their log, though the clock of its server was set back', async () => {
    const one = memoryStore();
    const log = await chain(one, 100, 0, [['100 30 5 a\n101 10 5 a\n102 11 5 a', 40]]);
    expect(ids(await list(one, log, { since: minute(0) }))).toEqual(['100', '101', '102']);
    expect(ids(await list(one, log, { since: minute(0), limit: 1 }))).toEqual(['102']);
  });

  test('are all read where the clock of the agent was set back for one log', async () => {
    const one = memoryStore();
    const lines = ['100 10 5 a', '101 28 5 a', '102 35 9 a', '103 45 9 a'].map((line, index) => [line, 20 + 10 * index] as const);
    const log = await chain(one, 100, 0, lines);
    const changed = (changes: (at: Date) => Partial<Manifest>) =>
      log.map((each, index) => (index === 2 ? { ...each, ...changes(minute(-600)) } : each));
    const late = changed((at) => ({ finishedAt: at.toISOString() }));
    expect(ids(await list(one, late, { since: minute(0) }))).toEqual(['100', '101', '102', '103']);
    expect(ids(await list(one, late, { since: minute(27), until: minute(29) }))).toEqual(['101']);
    const both = changed((at) => ({ finishedAt: at.toISOString(), facts: { ...log[2]!.facts, coveredUntil: at.toISOString() } }));
    expect(ids(await list(one, both, { since: minute(0) }))).toEqual(['100', '101', '102', '103']);
  });

  test('of a history that was given up are told, each with the backup that its history began with', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a\n101 20 5 - DROP TABLE shop.orders\n102 25 5 a', 30]]);
    const newer = await chain(two, 101, 40, [['101 45 5 a\n102 46 5 a\n103 47 5 a', 50]], 'b');
    const all = [...older, ...newer];
    expect(ids(await list(two, all, { since: minute(5), until: minute(30) }))).toEqual(['100', '101', '102']);
    const both = await list(two, all, { since: minute(5) });
    expect(both.transactions.map(({ id, history }) => [id, history])).toEqual([
      ...['100', '101', '102'].map((id) => [id, older[0]!.id]),
      ...['101', '102', '103'].map((id) => [id, newer[0]!.id]),
    ]);
    const next = await chain(two, 103, 48, [['103 55 5 a', 60]], 'b');
    const later = await list(two, [...all, ...next], { since: minute(54) });
    expect(later.transactions.map(({ history, full }) => [history, full])).toEqual([[newer[0]!.id, next[0]!.id]]);
  });

  test('that had ended by the time of the backup below the log are not told: they cannot be taken out of it', async () => {
    const one = memoryStore();
    const made = await chain(one, 101, 0, [['100 10 5 a\n101 11 5 a', 20]]);
    expect(ids(await list(one, made, { since: minute(0) }))).toEqual(['101']);
  });

  test('count to the chain that holds their place, where the log says places', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a\n101 30 5 a\n102 35 5 a', 40]]);
    const newer = await chain(two, 101, 20, [['101 30 5 a', 32]]);
    // Numbers alone do not tell how far the newer one goes.
    const rules = { ...numbered, isAfter: (base: Manifest, id: string) => base.kind !== 'log' && numbered.isAfter(base, id) };
    const placed: LogReader = {
      ...reader,
      read: (start, logs, found, heard) => reader.read(start, logs, (one) => found({ ...one, place: String(Number(one.id) + 1) }), heard),
    };
    const tools = {
      store: two,
      engine: 'postgres',
      rules,
      reader: placed,
      identity: operator.privateKey,
      width: 2,
      isBroken: () => false,
      heard: () => undefined,
    };
    const asked = { ...query, since: minute(0), until: minute(39) };
    expect(ids(await listTransactions([...older, ...newer], asked, tools, never)).toSorted()).toEqual(['100', '101', '102']);
  });

  test.each([
    [
      'tables',
      (one: LoggedTransaction) => ({ ...one, tables: one.tables.map((each) => ({ ...each, isUnnamed: true as const })) }),
      ['100', '101', '102', '104'],
    ],
    ['statements', (one: LoggedTransaction) => ({ ...one, isUnnamed: true as const }), ['100', '101', '102', '103', '104']],
    ['what began before the log', (one: LoggedTransaction) => ({ ...one, isPartial: true }), ['100', '101', '102', '103', '104']],
  ])(
    'of %s without all that is to know of them stay in the list whatever table is asked for, as they may be of that one',
    async (_, unnamed, expected) => {
      const nameless: LogReader = {
        ...reader,
        read: (start, logs, found, heard) => reader.read(start, logs, (one) => found(unnamed(one)), heard),
      };
      const tools = {
        store,
        engine: 'postgres',
        rules: numbered,
        reader: nameless,
        identity: operator.privateKey,
        width: 2,
        isBroken: () => false,
        heard: () => undefined,
      };
      const found = await listTransactions(day, { ...query, since: minute(0), table: 'another' }, tools, never);
      expect([ids(found), found.counts]).toEqual([expected, 'rows']);
    },
  );

  test('are looked for no longer once somebody has had enough', async () => {
    const told = new AbortController();
    const heard = (): void => {
      told.abort(new Error('enough'));
      told.signal.throwIfAborted();
    };
    const tools = {
      store,
      engine: 'postgres',
      rules: numbered,
      reader,
      identity: operator.privateKey,
      width: 2,
      isBroken: () => false,
      heard,
    };
    await expect(listTransactions(day, { ...query, since: minute(0) }, tools, told.signal)).rejects.toThrow('enough');
  });

  test('are not there in a hole, which is told: within the time, at its end, and all around it', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a', 20]]);
    const newer = await chain(two, 150, 40, [['150 45 5 a', 50]]);
    const of = async (since: number, until: number) => {
      const found = await list(two, [...older, ...newer], { since: minute(since), until: minute(until) });
      return [ids(found), found.holes];
    };
    expect(await of(5, 48)).toEqual([['100', '150'], [{ from: minute(20), until: minute(40) }]]);
    expect(await of(5, 30)).toEqual([['100'], [{ from: minute(20), until: minute(30) }]]);
    expect(await of(22, 38)).toEqual([[], [{ from: minute(22), until: minute(38) }]]);
    expect(await of(-5, 15)).toEqual([['100'], [{ from: minute(-5), until: minute(0) }]]);
    expect(await of(45, 90)).toEqual([['150'], []]);
  });

  test('are told from behind a log that is broken, which is named with its time', async () => {
    const one = memoryStore();
    const lines = [
      ['100 10 5 a', 20],
      ['101 25 5 a', 30],
      ['102 35 9 a', 40],
    ] as const;
    const log = await chain(one, 100, 0, lines);
    const hole = { from: minute(20), until: minute(30), unreadable: [log[2]!.id] };
    begun = [];
    const around = await list(one, log, { since: minute(5) }, undefined, [log[2]!]);
    expect(begun).toEqual([log[0]!.id, log[2]!.id]);
    expect([ids(around), around.holes, around.logUntil]).toEqual([['100', '102'], [hole], minute(40)]);
    const behind = await list(one, log, { since: minute(32) }, undefined, [log[2]!]);
    expect([ids(behind), behind.holes]).toEqual([['102'], []]);
    const last = await list(one, log, {}, undefined, [log[3]!]);
    expect([ids(last), last.holes, last.logUntil]).toEqual([
      ['100', '101'],
      [{ from: minute(30), until: minute(40), unreadable: [log[3]!.id] }],
      minute(40),
    ]);
    expect((await list(one, log, {}, undefined, log)).holes).toEqual([
      { from: minute(0), until: minute(40), unreadable: log.slice(1).map(({ id }) => id) },
    ]);
  });

  test('are told by the older chain where the log of the newer is broken', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a\n101 25 5 a\n102 35 5 a', 40]]);
    const newer = await chain(two, 100, 5, [
      ['100 10 5 a', 20],
      ['101 25 5 a', 30],
      ['102 35 5 a', 45],
    ]);
    const found = await list(two, [...older, ...newer], { since: minute(0) }, undefined, [newer[2]!]);
    expect([ids(found), found.holes]).toEqual([['100', '101', '102'], []]);
  });

  test('are told though the full backup that their log follows is broken; of a log behind one that is not there at all it is said that it lies there', async () => {
    const one = memoryStore();
    const first = await chain(one, 100, 0, [['100 10 5 a', 20]]);
    const second = await chain(one, 101, 15, [
      ['101 25 5 - DROP TABLE shop.orders', 30],
      ['102 35 5 a', 40],
    ]);
    const third = await chain(one, 103, 38, [['103 45 5 a', 50]]);
    const all = [...first, ...second, ...third];
    const found = await list(one, all, { since: minute(5) }, undefined, [second[0]!]);
    expect([ids(found), found.holes]).toEqual([['100', '101', '102', '103'], []]);
    const stray = { ...second[2]!, startedAt: minute(31).toISOString() };
    const without = await list(one, [...first, second[0]!, stray, ...third], { since: minute(5) });
    expect([ids(without), without.holes]).toEqual([
      ['100', '103'],
      [
        { from: minute(20), until: minute(31) },
        { from: minute(31), until: minute(38), unreadable: [stray.id] },
      ],
    ]);
  });

  test('of a table are also those of its database, and those of which not all is known', async () => {
    const one = memoryStore();
    const lines = [
      '100 10 5 shop.orders',
      '101 20 5 - DROP DATABASE shop',
      '102 21 5 - DROP DATABASE crm',
      '103 22 5 - CREATE DATABASE shop',
    ];
    lines.push('104 23 5 - DROP TEMPORARY TABLE shop.orders', '105 24 5 - CREATE OR REPLACE TABLE shop.orders', '106 25 5 ? SET');
    const log = await chain(one, 100, 0, [[lines.join('\n'), 30]]);
    const of = async (table: string) => ids(await list(one, log, { since: minute(0), table }));
    expect(await of('shop.orders')).toEqual(['100', '101', '104', '105', '106']);
    expect(await of('orders')).toEqual(['100', '101', '102', '104', '105', '106']);
    expect(await of('shop.people')).toEqual(['101', '106']);
    // Where the first of two parts may be a schema, the table may be of either database.
    const ofSchema = await list(one, log, { since: minute(0), table: 'public.people' }, undefined, [], 3);
    expect(ids(ofSchema)).toEqual(['101', '102', '106']);
  });

  test('of a table are also those of its partitions', async () => {
    const one = memoryStore();
    const lines =
      '100 10 5 shop.orders_1<shop.orders_early<shop.orders\n101 11 5 shop.rooms_1<shop.rooms\n102 12 5 -<shop.orders DROP TABLE shop.orders_2';
    const log = await chain(one, 100, 0, [[lines, 30]]);
    const of = async (table: string) => ids(await list(one, log, { since: minute(0), table }));
    expect([await of('orders'), await of('shop.orders_early'), await of('orders_2')]).toEqual([['100', '102'], ['100'], ['102']]);
  });

  test('that remove most are looked for among all, shown or not, where all is known of all', async () => {
    const one = memoryStore();
    const many = Array.from({ length: 60 }, (_, n) => `${101 + n} ${11 + (n % 10)} 300 shop.sessions`);
    const log = await chain(one, 100, 0, [[['100 10 9 - DROP TABLE shop.orders', ...many].join('\n'), 30]]);
    const found = await list(one, log, { since: minute(0) });
    expect([found.transactions.length, found.suspect?.id]).toEqual([50, '100']);
    const unsure = memoryStore();
    const opaque = await chain(unsure, 100, 0, [['100 10 9 - DROP TABLE shop.orders\n101 11 5 ? WITH', 30]]);
    expect((await list(unsure, opaque, { since: minute(0) })).suspect).toBe(null);
  });

  test('of a time without any log are an error that says which times there are', async () => {
    const hint = `it reaches from ${minute(0).toISOString()} to ${minute(110).toISOString()}`;
    await expect(list(store, day, { since: minute(200), until: minute(300) })).rejects.toMatchObject({ kind: 'usage', hint });
    await expect(list(store, day, { since: minute(9), until: minute(8) })).rejects.toMatchObject({ kind: 'usage' });
    await expect(list(store, day.slice(0, 1))).rejects.toMatchObject({ kind: 'usage', message: 'there is no log of it in the backups' });
  });
});
