import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { farAway } from '../program/far-away.ts';
import { beginScript } from '../../cli/restore/cache-exchange.ts';
import { IMAGES } from './images.ts';
import { LabSite, Operator } from './installed.ts';
import { Killing } from './killing.ts';
import { run } from './process.ts';
import { until } from './until.ts';

// No other test has it: what is done to a site of that name would be done to this one.
const site = 'labcaches';
const spec = (store: string, user: string): string => `apiVersion: berth/v1
name: ${site}
profile: minimum
domain: localhost
network: 10.232.0.0/22
edge: { http: 38096, https: 38496 }
host: { cpus: 2, memory: 8Gi, disk: 60Gi }
services:
  web:
    image: ${IMAGES.node.reference}
    port: 3000
    replicas: 1
    runtime: node
    memory: 256Mi
    user: "${user}"
    volumes: { uploads: /srv/uploads }
    routes: [{ path: / }]
    entrypoint: [node]
    command: ["-e", "require('http').createServer((q, s) => s.end('here')).listen(3000)"]
    uses: { sessions: SESSIONS_URL, jobs: JOBS_URL }
caches:
  sessions: { engine: valkey, use: sessions, topology: sentinel }
  jobs: { engine: redis, use: queue }
volumes:
  uploads: { disk: 1Gi }
backups:
  folder: ${store}
  user: "${user}"
  image: ${IMAGES.node.reference}
  caches: { schedule: "${farAway()}" }
  volumes: { schedule: "${farAway()}" }
`;

interface Taken {
  readonly madeAt: string;
  readonly facts: { readonly keys: number };
}

