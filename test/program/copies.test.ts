import { createPrivateKey, createPublicKey, createSecretKey, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takeBackup, type BackupSource } from '../../runtime/jobs/take-backup.ts';
import { readRecipients } from '../../runtime/keys/read-keys.ts';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import { once } from '../../runtime/streams/blocks.ts';
import { volumeProducer } from '../../runtime/volume/volume-producer.ts';
import { copies } from '../runtime/engines/cache/copies.ts';
import { copyTools } from '../runtime/jobs/bucket/bucket-world.ts';
import { memoryBucket } from '../runtime/jobs/bucket/memory-bucket.ts';
import { never } from '../runtime/jobs/backup-world.ts';
import { FakeClock } from '../runtime/schedule/fake-clock.ts';
import { expectExit, host } from './berth.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-copies-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (...path: readonly string[]): string => join(home, ...path);
const [site, store, kit, volume] = [at('shop'), at('store'), at('kit'), at('volume')];
const here = ['--site', site] as const;
const backup = async (...args: readonly string[]) => (await expectExit(0, ['backup', ...args, ...here])).stdout;
const cache = (...args: readonly string[]) => ['restore', '--only', 'cache', ...args, ...here];
const files = (...args: readonly string[]) => ['restore', '--only', 'volume', ...args, ...here];
const key = ['--key', at('usb/shop-operator.key')];

/** What the agent of the site makes, made here: it reaches a cache that no test has. The second copy of the cache is damaged. */
async function makeCopies(): Promise<void> {
  const clock = new FakeClock('2026-03-01T01:00:00Z');
  const privateKey = createPrivateKey(readFileSync(join(site, 'secrets/backup/signer.key')));
  const signer = { privateKey, publicKey: createPublicKey(privateKey) };
  const opened = await openFolderStore(store, { mode: 'open', files: realFiles, random: () => randomBytes(8).toString('hex') });
  const tools = copyTools(opened, memoryBucket(clock.now), { clock, signer, trusted: [signer.publicKey] });
  const recipients = () => readRecipients(join(site, 'backup/recipients'));
  const take = (source: Omit<BackupSource, 'recipients'>) =>
    takeBackup({ ...source, recipients }, { due: null, label: null }, tools, undefined, never);
  const copyOf = (bytes: Uint8Array): Omit<BackupSource, 'recipients'> => ({
    place: { site: 'shop', source: 'sessions' },
    kind: 'cache',
    producer: {
      engine: 'valkey',
      open: async () => ({
        streams: (async function* () {
          yield { name: 'dump.rdb', bytes: once(bytes) };
        })(),
        finish: async () => ({
          position: { from: null, to: null },
          facts: { keys: 7 },
          tool: { name: 'psync', version: '8.1.1', image: null },
        }),
        [Symbol.asyncDispose]: async () => undefined,
      }),
    },
  });
  const whole = copies['Valkey 8.1.1'];
  await take(copyOf(whole));
  clock.set(Date.UTC(2026, 2, 2, 1));
  await take(copyOf(whole.subarray(0, -20)));
  mkdirSync(join(volume, 'deep'), { recursive: true });
  writeFileSync(join(volume, 'deep/report'), 'as it was');
  await take({
    place: { site: 'shop', source: 'uploads' },
    kind: 'volume',
    producer: volumeProducer({ folder: volume, key: createSecretKey(Buffer.from('key')), berth: '0.1.0' }),
  });
}

beforeAll(async () => {
  const sets = [
    'name=shop',
    `backups={ folder: ${store}, databases: none, buckets: none }`,
    'caches={ sessions: { engine: valkey, use: sessions, topology: single }, jobs: { engine: redis, use: queue, topology: single } }',
    'volumes={ uploads: { disk: 1Gi } }',
    'services.web.uses=[database, files]',
    'services.web.volumes={ uploads: /srv/uploads }',
  ];
  await expectExit(0, ['init', site, '--profile', 'minimum', ...sets.flatMap((set) => ['--set', set]), ...host]);
  await backup('store', 'create');
  await backup('keys', 'create', '--into', at('usb'));
  await expectExit(0, ['kit', 'export', '--into', kit, ...here]);
  await makeCopies();
});

