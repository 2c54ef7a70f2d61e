import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NoIncrement } from '../../../../runtime/ports/producer.ts';
import type { Restorable } from '../../../../runtime/ports/scratch-engine.ts';
import { never } from '../../jobs/backup-world.ts';
import { hexOf } from './server-stand-in.ts';
import { begin, madeBy, World } from './world.ts';

const factsIn = async ({ open }: Restorable): Promise<unknown> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of open('facts.json')) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
};

test('a full backup of SQL Server (a stand-in) is what the server wrote, with what it noted of it, and leaves nothing in the volume they share', async () => {
  using world = new World();
  world.server.write('one');
  const full = await madeBy(world.full, 'full', '1');
  expect(world.server.statements[0]).toMatch(
    /^BACKUP DATABASE \[shop\] TO DISK = N'.*\/exchange\/full-t1\.bak' WITH FORMAT, INIT, CHECKSUM, COMPRESSION, NAME = N'berth full t1';$/,
  );
  expect(full.manifest).toMatchObject({
    position: { from: null, to: '37000000001400001' },
    tool: { name: 'BACKUP DATABASE', version: '16.0.4250.1' },
    facts: {
      database: 'shop',
      edition: 'Standard Edition (64-bit)',
      coveredUntil: new Date(begin + 7000).toISOString(),
      restorableFrom: new Date(begin + 7050).toISOString(),
      othersNotCopied: ['scratchpad'],
      tables: 1,
      rows: 1,
    },
  });
  expect(await factsIn(full)).toMatchObject({
    position: hexOf(15),
    databases: [{ name: 'shop', tables: [{ name: 'dbo.orders', rows: '1' }] }],
  });
  expect(readdirSync(world.exchange)).toEqual([]);
});

test('an edition that compresses no backups is not asked to', async () => {
  for (const [edition, word] of [
    ['Express Edition (64-bit)', 'NO_COMPRESSION'],
    ['Web Edition (64-bit)', 'NO_COMPRESSION'],
    ['Developer Edition (64-bit)', ' COMPRESSION'],
  ] as const) {
    using world = new World();
    world.server.edition = edition;
    await madeBy(world.full, 'full', '1');
    expect(world.server.statements[0]).toContain(word);
  }
});

test('a backup that does not fit into the volume is not begun, and what an earlier run has left there goes', async () => {
  using world = new World();
  await madeBy(world.full, 'full', '1');
  writeFileSync(join(world.exchange, 'full-old.bak'), 'half');
  world.room = 2 ** 20;
  await expect(madeBy(world.full, 'full', '2')).rejects.toMatchObject({ kind: 'io', message: expect.stringContaining('takes about') });
  expect(world.server.statements).toHaveLength(1);
  world.room = 3 * 2 ** 20;
  await madeBy(world.full, 'full', '2');
  expect(existsSync(join(world.exchange, 'full-old.bak'))).toBe(false);
});

test.each([
  ['SIMPLE', 0, 'the recovery model SIMPLE'],
  ['BULK_LOGGED', 0, 'the recovery model BULK_LOGGED'],
  ['FULL', 60, 'is 60 minutes off UTC'],
])('nothing is copied with the recovery model %s and a clock %i minutes off', async (recoveryModel, zoneMinutes, message) => {
  using world = new World();
  Object.assign(world.server, { recoveryModel, zoneMinutes });
  await expect(world.full.open(never)).rejects.toMatchObject({ kind: 'unsupported', message: expect.stringContaining(message) });
  await expect(world.logs.open(never)).rejects.toMatchObject({ kind: 'unsupported', message: expect.stringContaining(message) });
});

test('a differential backup names the full one that it rests on, and is none where the server counts from another', async () => {
  using world = new World();
  const full = await madeBy(world.full, 'full', '1');
  world.server.write('one');
  const differential = await madeBy(world.differential(full), 'increment', '2');
  expect(world.server.statements[1]).toContain('WITH DIFFERENTIAL, FORMAT');
  expect(differential.manifest.facts['base']).toBe(full.manifest.facts['backupSet']);
  world.server.stealBase();
  await expect(madeBy(world.differential(full), 'increment', '3')).rejects.toSatisfy(
    (error) => error instanceof NoIncrement && error.message.includes('somebody else has made a full backup'),
  );
  world.server.putBack();
  await expect(madeBy(world.differential(full), 'increment', '3')).rejects.toSatisfy(
    (error) => error instanceof NoIncrement && error.message.includes('put back'),
  );
  expect(world.server.statements).toHaveLength(2);
});
