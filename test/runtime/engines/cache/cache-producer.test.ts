import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { cacheProducer } from '../../../../runtime/engines/cache/cache-producer.ts';
import { slotsOf } from '../../../../runtime/engines/cache/member.ts';
import { issue } from '../../../generator/io/issued-certificates.ts';
import { never } from '../../jobs/backup-world.ts';
import { whole } from '../../streams/bytes.ts';
import { copies } from './copies.ts';
import { fakeCache, type FakeCache, type FakeOptions } from './fake-cache.ts';

const running: FakeCache[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server[Symbol.asyncDispose]();
});

/** Nodes on addresses of their own, all at one port, as those of a site are. */
async function nodes(...each: readonly FakeOptions[]): Promise<readonly FakeCache[]> {
  for (const [index, options] of each.entries()) running.push(await fakeCache(`127.0.0.${index + 2}`, running[0]?.port ?? 0, options));
  return running;
}
const hosts = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `127.0.0.${index + 2}`);

async function copy(shards: readonly (readonly string[])[] = [hosts(1)], more: { readonly ca?: string } = {}) {
  const source = {
    engine: 'valkey',
    shards,
    port: running[0]?.port ?? 1,
    user: 'berth_backup',
    password: new Secret('pw'),
    ...more,
  } as const;
  await using snapshot = await cacheProducer(source).open(never);
  const files: Record<string, Buffer> = {};
  for await (const { name, bytes } of snapshot.streams) files[name] = await whole(bytes);
  return { files, ...(await snapshot.finish()) };
}

const replica = (offset: number, link = 'up'): FakeOptions => ({
  info: `role:slave\r\nmaster_link_status:${link}\r\nslave_repl_offset:${offset}`,
});

describe('a cache', () => {
  test('is copied by TLS where it speaks nothing else, from a server that the authority knows by its name', async () => {
    const now = new Date();
    const authority = await issue({ subject: 'CN=site', ca: true, now });
    const [right, misnamed] = await Promise.all(
      ['127.0.0.2', '127.0.0.9'].map((name) => issue({ subject: 'CN=cache', by: authority, names: [name], now })),
    );
    const served = (leaf: typeof right) => nodes({ tls: { cert: leaf?.pem ?? '', key: leaf?.keyPem ?? '' } });
    await served(right);
    expect((await copy(undefined, { ca: authority.pem })).files['dump.rdb']).toEqual(copies['Valkey 8.1.1']);
    const stranger = await issue({ subject: 'CN=somebody', ca: true, now });
    await expect(copy(undefined, { ca: stranger.pem })).rejects.toMatchObject({ kind: 'unreachable' });
    for (const server of running.splice(0)) await server[Symbol.asyncDispose]();
    await served(misnamed);
    await expect(copy(undefined, { ca: authority.pem })).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test.each(['marked', 'counted'] as const)('is copied as its server gives it, with an end that is %s', async (form) => {
    for (const piece of [1, 40, 10_000]) {
      await nodes({ form, piece });
      const { files, facts, position } = await copy();
      expect(files['dump.rdb']).toEqual(copies['Valkey 8.1.1']);
      expect(facts).toMatchObject({
        version: '8.1.1',
        keys: 7,
        shards: [{ role: 'primary', keysBefore: { db0: 6, db3: 1 }, checksum: true }],
      });
      expect(position.to).toBe(`${'a'.repeat(40)}:9`);
      await running.splice(0)[0]?.[Symbol.asyncDispose]();
    }
  });

  test('sees an account of its own, and no replica that is to be fed for good', async () => {
    const [server] = await nodes({});
    await copy();
    expect(server?.heard).toEqual(expect.arrayContaining(['AUTH berth_backup pw', 'REPLCONF rdb-only 1', 'PSYNC ? -1']));
  });

  test('of three is copied from the replica that has most, and not from the primary', async () => {
    const all = await nodes({}, replica(5), replica(8));
    await copy([hosts(3)]);
    expect(all.map(({ heard }) => heard.includes('PSYNC ? -1'))).toEqual([false, false, true]);
  });

  test('of three is copied from the primary when no replica follows it', async () => {
    const all = await nodes({}, replica(5, 'down'), { info: `${replica(9).info}\r\nmaster_replid:${'b'.repeat(40)}` });
    await copy([hosts(3)]);
    expect(all.map(({ heard }) => heard.includes('PSYNC ? -1'))).toEqual([true, false, false]);
  });

  test('is copied while one of its nodes is away', async () => {
    await nodes({}, replica(5));
    expect((await copy([['127.0.0.9', ...hosts(2)]])).facts['shards']).toMatchObject([{ role: 'replica' }]);
  });

  test('that is divided has a file for each part, and says which keys are in it', async () => {
    const line = (slots: string): string => `x 1.1.1.1:1@1 myself,master - 0 0 1 connected ${slots}\n`;
    await nodes(
      { info: 'role:master\r\ncluster_enabled:1', nodes: line('0-8191') },
      { info: 'role:master\r\ncluster_enabled:1', nodes: line('8192-16383') },
    );
    const { files, facts } = await copy([['127.0.0.2'], ['127.0.0.3']]);
    expect(Object.keys(files)).toEqual(['shard-0.rdb', 'shard-1.rdb']);
    expect(facts).toMatchObject({ keys: 14, shards: [{ slots: '0-8191' }, { slots: '8192-16383' }] });
  });

  test.each([
    ['breaks off', { cutAt: 200 }, 'the connection ended'],
    [
      'gives other bytes than their checksum',
      { copy: Buffer.concat([copies['Valkey 8.1.1'].subarray(0, -1), Buffer.from('x')]) },
      'checksum',
    ],
    ['does not know the password', { says: { AUTH: '-WRONGPASS invalid username-password pair' } }, 'WRONGPASS'],
    ['does not let the account copy', { says: { PSYNC: '-NOPERM User berth_backup has no permissions' } }, 'NOPERM'],
    ['is still loading', { says: { INFO: '-LOADING Redis is loading the dataset in memory' } }, 'LOADING'],
    ['answers something else', { says: { PSYNC: '+CONTINUE' } }, 'gives no copy of itself'],
  ] as const)('that %s is no backup, and the failure says why', async (_, options, message) => {
    await nodes(options);
    const failure = await copy().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'BerthError', message: expect.stringContaining(message) as string });
    expect((failure as { hint: string }).hint).not.toBe('');
  });

  test('that cannot be reached says where it should be', async () => {
    await expect(copy([['127.0.0.250']])).rejects.toMatchObject({
      kind: 'unreachable',
      hint: expect.stringContaining('127.0.0.250') as string,
    });
  });

  test('that is given up lets go of its server', async () => {
    await nodes({});
    const gone = new AbortController();
    const source = { engine: 'valkey', shards: [hosts(1)], port: running[0]!.port, user: 'u', password: new Secret('pw') } as const;
    await using snapshot = await cacheProducer(source).open(gone.signal);
    const reading = (async () => {
      for await (const { bytes } of snapshot.streams) for await (const _ of bytes) gone.abort(new Error('given up'));
    })();
    await expect(reading).rejects.toThrow('given up');
  });
});

test('a copy in a cluster has the slots of its primary, without those that are on their way', () => {
  const nodes = [
    'a 1.1.1.1:1@1,one slave b 0 0 1 connected',
    'b 1.1.1.2:1@1,two master - 0 0 1 connected 0-100 200 [300->-x]',
    'c 1.1.1.3:1@1,three myself,slave b 0 0 1 connected',
  ].join('\n');
  expect(slotsOf(nodes)).toBe('0-100 200');
  expect(slotsOf('')).toBe('');
});
