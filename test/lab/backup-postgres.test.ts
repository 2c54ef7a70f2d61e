import { createPublicKey } from 'node:crypto';
import { chownSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDump } from '../runtime/engines/postgres/recorded-wal.ts';
import { noise } from '../runtime/streams/bytes.ts';
import { BackupLab, expectCanary, expectHole, expectProven, expectTooLate, password, uid, type Agent } from './backup-agent.ts';
import { run } from './process.ts';
import { until } from './until.ts';

const lab = new BackupLab('postgres', { port: 5432, path: '/usr/lib/postgresql/17/bin' });
const { database, home } = lab;

/** Lets the account of the backups in, as the site does. */
const init = `#!/bin/bash
echo 'host replication berth_backup all scram-sha-256' >>"$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 -U postgres <<'SQL'
CREATE ROLE berth_backup LOGIN REPLICATION PASSWORD '${password}';
GRANT pg_read_all_data TO berth_backup;
CREATE SCHEMA berth;
CREATE TABLE berth.canary (one boolean PRIMARY KEY DEFAULT true CHECK (one), moment timestamptz NOT NULL);
INSERT INTO berth.canary (moment) VALUES ('2020-01-01');
GRANT UPDATE (moment) ON berth.canary TO berth_backup;
CREATE TABLE ledger (writer int, n int, note text, PRIMARY KEY (writer, n));
CREATE TABLE notes (id bigserial PRIMARY KEY, body text, raw bytea, amount numeric);
INSERT INTO notes (body, raw, amount) SELECT md5(g::text) || ' räksmörgås 🎉', decode(md5(g::text), 'hex'), g / 7.0 FROM generate_series(1, 50000) g;
CREATE TABLE "Odd ""name""" (t text);
INSERT INTO "Odd ""name""" VALUES (NULL), ('');
CREATE TABLE bookings (id int PRIMARY KEY, body text);
SQL
`;

const sql = async (statement: string): Promise<string> =>
  run(['docker', 'exec', '-i', '-e', 'PGTZ=UTC', database, 'psql', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres'], {
    input: statement,
  });

/** Transactions of two tables each, by two writers at the same time, with pauses of a few milliseconds. */
function write(seconds: number, first: number): Promise<unknown> {
  const one = (writer: number): string =>
    Array.from({ length: seconds * 40 }, (_, index) => {
      const n = first + index;
      return `BEGIN; INSERT INTO ledger VALUES (${writer}, ${n}, md5('${writer}/${n}')); INSERT INTO notes (body) VALUES ('${writer}/${n}'); COMMIT; SELECT pg_sleep(0.02);`;
    }).join('\n');
  return Promise.all([sql(one(1)), sql(one(2))]);
}

/** The same, until they are told to stop. */
function writing(from = 100_000): { readonly stop: () => Promise<void> } {
  const told = new AbortController();
  const all = (async () => {
    for (let first = from; !told.signal.aborted; first += 40) await write(1, first);
  })();
  return {
    stop: () => {
      told.abort();
      return all;
    },
  };
}

/** What the original held once all had been committed that carries a time of up to `until`: nothing of these is ever changed. */
async function heldAt(until: string, comparison = '<='): Promise<readonly unknown[]> {
  const at = (table: string): string =>
    `SELECT 'public.${table}', count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) FROM ${table} r WHERE pg_xact_commit_timestamp(xmin) ${comparison} '${until}'`;
  const rows = await sql(`SET bytea_output = 'hex'; ${at('ledger')} UNION ALL ${at('notes')} ORDER BY 1`);
  return rows.split('\n').map((row) => {
    const [name, count, hash] = row.split('|');
    return { name, rows: count, hash };
  });
}

interface Made {
  readonly id: string;
  readonly bytes: number;
  readonly durationMs: number;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly position: { readonly from: string };
}

const restoredTables = ({
  facts,
}: {
  readonly facts: { readonly databases: readonly { readonly tables: readonly { readonly name: string }[] }[] };
}) => facts.databases.flatMap(({ tables }) => tables).filter(({ name }) => /ledger|notes/.test(name));

/** From here on the first full backup can be restored to any time, however long it took. */
let restorableFrom = '';

