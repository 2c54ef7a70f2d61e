import { randomBytes } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import { copyBucket } from '../../runtime/jobs/bucket/copy-bucket.ts';
import { usualBucketLayout, type CopyTools } from '../../runtime/jobs/bucket/survey.ts';
import { proveBucket } from '../../runtime/jobs/bucket/verify-bucket.ts';
import { planBucketRestore, restoreIntoBucket } from '../../runtime/jobs/bucket/restore-bucket.ts';
import { usualLayout } from '../../runtime/jobs/upload-stream.ts';
import { storeLeases } from '../../runtime/leases/store-leases.ts';
import { S3Bucket } from '../../runtime/stores/s3/s3-bucket.ts';
import { S3Store } from '../../runtime/stores/s3/s3-store.ts';
import { bucketContract } from '../contract/bucket.ts';
import { faultyProxy, type Fault } from '../contract/faulty-proxy.ts';
import { parts } from '../contract/store.ts';
import { copyTools, restoreTools } from '../runtime/jobs/bucket/bucket-world.ts';
import { signer } from '../runtime/format/keys.ts';
import { never } from '../runtime/jobs/backup-world.ts';
import { noise } from '../runtime/streams/bytes.ts';
import { run } from './process.ts';
import { startS3 } from './s3.ts';

const server = await startS3('bucket');
const network = await faultyProxy(server.options.endpoint);
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
const make = async (name: string, versions = false): Promise<S3Bucket> => {
  await run(['docker', 'exec', server.container, 'mc', 'mb', `lab/${name}`]);
  if (versions) await run(['docker', 'exec', server.container, 'mc', 'version', 'enable', `lab/${name}`]);
  return new S3Bucket({ ...server.options, bucket: name });
};

bucketContract('a real S3 server', async () => make('contract'), 5 * 2 ** 20);

const store = new S3Store(server.options);
const tools = (bucket: S3Bucket, changes: Partial<CopyTools> = {}): CopyTools =>
  copyTools(store, bucket, {
    clock: systemClock,
    leases: storeLeases({ store, site: 'shop', holder: 'lab', clock: systemClock, ttlMs: 60_000 }),
    layout: usualLayout,
    bucketLayout: usualBucketLayout,
    ...changes,
  });
const none = { headers: {}, tags: {} };
const put = (bucket: S3Bucket, key: string, body: Uint8Array) => bucket.write(key, parts(body), none, never);
const everything = async (bucket: S3Bucket): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  for await (const { key, etag, bytes } of bucket.list('', never)) found.set(key, bytes < 5 * 2 ** 20 ? etag : String(bytes));
  return found;
};

test('a bucket of a real server is copied over a bad network, changed, proven, and put back as it was', async () => {
  const uploads = await make('uploads', true);
  const keys = Array.from({ length: 300 }, (_, index) => `u/${index % 7}/${index}.bin`);
  for (let at = 0; at < keys.length; at += 20)
    await Promise.all(keys.slice(at, at + 20).map((key, index) => put(uploads, key, noise(2000, at + index + 1))));
  await uploads.write(
    'u/film.mp4',
    parts(noise(6 * 2 ** 20, 5), noise(3 * 2 ** 20, 6)),
    { ...none, headers: { 'content-type': 'video/mp4' } },
    never,
  );
  const before = await everything(uploads);

  const faults: readonly Fault[] = [{ answer: 503 }, { lose: 'answer' }, { cutAnswerAt: 900 }, { delayMs: 50 }];
  let turn = 0;
  network.fault = () => ((turn += 1) % 23 === 0 ? faults[(turn / 23) % faults.length] : undefined);
  const over = new S3Bucket({ ...server.options, bucket: 'uploads', endpoint: network.endpoint, idleMs: 3000 });
  const first = await copyBucket({ due: null, label: null }, tools(over), never);
  expect(first).toMatchObject({ outcome: 'made', manifest: { facts: { objects: 301, copied: 301, changed: 0, gone: 0 } } });
  expect(turn).toBeGreaterThan(300);

  expect((await copyBucket({ due: null, label: null }, tools(uploads), never)).outcome).toBe('unchanged');
  await put(uploads, 'u/1/1.bin', noise(500, 9));
  await put(uploads, 'u/later', noise(500, 9));
  await uploads.delete('u/2/2.bin', never);
  const second = await copyBucket({ due: null, label: null }, tools(uploads), never);
  expect(second.manifest.facts).toMatchObject({ objects: 301, copied: 1, copiedBytes: 500 });

  const prove = { ...restoreTools(store), signer, clock: systemClock, random: randomBytes, berth: '0.1.0' };
  const found = await proveBucket({ site: 'shop', source: 'files.uploads' }, first.manifest, prove, never);
  expect(found).toMatchObject({ level: 3, result: 'sound' });

  const back = { listing: first.manifest, bucket: uploads, prefix: '', others: 'delete' } as const;
  expect(await planBucketRestore(back, restoreTools(store), never)).toMatchObject({ missing: 1, different: 1, same: 299, others: 1 });
  await restoreIntoBucket(back, restoreTools(store), never);
  expect(await everything(uploads)).toEqual(before);

  const fresh = await make('fresh');
  await restoreIntoBucket({ ...back, bucket: fresh }, restoreTools(store), never);
  expect(await everything(fresh)).toEqual(before);
  const film = await fresh.open('u/film.mp4', undefined, never);
  expect(film).toMatchObject({ headers: { 'content-type': 'video/mp4' } });
  if (typeof film !== 'string') film.close();
});

test('the store of the backups is not copied into itself, under another address either', async () => {
  const itself = new S3Bucket({ ...server.options, endpoint: new URL(server.options.endpoint.href.replace('127.0.0.1', 'localhost')) });
  await expect(copyBucket({ due: null, label: null }, tools(itself), never)).rejects.toMatchObject({ kind: 'usage' });
});
