import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../model/secret.ts';
import { systemClock } from '../../../runtime/clocks/system-clock.ts';
import type { S3Options } from '../../../runtime/stores/s3/client.ts';
import { S3Store } from '../../../runtime/stores/s3/s3-store.ts';
import { faultyProxy, type Fault, type Seen } from '../../contract/faulty-proxy.ts';
import { parts, storeContract } from '../../contract/store.ts';
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
const options: S3Options = {
  endpoint: network.endpoint,
  bucket: 'backups',
  region: 'us-east-1',
  pathStyle: true,
  credentials: async () => credentials,
  clock: systemClock,
  random: () => 0.05,
  idleMs: 500,
  patienceMs: 5000,
};
const open = (changes: Partial<S3Options> = {}): S3Store => new S3Store({ ...options, ...changes });
const read = async (store: S3Store, key: string): Promise<Buffer> => whole(store.read(key, never));

storeContract('a bucket', async () => open());

describe('a bucket', () => {
  beforeEach(() => {
    network.fault = () => undefined;
    server.objects.clear();
    server.uploads.clear();
  });
  const partBytes = 200_000;
  const bodies = [noise(partBytes, 1), noise(partBytes, 2), noise(partBytes, 3), noise(99, 4)];
  const all = Buffer.concat(bodies);
  const upload = (store = open(), signal = never): Promise<void> => store.upload('a/b', parts(...bodies), signal);

  /** The first of the requests that fit goes wrong, or as many as `times` says. */
  const once = (fits: (request: Seen) => boolean, fault: Fault, times = 1): void => {
    let left = times;
    network.fault = (request) => (fits(request) && (left -= 1) >= 0 ? fault : undefined);
  };
  const isPart = ({ method, query }: Seen): boolean => method === 'PUT' && query.has('partNumber');
  const isComplete = ({ method, query }: Seen): boolean => method === 'POST' && query.has('uploadId');
  const isBegin = ({ method, query }: Seen): boolean => method === 'POST' && query.has('uploads');
  const errorBody = (code: string): string =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>try later</Message></Error>`;

  test.each<[string, (request: Seen) => boolean, Fault]>([
    ['a part is refused with 503', isPart, { answer: 503, body: errorBody('SlowDown') }],
    ['a part is refused with 503 and no words', isPart, { answer: 503 }],
    ['a part is refused with 429', isPart, { answer: 429, headers: { 'retry-after': '0' } }],
    ['the connection breaks while a part is sent', isPart, { cutRequestAt: 1000 }],
    ['a byte of a part is changed on its way', isPart, { flipRequestAt: 12_345 }],
    ['the answer to a part is lost', isPart, { lose: 'answer' }],
    ['nothing moves any more', isPart, { hang: true }],
    ['the beginning is refused', isBegin, { answer: 500, body: errorBody('InternalError') }],
    ['the end is refused', isComplete, { answer: 500, body: errorBody('InternalError') }],
    ['the end is answered 200 with an error', isComplete, { answer: 200, body: errorBody('InternalError') }],
    ['the end is done and answered 200 with an error', isComplete, { replace: 200, body: errorBody('InternalError') }],
    ['the answer to the end is lost', isComplete, { lose: 'answer' }],
    ['the answer to the end is cut', isComplete, { cutAnswerAt: 20 }],
  ])('takes an upload although %s', async (_, fits, fault) => {
    once(fits, fault);
    await upload();
    expect((await read(open(), 'a/b')).equals(all)).toBe(true);
    expect(server.uploads.size).toBe(0);
  });

  test.each<[string, (request: Seen) => boolean, Fault, string]>([
    ['the store is overloaded for good', isPart, { answer: 503, body: errorBody('SlowDown') }, 'cannot write part'],
    [
      'the end is always answered 200 with an error',
      isComplete,
      { answer: 200, body: errorBody('InternalError') },
      '200 InternalError try later',
    ],
    [
      'the end is answered 200 with something else',
      isComplete,
      { answer: 200, body: '<html>a proxy</html>' },
      'did not say that a/b is complete',
    ],
    [
      'the end is answered 200 and not done',
      isComplete,
      { answer: 200, body: '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>' },
      'a/b has no bytes there',
    ],
    ['the end is refused for good', isComplete, { answer: 400, body: errorBody('InvalidPart') }, 'InvalidPart'],
    ['every connection breaks', isPart, { cutRequestAt: 0 }, 'see that the store runs'],
    ['the bucket is full', isPart, { answer: 403, body: errorBody('QuotaExceeded') }, 'quota'],
  ])('gives up an upload when %s, and leaves nothing', async (_, fits, fault, words) => {
    network.fault = (request) => (fits(request) ? fault : undefined);
    const failure = await upload(open({ patienceMs: 300 })).then(
      () => undefined,
      (error: unknown) => error as Error & { hint: string },
    );
    expect(failure).toMatchObject({ name: 'BerthError', kind: 'unreachable' });
    expect(`${failure?.message} ${failure?.hint}`).toContain(words);
    expect([...server.objects.keys()]).toEqual([]);
    expect(server.uploads.size).toBe(0);
  });

  test('is not asked again for what no time heals', async () => {
    const before = network.seen.length;
    network.fault = () => ({ answer: 404, body: errorBody('NoSuchBucket') });
    await expect(open().put('a', Buffer.from('x'), never)).rejects.toMatchObject({ hint: 'create the bucket, or correct its name' });
    expect(network.seen.length - before).toBe(1);
  });

  test.each([0, 1, 199_999, 200_000, 600_098])('is read on where the connection broke after %i bytes', async (length) => {
    await upload();
    const keep: Fault = { cutAnswerAt: length };
    once(({ method }) => method === 'GET', keep, 2);
    expect((await read(open(), 'a/b')).equals(all)).toBe(true);
  });

  test('is read on after it stood still', async () => {
    await upload();
    once(({ method }) => method === 'GET', { hang: true });
    expect((await read(open(), 'a/b')).equals(all)).toBe(true);
  });

  test('does not give up a reader who takes his time', async () => {
    await upload();
    let bytes = 0;
    const before = network.seen.length;
    // Long for a connection, so that a busy machine is not taken for one that stands still.
    for await (const chunk of open({ idleMs: 3000 }).read('a/b', never)) {
      if (bytes === 0) await systemClock.sleep(3500, never);
      bytes += chunk.length;
    }
    expect(bytes).toBe(all.length);
    expect(network.seen.length - before).toBe(1);
  });

  test('whose connections always break is given up, not taken for a short object', async () => {
    await upload();
    network.fault = ({ method }) => (method === 'GET' ? { cutAnswerAt: 0 } : undefined);
    await expect(read(open(), 'a/b')).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('that forgets where to read on is not believed', async () => {
    await upload();
    let turn = 0;
    network.fault = ({ method }) =>
      method !== 'GET' ? undefined : (turn += 1) === 1 ? { cutAnswerAt: 70_000 } : { answer: 200, body: 'from the start' };
    await expect(read(open(), 'a/b')).rejects.toThrow('does not do what S3 promises');
  });

  test('that changes while it is read is not mixed', async () => {
    await upload();
    once(({ method }) => method === 'GET', { cutAnswerAt: 70_000 });
    const reading = open().read('a/b', never);
    const failure = (async () => {
      for await (const chunk of reading)
        if (chunk.length > 0) server.objects.set('a/b', { body: Buffer.alloc(all.length), modified: new Date() });
    })();
    await expect(failure).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('gives no half of a list', async () => {
    for (let n = 0; n < 8; n += 1) await open().put(`l/${n}`, Buffer.from('x'), never);
    const list = async (): Promise<readonly string[]> => {
      const keys: string[] = [];
      for await (const { key } of open().list('l/', never)) keys.push(key);
      return keys;
    };
    once(({ query }) => query.has('list-type'), { cutAnswerAt: 100 });
    expect((await list()).length).toBe(8);
    network.fault = ({ query }) => (query.has('continuation-token') ? { endAnswerAt: 100 } : undefined);
    await expect(list()).rejects.toThrow('it gave no whole list');
    network.fault = ({ query }) =>
      query.has('continuation-token')
        ? {
            answer: 200,
            body: '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>3</NextContinuationToken></ListBucketResult>',
          }
        : undefined;
    await expect(list()).rejects.toThrow('the same page of its list over and over');
  });

  test('whose answer to a creation is lost knows its own object again', async () => {
    once(({ method }) => method === 'PUT', { lose: 'answer' });
    expect(await open().create('lease', Buffer.from('mine'), never)).toBe(true);
    once(({ method }) => method === 'PUT', { lose: 'answer' });
    expect(await open().create('lease', Buffer.from('yours'), never)).toBe(false);
    expect((await read(open(), 'lease')).toString()).toBe('mine');
  });

  test('that ignores conditions is found out', async () => {
    server.ignoresConditions = true;
    expect(await open().exclusive(never)).toBe(false);
    server.ignoresConditions = false;
    expect(await open().exclusive(never)).toBe(true);
  });

  test('is asked with new credentials, once, when it refuses the old ones', async () => {
    const fresh = { accessKeyId: 'rotated', secretAccessKey: new Secret('new') };
    let asked = 0;
    const store = open({ credentials: async () => ((asked += 1) === 1 ? credentials : fresh) });
    await store.put('a', Buffer.from('x'), never);
    server.credentials = fresh;
    try {
      await store.put('b', Buffer.from('y'), never);
      expect(asked).toBe(2);
      server.credentials = { accessKeyId: 'other', secretAccessKey: new Secret('other') };
      await expect(store.put('c', Buffer.from('z'), never)).rejects.toMatchObject({
        kind: 'unreachable',
        hint: expect.stringContaining('access key') as string,
      });
      expect(asked).toBe(3);
    } finally {
      server.credentials = credentials;
    }
  });

  test('whose clock differs says which clock to look at', async () => {
    const late = { ...systemClock, now: () => new Date(Date.now() - 3_600_000) };
    await expect(open({ clock: late }).put('a', Buffer.from('x'), never)).rejects.toMatchObject({
      hint: expect.stringContaining('clocks') as string,
    });
  });

  test('that is not there is told from one that says no', async () => {
    const nobody = open({ endpoint: new URL('http://127.0.0.1:9'), patienceMs: 200 });
    await expect(nobody.size('a', never)).rejects.toMatchObject({
      kind: 'unreachable',
      hint: expect.stringContaining('firewall') as string,
    });
  });

  test('cleans uploads that were begun long ago, all of them, and no others', async () => {
    const old = new Date(Date.now() - 3 * 86_400_000);
    for (let n = 0; n < 7; n += 1) server.uploads.set(`old-${n}`, { key: `v1/${n}`, begun: old, parts: new Map() });
    server.uploads.set('young', { key: 'v1/young', begun: new Date(), parts: new Map() });
    server.uploads.set('foreign', { key: 'other/1', begun: old, parts: new Map() });
    expect(await open().clean('v1/', new Date(Date.now() - 86_400_000), never)).toBe(7);
    expect([...server.uploads.keys()].sort()).toEqual(['foreign', 'young']);
  });

  test('holds no more than a few parts, however fast they come', async () => {
    let given = 0;
    let taken = 0;
    network.fault = (request) => {
      if (isPart(request)) taken += 1;
      return { delayMs: 20 };
    };
    async function* counted() {
      for await (const part of parts(...Array.from({ length: 12 }, () => bodies[0]!))) {
        given += 1;
        expect(given - taken).toBeLessThanOrEqual(4);
        yield part;
      }
    }
    await open().upload('a/b', counted(), never);
    expect(given).toBe(12);
  });

  test('stops at once when told to, in the middle of a request', async () => {
    const controller = new AbortController();
    network.fault = (request) => (isPart(request) ? { hang: true } : undefined);
    setTimeout(() => controller.abort(new Error('shutting down')), 100);
    const [begun, idleMs] = [performance.now(), 60_000];
    await expect(upload(open({ idleMs }), controller.signal)).rejects.toThrow('shutting down');
    expect(performance.now() - begun).toBeLessThan(idleMs / 4);
    expect(server.uploads.size).toBe(0);
  });
});
