import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Restorable, RestoreTarget } from '../../../../runtime/ports/scratch-engine.ts';
import { never } from '../../jobs/backup-world.ts';
import { begin, logOf, madeBy, World } from './world.ts';

/** A full backup, a differential one, and two logs: `a` before all, `b` before the differential one, then `c` | `d`, and the places of the last two. */
async function shop(world: World) {
  world.server.write('a');
  const full = await madeBy(world.full, 'full', '1');
  await using feed = await world.logs.open(never);
  world.server.write('b');
  const differential = await madeBy(world.differential(full), 'increment', '2');
  const c = world.server.write('c');
  const first = await logOf(await feed.cut(differential.manifest, never), '3');
  const d = world.server.write('d');
  const second = await logOf(await feed.cut(first.manifest, never), '4');
  world.server.statements.length = 0;
  return { full, differential, first, second, places: { c, d }, chain: [full, differential, first, second] };
}

async function restored(world: World, chain: readonly Restorable[], target: RestoreTarget): Promise<string> {
  await using laid = await world.scratch.layOut(chain, never);
  await using _ = await laid.recover(target, never);
  expect(world.server.restored?.open).toBe(true);
  return (world.server.restored?.commits ?? []).map(({ value }) => value).join('');
}
const latest = { kind: 'latest' } as const;
const after = (seconds: number): RestoreTarget => ({ kind: 'time', at: new Date(begin + seconds * 1000) });

