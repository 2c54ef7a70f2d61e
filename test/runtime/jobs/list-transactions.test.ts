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

/** A log of lines: the number of a transaction, the minute of its commit, its bytes, its table, and a statement. */
const reader: LogReader = {
  counts: 'rows',
  read: async (_, logs, found, heard) => {
    for await (const { open } of logs) {
      const text = (await whole(open('lines'))).toString();
      heard(text.length);
      for (const line of text.split('\n').filter((each) => each !== '')) {
        const [id = '', at, bytes, table = '', ...statement] = line.split(' ');
        found({
          id,
          at: minute(Number(at)),
          bytes: Number(bytes),
          tables: table === '-' ? [] : [{ name: table, inserted: 1, updated: 0, deleted: 0 }],
          statements: statement.length === 0 ? [] : [statement.join(' ')],
          isOpaque: false,
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
): Promise<readonly Manifest[]> {
  const make = (to: number, from: number | null, until: number, lines: string, after?: Manifest) =>
    run(
      store,
      engineOf({ lines: Buffer.from(lines) }, async () => ({
        position: { from: from === null ? null : String(from), to: String(to) },
        facts: { server: 'a', next: String(to), coveredUntil: minute(until).toISOString(), restorableFrom: minute(began).toISOString() },
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
) =>
  listTransactions(
    manifests,
    { ...query, ...changes },
    { store, engine: 'postgres', rules: numbered, reader, identity: operator.privateKey, width: 2, heard },
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

  test('that two chains hold are told once', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a\n101 30 5 a', 40]]);
    const newer = await chain(two, 101, 20, [['101 30 5 a\n102 45 5 a', 50]]);
    expect(ids(await list(two, [...older, ...newer], { since: minute(0) }))).toEqual(['100', '101', '102']);
    expect(ids(await list(two, [...older, newer[0]!], { since: minute(0) }))).toEqual(['100', '101']);
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
      heard: () => undefined,
    };
    const asked = { ...query, since: minute(0), until: minute(39) };
    expect(ids(await listTransactions([...older, ...newer], asked, tools, never)).toSorted()).toEqual(['100', '101', '102']);
  });

  test('of tables without a name stay in the list whatever table is asked for, as they may be of that one', async () => {
    const nameless: LogReader = {
      ...reader,
      read: (start, logs, found, heard) =>
        reader.read(
          start,
          logs,
          (one) => found({ ...one, tables: one.tables.map((each) => ({ ...each, isUnnamed: true as const })) }),
          heard,
        ),
    };
    const tools = {
      store,
      engine: 'postgres',
      rules: numbered,
      reader: nameless,
      identity: operator.privateKey,
      width: 2,
      heard: () => undefined,
    };
    const found = await listTransactions(day, { ...query, since: minute(0), table: 'another' }, tools, never);
    expect([ids(found), found.counts]).toEqual([['100', '101', '102', '104'], 'rows']);
  });

  test('are looked for no longer once somebody has had enough', async () => {
    const told = new AbortController();
    const heard = (): void => {
      told.abort(new Error('enough'));
      told.signal.throwIfAborted();
    };
    const tools = { store, engine: 'postgres', rules: numbered, reader, identity: operator.privateKey, width: 2, heard };
    await expect(listTransactions(day, { ...query, since: minute(0) }, tools, told.signal)).rejects.toThrow('enough');
  });

  test('are not there in a hole, which is told', async () => {
    const two = memoryStore();
    const older = await chain(two, 100, 0, [['100 10 5 a', 20]]);
    const newer = await chain(two, 150, 40, [['150 45 5 a', 50]]);
    const found = await list(two, [...older, ...newer], { since: minute(5), until: minute(48) });
    expect([ids(found), found.holes]).toEqual([['100', '150'], [{ from: minute(20), until: minute(40) }]]);
  });

  test('of a time without any log are an error that says which times there are', async () => {
    const hint = `it reaches from ${minute(0).toISOString()} to ${minute(110).toISOString()}`;
    await expect(list(store, day, { since: minute(200), until: minute(300) })).rejects.toMatchObject({ kind: 'usage', hint });
    await expect(list(store, day, { since: minute(9), until: minute(8) })).rejects.toMatchObject({ kind: 'usage' });
    await expect(list(store, day.slice(0, 1))).rejects.toMatchObject({ kind: 'usage', message: 'there is no log of it in the backups' });
  });
});