/** A moment between two commits that are some milliseconds apart, and the transaction that comes after it; about `share` of the way through. */
async function quietMoment(share: number): Promise<{ readonly at: string; readonly next: string; readonly nextAt: string }> {
  const row =
    await sql(`WITH commits AS (SELECT DISTINCT xmin::text AS xid, pg_xact_commit_timestamp(xmin) AS at FROM ledger WHERE pg_xact_commit_timestamp(xmin) > '${restorableFrom}'),
      gaps AS (SELECT at, lead(at) OVER w AS next_at, lead(xid) OVER w AS next, percent_rank() OVER w AS rank FROM commits WINDOW w AS (ORDER BY at))
    SELECT to_char(at + (next_at - at) / 2, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), next, next_at FROM gaps
    WHERE next_at - at > interval '6 ms' ORDER BY abs(rank - ${share}) LIMIT 1`);
  const [at = '', next = '', nextAt = ''] = row.split('|');
  return { at, next, nextAt };
}

let agent: Agent;

beforeAll(async () => {
  const options = ['-e', 'POSTGRES_PASSWORD=admin', '-e', 'POSTGRES_INITDB_ARGS=--data-checksums'];
  // By TCP: the server of the first start listens on its socket alone.
  await lab.begin(
    init,
    options,
    ['postgres', '-c', 'track_commit_timestamp=on', '-c', 'summarize_wal=on', '-c', 'max_prepared_transactions=10'],
    [database, 'pg_isready', '-h', '127.0.0.1', '-q'],
  );
  agent = lab.agent();
});

afterAll(async () => {
  await agent.end();
  await lab.end();
});