describe('a restore of SQL Server, by a stand-in for it', () => {
  test('reads the full backup, the differential one and the logs, in a server of its own that nobody else reaches', async () => {
    using world = new World();
    const { chain } = await shop(world);
    expect(await restored(world, chain, latest)).toBe('abcd');
    const [, folder = ''] = /FROM DISK = N'([^']+)\/[^/]+\.part'/.exec(world.server.statements[0] ?? '') ?? [];
    const move = `MOVE N'shop' TO N'${folder}/data/shop.mdf', MOVE N'shop_log' TO N'${folder}/data/shop_log.ldf'`;
    const part = (id: string): string => `FROM DISK = N'${folder}/${id.padStart(26, '0')}.part' WITH NORECOVERY, CHECKSUM`;
    expect(world.server.statements).toEqual([
      `RESTORE DATABASE [shop] ${part('1')}, ${move};`,
      `RESTORE DATABASE [shop] ${part('2')}, ${move};`,
      `RESTORE LOG [shop] ${part('3')};`,
      `RESTORE LOG [shop] ${part('4')};`,
      'RESTORE DATABASE [shop] WITH RECOVERY;',
    ]);
    const server = world.server.calls.findLast(
      ({ argv, env }) => argv[0] === '/opt/mssql/bin/sqlservr' && env['ACCEPT_EULA'] !== undefined,
    );
    expect(server?.env).toMatchObject({
      ACCEPT_EULA: 'Y',
      MSSQL_PID: 'Standard',
      MSSQL_IP_ADDRESS: '127.0.0.1',
      MSSQL_MEMORY_LIMIT_MB: '2400',
      MSSQL_MASTER_DATA_FILE: join(folder, 'system', 'master.mdf'),
      TZ: 'UTC',
    });
    expect(server?.argv).toHaveLength(1);
    expect(existsSync(folder)).toBe(false);
  });

  test('ends at a time, at a place, and just before one or with it', async () => {
    using world = new World();
    const { chain, places } = await shop(world);
    const at = async (target: RestoreTarget): Promise<string> => restored(world, chain, target);
    expect(await at(after(21.1))).toBe('abc');
    expect(world.server.statements.findLast((line) => line.startsWith('RESTORE LOG'))).toContain("STOPAT = '2026-11-22T01:00:21.100'");
    expect(await at(after(999))).toBe('abcd');
    expect(await at({ kind: 'position', position: places.c })).toBe('abc');
    expect(await at({ kind: 'transaction', id: places.d, inclusive: true })).toBe('abcd');
    expect(await at({ kind: 'transaction', id: places.d, inclusive: false })).toBe('abc');
    expect(await at({ kind: 'transaction', id: places.c, inclusive: false })).toBe('ab');
  });

  test('needs no differential backup, and of several reads the last alone', async () => {
    using world = new World();
    const full = await madeBy(world.full, 'full', '1');
    await using feed = await world.logs.open(never);
    world.server.write('a');
    const log = await logOf(await feed.cut(full.manifest, never), '2');
    expect(await restored(world, [full, log], latest)).toBe('a');
    const [one, two] = [await madeBy(world.differential(full), 'increment', '3'), await madeBy(world.differential(full), 'increment', '4')];
    world.server.statements.length = 0;
    expect(await restored(world, [full, one, two], latest)).toBe('a');
    expect(world.server.statements).toHaveLength(3);
  });

  test('leaves out a log that ends where the full backup does, and one that holds nothing: the server would refuse both', async () => {
    using world = new World();
    const { full, first, second } = await shop(world);
    const fork = 'AAAAAAAA-0000-0000-0000-000000000001';
    const logFrom = (from: string | null, to: string | null, id: string): Restorable => ({
      manifest: { ...first.manifest, id: id.padStart(26, '0'), position: { from, to } },
      open: async function* () {
        await Promise.resolve();
        yield Buffer.from(JSON.stringify({ type: 'L', first: 0, last: 0, commits: [], fork }));
      },
    });
    const ended = logFrom(first.manifest.position.from, full.manifest.position.to, '5');
    const empty = logFrom(first.manifest.position.to, first.manifest.position.to, '6');
    const behind = { ...first, manifest: { ...first.manifest, position: { ...first.manifest.position, from: full.manifest.position.to } } };
    expect(await restored(world, [full, ended, behind, empty, second], latest)).toBe('abcd');
  });

  test('refuses a chain with a gap before anything is started, and a place that no log reaches', async () => {
    using world = new World();
    const { full, differential, first, second, places } = await shop(world);
    const started = world.server.calls.length;
    await expect(restored(world, [full, differential, second], latest)).rejects.toMatchObject({ kind: 'damaged' });
    expect(world.server.statements).toEqual([]);
    // What asks for the version alone.
    expect(world.server.calls.length).toBe(started + 1);
    const beyond = { kind: 'transaction', id: places.d, inclusive: true } as const;
    await expect(restored(world, [full, differential, first], beyond)).rejects.toMatchObject({ kind: 'usage' });
  });

  test('blames the backup for what the server says against it, and the place for want of room', async () => {
    using world = new World();
    const { full, differential } = await shop(world);
    const other = { ...differential, open: full.open, manifest: { ...differential.manifest } };
    const torn: Restorable = {
      ...other,
      open: async function* () {
        await Promise.resolve();
        yield Buffer.from(JSON.stringify({ type: 'I', base: 'B-other', commits: [], first: 0, last: 0, fork: '' }));
      },
    };
    await expect(restored(world, [full, torn], latest)).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringMatching(/does not accept backup 0+2: This differential backup cannot be restored .* \(Msg 3136\)/),
    });
  });

  test('is compared with what the original held, once every page was checked', async () => {
    using world = new World();
    const { full, first, second } = await shop(world);
    const expected = await world.scratch.expectation(full);
    if (expected === undefined) expect.unreachable('no facts');
    await using laid = await world.scratch.layOut([full, first, second], never);
    await using scratch = await laid.recover(expected.target, never);
    expect(world.scratch.compare(expected.facts, await scratch.facts(never))).toEqual([]);
    expect(world.server.statements.at(-1)).toMatch(/^DBCC CHECKDB \(N'shop'\) WITH NO_INFOMSGS, ALL_ERRORMSGS, TABLOCK;/);
    world.server.restored?.commits.pop();
    expect(world.scratch.compare(expected.facts, await scratch.facts(never))).toEqual(['shop: dbo.orders has 0 rows, and had 1']);
  });

  test('can be kept as the files of that database alone', async () => {
    using world = new World();
    const { chain } = await shop(world);
    await using laid = await world.scratch.layOut(chain, never);
    await using scratch = await laid.recover(latest, never);
    const kept = join(world.folder, 'kept');
    expect(await scratch.keep(kept, never)).toEqual([]);
    expect([readdirSync(kept), world.server.calls.at(-1)?.argv[0]]).toEqual([[], 'sync']);
  });

  test('says what cannot be compared where the database keeps no versions of rows', async () => {
    using world = new World();
    world.server.versions = false;
    expect(await world.scratch.expectation(await madeBy(world.full, 'full', '1'))).toBeUndefined();
  });
});
