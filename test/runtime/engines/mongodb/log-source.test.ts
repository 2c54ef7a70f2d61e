import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { Secret } from '../../../../model/secret.ts';
import { documentsOf } from '../../../../runtime/engines/mongodb/bson.ts';
import { mongodbLogSource } from '../../../../runtime/engines/mongodb/log-source.ts';
import type { Cut } from '../../../../runtime/ports/log-source.ts';
import { entry, fullAt, gathered, logOf, noop } from './documents.ts';
import { identity, standIn, told, type Recorded } from './programs-stand-in.ts';

let spool = '';
beforeEach(() => (spool = mkdtempSync(join(tmpdir(), 'berth-oplog-'))));
afterEach(() => rmSync(spool, { recursive: true }));

const signal = new AbortController().signal;
const access = { host: 'database', port: 27_017, user: 'berth_backup', password: new Secret('of-backup') };
const known = entry(100);

async function cutting(dump: Recorded | readonly Buffer[], after: Manifest = fullAt(known), until?: Date, sliceBytes = 2 ** 20) {
  const recorded: Recorded = Array.isArray(dump) ? { output: Buffer.concat(dump as Buffer[]) } : (dump as Recorded);
  const { programs, calls } = standIn(({ argv }) => (argv[0] === 'mongosh' ? { output: told(identity) } : recorded));
  const source = mongodbLogSource({
    access,
    programs,
    image: null,
    sleep: async () => undefined,
    folder: spool,
    spool,
    quietMs: 900_000,
    sliceBytes,
  });
  await using feed = await source.open(signal);
  const cut = await feed.cut(after, signal, until);
  return { cut, calls, made: await madeOf(cut) };
}

async function madeOf(cut: Cut) {
  if (cut.kind !== 'log') return undefined;
  await using snapshot = await cut.producer.open(signal);
  const files: Record<string, Buffer[]> = {};
  for await (const { name, bytes } of snapshot.streams) files[name] = await gathered(documentsOf(bytes));
  return { files, ...(await snapshot.finish()) };
}

describe('the oplog of MongoDB, by a stand-in for its programs', () => {
  test('is asked for from the last entry that is known, by an account whose password no argument shows', async () => {
    const { calls } = await cutting([known]);
    const dump = calls.find(({ argv }) => argv[0] === 'mongodump');
    expect(dump?.argv.slice(2)).toEqual([
      '--db=local',
      '--collection=oplog.rs',
      '--query={"ts":{"$gte":{"$timestamp":{"t":100,"i":1}}}}',
      '--out=-',
    ]);
    expect(calls.flatMap(({ argv }) => argv).join(' ')).not.toContain('of-backup');
    expect(dump?.config).toMatch(/^uri: "mongodb:\/\/berth_backup:of-backup@database:27017\/\?.*&authSource=admin"\n$/);
    expect(calls[0]?.env['BERTH_ADDRESS']).toContain('berth_backup:of-backup@database');
    // With the program its file is gone.
    expect(readdirSync(spool)).toEqual([]);
  });

  test('gives what comes after that entry, and not the entry itself once more', async () => {
    const entries = [entry(101), entry(101, { count: 2 }), noop(110)];
    const { cut, made } = await cutting([known, ...entries]);
    expect(cut).toMatchObject({ kind: 'log', more: false });
    expect(made?.files).toEqual({ 'oplog.bson': entries });
    expect(made).toMatchObject({
      position: { from: '100:1', to: '110:1' },
      facts: { entries: 3, writes: 2, coveredUntil: new Date(109_000).toISOString() },
      tool: { name: 'mongodump', version: '8.0.20' },
    });
    expect(made?.facts).toMatchObject({ after: fullAt(known).facts['last'], last: logOf(known, entries).facts['last'] });
  });

  test('goes on behind a log as behind a full backup', async () => {
    const { made } = await cutting([entry(105), entry(106)], logOf(known, [entry(101), entry(105)]));
    expect(made?.position).toEqual({ from: '105:1', to: '106:1' });
  });

  test('has nothing to be shipped while its server only says that it lives, until that is asked for or a quarter of an hour is over', async () => {
    expect((await cutting([known])).cut).toEqual({ kind: 'nothing', coveredUntil: new Date(100_000) });
    expect((await cutting([known, noop(110), noop(120)])).cut).toEqual({ kind: 'nothing', coveredUntil: new Date(119_000) });
    expect((await cutting([known, noop(110), noop(120)], undefined, new Date(119_000))).cut.kind).toBe('log');
    expect((await cutting([known, noop(110), noop(120)], undefined, new Date(119_001))).cut.kind).toBe('nothing');
    expect((await cutting([known, noop(1001)])).cut.kind).toBe('log');
  });

  test('comes in slices where there is a lot', async () => {
    const entries = Array.from({ length: 10 }, (_, index) => entry(101 + index));
    const { cut, made } = await cutting([known, ...entries], undefined, undefined, entry(1).length * 3);
    expect(cut).toMatchObject({ kind: 'log', more: true });
    expect(made?.files).toEqual({ 'oplog.bson': entries.slice(0, 3) });
  });

  test.each([
    ['rolled over', [entry(150), entry(151)], 'the server has not got its oplog any more from 100:1 on: it begins at 150:1'],
    ['is of data that were put back', [entry(100, { value: 'y' }), entry(101)], 'another entry stands at 100:1'],
    ['was written under another election', [entry(100, { term: 2 }), entry(101)], 'another entry stands at 100:1'],
    ['ends before that', [], 'nothing in its oplog from 100:1 on'],
    ['goes back', [known, entry(102), entry(101)], 'its oplog goes back at 101:1'],
  ])('has a hole where it %s', async (_, entries, because) => {
    const { cut } = await cutting(entries);
    expect(cut).toEqual({ kind: 'hole', because: expect.stringContaining(because) });
  });

  test.each([
    [
      'connection() error occurred during connection handshake: auth error: sasl conversation error: unable to authenticate using mechanism "SCRAM-SHA-256": (AuthenticationFailed) Authentication failed.',
      'see that the password of berth_backup is the one that the server knows',
    ],
    [
      'could not connect to server: server selection error: server selection timeout, current topology: { Type: Single, Servers: [{ Addr: database:27017, Last error: dial tcp: connection refused }] }',
      'see that the server runs and can be reached at database, port 27017',
    ],
    [
      'error creating intents to dump: (Unauthorized) not authorized on local to execute command { find: "oplog.rs" }',
      'give berth_backup these roles on the database admin',
    ],
    [
      '(CappedPositionLost) CollectionScan died due to position in capped collection being deleted.',
      'its oplog holds less than what is written during a backup',
    ],
  ])('is out of reach, and no hole, where mongodump says: %s', async (said, hint) => {
    const stderr = `2026-03-29T01:00:02.120+0000\tFailed: ${said}\n`;
    await expect(cutting({ output: known, stderr, code: 1 })).rejects.toMatchObject({
      kind: 'unreachable',
      message: `MongoDB at database: ${said}`,
      hint: expect.stringContaining(hint),
    });
  });

  test('is refused of a server that keeps none', async () => {
    const { programs } = standIn(() => ({ output: told({ ...identity, replicaSet: null }) }));
    const source = mongodbLogSource({
      access,
      programs,
      image: null,
      sleep: async () => undefined,
      folder: spool,
      spool,
      quietMs: 1,
      sliceBytes: 1,
    });
    await expect(source.open(signal)).rejects.toMatchObject({ kind: 'unsupported', message: expect.stringContaining('in no replica set') });
  });
});
