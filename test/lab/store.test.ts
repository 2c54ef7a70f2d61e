import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import { storeLeases } from '../../runtime/leases/store-leases.ts';
import type { Lease } from '../../runtime/ports/lease.ts';
import { realFiles } from '../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../runtime/stores/folder-store.ts';
import type { Revived } from '../../runtime/ports/store.ts';
import { S3Client } from '../../runtime/stores/s3/client.ts';
import { S3Store } from '../../runtime/stores/s3/s3-store.ts';
import { faultyProxy, type Fault, type Seen } from '../contract/faulty-proxy.ts';
import { parts, storeContract } from '../contract/store.ts';
import { engineOf, restored, run as makeBackup } from '../runtime/jobs/backup-world.ts';
import { noise, whole } from '../runtime/streams/bytes.ts';
import { run } from './process.ts';
import { startS3 } from './s3.ts';
import { until } from './until.ts';

const leastPart = 5 * 2 ** 20;
const never = new AbortController().signal;
const server = await startS3('store');
const network = await faultyProxy(server.options.endpoint);
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

storeContract('a real S3 server', async () => new S3Store(server.options), leastPart);

describe('a bucket with object lock, of a real S3 server,', async () => {
  const options = { ...server.options, bucket: 'locked' };
  const client = new S3Client(options);
  await client.call({ method: 'PUT', key: '', headers: { 'x-amz-bucket-object-lock-enabled': 'true' }, deed: 'make a bucket' }, never);
  const store = new S3Store(options, { days: 3, mode: 'governance' });
  const id = '01KM0000000000000000000000';
  const manifest = `v1/shop/db/manifests/${id}.full.json`;
  const data = `v1/shop/db/data/${id}/dump.zst.aes.1`;
  const bodies = [noise(leastPart, 1), noise(100, 2)];
  const lockedUntil = async (key: string): Promise<number> => {
    const { headers } = await client.call({ method: 'HEAD', key, deed: `look at ${key}` }, never);
    return new Date(String(headers['x-amz-object-lock-retain-until-date']).replace(/(\.\d{3})\d*Z$/, '$1Z')).getTime();
  };
  const revive = async (at: Date, dryRun: boolean): Promise<readonly Revived[]> => {
    const all: Revived[] = [];
    for await (const one of store.locked!.revive('v1/shop/', at, dryRun, never)) all.push(one);
    return all;
  };
  /** A moment that is over, by the clock of the server, which counts and tells seconds. */
  const momentOver = async (): Promise<Date> => {
    const clock = async (): Promise<number> => {
      const { headers } = await client.call({ method: 'HEAD', key: '', deed: 'look at the clock' }, never);
      return new Date(headers.date ?? 0).getTime();
    };
    const now = await clock();
    await until(async () => (await clock()) > now, 'that second is over');
    return new Date(now + 999);
  };
  const days = (count: number): number => Date.now() + count * 86_400_000;

  test('is told from one that was made without it, which says nothing of what it ignores', async () => {
    await store.locked!.check(never);
    await expect(new S3Store(server.options, { days: 3, mode: 'governance' }).locked!.check(never)).rejects.toThrow(
      'was made without object lock',
    );
  });

  test('locks what a backup consists of, in one part or many, and nothing else', async () => {
    await store.put(manifest, Buffer.from('manifest'), never);
    await store.upload(data, parts(...bodies), never);
    await store.put('v1/shop/leases/db/1', Buffer.from('mine'), never);
    for (const key of [manifest, data]) {
      expect(await lockedUntil(key)).toBeGreaterThan(days(2.99));
      expect(await lockedUntil(key)).toBeLessThan(days(3.01));
    }
    expect(await lockedUntil('v1/shop/leases/db/1')).toBeNaN();
    const other = new S3Store(options, { days: 5, mode: 'governance' });
    await other.locked!.renew(manifest, never);
    expect(await lockedUntil(manifest)).toBeGreaterThan(days(4.99));
  });

  test('gives back what somebody with its key has removed, or written over with something that is locked as well', async () => {
    const at = await momentOver();
    await store.delete(manifest, never);
    await store.put(data, Buffer.from('encrypted by somebody'), never);
    expect(await store.size(manifest, never)).toBeUndefined();
    const both = [
      { key: data, was: 'replaced' },
      { key: manifest, was: 'removed' },
    ];
    expect(await revive(at, true)).toEqual(both);
    expect(await store.size(manifest, never)).toBeUndefined();
    expect(await revive(at, false)).toEqual(both);
    expect((await whole(store.read(manifest, never))).toString()).toBe('manifest');
    expect((await whole(store.read(data, never))).equals(Buffer.concat(bodies))).toBe(true);
    expect(await lockedUntil(data)).toBeGreaterThan(days(2.99));
  });

  test('is cleaned of what was written over and is no part of a backup, and of nothing that is locked', async () => {
    for (const body of ['mine', 'yours']) await store.put('v1/shop/leases/db/2', Buffer.from(body), never);
    expect(await store.clean('v1/shop/leases/', new Date(days(1)), never)).toBe(1);
    const at = await momentOver();
    await store.delete(data, never);
    expect(await store.clean('v1/shop/db/', new Date(days(1)), never)).toBe(0);
    expect(await revive(at, false)).toEqual([{ key: data, was: 'removed' }]);
    expect((await whole(store.read(data, never))).equals(Buffer.concat(bodies))).toBe(true);
  });
});

