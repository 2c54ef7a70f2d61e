import { afterAll, expect, test } from 'vitest';
import { Secret } from '../../../model/secret.ts';
import { systemClock } from '../../../runtime/clocks/system-clock.ts';
import { S3Bucket } from '../../../runtime/stores/s3/s3-bucket.ts';
import { bucketContract } from '../../contract/bucket.ts';
import { faultyProxy } from '../../contract/faulty-proxy.ts';
import { parts } from '../../contract/store.ts';
import { memoryBucket } from '../jobs/bucket/memory-bucket.ts';
import { noise, whole } from '../streams/bytes.ts';
import { s3StandIn } from './s3-stand-in.ts';

const credentials = { accessKeyId: 'berth', secretAccessKey: new Secret('s3cr3t/+=') };
const server = await s3StandIn(credentials);
const network = await faultyProxy(server.endpoint);
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
const never = new AbortController().signal;
const bucket = new S3Bucket({
  endpoint: network.endpoint,
  bucket: 'backups',
  region: 'us-east-1',
  pathStyle: true,
  credentials: async () => credentials,
  clock: systemClock,
  random: () => 0.05,
  idleMs: 500,
  patienceMs: 2000,
});

bucketContract('S3', async () => bucket);
bucketContract('the memory', async () => memoryBucket(() => new Date()));

test('keys that are `.` and `..` are names, not folders', async () => {
  for (const key of ['../up', 'a/./b', 'a/../c', '/first', 'a//b']) {
    await bucket.write(key, parts(Buffer.from(`of ${key}`)), { headers: {}, tags: {} }, never);
    expect(server.objects.get(key)?.body.toString()).toBe(`of ${key}`);
  }
});

test('an object whose connection breaks off is read on from there, and not on from another state of it', async () => {
  const body = noise(400_000);
  const write = (bytes: Buffer) => bucket.write('broken', parts(bytes), { headers: {}, tags: {} }, never);
  await write(body);
  let left = 1;
  network.fault = ({ method }) => (method === 'GET' && (left -= 1) >= 0 ? { cutAnswerAt: 200_000 } : undefined);
  const first = await bucket.open('broken', undefined, never);
  expect(typeof first === 'string' ? first : (await whole(first.body)).equals(body)).toBe(true);
  left = 1;
  const second = await bucket.open('broken', undefined, never);
  await write(noise(400_000, 2));
  await expect(typeof second === 'string' ? second : whole(second.body)).rejects.toMatchObject({ kind: 'unreachable' });
  network.fault = () => undefined;
});