describe('backups of PostgreSQL', () => {
  test('without a full backup nothing is shipped, and it is said why', async () => {
    await agent.ask('open');
    expect(await agent.ask('ship')).toEqual({ kind: 'full needed', because: 'there is no full backup yet' });
  });

  test('under writes, two full backups and the logs leave no time out', async () => {
    const writers = writing();
    const first = await agent.ask('full');
    restorableFrom = await sql('SELECT clock_timestamp()');
    expect(first.facts).toMatchObject({ version: '17.11', checksums: true, superuser: 'postgres', databases: ['postgres'], tables: 4 });
    for (let round = 0; round < 3; round += 1) {
      await write(0.1, 2000 + round * 10);
      expect((await agent.ask('ship')).kind).toBe('shipped');
      await sleep(300);
    }
    const second = await agent.ask('full');
    await write(0.1, 2100);
    await writers.stop();
    await sleep(1200);
    const shipped = await agent.ask('ship');
    expect(shipped.logs[0]).toMatchObject({ chain: second.id, parent: second.id });
    const { manifests, spans } = await agent.ask('list');
    expect(manifests.filter((each: { readonly chain: string }) => each.chain === first.id).length).toBeGreaterThan(3);
    expect(spans.length).toBe(1);
  });

  test.each([0.3, 0.6, 0.85])('a restore to a time, %d of the way, holds exactly what was committed by then', async (share) => {
    const { at } = await quietMoment(share);
    const restored = await agent.ask('restore', { at });
    expect(restoredTables(restored)).toEqual(await heldAt(at));
  });

  test('a restore to just before a transaction holds all that was committed before it', async () => {
    const { next, nextAt } = await quietMoment(0.97);
    const restored = await agent.ask('restore', { target: { kind: 'transaction', id: next, inclusive: false } });
    expect(restoredTables(restored)).toEqual(await heldAt(nextAt, '<'));
    const unknown = await agent.try('restore', { target: { kind: 'transaction', id: '999999999', inclusive: true } });
    expect(unknown).toMatchObject({
      kind: 'usage',
      failed: 'transaction 999999999 cannot be restored to: it did not end in what was backed up',
    });
  });

  describe('transactions in the log', () => {
    /** Whatever a client may do to two tables, the same in each run: parts that are given up, whole ones that are, two phases, many rows at once. */
    const work = (seed: number): string => {
      const random = noise(400, seed);
      const ids = (at: number): string => `id % 50 = ${(random[at] ?? 0) % 50} AND id % 2 = ${seed % 2}`;
      const one = (at: number): string => {
        const table = (random[at + 1] ?? 0) % 2 === 0 ? 'bookings' : 'guests';
        const many = ((random[at + 2] ?? 0) % 40) + 1;
        const from = 1_000_000 * seed + 1000 * at;
        const statements = [
          `INSERT INTO ${table} SELECT 2 * g + ${seed % 2}, repeat(md5(g::text), ${many * 20}) FROM generate_series(${from}, ${from + many}) g ON CONFLICT (id) DO NOTHING`,
          `UPDATE ${table} SET body = 'x' WHERE ${ids(at)}`,
          `DELETE FROM ${table} WHERE ${ids(at)}`,
        ];
        return statements[(random[at] ?? 0) % statements.length] ?? '';
      };
      const ways = [
        (at: number) => `${one(at)};`,
        (at: number) => `BEGIN; ${one(at)}; SAVEPOINT a; ${one(at + 3)}; ROLLBACK TO a; ${one(at + 6)}; RELEASE a; ${one(at + 9)}; COMMIT;`,
        (at: number) => `BEGIN; ${one(at)}; ROLLBACK;`,
        (at: number) => `BEGIN; ${one(at)}; SAVEPOINT b; ${one(at + 3)}; PREPARE TRANSACTION 'p${seed}'; COMMIT PREPARED 'p${seed}';`,
      ];
      return Array.from({ length: 60 }, (_, index) => ways[(random[index + 300] ?? 0) % ways.length]?.(index * 4) ?? '').join('\n');
    };
    const fileOf = (table: string): Promise<string> =>
      sql(`SELECT oid || '/' || pg_relation_filenode('${table}') FROM pg_database WHERE datname = 'postgres'`);
    let deleted = '';

    test('are those that pg_waldump finds, with their numbers, times and counts, whoever else is at work', async () => {
      const begin = await sql('SELECT pg_current_wal_insert_lsn()');
      const since = new Date().toISOString();
      await sql('CREATE TABLE guests (id int PRIMARY KEY, body text)');
      await Promise.all([sql(work(1)), sql(work(2)), write(1, 40_000)]);
      deleted = (await sql('DELETE FROM bookings RETURNING pg_current_xact_id()')).split('\n')[0] ?? '';
      await sleep(1200);
      const end = await sql('SELECT pg_current_wal_flush_lsn()');
      await agent.ask('ship');
      const dumped = parseDump(await run(['docker', 'exec', database, 'sh', '-c', `pg_waldump -p "$PGDATA/pg_wal" -s ${begin} -e ${end}`]));
      const tables = new Map([
        [await fileOf('bookings'), 'postgres.public.bookings'],
        [await fileOf('guests'), 'postgres.public.guests'],
      ]);
      const rows = dumped.flatMap(({ told }) => (told !== undefined && tables.has(String(told[2])) ? [told] : []));
      const expected = dumped.flatMap(({ told }) => {
        const [what, xid, at, children] = told ?? [];
        if (what !== 'COMMIT') return [];
        const all = [xid, ...(children as readonly number[])];
        const counts = [...tables].flatMap(([file, name]) => {
          const of = (change: string): number =>
            rows
              .filter((row) => row[0] === change && all.includes(row[1]) && row[2] === file)
              .reduce((sum, row) => sum + Number(row[3]), 0);
          const found = { name, inserted: of('inserted'), updated: of('updated'), deleted: of('deleted') };
          return found.inserted + found.updated + found.deleted === 0 ? [] : [found];
        });
        return counts.length > 0 ? [{ id: String(xid), at: new Date(Number(at)).toISOString(), tables: counts }] : [];
      });
      const { transactions, holes } = await agent.ask('transactions', { since });
      const found = transactions.flatMap(({ id, at, tables: touched }: { id: string; at: string; tables: readonly { name: string }[] }) => {
        const ours = touched.filter(({ name }) => /bookings|guests/.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
        return ours.length === 0 ? [] : [{ id, at, tables: ours }];
      });
      expect(expected.length).toBeGreaterThan(40);
      expect([found, holes]).toEqual([expected, []]);
      expect(transactions.filter(({ isPartial }: { isPartial: boolean }) => isPartial)).toEqual([]);
      expect(JSON.stringify(transactions)).not.toContain('canary');
    });

    test('are undone by the number that stands there', async () => {
      const { transactions } = await agent.ask('transactions', { table: 'bookings' });
      const last = transactions.at(-1);
      const touched = { name: 'postgres.public.bookings', inserted: 0, updated: 0, deleted: expect.any(Number) };
      expect([last.id, last.tables]).toEqual([deleted, [touched]]);
      const { facts } = await agent.ask('restore', { target: { kind: 'transaction', id: last.id, inclusive: false } });
      const { rows } = facts.databases[0].tables.find(({ name }: { readonly name: string }) => name === 'public.bookings');
      expect(Number(rows)).toBe(last.tables[0].deleted);
      expect(Number(rows)).toBeGreaterThan(20);
    });
  });

  test('the latest point holds everything, and a time after the last commit is the same', async () => {
    await sleep(1200);
    await agent.ask('ship');
    const restored = await agent.ask('restore');
    expect(restoredTables(restored)).toEqual(await heldAt('infinity'));
    const { spans } = await agent.ask('list');
    const atEnd = await agent.ask('restore', { at: spans[0].until });
    expect(restoredTables(atEnd)).toEqual(restoredTables(restored));
    await expectTooLate(agent);
  });

  test('a full backup is proven by a restore to the place that its facts are of', async () => {
    expect(await agent.ask('verify', { level: 1 })).toMatchObject({ level: 1, result: 'sound' });
    expect(await agent.ask('verify', { level: 2 })).toMatchObject({ level: 2, result: 'sound' });
    await expectProven(agent);
  });

  test('a time is written behind what others have, which can be restored to at once, comes back with it, and makes a quiet server ship nothing', async () => {
    // It writes by itself as well, once a minute where there is something to tidy up.
    const autovacuum = async (to: string): Promise<void> => {
      for (const statement of [`ALTER SYSTEM SET autovacuum = ${to}`, 'SELECT pg_reload_conf()']) await sql(statement);
    };
    await autovacuum('off');
    const workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%'";
    await until(async () => (await sql(workers)).trim() === '0', 'it tidies nothing up any more');
    await expectCanary(
      agent,
      () => write(0.1, 9000),
      () => sql('CHECKPOINT; SELECT pg_log_standby_snapshot()'),
    );
    await autovacuum('on');
  });

  test('an agent that was killed in the middle of a full backup and of shipping leaves no hole', async () => {
    const writers = write(4, 1000);
    agent = await lab.dieAtWork(agent);
    await writers;
    await sleep(1200);
    expect((await agent.ask('ship')).kind).toBe('shipped');
    const { spans } = await agent.ask('list');
    expect(spans.length).toBe(1);
    expect(restoredTables(await agent.ask('restore'))).toEqual(await heldAt('infinity'));
  });

  test.each([
    ['exits with 3 after output began', 'exit 3', 'pg_basebackup exited with 3'],
    ['breaks off and says that all went well', 'exit 0', 'pg_basebackup said that all went well, and its output ends with'],
  ])('a pg_basebackup that %s makes no backup', async (_, end, message) => {
    const before = (await agent.ask('list')).manifests.length;
    const path = join(home, `broken-${end.at(-1)}`);
    mkdirSync(path);
    writeFileSync(join(path, 'pg_basebackup'), `#!/bin/sh\n/usr/lib/postgresql/17/bin/pg_basebackup "$@" | head -c 4000000\n${end}\n`, {
      mode: 0o755,
    });
    const broken = lab.agent({ path });
    const { failed, kind } = await broken.try('full');
    await broken.end();
    expect([kind, failed]).toEqual(['io', expect.stringContaining(message)]);
    expect((await agent.ask('list')).manifests.length).toBe(before);
  });

  test('a wrong password is told from everything else, by the tools too, and no word of it is said', async () => {
    const wrong = lab.agent({ password: 'wr0ngPassw0rd' });
    const answer = await wrong.try('full');
    await wrong.end();
    expect(answer).toMatchObject({
      kind: 'unreachable',
      failed: `PostgreSQL at ${database}: password authentication failed for user "berth_backup"`,
      hint: 'see that the password of berth_backup is the one that the server knows',
    });
    expect(JSON.stringify(answer)).not.toContain('wr0ng');
  });

  test('a log that was damaged is found, blamed alone, and not restored', async () => {
    const log = await lab.damageLog(agent);
    expect(await agent.try('restore')).toMatchObject({ kind: 'damaged' });
    const { result, backups, proofs } = await agent.ask('verify', { level: 2 });
    expect([result, backups]).toEqual(['broken', [log.id]]);
    const levels = Object.fromEntries(proofs) as Readonly<Record<string, number>>;
    expect(levels[log.id]).toBe(-1);
    // The full backup below it is as good as before, whether it was proven yet or not.
    expect(levels[log.chain] ?? 0).toBeGreaterThanOrEqual(0);
    expect(Object.values(levels).filter((level) => level < 0)).toHaveLength(1);
    log.repair();
  });

  describe('increments', () => {
    let full: Made;
    let first: Made;
    let second: Made;

    /** Something that fills pages, so that it matters how many are copied. */
    const fill = async (): Promise<unknown> =>
      sql(
        'CREATE TABLE archive AS SELECT g, md5(g::text) AS a, md5((g * 7)::text) AS b FROM generate_series(1, 400000) g; VACUUM (FREEZE) archive; CHECKPOINT;',
      );

    test('hold what has changed since the backup that they rest on, and the log goes on behind them', async () => {
      await fill();
      full = await agent.ask('full');
      const writers = writing(200_000);
      await write(0.1, 3000);
      await agent.ask('ship');
      first = await agent.ask('increment');
      await write(0.1, 3100);
      // The log is certain up to a second ago: only then it goes on behind the increment.
      await sleep(1200);
      await agent.ask('ship');
      second = await agent.ask('increment');
      await write(0.5, 3200);
      await writers.stop();
      await sleep(1200);
      const shipped = await agent.ask('ship');
      expect([first, second]).toMatchObject([
        { kind: 'increment', chain: full.id, parent: full.id, facts: { changedSince: full.position.from } },
        { kind: 'increment', chain: full.id, parent: first.id, facts: { changedSince: first.position.from } },
      ]);
      expect(shipped.logs[0]).toMatchObject({ chain: full.id, parent: second.id });
      expect((await agent.ask('list')).spans.length).toBe(1);
      expect(first.bytes).toBeLessThan(full.bytes / 3);
      process.stdout.write(
        `full ${full.bytes} bytes, ${full.durationMs} ms; increments ${first.bytes} bytes, ${first.durationMs} ms; ${second.bytes} bytes, ${second.durationMs} ms\n`,
      );
    });

    test('are restored with all that they rest on, to any time behind them', async () => {
      restorableFrom = String(second.facts['restorableFrom']);
      const { at } = await quietMoment(0.5);
      const restored = await agent.ask('restore', { at });
      expect(restored.increments).toEqual([first.id, second.id]);
      expect(restoredTables(restored)).toEqual(await heldAt(at));
      expect(restoredTables(await agent.ask('restore'))).toEqual(await heldAt('infinity'));
    });

    test('leave out no time: before the second one it is the first that is restored', async () => {
      const at = String(first.facts['restorableFrom']);
      const restored = await agent.ask('restore', { at });
      expect(restored.increments).toEqual([first.id]);
      expect(restoredTables(restored)).toEqual(await heldAt(at));
    });

    test('are proven by a restore', async () => {
      expect(await agent.ask('verify', { level: 2 })).toMatchObject({
        result: 'sound',
        detail: [expect.stringContaining('the full backup and 2 increments')],
      });
      await expectProven(agent);
    });

    test('come back without Berth: by Node alone, and by what PostgreSQL brings', async () => {
      const out = join(home, 'out');
      const get = `node runtime/restore/main.ts get ${second.id} --from ${join(home, 'store')} --signer ${join(home, 'keys/signer.pem')} --key ${join(home, 'keys/operator.key')} --out ${out}`;
      const script = [
        get,
        `cd ${out}`,
        'for part in *; do mkdir -m 700 "$part/files"; tar -xf "$part/base.tar" -C "$part/files"; pg_verifybackup --quiet "$part/files"; done',
        'pg_combinebackup -o data */files',
        'pg_verifybackup --quiet data',
        `pg_ctl -D data -w -s -o "-c listen_addresses= -c unix_socket_directories=${out}" -l log start`,
        `PGPASSWORD=admin psql -h ${out} -U postgres -qAtX -c "SELECT count(*) FROM archive" -c "SELECT count(*) FROM ledger WHERE n BETWEEN 3100 AND 3199"`,
        'pg_ctl -D data -w -s -m immediate stop',
      ].join('\n');
      writeFileSync(
        join(home, 'keys/signer.pem'),
        createPublicKey(readFileSync(join(home, 'keys/signer.key'))).export({ type: 'spki', format: 'pem' }),
      );
      mkdirSync(out);
      chownSync(out, uid, uid);
      const said = await lab.inImage(script);
      expect(said.split('\n').slice(-2)).toEqual(['400000', '8']);
      rmSync(out, { recursive: true });
    });

    test('are not restored, and not followed, when the full backup below them was damaged; it alone is blamed', async () => {
      const damage = lab.damage(full.id, 'base.tar');
      expect(await agent.try('restore')).toMatchObject({ kind: 'damaged', failed: expect.stringContaining(full.id) });
      const { result, backups, proofs } = await agent.ask('verify', { level: 2 });
      expect([result, backups]).toEqual(['broken', [full.id]]);
      expect(Object.fromEntries(proofs)[full.id]).toBe(-1);
      expect(await agent.ask('increment')).toEqual({
        outcome: 'full needed',
        because: `${second.id}, or what it rests on, is missing or was found to be broken`,
      });
      damage.repair();
      expect(await agent.ask('verify', { level: 2 })).toMatchObject({ result: 'sound' });
    });

    test('are none when the server has not got the summaries of its log any more: it is said, and nothing is left behind', async () => {
      await sql('CHECKPOINT');
      await run(['docker', 'exec', database, 'sh', '-c', 'rm -f "$PGDATA"/pg_wal/summaries/*.summary']);
      const before = (await agent.ask('list')).manifests.length;
      expect(await agent.ask('increment')).toEqual({
        outcome: 'full needed',
        because: expect.stringMatching(/^WAL summaries are required on timeline 1 from .*/),
      });
      expect((await agent.ask('list')).manifests.length).toBe(before);
      full = await agent.ask('full');
      expect(await agent.ask('increment')).toMatchObject({ kind: 'increment', parent: full.id });
    });
  });

  /** The server has not got any more what was not received: files that nobody keeps are gone after a checkpoint, and kept ones after another. */
  const throwAway = async (n: number): Promise<unknown> => {
    const fill = (writer: number): string => `INSERT INTO ledger VALUES (${writer}, ${n}, 'lost'); SELECT pg_switch_wal();`;
    return sql(`${[3, 4, 5, 6].map(fill).join(' ')} CHECKPOINT; ${[7, 8].map(fill).join(' ')} CHECKPOINT;`);
  };
  /** Who sent log to an agent that is gone may not have noticed yet. */
  const dropSlot = async (): Promise<unknown> =>
    until(async () => (await sql("SELECT pg_drop_replication_slot('berth_backup')")) === '', 'the slot is nobody’s');

  test.each<[string, number, () => Promise<unknown>, RegExp]>([
    [
      'that nobody kept, with an empty spool',
      1,
      async () => {
        await dropSlot();
        rmSync(join(home, 'spool'), { recursive: true });
        mkdirSync(join(home, 'spool'));
        chownSync(join(home, 'spool'), uid, uid);
      },
      /^the log from .* on was not received$/,
    ],
    ['that nobody kept', 2, dropSlot, /^the server has not got any more of its log what was not received yet$/],
    [
      'that the server gave up, as its bound says',
      3,
      async () => sql("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'; SELECT pg_reload_conf();"),
      /on was not received$/,
    ],
  ])('a log %s is a hole: a full backup is asked for, and nothing is restored into the hole', async (_, n, lose, because) => {
    await agent.end();
    await lose();
    await throwAway(n);
    // The process that gives up a slot hears of a new bound in its own time.
    await until(async () => {
      const kept = await sql("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'berth_backup'");
      return kept === '' || kept === 'lost' || (await sql('SELECT pg_switch_wal(); CHECKPOINT;')) === '-';
    }, 'the server has not got it any more');
    agent = lab.agent();
    await agent.ask('open');
    await expectHole(agent, expect.stringMatching(because), async () => undefined);
  });

  test('behind all holes, everything is there again', async () => {
    expect(restoredTables(await agent.ask('restore'))).toEqual(await heldAt('infinity'));
  });

  test('nothing stays behind in the scratch folder', () => {
    expect(globSync(join(home, 'scratch/*'))).toEqual([]);
  });
});