describe('over a bad network, a real S3 server', () => {
  const store = new S3Store({ ...server.options, endpoint: network.endpoint, idleMs: 4000 });
  const bodies = [noise(leastPart, 1), noise(leastPart, 2), noise(99, 3)];
  const isPart = ({ method, query }: Seen): boolean => method === 'PUT' && query.has('partNumber');
  const isComplete = ({ method, query }: Seen): boolean => method === 'POST' && query.has('uploadId');

  test.each<[string, (request: Seen) => boolean, Fault]>([
    ['a part is refused with 503', isPart, { answer: 503 }],
    ['the connection breaks while a part is sent', isPart, { cutRequestAt: 0 }],
    ['a byte of a part is changed on its way', isPart, { flipRequestAt: 4711 }],
    ['the answer to a part is lost', isPart, { lose: 'answer' }],
    ['nothing moves any more', isPart, { hang: true }],
    ['the end is answered 200 with an error', isComplete, { answer: 200, body: '<Error><Code>InternalError</Code></Error>' }],
    ['the end is done, and its answer lost', isComplete, { lose: 'answer' }],
    ['reading breaks off', ({ method }) => method === 'GET', { cutAnswerAt: 1_234_567 }],
  ])('takes and gives back an upload although %s', async (title, fits, fault) => {
    let left = 1;
    let hit = false;
    network.fault = (request) => {
      if (!fits(request) || (left -= 1) < 0) return undefined;
      hit = true;
      return fault;
    };
    const key = `bad/${title.replaceAll(/\W/g, '-')}`;
    await store.upload(key, parts(...bodies), never);
    expect((await whole(store.read(key, never))).equals(Buffer.concat(bodies))).toBe(true);
    expect(hit).toBe(true);
    network.fault = () => undefined;
    expect(await store.clean('bad/', new Date(Date.now() + 86_400_000), never)).toBe(0);
  });

  test('lets one of two create a key, also when the winner does not hear of it', async () => {
    let left = 1;
    network.fault = ({ method }) => (method === 'PUT' && (left -= 1) >= 0 ? { lose: 'answer' } : undefined);
    expect(await store.create('bad/lease', Buffer.from('mine'), never)).toBe(true);
    expect(await store.create('bad/lease', Buffer.from('yours'), never)).toBe(false);
  });

  test('gives up unfinished uploads', async () => {
    network.fault = (request) => (request.method === 'DELETE' ? { answer: 400 } : isPart(request) ? { answer: 403 } : undefined);
    await expect(store.upload('bad/unfinished', parts(...bodies), never)).rejects.toMatchObject({ kind: 'unreachable' });
    network.fault = () => undefined;
    expect(await store.clean('bad/', new Date(Date.now() - 3_600_000), never)).toBe(0);
    expect(await store.clean('bad/', new Date(Date.now() + 3_600_000), never)).toBe(1);
    expect(await store.size('bad/unfinished', never)).toBeUndefined();
  });

  test('whose lists are old still tells what is there', async () => {
    const list = async (): Promise<number> => {
      let found = 0;
      for await (const { bytes } of store.list('stale/', never)) found += bytes;
      return found;
    };
    network.fault = ({ query }) => (query.has('list-type') ? { stale: true } : undefined);
    expect(await list()).toBe(0);
    await store.put('stale/a', Buffer.from('x'), never);
    expect(await list()).toBe(0);
    expect(await store.size('stale/a', never)).toBe(1);
    network.fault = () => undefined;
    expect(await list()).toBe(1);
  });

  test('keeps runtimes apart, also when lists are old and answers are lost', async () => {
    let turn = 0;
    network.fault = ({ method, query }) =>
      query.has('list-type') ? { stale: true } : method === 'PUT' && (turn += 1) % 3 === 0 ? { lose: 'answer' } : undefined;
    const leases = (holder: string) => storeLeases({ store, site: 'shop', holder, clock: systemClock, ttlMs: 60_000 });
    const runtimes = Array.from({ length: 6 }, (_, index) => leases(`runtime ${index}`));
    const results = await Promise.all(runtimes.map((each) => each.acquire('writer', never)));
    const won = results.filter((result): result is Lease => 'epoch' in result);
    expect(won.length).toBe(1);
    await won[0]!.confirm(never);
    await won[0]!.release();
    const next = await runtimes[results.indexOf(won[0]!) === 0 ? 1 : 0]!.acquire('writer', never);
    expect(next).toMatchObject({ epoch: 2 });
    await (next as Lease).confirm(never);
    await expect(won[0]!.confirm(never)).rejects.toMatchObject({ kind: 'locked' });
    await (next as Lease).release();
  });

  test('takes a backup although every seventh request goes wrong, each in another way', async () => {
    const faults: readonly Fault[] = [
      { answer: 503 },
      { lose: 'answer' },
      { cutRequestAt: 1000 },
      { flipRequestAt: 99 },
      { delayMs: 300 },
      { cutAnswerAt: 50_000 },
    ];
    let turn = 0;
    network.fault = () => ((turn += 1) % 7 === 0 ? faults[(turn / 7) % faults.length] : undefined);
    const dump = noise(30_000_000);
    await makeBackup(store, engineOf({ 'dump.sql': dump, 'globals.sql': Buffer.from('CREATE ROLE app;') }), {
      layout: { partBytes: leastPart, partsPerObject: 3 },
    });
    network.fault = () => undefined;
    expect(turn).toBeGreaterThan(20);
    const [found] = await restored(store);
    expect(found?.files['dump.sql']?.equals(dump)).toBe(true);
  });

  test('gives memory no reason to grow', async () => {
    global.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    async function* many() {
      const body = noise(16 * 2 ** 20);
      for (let n = 0; n < 20; n += 1) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield* parts(Buffer.from(body));
      }
    }
    await new S3Store(server.options).upload('big/one', many(), never);
    expect(await store.size('big/one', never)).toBe(20 * 16 * 2 ** 20);
    expect(most).toBeLessThan(200 * 2 ** 20);
  });

  test('refuses a wrong key', async () => {
    const wrong = new S3Store({
      ...server.options,
      credentials: async () => ({ ...(await server.options.credentials()), accessKeyId: 'nobody' }),
    });
    await expect(wrong.put('a', Buffer.from('x'), never)).rejects.toMatchObject({
      kind: 'unreachable',
      hint: expect.stringContaining('access key') as string,
    });
  });
});