describe('copies of caches and volumes', () => {
  test('are listed, each with the time to which it can be restored', async () => {
    const said = await backup('list');
    expect(said).toMatch(/sessions +restorable to 2026-03-02T01:00/);
    expect(said).toMatch(/uploads +restorable to 2026-03-02T01:00/);
  });

  test('come out as files by the key of a recipient, as they were at a time', async () => {
    const then = ['--name', 'sessions', '--at', '2026-03-01T12:00Z', '--into', at('then')];
    expect((await expectExit(0, cache(...then, ...key, '--dry-run'))).stdout).toMatch(/some 7 keys[\s\S]*Nothing was restored/);
    await expectExit(0, cache(...then, ...key));
    expect(readFileSync(at('then/dump.rdb')).equals(copies['Valkey 8.1.1'])).toBe(true);
    const done = JSON.parse((await expectExit(0, files('--latest', '--into', at('files'), ...key, '--json'))).stdout) as object;
    expect(done).toMatchObject({ source: 'uploads', restored: { files: 1, folders: 1, bytes: 9 } });
    expect(readFileSync(at('files/deep/report'), 'utf8')).toBe('as it was');
  });

  test('are looked at for what they are: a file that is no whole copy of a cache is found by a key, and not given out', async () => {
    expect(await backup('list')).not.toContain('broken');
    const damaged = await expectExit(13, cache('--name', 'sessions', '--latest', '--into', at('damaged'), ...key));
    expect(damaged.stderr).toContain('a copy of a cache is damaged');
    expect(existsSync(at('damaged/dump.rdb'))).toBe(false);
    expect((await expectExit(5, cache('--name', 'sessions', '--at', '2026-03-01T12:00Z', '--into', at('then'), ...key))).stderr).toContain(
      'is there already',
    );
    expect((await expectExit(13, ['backup', 'verify', ...key, ...here])).stderr).toContain('a copy of a cache is damaged');
  });

  test.each([
    ['a cache that is not there', cache('--latest', '--name', 'other', '--into', 'x', ...key), 2, /no cache other .*[\s\S]*sessions, jobs/],
    ['one of several caches', cache('--latest', '--into', 'x', ...key), 2, /which cache\?[\s\S]*sessions, jobs/],
    ['a cache that was never copied', cache('--latest', '--name', 'jobs', '--into', 'x', ...key), 2, /there is no backup of jobs/],
    [
      'a time before the first copy',
      cache('--name', 'sessions', '--at', '2026-02-01T00:00Z', '--into', 'x', ...key),
      2,
      /the oldest is of 2026-03-01/,
    ],
    [
      'a full backup without a transaction',
      ['restore', '--only', 'database', '--latest', '--full', '01JD5Z5M2R9999999999999999', '--into', 'scratch', ...here],
      2,
      /--full says where a transaction is looked for/,
    ],
    ['a transaction of a cache', cache('--name', 'sessions', '--before', '23', '--into', 'x'), 2, /only a database knows transactions/],
    ['to undo what nobody began of a volume', [...files('--into', 'live'), '--undo'], 5, /no restore of a volume was cut off/],
    [
      'to go on with a bucket',
      ['restore', '--only', 'bucket', '--into', 'live', '--resume', ...here],
      2,
      /a bucket goes on by the same command/,
    ],
    ['to go on and to undo', ['restore', '--only', 'database', '--into', 'live', '--undo', '--resume', ...here], 2, /write one of the two/],
    [
      'to go on at another time',
      ['restore', '--only', 'database', '--into', 'live', '--resume', '--latest', ...here],
      2,
      /leave out --latest, --at/,
    ],
    [
      'to undo what nobody began',
      ['restore', '--only', 'database', '--into', 'live', '--undo', ...here],
      5,
      /no restore of a database was cut off/,
    ],
    ['a second place that is none', cache('--name', 'sessions', '--latest', '--from', 'offsite', '--into', 'x'), 2, /has no second place/],
    ['a try of a volume', files('--latest', '--into', 'scratch'), 2, /a volume is not tried/],
    ['a volume that is not there', files('--latest', '--name', 'other', '--into', 'x', ...key), 2, /no volume other .*[\s\S]*uploads/],
    ['a folder that is none', files('--latest', '--into', '/dev/null/x', ...key), 6, /name a folder that you may write to/],
    ['a folder that holds something', files('--latest', '--into', home, ...key), 5, /is not empty; nothing was written/],
  ])('%s is refused', async (_, args, code, says) => {
    expect((await expectExit(code, args)).stderr).toMatch(says);
  });
});
