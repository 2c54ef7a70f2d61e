import { Cluster } from 'ioredis';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectByTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CachePlan } from '../../model/cache-plan.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';
import { until as untilSeen } from './until.ts';

const shards = [0, 1, 2].map((shard) => [0, 1].map((index) => `cache-shard-${shard}-${index}`));
const nodes = shards.flat();
const inBytes = (value: string): string => {
  const match = /^(\d+)mb$/.exec(value);
  return match ? String(Number(match[1]) * 2 ** 20) : value;
};
/** What one node knows of another. */
interface Seen {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly flags: string;
  readonly primary: string;
  /** Of its claim to its slots; those who copy have that of whom they copy. */
  readonly epoch: string;
  readonly slots: string;
}

describe('sessions in six nodes that divide the keys', () => {
  const name = 'lab-cache-cluster';
  let operator: Operator;
  let site: LabSite;
  let plan: { readonly caches: readonly CachePlan[] };
  let firstUp: RunResult;
  let accounts = '';
  let client: Cluster;
  let here: ReadonlyMap<string, string> = new Map();
  let last: ReadonlyMap<string, string> = new Map();
  let ids: readonly string[] = [];
  let looking: NodeJS.Timeout | undefined;

  const up = (): Promise<RunResult> => operator.attempt(['docker', 'compose', 'up', '-d', '--wait', ...nodes], site.folder);
  const containerOf = (service: string): string => `${name}-${service}-1`;
  const inside = (node: string, ...argv: readonly string[]): Promise<RunResult> => attempt(['docker', 'exec', containerOf(node), ...argv]);
  /** The command of SITE.md. */
  const script = (node: string, ...words: readonly string[]): Promise<RunResult> =>
    inside(node, 'sh', '/etc/berth/cache/cluster.sh', ...words);
  const tls = ['--tls', '--cacert', '/run/secrets/site-ca'];
  const cli = async (node: string, ...command: readonly string[]): Promise<string> =>
    (await inside(node, 'timeout', '20', 'valkey-cli', ...tls, ...command)).stdout.trim();
  const passwordOf = (): string => /^REDIS_PASSWORD=(.*)$/m.exec(site.read('secrets/web.env'))?.[1] ?? '';
  /** Where each node is; one that does not run is nowhere. */
  const addresses = async (): Promise<ReadonlyMap<string, string>> => {
    const format = '{{.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    const { stdout } = await attempt(['docker', 'inspect', '--format', format, ...nodes.map(containerOf)]);
    const lines = stdout.split('\n').map((line) => line.trim().split(' '));
    return new Map(
      lines.flatMap(([container = '', address]) => (address ? [[container.slice(name.length + 2, -2), address] as const] : [])),
    );
  };
  const seenBy = async (node: string): Promise<readonly Seen[]> =>
    (await script(node, 'ask', 'cluster', 'nodes')).stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [id = '', place = '', flags = '', primary = '', , , epoch = '', , ...slots] = line.trim().split(' ');
        const [address = '', called = ''] = place.split(',');
        return {
          id,
          name: called,
          address: address.split(':')[0] ?? '',
          flags: flags.replace('myself,', ''),
          primary,
          epoch,
          slots: slots.join(' '),
        };
      });
  const primaries = async (asked = 'cache-shard-2-1'): Promise<readonly string[]> =>
    (await seenBy(asked)).flatMap((one) => (one.flags === 'master' && one.slots !== '' ? [one.name] : [])).sort();
  const until = async (holds: () => boolean | Promise<boolean>, what: string, logged: readonly string[] = nodes): Promise<void> => {
    const tell = async () => {
      const views = await Promise.all(nodes.map(async (node) => `${node}: ${(await script(node, 'ask', 'cluster', 'nodes')).stdout}`));
      const said = await site.compose('--profile', '*', 'logs', '--no-color', '--no-log-prefix', '--tail', '40', ...logged);
      return `${views.join('\n')}\n${said.slice(-60_000)}`;
    };
    await untilSeen(holds, what, { tell });
  };
  /**
   * All six say the same of all six, each shard has one that serves and one that copies it, and every node calls itself healthy. That is so of epochs too: a copy that
   * has not heard yet of the newest one of whom it copies is not elected when that dies in this very second.
   */
  const whole = async (): Promise<boolean> => {
    const views = await Promise.all(nodes.map(seenBy));
    const epochs = new Set(views.flatMap((view) => view.flatMap((one) => (one.flags === 'master' ? [`${one.id} ${one.epoch}`] : []))));
    const same = views.every((view) =>
      shards.every((shard) => {
        const own = view.filter((one) => shard.includes(one.name));
        const [serving, copying] = [own.filter(({ flags }) => flags === 'master'), own.filter(({ flags }) => flags === 'slave')];
        return own.length === 2 && serving.length === 1 && serving[0]?.slots !== '' && copying[0]?.primary === serving[0]?.id;
      }),
    );
    return same && epochs.size === 3 && views.every((view) => view.length === 6) && (await healthy()).every(Boolean);
  };
  /** Of the second shard who serves, and who copies. */
  const shardOne = async (): Promise<readonly [string, string]> => {
    const [one = '', other = ''] = shards[1] ?? [];
    return (await primaries()).includes(one) ? [one, other] : [other, one];
  };
  const healthy = (): Promise<readonly boolean[]> => Promise.all(nodes.map(async (node) => (await script(node, 'healthy')).code === 0));
  /** A client as applications have it; only that it stands on the host, where names of containers say nothing. */
  const connect = (): Cluster => {
    const one = new Cluster(
      nodes.map((host) => ({ host, port: 6379 })),
      {
        dnsLookup: (host, done) => {
          done(here.has(host) ? null : new Error(`${host} is not there`), here.get(host) ?? '', 4);
        },
        natMap: (key) => {
          const [host = '', port] = key.split(':');
          return { host: here.get(host) ?? '127.0.0.1', port: Number(port) };
        },
        clusterRetryStrategy: () => 100,
        slotsRefreshTimeout: 2000,
        maxRedirections: 2,
        enableOfflineQueue: false,
        // By addresses, which no certificate has: the name of any node is in that of all.
        redisOptions: {
          tls: { ca: site.read('secrets/site-ca'), servername: 'cache-shard-0-0' },
          username: 'app',
          password: passwordOf(),
          commandTimeout: 1000,
          connectTimeout: 1000,
        },
      },
    );
    one.on('error', () => undefined);
    return one;
  };
  /** How the sample application finds its cache, by the names that it was given. */
  const askHello = async (): Promise<string> => {
    const ask =
      "fetch('http://localhost:3000/api/health').then((said) => said.json()).then(({ checks }) => console.log(checks.redis.status))";
    return (await inside('web-blue', 'node', '-e', ask)).stdout.trim();
  };
  /** The client stumbles over the first key of a shard that was handed over: after MOVED it looks for the name, not for the address behind it. */
  const answers = async (): Promise<boolean> =>
    (await Promise.all(Array.from({ length: 12 }, (_, index) => client.set(`asked:${index}`, 'x')))).every((said) => said === 'OK');
  /** Writes all the time, from a second before `act` until all of it has been served again for a second. */
  const underLoad = async (
    act: () => Promise<unknown>,
    died = false,
  ): Promise<{ readonly lost: readonly string[]; readonly windowSeconds: number }> => {
    await until(answers, 'the client is served');
    const [acknowledged, failed]: [{ readonly key: string; readonly at: number; readonly heard: number }[], number[]] = [[], []];
    const acted = { at: 0, ended: 0, done: false };
    const writing = Array.from({ length: 3 }, async (_, writer) => {
      for (let count = 0; !acted.done; count++) {
        const [key, at] = [`load:${Date.now()}:${writer}:${count}`, Date.now()];
        await client.set(key, 'x').then(
          () => void acknowledged.push({ key, at, heard: Date.now() }),
          () => void failed.push(at),
        );
        await sleep(10);
      }
    });
    await until(() => acknowledged.length > 50, 'something was written');
    await sleep(1500);
    acted.at = Date.now();
    await act();
    acted.ended = Date.now();
    await until(async () => Date.now() - Math.max(failed.at(-1) ?? 0, acted.ended) > 1500 && (await answers()), 'served again');
    acted.done = true;
    await Promise.all(writing);
    // What a node said yes to within the last second before it died may not have been copied yet.
    const kept = died ? acknowledged.filter(({ at, heard }) => heard < acted.at - 1000 || at > acted.ended) : acknowledged;
    expect(kept.filter(({ heard }) => heard < acted.at).length).toBeGreaterThan(10);
    const there: (readonly [string, number])[] = [];
    await until(async () => {
      there.splice(0, there.length, ...(await Promise.all(kept.map(async ({ key }) => [key, await client.exists(key)] as const))));
      return true;
    }, 'all keys are asked for');
    return {
      lost: there.filter(([, exists]) => exists === 0).map(([key]) => key),
      windowSeconds: failed.length === 0 ? 0 : (Math.max(...failed) - Math.min(...failed)) / 1000,
    };
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'network=10.226.0.0/22',
      'internalTls=true',
      'services.web.replicas=1',
      'services.web.memory=512Mi',
      'databases.database.memory=1Gi',
      'caches.cache={ engine: valkey, use: sessions, client: cluster, memory: 256Mi }',
    ];
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...set.flatMap((one) => ['--set', one])], operator.home);
    plan = JSON.parse(await site.berth('plan', '--json')) as typeof plan;
    // Nobody may read the settings of a site, so somebody who may is let in, until passwords are drawn anew.
    accounts = site.read('secrets/cache-acl');
    site.edit('secrets/cache-acl', (text) => `${text.trimEnd()}\nuser lab on nopass +config|get\n`);
    // The rest of the site is not there: names that nobody has would keep the application waiting for their directory.
    writeFileSync(
      join(site.folder, 'compose.override.yaml'),
      JSON.stringify({ services: { 'web-blue': { extra_hosts: ['database:127.0.0.1', 'files:127.0.0.1'] } } }),
    );
    // A first start that ends in its midst.
    await site.compose('up', '-d', ...nodes.slice(0, 4));
    await sleep(800);
    await site.compose('kill');
    firstUp = await up();
    here = await addresses();
    looking = setInterval(() => void addresses().then((found) => (here = found)), 500);
    client = connect();
  });
  afterAll(async () => {
    clearInterval(looking);
    client?.disconnect();
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('come up by themselves after a first start that was cut short, and a second start changes nothing', async () => {
    expect(firstUp, firstUp.stderr.slice(-2000)).toMatchObject({ code: 0 });
    await until(whole, 'all six say the same');
    // One of each shard: a machine that let a first node wait may have had its copy take over.
    expect((await primaries()).map((node) => shards.findIndex((shard) => shard.includes(node)))).toEqual([0, 1, 2]);
    const before = [await site.ids(), await seenBy('cache-shard-0-0')] as const;
    expect(await up()).toMatchObject({ code: 0 });
    expect(await site.ids()).toEqual(before[0]);
    expect((await seenBy('cache-shard-0-0')).map(({ id }) => id).sort()).toEqual(before[1].map(({ id }) => id).sort());
    await until(answers, 'the client is served');
  });

  test('speak TLS alone, on their bus as well', async () => {
    for (const options of [[], ['--tls']])
      expect((await inside('cache-shard-0-1', 'timeout', '20', 'valkey-cli', '-h', 'cache-shard-1-0', ...options, 'ping')).stdout).toBe('');
    // Whoever shows no certificate of the site is not listened to there.
    const heard = await new Promise<string>((resolve) => {
      const [ca, host] = [site.read('secrets/site-ca'), here.get('cache-shard-1-0') ?? ''];
      const socket = connectByTls({ host, port: 16_379, ca, servername: 'cache-shard-1-0' });
      socket.on('error', ({ message }) => resolve(message)).on('close', () => resolve('closed without a word'));
    });
    expect(heard).toMatch(/certificate required/);
  });

  test('serve the sample application, which is told of all of them', async () => {
    expect(site.read('compose.yaml')).toContain(`REDIS_CLUSTER_NODES: "${nodes.map((node) => `${node}:6379`).join(',')}"`);
    await site.compose('up', '-d', '--no-deps', 'web-blue');
    await until(async () => (await askHello()) === 'healthy', 'its cache is healthy', ['web-blue']);
  });

  test('tell clients where keys are, and let none of them change that', async () => {
    const asApp = ['--user', 'app', '--pass', passwordOf(), '--no-auth-warning'];
    expect(await cli('cache-shard-0-1', ...asApp, 'cluster', 'slots')).toContain('cache-shard-1-0');
    expect(await cli('cache-shard-0-1', ...asApp, 'cluster', 'shards')).toContain('cache-shard-1-0');
    expect(await cli('cache-shard-0-1', ...asApp, 'cluster', 'nodes')).toContain('cache-shard-1-0');
    for (const command of ['failover', 'reset', 'flushslots', 'forget x', 'meet 10.0.0.1 6379', 'replicate x', 'addslots 1'])
      expect(await cli('cache-shard-0-1', ...asApp, 'cluster', ...command.split(' '))).toContain('NOPERM');
    expect(await cli('cache-shard-0-1', ...asApp, 'config', 'get', 'maxmemory')).toContain('NOPERM');
    for (const command of ['get x', 'cluster nodes', 'role'])
      expect(await cli('cache-shard-0-1', ...command.split(' '))).toContain('NOPERM');
    for (const command of ['reset', 'flushslots', 'delslots 1', 'setslot 1 node x'])
      expect((await script('cache-shard-0-1', 'ask', 'cluster', ...command.split(' '))).stdout).toContain('NOPERM');
  });

  test('run with exactly the settings of the plan', async () => {
    const settings = plan.caches[0]?.settings ?? [];
    const names = settings.map((one) => one.name);
    const lines = (
      await inside(
        'cache-shard-1-1',
        'env',
        'REDISCLI_AUTH=any',
        'valkey-cli',
        ...tls,
        '--user',
        'lab',
        'config',
        'get',
        ...names,
        'cluster-announce-*',
      )
    ).stdout.split(/\r?\n/);
    const running = Object.fromEntries(
      Array.from({ length: Math.floor(lines.length / 2) }, (_, index) => [lines[index * 2] ?? '', lines[index * 2 + 1] ?? '']),
    );
    expect(settings.length).toBeGreaterThan(18);
    expect(running).toMatchObject({
      ...Object.fromEntries(settings.map((one) => [one.name, inBytes(one.value)])),
      'cluster-announce-hostname': 'cache-shard-1-1',
      'cluster-announce-ip': here.get('cache-shard-1-1'),
    });
  });

  test('go on when the node that serves a shard dies, and nothing that was copied is lost', async () => {
    const [dying, heir] = await shardOne();
    const { lost, windowSeconds } = await underLoad(() => run(['docker', 'kill', containerOf(dying)]), true);
    process.stderr.write(`fail-over of a shard: errors for ${windowSeconds.toFixed(1)} s\n`);
    expect(lost).toEqual([]);
    await until(async () => (await primaries()).includes(heir), 'its copy serves');
    await site.compose('start', dying);
    await until(whole, 'the old one copies the new one');
    expect(await primaries()).toContain(heir);
  });

  test('hand over before they stop, so that a start on purpose loses nothing', async () => {
    const before = await primaries();
    // Long before any of them dies, so that its copy has it.
    await until(async () => (await client.set('kept', 'through the night')) === 'OK', 'it is kept');
    const { lost, windowSeconds } = await underLoad(() => site.compose('restart', ...before));
    process.stderr.write(`all that serve restarted: errors for ${windowSeconds.toFixed(1)} s\n`);
    expect(lost).toEqual([]);
    await until(whole, 'all of it');
    expect(await primaries()).toEqual(nodes.filter((node) => !before.includes(node)));
  });

  test('say that they are unhealthy while most of those that serve are gone, and serve again once their copies are told to', async () => {
    ids = (await seenBy('cache-shard-0-0')).map(({ id }) => id).sort();
    const [first = '', second = ''] = await primaries();
    await run(['docker', 'kill', containerOf(first), containerOf(second)]);
    const others = nodes.filter((node) => node !== first && node !== second);
    await until(
      async () => (await Promise.all(others.map((node) => script(node, 'healthy')))).every(({ code }) => code !== 0),
      'the others call themselves unhealthy',
    );
    // The command of SITE.md.
    for (const gone of [first, second]) {
      const copy = shards.find((shard) => shard.includes(gone))?.find((node) => node !== gone) ?? '';
      await until(async () => (await script(copy, 'ask', 'cluster', 'failover', 'takeover')).stdout.trim() === 'OK', `${copy} takes over`);
    }
    await until(
      async () => (await Promise.all(others.map((node) => script(node, 'healthy')))).every(({ code }) => code === 0),
      'the others call themselves healthy',
    );
    await until(async () => (await client.get('kept')) === 'through the night', 'what was kept is there');
    await run(['docker', 'start', containerOf(first), containerOf(second)]);
    await until(whole, 'those that were gone copy them');
    last = await addresses();
    expect(last.size).toBe(nodes.length);
  });

  test('are whole after a full stop, with other addresses and the same data, for a client that was there all the time', async () => {
    const given = await site.rotateAddresses(last);
    await run(['docker', 'stop', ...nodes.map(containerOf)]);
    await run(['docker', 'rm', ...nodes.map(containerOf)]);
    await until(async () => (await askHello()) !== 'healthy', 'the application misses it');
    expect(await up()).toMatchObject({ code: 0 });
    expect(await addresses()).toEqual(given);
    await until(whole, 'all of it');
    expect((await seenBy('cache-shard-0-0')).map(({ id }) => id).sort()).toEqual(ids);
    await until(answers, 'the client is served');
    await until(async () => (await client.get('kept')) === 'through the night', 'what was kept is there');
    await until(async () => (await askHello()) === 'healthy', 'the application is served', ['web-blue']);
  });

  test('take one back that lost its volume, and forget who it was', async () => {
    const [lost = ''] = await primaries();
    await run(['docker', 'rm', '-f', containerOf(lost)]);
    await run(['docker', 'volume', 'rm', `${name}_${lost}-data`]);
    await site.compose('up', '-d', '--no-deps', lost);
    await until(whole, 'six again');
    expect(await primaries()).not.toContain(lost);
    await until(answers, 'the client is served');
    await until(async () => (await client.get('kept')) === 'through the night', 'what was kept is there');
  });

  test('take one back that has data, takes itself for a primary and has none of the slots', async () => {
    const [, copy] = await shardOne();
    const volume = (await run(['docker', 'volume', 'inspect', '--format', '{{.Mountpoint}}', `${name}_${copy}-data`])).trim();
    await run(['docker', 'stop', containerOf(copy)]);
    const path = join(volume, 'nodes.conf');
    const text = readFileSync(path, 'utf8');
    // What one is left with that dies in the middle of it.
    const changed = text.replace(/myself,slave [0-9a-f]{40}/, 'myself,master -');
    expect(changed).not.toBe(text);
    writeFileSync(path, changed);
    await run(['docker', 'start', containerOf(copy)]);
    await until(whole, 'it copies again');
    expect(await primaries()).not.toContain(copy);
    await until(async () => (await client.get('kept')) === 'through the night', 'what was kept is there');
  });

  test('take new passwords everywhere at once', async () => {
    const [app, peer] = [passwordOf(), site.read('secrets/cache-replication')];
    site.edit('secrets/cache-acl', () => accounts);
    await site.berth('secrets', 'rotate', 'cache-app');
    await site.berth('secrets', 'rotate', 'cache-replication');
    await site.compose('up', '-d', ...nodes);
    expect(passwordOf()).not.toBe(app);
    await until(whole, 'all of it');
    for (const node of nodes) {
      expect(await cli(node, 'auth', 'app', app)).toContain('WRONGPASS');
      expect(await cli(node, 'auth', 'berth_nodes', peer)).toContain('WRONGPASS');
    }
    client.disconnect();
    client = connect();
    await until(answers, 'a client with the new password is served');
    await until(async () => (await client.get('kept')) === 'through the night', 'what was kept is there');
  });
});
