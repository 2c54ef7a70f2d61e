import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Manifest } from '../../../../model/backup/manifest.ts';
import { mongodbScratch } from '../../../../runtime/engines/mongodb/scratch.ts';
import { usualLimits } from '../../../../runtime/engines/table-facts.ts';
import type { RestoreTarget } from '../../../../runtime/ports/scratch-engine.ts';
import { archive, entry, fullAt, inPieces, logOf, noop } from './documents.ts';
import { standIn, told, type Call, type Recorded } from './programs-stand-in.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'berth-mongod-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const signal = new AbortController().signal;
const during = [entry(98), entry(99, { wall: new Date(103_000) }), entry(100)];
const full = { manifest: fullAt(during[2] as Buffer), files: { 'dump.archive': archive(during) } };
const first = [entry(101), entry(102)];
const second = [entry(105, { term: 2 }), noop(110), entry(112)];
interface Copy {
  readonly manifest: Manifest;
  readonly files: Readonly<Record<string, Buffer>>;
}
const logs: readonly [Copy, Copy] = [
  { manifest: logOf(during[2] as Buffer, first), files: { 'oplog.bson': Buffer.concat(first) } },
  { manifest: logOf(first[1] as Buffer, second), files: { 'oplog.bson': Buffer.concat(second) } },
];

const usual = ({ argv }: Call): Recorded => {
  if (argv[1] === '--version') return { output: 'db version v8.0.21\nBuild Info: {}\n' };
  if (argv[0] === 'mongod') return { stays: true };
  if (argv[0] === 'mongosh') return { output: told({ ok: 1, at: null, databases: [] }) };
  return {};
};

function laying(chain: readonly Copy[], answer: (call: Call) => Recorded = usual) {
  let replayed: Buffer | undefined;
  const { programs, calls } = standIn((call) => {
    const file = call.argv.find((each) => each.startsWith('--oplogFile='));
    if (file !== undefined) replayed = readFileSync(file.slice('--oplogFile='.length));
    return answer(call);
  });
  const scratch = mongodbScratch({
    programs,
    folder,
    memoryMiB: 1200,
    limits: usualLimits,
    sleep: async () => undefined,
    tag: () => 'a',
    uid: 999,
    room: async () => Infinity,
  });
  const laidOut = scratch.layOut(
    chain.map(({ manifest, files }) => ({ manifest, open: (name) => inPieces(files[name] ?? Buffer.alloc(0), 500) })),
    signal,
  );
  return { laidOut, calls, replayed: () => replayed };
}

async function restored(target: RestoreTarget, chain: readonly Copy[] = [full, ...logs]) {
  const { laidOut, calls, replayed } = laying(chain);
  await using laid = await laidOut;
  await using scratch = await laid.recover(target, signal);
  return { position: scratch.position, replayed: replayed(), calls, facts: await scratch.facts(signal) };
}

const all = [...during, ...first, ...second];
const upTo = (count: number): Buffer => Buffer.concat(all.slice(0, count));
const time = (milliseconds: number): RestoreTarget => ({ kind: 'time', at: new Date(milliseconds) });
const transaction = (id: string, inclusive: boolean): RestoreTarget => ({ kind: 'transaction', id, inclusive });

