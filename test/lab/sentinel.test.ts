import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { valkey } from '../../model/engines/valkey.ts';
import type { CachePlan } from '../../model/cache-plan.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';
import { until as untilSeen } from './until.ts';

const indexes = [0, 1, 2] as const;
const nodes = indexes.map((index) => `cache-node-${index}`);
const sentinels = indexes.map((index) => `cache-sentinel-${index}`);
const all = ['cache', ...nodes, ...sentinels];
const inBytes = (value: string): string => {
  const match = /^(\d+)mb$/.exec(value);
  return match ? String(Number(match[1]) * 2 ** 20) : value;
};

describe('sessions in three nodes with Sentinel, behind a proxy for clients that know nothing of it', () => {
  const name = 'lab-sentinel';
  let operator: Operator;
  let site: LabSite;
  let plan: { readonly caches: readonly CachePlan[] };
  let firstUp: RunResult;
  const clients: Redis[] = [];

  const up = (): Promise<RunResult> => operator.attempt(['docker', 'compose', 'up', '-d', '--wait', ...all], site.folder);
  const tls = ['--tls', '--cacert', '/run/secrets/site-ca'];
  const cli = async (service: string, ...command: readonly string[]): Promise<string> =>
    (await site.compose('exec', '-T', service, 'timeout', '20', 'valkey-cli', ...tls, ...command)).trim();
  const secret = (key: string): string =>
    key === 'replication'
      ? site.read('secrets/cache-replication')
      : (/REDIS_URL=rediss:\/\/app:([^@]+)@/.exec(site.read('secrets/web.env'))?.[1] ?? '');
  const addressOf = (service: string): Promise<string> =>
    run(['docker', 'inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', `${name}-${service}-1`]);
  const addresses = async (): Promise<ReadonlyMap<string, string>> =>
    new Map(await Promise.all(all.map(async (service) => [service, await addressOf(service)] as const)));
  /** A client as any application has it: one address, which is the proxy's, and it connects anew when it is cut off. */
  const connect = async (): Promise<Redis> => {
    const client = new Redis({
      host: await addressOf('cache'),
      // By the name of the proxy, which the certificate of each node has as well.
      tls: { ca: site.read('secrets/site-ca'), servername: 'cache' },
      username: 'app',
      password: secret('app'),
      retryStrategy: () => 100,
      commandTimeout: 1000,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      lazyConnect: true,
    });
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    return client;
  };
  const rolesOf = async (): Promise<readonly string[]> =>
    Promise.all(nodes.map(async (node) => (await cli(node, 'role').catch(() => 'gone')).split('\n')[0] ?? ''));
  const primary = async (): Promise<string> =>
    (await cli('cache-sentinel-1', '-p', '26379', 'sentinel', 'get-master-addr-by-name', 'cache')).split('\n')[0] ?? '';
  /** A Sentinel that a busy machine kept waiting does nothing for thirty seconds. */
  const until = async (holds: () => boolean | Promise<boolean>, what: string): Promise<void> => {
    const tell = async () => {
      const said = (await site.compose('logs', '--no-color', '--tail', '60', ...nodes, ...sentinels)).split('\n');
      // A name that is gone is looked up every second.
      const telling = said.filter((line) => !/Failed to resolve|PRIMARY/.test(line));
      return telling.join('\n').slice(-12_000);
    };
    await untilSeen(holds, what, { tell });
  };
  /** Sentinels hear of replicas from the primary alone, every ten seconds: one that goes before has nobody to take over. */
  const knowsBoth = async (sentinel: string): Promise<boolean> =>
    /num-slaves\r?\n2\b/.test(await cli(sentinel, '-p', '26379', 'sentinel', 'master', 'cache'));
  const whole = async (): Promise<boolean> =>
    [...(await rolesOf())].sort().join() === 'master,slave,slave' &&
    (await Promise.all(sentinels.map(knowsBoth))).every(Boolean) &&
    (await Promise.all(sentinels.map((one) => cli(one, '-p', '26379', 'sentinel', 'ckquorum', 'cache')))).every((said) =>
      said.startsWith('OK 3'),
    );
  /** What happens to a client that writes all the time, from before `act` until it has been served again for a second. */
  const underLoad = async (act: () => Promise<void>): Promise<{ readonly lost: readonly string[]; readonly windowSeconds: number }> => {
    const client = await connect();
    const acknowledged: { readonly key: string; readonly sent: number; readonly heard: number }[] = [];
    const failed: { readonly sent: number; readonly heard: number }[] = [];
    const acted = { at: 0, ended: 0, done: false };
    const writing = (async () => {
      for (let count = 0; !acted.done; count++) {
        const [key, sent] = [`load:${count}`, Date.now()];
        await client.set(key, 'x').then(
          () => void acknowledged.push({ key, sent, heard: Date.now() }),
          () => void failed.push({ sent, heard: Date.now() }),
        );
        await sleep(20);
      }
    })();
    await until(() => acknowledged.length > 50, 'something was written');
    await sleep(1500);
    acted.at = Date.now();
    await act();
    acted.ended = Date.now();
    // What a node said yes to within the last second before it died may not have been copied yet.
    const before = acknowledged.filter(({ heard }) => heard < acted.at - 1000);
    const after = () => acknowledged.filter(({ sent }) => sent > Math.max(acted.ended, failed.at(-1)?.heard ?? Infinity));
    await until(() => after().length > 30, 'the client is served again');
    acted.done = true;
    await writing;
    const there = new Map<string, number>();
    await until(async () => {
      for (const { key } of [...before, ...after()]) if (!there.has(key)) there.set(key, await client.exists(key));
      return true;
    }, 'all keys are asked for');
    expect(before.length).toBeGreaterThan(10);
    expect(failed[0]?.heard).toBeGreaterThanOrEqual(acted.at);
    return {
      lost: [...there].filter(([, exists]) => exists === 0).map(([key]) => key),
      windowSeconds: ((failed.at(-1)?.sent ?? 0) - (failed[0]?.sent ?? 0)) / 1000,
    };
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'network=10.223.0.0/22',
      'internalTls=true',
      'services.web.replicas=1',
      'services.web.memory=512Mi',
      'databases.database.topology=single',
      'databases.database.memory=1Gi',
      'caches.cache={ engine: valkey, use: sessions, topology: sentinel, memory: 256Mi }',
    ];
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...set.flatMap((one) => ['--set', one])], operator.home);
    plan = JSON.parse(await site.berth('plan', '--json')) as typeof plan;
    firstUp = await up();
  });
  afterAll(async () => {
    for (const client of clients) client.disconnect();
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('come up from nothing, one written to and two that copy it', async () => {
    expect(firstUp, firstUp.stderr.slice(-2000)).toMatchObject({ code: 0 });
    expect(await rolesOf()).toEqual(['master', 'slave', 'slave']);
    await until(whole, 'all know each other');
  });

  test('let anybody ask who is written to, and nobody without a password do anything', async () => {
    expect(await cli('cache-node-1', '-h', 'cache', 'get', 'x')).toContain('NOPERM');
    expect(await cli('cache-node-1', '-h', 'cache-node-0', 'replicaof', 'no', 'one')).toContain('NOPERM');
    expect(await cli('cache-node-1', '-h', 'cache-sentinel-0', '-p', '26379', 'sentinel', 'failover', 'cache')).toContain('NOPERM');
    expect(await primary()).toBe('cache-node-0');
  });

  test('speak TLS alone, to each other as well, and check who has signed', async () => {
    for (const [host, port] of [
      ['cache', '6379'],
      ['cache-node-0', '6379'],
      ['cache-sentinel-0', '26379'],
    ] as const)
      for (const options of [[], ['--tls']]) {
        const asked = ['exec', '-T', 'cache-node-1', 'timeout', '20', 'valkey-cli', '-h', host, '-p', port, ...options, 'ping'];
        expect([host, options, (await operator.attempt(['docker', 'compose', ...asked], site.folder)).stdout]).toEqual([host, options, '']);
      }
    for (const node of ['cache-node-1', 'cache-node-2'])
      expect((await cli(node, 'role')).split('\n').slice(0, 4)).toEqual(['slave', 'cache-node-0', '6379', 'connected']);
  });

  test('run with exactly the settings of the plan', async () => {
    const [cache] = plan.caches;
    const settings = cache?.settings ?? [];
    // Nobody may read the settings of a site, so somebody who may is let in for this, at one that copies.
    const kept = site.read('secrets/cache-acl');
    site.edit('secrets/cache-acl', (text) => `${text.trimEnd()}\nuser lab on nopass +config|get\n`);
    await site.compose('restart', '--no-deps', '--timeout', '10', 'cache-node-2');
    const ask = [
      '-e',
      'REDISCLI_AUTH=any',
      'cache-node-2',
      'valkey-cli',
      ...tls,
      '--user',
      'lab',
      'config',
      'get',
      ...settings.map((one) => one.name),
    ];
    let lines: readonly string[] = [];
    await until(async () => (lines = (await site.compose('exec', '-T', ...ask)).split(/\r?\n/)).length > 20, 'the settings are told');
    const running = Object.fromEntries(
      Array.from({ length: Math.floor(lines.length / 2) }, (_, index) => [lines[index * 2] ?? '', lines[index * 2 + 1] ?? '']),
    );
    delete running[''];
    expect(settings.length).toBeGreaterThan(12);
    expect(running).toEqual(Object.fromEntries(settings.map((one) => [one.name, inBytes(one.value)])));
    site.edit('secrets/cache-acl', () => kept);
    await site.compose('restart', '--no-deps', '--timeout', '10', 'cache-node-2');
    const told = (await cli('cache-sentinel-2', '-p', '26379', 'sentinel', 'master', 'cache')).split(/\r?\n/);
    for (const { name: setting, value } of (cache?.sentinel?.settings ?? []).filter((one) => one.name.startsWith('sentinel '))) {
      const key = setting.split(' ')[1] ?? '';
      expect([key, told[told.indexOf(key) + 1]]).toEqual([key, value]);
    }
    expect(told[told.indexOf('quorum') + 1]).toBe(String(valkey.sentinel.quorum));
    await until(whole, 'the node is back');
  });

  test('keep serving a plain client when the node that is written to is gone, and nothing that was copied is lost', async () => {
    const { lost, windowSeconds } = await underLoad(() => run(['docker', 'kill', `${name}-cache-node-0-1`]).then(() => undefined));
    expect(lost).toEqual([]);
    // Five seconds of silence, and some two.
    process.stderr.write(`fail-over: errors for ${windowSeconds.toFixed(1)} s\n`);
    await until(async () => ['cache-node-1', 'cache-node-2'].includes(await primary()), 'every Sentinel knows who is written to');
  });

  test('take the old one back as one that copies', async () => {
    await site.compose('start', 'cache-node-0');
    await until(whole, 'three nodes');
    expect((await cli('cache-node-0', 'role')).split('\n')[0]).toBe('slave');
  });

  test('are whole after a full stop, with other addresses and the same data', async () => {
    const written = await connect();
    await written.set('kept', 'through the night');
    written.disconnect();
    const given = await site.rotateAddresses(await addresses());
    await site.compose('down');
    expect(await up()).toMatchObject({ code: 0 });
    expect(await addresses()).toEqual(given);
    await until(whole, 'all of it');
    expect(nodes).toContain(await primary());
    await until(async () => (await (await connect()).get('kept')) === 'through the night', 'what was kept is there');
  });

  test('take new passwords and certificates everywhere at once', async () => {
    const [app, replication] = [secret('app'), secret('replication')];
    await site.berth('secrets', 'rotate', 'cache-app');
    await site.berth('secrets', 'rotate', 'cache-replication');
    await site.berth('certs', 'renew', '--internal');
    expect(await up()).toMatchObject({ code: 0 });
    expect(secret('app')).not.toBe(app);
    await until(whole, 'all of it');
    for (const [service, port, user, password] of [
      ...nodes.map((node) => [node, '6379', 'berth_nodes', replication] as const),
      ...nodes.map((node) => [node, '6379', 'app', app] as const),
      ...sentinels.map((sentinel) => [sentinel, '26379', 'berth_nodes', replication] as const),
    ])
      expect(await cli(service, '-p', port, 'auth', user, password)).toMatch(/WRONGPASS/);
    await until(async () => (await (await connect()).get('kept')) === 'through the night', 'what was kept is there');
  });

  test('forget nothing when a process that keeps nothing on disk dies and is back within the second', async () => {
    site.edit('berth.yaml', (text) => text.replace('use: sessions', 'use: cache'));
    await site.berth('generate');
    expect(await up()).toMatchObject({ code: 0 });
    await until(whole, 'all of it');
    const client = await connect();
    await client.set('page', 'of a cache');
    await until(async () => (await client.wait(2, 500)) === 2, 'both have copied it');
    const dying = await primary();
    const pid = await run(['docker', 'inspect', '--format', '{{.State.Pid}}', `${name}-${dying}-1`]);
    await attempt(['kill', '-9', pid]);
    await until(async () => (await primary()) !== dying && (await whole()), 'another one took over');
    await until(async () => (await client.get('page')) === 'of a cache', 'the page is there');
  });
});