describe('caches and a volume of a site that runs: Valkey in three nodes with Sentinel, Redis alone, and files', () => {
  let operator: Operator;
  let lab: LabSite;
  /** A service that answers for the cache, and the program that asks it. */
  const asked = { sessions: ['sessions-node-0', 'valkey-cli', 'sessions'], jobs: ['jobs', 'redis-cli', 'jobs'] } as const;
  type Cache = keyof typeof asked;
  const cli = async (cache: Cache, ...words: readonly string[]): Promise<string> => {
    const [service, client, host] = asked[cache];
    const [, password = ''] = new RegExp(`${cache.toUpperCase()}_URL=redis://app:([^@]+)@`).exec(lab.read('secrets/web.env')) ?? [];
    return (
      await lab.compose(
        'exec',
        '-T',
        '-e',
        `REDISCLI_AUTH=${password}`,
        service,
        client,
        '-h',
        host,
        '--user',
        'app',
        '--no-auth-warning',
        ...words,
      )
    ).trim();
  };
  const restore = (...words: readonly string[]): Promise<string> => lab.berth('restore', '--only', 'cache', ...words, '--json');
  const backup = async (cache: Cache | 'uploads'): Promise<string> => {
    const { backups } = JSON.parse(await lab.berth('backup', 'now', cache, '--json')) as {
      readonly backups: readonly { readonly madeAt: string }[];
    };
    return backups[0]?.madeAt ?? '';
  };

  beforeAll(async () => {
    operator = await Operator.create();
    lab = await LabSite.create(operator, site);
    const store = await operator.makeFolder('backups');
    const own = await operator.ids();
    await operator.makeFolder(site);
    writeFileSync(join(lab.folder, 'berth.yaml'), spec(store, own));
    await run(['chown', own, join(lab.folder, 'berth.yaml')]);
    await lab.berth('generate');
    await lab.prepareBackups();
    await lab.startWhole();
    // Whoever copies has to be one by now to be copied from.
    const role = (node: number) => lab.compose('exec', '-T', `sessions-node-${node}`, 'valkey-cli', 'role');
    const copies = async () => (await Promise.all([0, 1, 2].map(role))).filter((said) => /^slave\s[^]*\bconnected\b/.test(said));
    await until(async () => (await copies()).length === 2, 'two nodes copy the third');
  });
  afterAll(async () => {
    await lab?.remove();
    operator?.[Symbol.dispose]();
  });

  test.each(['sessions', 'jobs'] as const)('%s go back to how they were, and what they held since is kept beside', async (cache) => {
    await cli(cache, 'set', 'visitor', 'ada');
    await cli(cache, 'rpush', 'list', 'one', 'two', 'three');
    const at = await backup(cache);
    await cli(cache, 'set', 'visitor', 'mallory');
    await cli(cache, 'del', 'list');
    await cli(cache, 'set', 'later', '1');

    if (cache === 'jobs') {
      const planned = JSON.parse(await restore('--name', cache, '--latest', '--into', 'live', '--dry-run')) as Taken;
      expect(planned).toMatchObject({ madeAt: at, facts: { keys: 2 } });
      expect(JSON.parse(await restore('--name', cache, '--at', at, '--into', 'scratch'))).toMatchObject({
        holds: [{ file: 'dump.rdb', databases: { db0: 2 }, expired: 0 }],
      });
      await expect(restore('--name', cache, '--at', at, '--into', 'live')).rejects.toThrow('nothing was changed');
      expect(await cli(cache, 'get', 'visitor')).toBe('mallory');
    }

    const done = JSON.parse(await restore('--name', cache, '--at', at, '--into', 'live', '--yes')) as { readonly kept: string };
    expect(await cli(cache, 'get', 'visitor')).toBe('ada');
    expect(await cli(cache, 'lrange', 'list', '0', '-1')).toBe('one\ntwo\nthree');
    expect(await cli(cache, 'exists', 'later')).toBe('0');
    const kept = await lab.compose('exec', '-T', asked[cache][0], 'ls', `/data/${done.kept}`);
    expect(kept).toContain('appendonly.aof.manifest');

    // It is as any other: what is written from then on is there after a start.
    await cli(cache, 'set', 'after', '1');
    await lab.compose('restart', 'jobs');
    await until(async () => (await cli(cache, 'exists', 'after')) === '1', 'it is there after a start');
  });

  const files = (script: string): Promise<string> => lab.compose('exec', '-T', 'web-blue', 'sh', '-c', `cd /srv/uploads && ${script}`);
  const look = (): Promise<string> =>
    files("find . -mindepth 1 -name '.berth*' -prune -o -mindepth 1 -printf '%p %m %U %l %n\\n' | sort; cat report '  odd ☂ name'");

  test('files of services come back with their owners, modes and links, into their place and into a folder', async () => {
    await files(
      "mkdir -m 750 deep && echo one >report && chmod 600 report && ln report deep/again && ln -s ../nowhere deep/link && echo two >'  odd ☂ name' && mkfifo deep/pipe",
    );
    const before = await look();
    const at = await backup('uploads');
    expect(await backup('uploads')).toBe(at);
    await files("echo other >report; rm -r '  odd ☂ name' deep; echo late >late");
    expect(await backup('uploads')).not.toBe(at);

    // The newest, by its own agent, which has no right to give files to anybody.
    const { proven } = JSON.parse(await lab.berth('backup', 'verify', '--restore', '--json')) as { readonly proven: readonly unknown[] };
    expect(proven).toMatchObject([{ level: 3, result: 'sound', detail: [expect.stringContaining('are what was in the volume')] }]);
    const { backups } = JSON.parse(await lab.berth('backup', 'list', '--json')) as {
      readonly backups: readonly { readonly source: string; readonly level: number }[];
    };
    expect(backups.flatMap(({ source, level }) => (source === 'uploads' ? [level] : []))).toEqual([1, 3]);

    const only = ['restore', '--only', 'volume', '--name', 'uploads', '--at', at];
    const done = JSON.parse(await lab.berth(...only, '--into', 'live', '--yes', '--json')) as { readonly kept: string };
    expect(await look()).toBe(before.replace(/^.*pipe.*\n/m, ''));
    expect((await files(`cat ${done.kept}/late ${done.kept}/report`)).split('\n')).toEqual(['late', 'other', '']);

    await lab.berth(...only, '--into', '../files');
    expect(readFileSync(join(operator.home, 'files/report'), 'utf8')).toBe('one\n');
    await expect(lab.berth(...only, '--into', '../files')).rejects.toThrow('is not empty');
  });

  test('a restore that is killed is ended by the same command or --resume, and undone by --undo, whether old and new have changed places or not', async () => {
    const killing = await Killing.create(operator);
    /** As a shell has it: the command in which they change places. */
    const changing = { cache: '*ln -f *mv -f *', volume: '*-c set -eu?cd /restore*' };
    const expectWhole = async (): Promise<void> => {
      const running = (await lab.compose('ps', '--status', 'running', '--services')).trim().split('\n');
      expect(running).toEqual(expect.arrayContaining(['web-blue', 'jobs', 'sessions', 'sessions-node-0', 'agent-files', 'edge']));
      expect(existsSync(join(lab.folder, '.berth/restoring-live.json'))).toBe(false);
    };
    const words = (only: 'cache' | 'volume', ...more: readonly string[]) => {
      const name = only === 'cache' ? 'sessions' : 'uploads';
      return ['restore', '--only', only, '--name', name, ...more, '--into', 'live', '--yes'];
    };
    await cli('sessions', 'set', 'visitor', 'then');
    await files('echo then >report');
    const then = { cache: await backup('sessions'), volume: await backup('uploads') };
    await cli('sessions', 'set', 'visitor', 'now');
    await files('echo now >report');
    const reads = { cache: () => cli('sessions', 'get', 'visitor'), volume: async () => (await files('cat report')).trim() };

    const isRefused = async (only: 'cache' | 'volume'): Promise<void> => {
      expect((await lab.compose('ps', '--status', 'running', '--services')).split('\n')).not.toContain('web-blue');
      await expect(lab.berth(...words(only, '--latest'))).rejects.toThrow('was cut off while old and new data changed places');
    };
    const ended = async (...asked: readonly string[]): Promise<unknown> => {
      const done: unknown = JSON.parse(await lab.berth(...asked, '--json'));
      await expectWhole();
      return done;
    };

    await killing.at(changing.cache, 'before', lab, words('cache', '--at', then.cache));
    await isRefused('volume');
    expect(await ended(...words('cache', '--undo'))).toMatchObject({ undone: true, kept: null });
    expect(await reads.cache()).toBe('now');
    await killing.at(changing.cache, 'after', lab, words('cache', '--at', then.cache));
    expect(await ended(...words('cache', '--at', then.cache))).toMatchObject({ resumed: true, madeAt: then.cache });
    expect(await reads.cache()).toBe('then');

    await killing.at(changing.volume, 'after', lab, words('volume', '--at', then.volume));
    await isRefused('cache');
    expect(await ended(...words('volume', '--undo'))).toMatchObject({
      undone: true,
      kept: expect.stringContaining('.berth-undone-') as string,
    });
    expect(await reads.volume()).toBe('now');
    await killing.at(changing.volume, 'before', lab, words('volume', '--at', then.volume));
    expect(await ended(...words('volume', '--resume'))).toMatchObject({ madeAt: then.volume });
    expect(await reads.volume()).toBe('then');
  });

  test('three nodes are copied from one that copies, and Sentinels take nobody for a fourth', async () => {
    const { backups } = JSON.parse(await lab.berth('backup', 'list', '--json')) as {
      readonly backups: readonly { readonly id: string; readonly source: string; readonly level: number }[];
    };
    const { id = '' } = backups.findLast(({ source }) => source === 'sessions') ?? {};
    const { manifest } = JSON.parse(await lab.berth('backup', 'show', id, '--json')) as {
      readonly manifest: { readonly facts: { readonly shards: readonly { readonly role: string }[] } };
    };
    expect(manifest.facts.shards).toMatchObject([{ role: 'replica' }]);
    const replicas = ['exec', '-T', 'sessions-sentinel-0', 'valkey-cli', '-p', '26379', 'sentinel', 'replicas', 'sessions'];
    const known = async () => (await lab.compose(...replicas)).match(/^name$/gm)?.length ?? 0;
    // It hears of them from who is written to, every ten seconds, and forgets nobody.
    await until(async () => (await known()) >= 2, 'it knows both');
    expect(await known()).toBe(2);
    expect(await lab.berth('backup', 'verify', id, '--key', '../usb/labcaches-operator.key')).toContain('opens with this key');
  });

  test('with a key alone the file comes out, as the server would have written it', async () => {
    await restore('--name', 'jobs', '--latest', '--into', '../out', '--key', '../usb/labcaches-operator.key');
    const folder = join(operator.home, 'out');
    expect(readdirSync(folder)).toEqual(['dump.rdb']);
    expect(readFileSync(join(folder, 'dump.rdb')).subarray(0, 5).toString()).toBe('REDIS');
  });

  test.each(['sessions', 'jobs'] as const)(
    '%s are what a node of a cluster begins with, and serves the slots that it was told',
    async (cache) => {
      await restore('--name', cache, '--latest', '--into', `../${cache}-file`, '--key', '../usb/labcaches-operator.key');
      const [image, engine] = cache === 'jobs' ? [IMAGES.redis, 'redis'] : [IMAGES.valkey, 'valkey'];
      const place = { id: 'ab'.repeat(20), slots: '0-9999 10001 10003-16383', epoch: 3, port: 6379 };
      const script = [
        'mkdir -p /tmp/data/.berth-restore && cp /copy/dump.rdb /tmp/data/.berth-restore/base.rdb',
        beginScript([{ folder: '/tmp/data', place }]),
        `${engine}-server --dir /tmp/data --appendonly yes --cluster-enabled yes >/tmp/log 2>&1 &`,
        `tries=0; until [ "$(${engine}-cli ping 2>/dev/null)" = PONG ]; do tries=$((tries + 1)); [ $tries -lt 1800 ] || { cat /tmp/log; exit 1; }; sleep 0.1; done`,
        `${engine}-cli cluster nodes; ${engine}-cli dbsize; grep 'loaded from base file' /tmp/log`,
      ].join('\n');
      const copy = `${join(operator.home, `${cache}-file`)}:/copy:ro`;
      const said = await run([
        'docker',
        'run',
        '--rm',
        '--network',
        'none',
        '--volume',
        copy,
        '--entrypoint',
        '/bin/sh',
        image.reference,
        '-c',
        script,
      ]);
      expect(said).toMatch(new RegExp(`^${place.id} .* myself,master - 0 0 3 connected ${place.slots}\\s`));
      expect(said).toMatch(/^[1-9]\d*$/m);
      expect(said).toContain('appendonly.aof.1.base.rdb');
    },
  );

  test('the account of the backups may do nothing but take copies', async () => {
    const password = lab.read('secrets/jobs-backup').trim();
    const as = (...words: readonly string[]): Promise<string> =>
      lab.compose(
        'exec',
        '-T',
        '-e',
        `REDISCLI_AUTH=${password}`,
        'jobs',
        'redis-cli',
        '--user',
        'berth_backup',
        '--no-auth-warning',
        ...words,
      );
    expect(await as('ping')).toContain('PONG');
    for (const words of [
      ['get', 'visitor'],
      ['set', 'visitor', 'x'],
      ['keys', '*'],
      ['config', 'get', '*'],
      ['replicaof', 'no', 'one'],
    ])
      expect(await as(...words)).toContain('NOPERM');
  });

  test('are there again with all of their site on an empty host, before anybody who uses them is', async () => {
    for (const cache of ['sessions', 'jobs'] as const) {
      await cli(cache, 'set', 'last', cache);
      await cli(cache, 'rpush', 'orders', 'one', 'two', 'three');
    }
    const heldBy = async (cache: Cache): Promise<string> =>
      [await cli(cache, 'dbsize'), await cli(cache, 'get', 'last'), await cli(cache, 'lrange', 'orders', '0', '-1')].join(' ');
    await lab.berth('backup', 'now', 'sessions', 'jobs', 'uploads', 'configuration', 'secrets');
    const before = [await heldBy('sessions'), await heldBy('jobs'), (await look()).replace(/^.*pipe.*\n/m, '')];
    await lab.remove();
    rmSync(lab.folder, { recursive: true });
    lab = await LabSite.create(operator, 'again');
    const words = ['restore', '--latest', '--with-data', '--site', 'kit', '--into', 'again'];
    const planned = await operator.run(['berth', ...words, '--dry-run'], operator.home);
    for (const name of ['sessions', 'jobs', 'uploads'])
      expect(planned).toMatch(new RegExp(`${name} +[0-9A-Z]{26} +\\d+ (?:key|file)s? +as it was at`));
    const done = JSON.parse(await operator.run(['berth', ...words, '--json'], operator.home)) as {
      readonly copies: readonly { readonly name: string; readonly already: boolean }[];
      readonly seconds: number;
    };
    console.info(`the whole site: ${done.seconds} s`);
    expect(done).toMatchObject({ empty: [], left: [], broken: [] });
    expect(done.copies.map(({ name, already }) => `${name} ${already}`).toSorted()).toEqual([
      'jobs false',
      'sessions false',
      'uploads false',
    ]);
    expect([await heldBy('sessions'), await heldBy('jobs'), await look()]).toEqual(before);
    // Nobody empties the primary that copies from another, and each node has begun with what it holds.
    for (const node of [0, 1, 2]) {
      const said = await lab.compose('logs', '--no-log-prefix', `sessions-node-${node}`);
      expect(said).toContain('DB loaded from base file appendonly.aof.1.base.rdb');
    }
    expect(await files('ls -A')).not.toMatch(/berth-(?:restore|before)/);
    // It is as any other: what is written and made from then on is there after a start, and in the next copy.
    await cli('jobs', 'set', 'since', '1');
    await files('echo new >new');
    await lab.compose('restart', 'jobs');
    await until(async () => (await cli('jobs', 'exists', 'since')) === '1', 'it is there after a start');
    await backup('uploads');
    const again = await operator.attempt(['berth', ...words], operator.home);
    expect(again).toMatchObject({ code: 5, stderr: expect.stringContaining('already; nothing of them was changed') as string });
  });
});
