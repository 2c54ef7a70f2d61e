import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { mongodbProducer } from '../../../../runtime/engines/mongodb/producer.ts';
import { usualLimits } from '../../../../runtime/engines/table-facts.ts';
import { archive, entry, fullAt, gathered, noop } from './documents.ts';
import { identity, standIn, told, type Recorded } from './programs-stand-in.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'berth-mongodump-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const signal = new AbortController().signal;
const access = { host: 'database', port: 27_017, user: 'berth_backup', password: new Secret('of-backup') };
const databases = [
  { name: 'admin', tables: [{ name: 'system.users', rows: '3', hash: null }], objects: [] },
  { name: 'shop', tables: [{ name: 'orders', rows: '3', hash: '12' }], objects: [{ name: 'index orders._id_', hash: 'a' }] },
];
const facts = { at: { $timestamp: { t: 130, i: 2 } }, databases };

async function produced(dump: Recorded, later: object = identity) {
  let asked = 0;
  const { programs, calls } = standIn(({ argv }) => {
    if (argv[0] === 'mongodump') return dump;
    if (argv.join(' ').includes('$toHashedIndexKey')) return { output: told(facts) };
    asked += 1;
    return { output: told(asked === 1 ? identity : later) };
  });
  const producer = mongodbProducer({ access, programs, image: 'mongo:8', sleep: async () => undefined, folder, limits: usualLimits });
  await using snapshot = await producer.open(signal);
  const files: Record<string, Buffer> = {};
  for await (const { name, bytes } of snapshot.streams) files[name] = Buffer.concat(await gathered(bytes));
  return { files, calls, ...(await snapshot.finish()) };
}

describe('a full backup of MongoDB, by a stand-in for its programs', () => {
  const last = noop(120);
  const whole = archive([entry(100), entry(115, { wall: new Date(121_500) }), last]);

  test('is all of the server with the oplog of that time, and stands at the last entry of it', async () => {
    const {
      files,
      calls,
      position,
      facts: held,
      tool,
    } = await produced({ output: whole, stderr: 'writing admin.system.users to archive on stdout\n' });
    expect(files['dump.archive']).toEqual(whole);
    expect(JSON.parse(String(files['facts.json']))).toEqual({ position: '130:2', databases });
    expect(position).toEqual({ from: null, to: '120:1' });
    expect(held).toMatchObject({
      ...identity,
      last: fullAt(last).facts['last'],
      coveredUntil: new Date(119_000).toISOString(),
      // No time before the latest that was noted in it: not all of that would be cut off again.
      restorableFrom: new Date(121_500).toISOString(),
      databases: ['admin', 'shop'],
      rows: 6,
      factsAt: '130:2',
    });
    expect(tool).toEqual({ name: 'mongodump', version: '8.0.20', image: 'mongo:8' });
    const dump = calls.find(({ argv }) => argv[0] === 'mongodump');
    expect(dump?.argv.slice(2)).toEqual(['--archive', '--oplog', '--numParallelCollections=1']);
    expect(dump?.config).toContain('berth_backup:of-backup@database:27017');
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ['that is cut off, though mongodump ended well', whole.subarray(0, -4)],
    ['without its oplog', archive([])],
  ])('is none %s', async (_, output) => {
    await expect(produced({ output })).rejects.toMatchObject({ kind: 'io', message: expect.stringContaining('not a whole archive') });
  });

  test('is none where mongodump failed after it had written everything, or another server answers in the end', async () => {
    const stderr = '2026-03-29T01:00:02.120+0000\tFailed: cannot dump with oplog while renames occur\n';
    await expect(produced({ output: whole, stderr, code: 1 })).rejects.toMatchObject({
      hint: expect.stringContaining('nobody renames collections'),
    });
    await expect(produced({ output: whole }, { ...identity, version: '8.0.21' })).rejects.toThrow('replaced by another one');
  });

  test('says what the shell says where that gives no answer, and what the server refuses', async () => {
    const { programs } = standIn(() => ({ output: 'TypeError: x is not a function\n' }));
    const tools = { access, image: null, sleep: async () => undefined, folder, limits: usualLimits };
    await expect(mongodbProducer({ ...tools, programs }).open(signal)).rejects.toThrow(
      'mongosh gave no answer: TypeError: x is not a function',
    );
    const refusing = standIn(() => ({ output: told({ failure: 'AuthenticationFailed: Authentication failed.' }) }));
    await expect(mongodbProducer({ ...tools, programs: refusing.programs }).open(signal)).rejects.toMatchObject({
      kind: 'unreachable',
      hint: expect.stringContaining('the password of berth_backup'),
    });
  });
});
