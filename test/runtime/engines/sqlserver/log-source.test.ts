import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reachOf } from '../../../../model/backup/reach.ts';
import { sqlserverChain } from '../../../../runtime/engines/sqlserver/chain-rules.ts';
import { never } from '../../jobs/backup-world.ts';
import { logOf, madeBy, World } from './world.ts';

test('logs of SQL Server (a stand-in) go on where the one before ended, and wait in the volume until they are in a store behind all that they belong to', async () => {
  using world = new World();
  const full = await madeBy(world.full, 'full', '1');
  await using feed = await world.logs.open(never);
  world.server.write('one');
  const first = await logOf(await feed.cut(full.manifest, never), '2');
  world.server.write('two');
  const second = await logOf(await feed.cut(first.manifest, never), '3');
  expect(world.server.statements[1]).toMatch(/^BACKUP LOG \[shop\] TO DISK = N'.*\/log-t2\.trn' WITH FORMAT, INIT, CHECKSUM, COMPRESSION/);
  expect(second.manifest.position.from).toBe(first.manifest.position.to);
  expect([sqlserverChain.follows(full.manifest, first.manifest), sqlserverChain.follows(first.manifest, second.manifest)]).toEqual([
    true,
    true,
  ]);
  // Another one, behind which the same log is shipped once more.
  const again = await logOf(await feed.cut(full.manifest, never), '4');
  expect(again.manifest.position).toEqual(first.manifest.position);
  expect(world.server.statements).toHaveLength(3);
  expect(readdirSync(world.exchange).sort()).toEqual(['log-t2.json', 'log-t2.trn', 'log-t3.json', 'log-t3.trn']);
  await feed.forget(first.manifest, never);
  expect(readdirSync(world.exchange).sort()).toEqual(['log-t3.json', 'log-t3.trn']);
});

test('where nobody writes no log is made, until it is time to say so, or somebody asks', async () => {
  using world = new World();
  const full = await madeBy(world.full, 'full', '1');
  await using feed = await world.logs.open(never);
  const log = await logOf(await feed.cut(full.manifest, never), '2');
  world.server.now += 60_000;
  // Whoever commits in the instant behind a log looks like the trace of that log: no time behind it is claimed.
  expect(await feed.cut(log.manifest, never)).toEqual({ kind: 'nothing', coveredUntil: reachOf(log.manifest).coveredUntil });
  expect((await feed.cut(log.manifest, never, new Date(world.server.now - 500))).kind).toBe('nothing');
  const asked = await logOf(await feed.cut(log.manifest, never, new Date(world.server.now - 2000)), '3');
  world.server.now += 900_000;
  expect((await logOf(await feed.cut(asked.manifest, never), '4')).manifest.position.from).toBe(asked.manifest.position.to);
});

test('a log that was written when the agent was killed is shipped, and half a one goes', async () => {
  using world = new World();
  const full = await madeBy(world.full, 'full', '1');
  {
    await using feed = await world.logs.open(never);
    world.server.write('one');
    await feed.cut(full.manifest, never);
  }
  rmSync(join(world.exchange, 'log-t2.json'));
  writeFileSync(join(world.exchange, 'log-zz.trn'), 'half');
  await using feed = await world.logs.open(never);
  const log = await logOf(await feed.cut(full.manifest, never), '2');
  expect(readdirSync(world.exchange).sort()).toEqual(['log-t2.json', 'log-t2.trn']);
  expect(sqlserverChain.follows(full.manifest, log.manifest)).toBe(true);
});

test.each<[string, (world: World) => void, RegExp]>([
  [
    'somebody else took a part of it',
    ({ server }) => server.stealLog(),
    /^shop\\admin, by a backup to \/backups\/hand\.trn, has taken the log from \d+ to \d+/,
  ],
  ['its recovery model was another one meanwhile', ({ server }) => server.breakLog(), /its recovery model was another one meanwhile/],
  ['the database was put back', ({ server }) => server.putBack(), /was put back since/],
  ['the database was made anew', ({ server }) => server.makeAnew(), /was made anew since .*, or is another one/],
])('a log is a hole where %s, and goes on behind a new full backup', async (_, happen, because) => {
  using world = new World();
  const full = await madeBy(world.full, 'full', '1');
  await using feed = await world.logs.open(never);
  world.server.write('one');
  const log = await logOf(await feed.cut(full.manifest, never), '2');
  happen(world);
  world.server.write('two');
  expect(await feed.cut(log.manifest, never)).toMatchObject({ kind: 'hole', because: expect.stringMatching(because) });
  const next = await madeBy(world.full, 'full', '3');
  world.server.write('three');
  const behind = await logOf(await feed.cut(next.manifest, never), '4');
  expect(sqlserverChain.follows(next.manifest, behind.manifest)).toBe(true);
});

test('a full backup of somebody else takes nothing out of the log', async () => {
  using world = new World();
  const full = await madeBy(world.full, 'full', '1');
  await using feed = await world.logs.open(never);
  const log = await logOf(await feed.cut(full.manifest, never), '2');
  world.server.stealBase();
  world.server.write('one');
  expect((await logOf(await feed.cut(log.manifest, never), '3')).manifest.position.from).toBe(log.manifest.position.to);
});