describe('a restore of MongoDB, by a stand-in for its programs', () => {
  test('loads the archive without its oplog, which is read together with all that follows it, in one go', async () => {
    const { position, replayed, calls, facts } = await restored({ kind: 'latest' });
    const [server, load, replay] = ['mongod', 'mongorestore', '--oplogReplay'].map((word) =>
      calls.find(({ argv }) => argv.includes(word) && argv[1] !== '--version'),
    );
    const socket = join(folder, 'scratch-a', 'mongod.sock');
    expect(server?.argv).toEqual([
      'mongod',
      `--dbpath=${join(folder, 'scratch-a', 'data')}`,
      `--bind_ip=${socket}`,
      '--port=27017',
      `--logpath=${join(folder, 'scratch-a', 'log')}`,
      '--wiredTigerCacheSizeGB=0.34',
      '--setParameter=ttlMonitorEnabled=false',
      '--setParameter=diagnosticDataCollectionEnabled=false',
    ]);
    expect(load?.argv.slice(1)).toEqual([
      expect.stringContaining(`mongodb://${encodeURIComponent(socket)}/?`),
      '--archive',
      '--maintainInsertionOrder',
    ]);
    expect(load?.input).toEqual(full.files['dump.archive']);
    expect(replay?.argv.slice(2)).toEqual(['--oplogReplay', expect.stringContaining('--oplogFile='), join(folder, 'scratch-a', 'empty')]);
    expect([position, replayed]).toEqual(['112:1', Buffer.concat(all)]);
    expect(facts).toEqual({ position: null, databases: [] });
    expect(existsSync(join(folder, 'scratch-a'))).toBe(false);
  });

  test.each<[string, RestoreTarget, number, string]>([
    ['a time at which nothing had followed yet, with all that came during the full backup', time(100_500), 3, '100:1'],
    ['the very time of an entry', time(101_000), 4, '101:1'],
    ['a time between two logs', time(104_999), 5, '102:1'],
    ['a time after the last', time(999_000), 8, '112:1'],
    ['a place', { kind: 'position', position: '105:9' }, 6, '105:1'],
    ['an entry', transaction('102:1', true), 5, '102:1'],
    ['just before an entry', transaction('102:1', false), 4, '101:1'],
  ])('ends at %s', async (_, target, count, position) => {
    const found = await restored(target);
    expect([found.position, found.replayed]).toEqual([position, upTo(count)]);
  });

  test('refuses an entry that is in no log', async () => {
    await expect(restored(transaction('103:1', true))).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('103:1 cannot be restored to'),
    });
  });

  test('has the server read data as that one did whose they are', async () => {
    const older = fullAt(during[2] as Buffer, { facts: { ...full.manifest.facts, compatibility: '7.0' } });
    const { calls } = await restored({ kind: 'latest' }, [{ ...full, manifest: older }]);
    expect(calls.some(({ argv }) => argv.join(' ').includes('setFeatureCompatibilityVersion: "7.0"'))).toBe(true);
    expect((await restored({ kind: 'latest' })).calls.some(({ argv }) => argv.join(' ').includes('setFeatureCompatibilityVersion'))).toBe(
      false,
    );
  });

  const [one, two] = logs;
  test.each<[string, readonly Copy[], string]>([
    ['a log is missing', [full, two], 'does not fit: the log before it ends at 100:1'],
    ['a log holds less than it says', [full, { ...one, files: { 'oplog.bson': first[0] as Buffer } }], 'does not fit'],
    [
      'a log is cut off',
      [full, { ...one, files: { 'oplog.bson': Buffer.concat(first).subarray(0, -2) } }],
      'cannot be read: a document of',
    ],
    ['a log is of another server', [full, { ...one, manifest: logOf(entry(100, { value: 'y' }), first) }], 'does not fit'],
    ['the archive is cut off', [{ ...full, files: { 'dump.archive': archive(during).subarray(0, -4) } }], 'it is not whole'],
    [
      'the archive ends with another entry',
      [{ ...full, manifest: fullAt(entry(100, { value: 'y' })) }],
      'another entry than the one it names',
    ],
    ['the archive is none', [{ ...full, files: { 'dump.archive': Buffer.from('-- MySQL dump') } }], 'no archive of mongodump'],
  ])('calls it damaged where %s, and leaves nothing behind', async (_, chain, message) => {
    await expect(laying(chain).laidOut).rejects.toMatchObject({ kind: 'damaged', message: expect.stringContaining(message) });
    expect(existsSync(join(folder, 'scratch-a'))).toBe(false);
  });

  test('says what mongorestore and the server say', async () => {
    const failing = (call: Call): Recorded =>
      call.argv[0] === 'mongorestore'
        ? {
            code: 1,
            stderr:
              '2026-03-29T01:00:02.120+0000\tFailed: shop.orders: error restoring from archive on stdin: reading bson input: CRC mismatch\n',
          }
        : usual(call);
    await expect(laying([full], failing).laidOut).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('CRC mismatch'),
    });
    const dying = (call: Call): Recorded => {
      if (call.argv[0] === 'mongosh') return { output: told({ failure: 'MongoServerSelectionError: connect ENOENT mongod.sock' }) };
      return call.argv[0] === 'mongod' && call.argv[1] !== '--version'
        ? { code: 100, stderr: 'Unable to create/open the lock file\n' }
        : usual(call);
    };
    await expect(laying([full], dying).laidOut).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('did not start: Unable to create/open'),
    });
  });

  test('is of a server of the same series', async () => {
    const other = (call: Call): Recorded => (call.argv[1] === '--version' ? { output: 'db version v8.2.1\n' } : usual(call));
    await expect(laying([full], other).laidOut).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('8.0.20, and this is 8.2.1'),
    });
  });

  test('leaves its data for a server that is to keep them', async () => {
    const { laidOut, calls } = laying([full]);
    await using laid = await laidOut;
    await using scratch = await laid.recover({ kind: 'latest' }, signal);
    expect(await scratch.keep(join(folder, 'kept'), signal)).toEqual([]);
    expect(existsSync(join(folder, 'kept'))).toBe(true);
    expect(calls.at(-1)?.argv).toEqual(['sync', '--file-system', join(folder, 'scratch-a', 'data')]);
  });
});