describe('a folder on a disk of its own', () => {
  const mountPoint = mkdtempSync(join(tmpdir(), 'berth-small-disk-'));
  afterAll(async () => {
    await run(['umount', '--lazy', mountPoint]);
    rmSync(mountPoint, { recursive: true });
  });

  test('that fills up keeps what it had, leaves nothing half, and goes on when there is room', async () => {
    await run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mountPoint]);
    const root = join(mountPoint, 'backups');
    const store = await openFolderStore(root, { mode: 'create', files: realFiles, random: randomUUID });
    await store.upload('kept', parts(noise(3_000_000)), never);
    await expect(store.upload('new', parts(noise(3_000_000), noise(3_000_000)), never)).rejects.toMatchObject({
      kind: 'io',
      message: expect.stringContaining('no space is left') as string,
    });
    expect(readdirSync(root).filter((name) => !name.startsWith('.'))).toEqual(['kept']);
    expect(readdirSync(join(root, '.berth-parts'))).toEqual([]);
    expect(await store.room()).toBeGreaterThan(4_000_000);
    await store.upload('new', parts(noise(3_000_000)), never);
    expect((await whole(store.read('new', never))).length).toBe(3_000_000);
  });

  test('that turns read-only says so', async () => {
    const store = await openFolderStore(join(mountPoint, 'backups'), { mode: 'open', files: realFiles, random: randomUUID });
    await run(['mount', '-o', 'remount,ro', mountPoint]);
    await expect(store.put('more', Buffer.from('x'), never)).rejects.toMatchObject({
      message: expect.stringContaining('mounted read-only') as string,
    });
    expect((await whole(store.read('kept', never))).length).toBe(3_000_000);
  });
});
