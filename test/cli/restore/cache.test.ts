import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { beginScript, cleanScript, exchangeScript, fillScript, heldScript } from '../../../cli/restore/cache-exchange.ts';
import { CacheNodes, concernedByCache, refuseOtherShards } from '../../../cli/restore/cache-nodes.ts';
import type { Compose } from '../../../cli/compose.ts';
import { restoreCache } from '../../../cli/restore/cache.ts';
import type { RuntimeContext } from '../../../cli/stoppable.ts';
import { bigHost, helloPlan, prepareHello, toBucket } from '../../generator/render/hello.ts';
import { copies } from '../../runtime/engines/cache/copies.ts';

const planOf = (cache: object) =>
  helloPlan({
    target: 'compose',
    profile: 'recommended',
    host: bigHost,
    set: { 'backups.folder': '/srv/backups', 'caches.cache': { use: 'sessions', ...cache } },
  });

describe('whom a cache that is put back concerns', () => {
  test('is its one node, and both slots of what uses it', () => {
    const { clients, around, nodes } = concernedByCache(planOf({ engine: 'redis', topology: 'single' }), 'cache');
    expect([clients, around, nodes.map(({ service }) => service.name)]).toEqual([['web-blue', 'web-green'], [], ['cache']]);
  });

  test('with Sentinel is every node, so that whoever becomes the primary has the data, and all that stands around', () => {
    const { clients, around, nodes } = concernedByCache(planOf({ engine: 'valkey', topology: 'sentinel' }), 'cache');
    expect(clients).toEqual(['web-blue', 'web-green']);
    expect(around).toEqual(['cache', 'cache-sentinel-0', 'cache-sentinel-1', 'cache-sentinel-2']);
    expect(nodes.map(({ service, shard }) => [service.name, shard])).toEqual([0, 1, 2].map((index) => [`cache-node-${index}`, 0]));
  });

  test('in a cluster is each node with the part of its shard', () => {
    const plan = planOf({ engine: 'valkey', topology: 'cluster', client: 'cluster' });
    const concerned = concernedByCache(plan, 'cache');
    expect(concerned.nodes.map(({ service, shard }) => [service.name, shard])).toEqual(
      [0, 1, 2].flatMap((shard) => [0, 1].map((node) => [`cache-shard-${shard}-${node}`, shard])),
    );
    const planned = { source: 'cache', id: '', madeAt: '', files: [{ name: 'dump.rdb', bytes: 1 }], facts: {} };
    expect(() => refuseOtherShards(concerned, planned)).toThrow('is of 1 parts, and it is divided into 3 now');
  });
});

describe('a cache of a cluster', () => {
  const home = mkdtempSync(join(tmpdir(), 'berth-cache-'));
  afterAll(() => rmSync(home, { recursive: true }));
  const copy = copies['Valkey 8.1.1'];
  const planned = {
    source: 'cache',
    id: '01',
    madeAt: '2026-03-01T01:00:00Z',
    files: [{ name: 'dump.rdb', bytes: copy.length }],
    facts: {},
  };
  const context = {
    env: { PATH: `${home}/bin:/usr/bin:/bin` },
    abortable: (work: (signal: AbortSignal) => Promise<unknown>) => work(new AbortController().signal),
    out: () => undefined,
    err: () => undefined,
  } as unknown as RuntimeContext;
  const asked = { site: home, from: 'store', at: undefined, key: undefined, json: true, name: undefined, file: undefined } as const;
  const how = { yes: true, dryRun: false, cluster: { context: 'branch' } };

  beforeAll(async () => {
    const set = { ...toBucket.set, 'caches.cache.use': 'sessions' };
    const made = await prepareHello({ ...toBucket, target: 'kubernetes', set });
    writeFileSync(join(home, 'runtime.yaml'), made.decision.merged.get('runtime.yaml') ?? '');
    writeFileSync(join(home, 'planned.json'), JSON.stringify(planned));
    writeFileSync(join(home, 'dump.rdb'), copy);
    mkdirSync(join(home, 'bin'));
    const answer = `case "$*" in *--dry-run*) cat ${home}/planned.json ;; *"--file dump.rdb"*) cat ${home}/dump.rdb ;; *) exit 64 ;; esac`;
    writeFileSync(join(home, 'bin/kubectl'), `#!/bin/sh\necho "$*" >>${home}/said\n${answer}\n`, { mode: 0o755 });
  });

  test('comes into a folder by kubectl, out of the agent that copied it', async () => {
    await restoreCache({ ...asked, ...how, into: { folder: join(home, 'out') } }, context);
    expect(readFileSync(join(home, 'out/dump.rdb')).equals(copy)).toBe(true);
    expect(readFileSync(join(home, 'said'), 'utf8')).toContain(
      '--context branch -n hello exec -i agent-files-0 -c agent-files -- /opt/berth/node /opt/berth/dist/berth.js attended restore --only cache --name cache ',
    );
  });

  test('is not put back in its place by itself: the runbook has the way', async () => {
    await expect(restoreCache({ ...asked, ...how, into: 'live' }, context)).rejects.toMatchObject({
      kind: 'unsupported',
      message: 'in a cluster this version puts no cache back in its place by itself',
      hint: expect.stringContaining('"Put cache back" in SITE.md') as string,
    });
  });
});

describe('the files of a node', () => {
  let home: string;
  const folder = (node: number): string => join(home, `node-${node}`);
  const dir = (node: number, name = 'appendonlydir'): string => join(folder(node), name);
  const run = (script: string, input = ''): { readonly status: number | null; readonly stderr: string } =>
    spawnSync('/bin/sh', ['-c', script], { input, encoding: 'utf8', env: { PATH: `${home}/bin:/usr/bin:/bin` } });
  const settings = (text: string): string => {
    writeFileSync(join(home, 'valkey.conf'), text);
    return join(home, 'valkey.conf');
  };
  const fill = (node: number, bytes = 'REDIS new'): void =>
    expect(run(fillScript(bytes.length, folder(node), settings('appendonly "yes"\n')), bytes).status).toBe(0);
  const read = (node: number, path: string): string => readFileSync(join(folder(node), path), 'utf8');

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'berth-cache-'));
    mkdirSync(join(home, 'bin'));
    // Of the whole host, which is no business of this test.
    writeFileSync(join(home, 'bin/sync'), '#!/bin/sh\n', { mode: 0o755 });
    for (const node of [0, 1]) {
      mkdirSync(dir(node), { recursive: true });
      writeFileSync(join(dir(node), 'appendonly.aof.3.base.rdb'), 'old base');
      writeFileSync(join(dir(node), 'appendonly.aof.12.incr.aof'), 'old log');
      writeFileSync(join(dir(node), 'appendonly.aof.manifest'), 'old manifest');
    }
  });
  afterEach(() => rmSync(home, { recursive: true }));

  test('become the base of a new manifest, with numbers that no file of before has, and the old ones lie beside whole', () => {
    for (const node of [0, 1]) fill(node);
    const { status, stderr } = run(exchangeScript([folder(0), folder(1)], 'appendonlydir.before'));
    expect([status, stderr]).toEqual([0, '']);
    for (const node of [0, 1]) {
      expect(readdirSync(dir(node)).toSorted()).toEqual([
        'appendonly.aof.1003.base.rdb',
        'appendonly.aof.1012.incr.aof',
        'appendonly.aof.manifest',
      ]);
      expect(read(node, 'appendonlydir/appendonly.aof.1003.base.rdb')).toBe('REDIS new');
      expect(read(node, 'appendonlydir/appendonly.aof.1012.incr.aof')).toBe('');
      expect(read(node, 'appendonlydir/appendonly.aof.manifest')).toBe(
        'file appendonly.aof.1003.base.rdb seq 1003 type b\nfile appendonly.aof.1012.incr.aof seq 1012 type i\n',
      );
      expect(readdirSync(dir(node, 'appendonlydir.before'))).toHaveLength(3);
      expect(read(node, 'appendonlydir.before/appendonly.aof.12.incr.aof')).toBe('old log');
      expect(read(node, 'appendonlydir.before/appendonly.aof.manifest')).toBe('old manifest');
      expect(readdirSync(folder(node))).not.toContain('.berth-restore');
    }
  });

  test('are begun where a volume holds none yet', () => {
    rmSync(dir(0), { recursive: true });
    fill(0);
    expect(run(exchangeScript([folder(0)], 'appendonlydir.before')).status).toBe(0);
    expect(read(0, 'appendonlydir/appendonly.aof.manifest')).toContain('appendonly.aof.1000.base.rdb seq 1000 type b');
  });

  test('stay what they were when the last step of the first node does not come, and a second run begins anew', () => {
    fill(0);
    writeFileSync(join(home, 'bin/mv'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    expect(run(exchangeScript([folder(0)], 'kept-1')).status).not.toBe(0);
    expect(read(0, 'appendonlydir/appendonly.aof.manifest')).toBe('old manifest');
    expect(read(0, 'appendonlydir/appendonly.aof.12.incr.aof')).toBe('old log');
    rmSync(join(home, 'bin/mv'));
    fill(0, 'REDIS again');
    expect(run(exchangeScript([folder(0)], 'kept-2')).status).toBe(0);
    expect(read(0, `appendonlydir/${/^file (\S+)/.exec(read(0, 'appendonlydir/appendonly.aof.manifest'))?.[1] ?? ''}`)).toBe('REDIS again');
    expect(read(0, 'kept-2/appendonly.aof.3.base.rdb')).toBe('old base');
  });

  test('bear a mark from before the first is exchanged until all are, whatever a second run that fails takes away', () => {
    const folders = [folder(0), folder(1)];
    const clean = (node: number) => spawnSync('/bin/sh', ['-c', cleanScript(folder(node))], { encoding: 'utf8' }).stdout;
    const manifests = () => [0, 1].map((node) => read(node, 'appendonlydir/appendonly.aof.manifest').startsWith('file '));
    for (const node of [0, 1]) fill(node);
    expect([clean(0), clean(1)]).toEqual(['', '']);
    for (const node of [0, 1]) fill(node);
    // The second node is not reached any more.
    writeFileSync(join(home, 'bin/mv'), '#!/bin/sh\n/bin/mv "$@"\n[ "$1" != -f ] || kill -KILL $PPID\n', { mode: 0o755 });
    expect(run(exchangeScript(folders, 'kept-1')).status).not.toBe(0);
    expect(manifests()).toEqual([true, false]);
    fill(0);
    expect(run(fillScript(20, folder(1), settings('appendonly "yes"\n')), 'short').status).not.toBe(0);
    expect([clean(0), clean(1)]).toEqual(['exchanging\n', 'exchanging\n']);
    rmSync(join(home, 'bin/mv'));
    for (const node of [0, 1]) fill(node);
    expect(run(exchangeScript(folders, 'kept-2')).status).toBe(0);
    expect(manifests()).toEqual([true, true]);
    expect([clean(0), clean(1)]).toEqual(['', '']);
    expect(readdirSync(folder(0)).toSorted()).toEqual(['appendonlydir', 'kept-1', 'kept-2']);
  });

  test('are not touched where the new ones did not come whole, or would not be read', () => {
    const short = run(fillScript(20, folder(0), settings('appendonly "yes"\n')), 'REDIS new');
    expect(short.stderr).toContain('not all of it came');
    expect(run(exchangeScript([folder(1)], 'kept')).status).not.toBe(0);
    const big = run(fillScript(2 ** 50, folder(0), settings('appendonly "yes"\n')), 'REDIS new');
    expect(big.stderr).toMatch(/^the new data take 1126 TB, and the volume has \d+ KiB left$/m);
    const off = run(fillScript(9, folder(0), settings('appendonly no\n')), 'REDIS new');
    expect(off.stderr).toContain('appendonly is not yes');
    expect(read(1, 'appendonlydir/appendonly.aof.manifest')).toBe('old manifest');
  });
});

describe('the volume of a node that was never started', () => {
  let home: string;
  const folder = (node: number): string => join(home, `node-${node}`);
  const run = (script: string, input = '') =>
    spawnSync('/bin/sh', ['-c', script], { input, encoding: 'utf8', env: { PATH: `${home}/bin:/usr/bin:/bin` } });
  const fill = (node: number): void => {
    writeFileSync(join(home, 'valkey.conf'), 'appendonly "yes"\n');
    expect(run(fillScript(9, folder(node), join(home, 'valkey.conf')), 'REDIS new').status).toBe(0);
  };
  const begin = (node: number, place?: { readonly slots: string }) =>
    run(beginScript([{ folder: folder(node), place: place && { ...place, id: 'ab'.repeat(20), epoch: 2, port: 6379 } }]));
  const held = (): readonly string[] =>
    run(heldScript([folder(0), folder(1)]))
      .stdout.split('\n')
      .filter(Boolean);
  const read = (path: string): string => readFileSync(join(folder(0), path), 'utf8');

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'berth-cache-'));
    for (const name of ['bin', 'node-0', 'node-1']) mkdirSync(join(home, name));
    // Of the whole host, which is no business of this test.
    writeFileSync(join(home, 'bin/sync'), '#!/bin/sh\n', { mode: 0o755 });
  });
  afterEach(() => rmSync(home, { recursive: true }));

  test('holds what a server begins with by one step, and nothing before it', () => {
    fill(0);
    expect(held()).toEqual([]);
    expect(begin(0)).toMatchObject({ status: 0, stderr: '' });
    expect(held()).toEqual([folder(0)]);
    expect(readdirSync(folder(0))).toEqual(['appendonlydir']);
    expect(read('appendonlydir/appendonly.aof.1.base.rdb')).toBe('REDIS new');
    expect(read('appendonlydir/appendonly.aof.1.incr.aof')).toBe('');
    expect(read('appendonlydir/appendonly.aof.manifest')).toBe(
      'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n',
    );
  });

  test('says in a cluster who the node is and which slots it serves, also when the last step did not come the first time', () => {
    fill(0);
    writeFileSync(join(home, 'bin/mv'), '#!/bin/sh\ncase $1 in -T) exit 1 ;; esac\n/bin/mv "$@"\n', { mode: 0o755 });
    expect(begin(0, { slots: '0-5460 5462' }).status).not.toBe(0);
    expect(held()).toEqual([]);
    rmSync(join(home, 'bin/mv'));
    fill(0);
    expect(begin(0, { slots: '0-5460 5462' }).status).toBe(0);
    expect(read('nodes.conf')).toBe(
      `${'ab'.repeat(20)} :6379@16379 myself,master - 0 0 2 connected 0-5460 5462\nvars currentEpoch 2 lastVoteEpoch 0\n`,
    );
  });

  test('is not touched where a server or anybody has left anything', () => {
    for (const name of ['appendonlydir', 'dump.rdb', '.berth-exchanging', 'appendonlydir.before-2026']) {
      writeFileSync(join(folder(1), name), '');
      expect(held()).toEqual([folder(1)]);
      rmSync(join(folder(1), name));
    }
    fill(0);
    mkdirSync(join(folder(0), 'appendonlydir'));
    writeFileSync(join(folder(0), 'appendonlydir/appendonly.aof.manifest'), 'somebody');
    expect(begin(0).status).not.toBe(0);
    expect(read('appendonlydir/appendonly.aof.manifest')).toBe('somebody');
    expect(begin(1).status).not.toBe(0);
  });
});

describe('the nodes of a cluster', () => {
  const cluster = planOf({ engine: 'valkey', topology: 'cluster', client: 'cluster' });
  const slots = ['0-5461', '5462-10922', '10923-16383'];
  const planned = { source: 'cache', id: '', madeAt: '', files: [], facts: { shards: slots.map((each) => ({ slots: each })) } };
  /** @param answer - Of Compose, to a command of it. */
  const nodesWith = (answer: (command: string) => string) => {
    const calls: string[] = [];
    const said: string[] = [];
    const compose: Compose = async (args) => {
      calls.push(args.join(' '));
      return answer(args.join(' '));
    };
    return { nodes: new CacheNodes(cluster, concernedByCache(cluster, 'cache'), compose, (text) => said.push(text)), calls, said };
  };
  const signal = new AbortController().signal;
  /** Each shard is served by its second node, which says so, as does the first. */
  const lines = (self: string): string =>
    slots
      .flatMap((each, shard) => [
        `a${shard} h ${self.endsWith(`${shard}-0`) ? 'myself,' : ''}slave b${shard} 0 0 1 connected`,
        `b${shard} h ${self.endsWith(`${shard}-1`) ? 'myself,' : ''}master - 0 0 1 connected ${each}`,
      ])
      .join('\n');
  const answering = (running: readonly string[]) => (command: string) => {
    if (command.startsWith('ps ')) return `${running.join('\n')}\n`;
    const [, asked = ''] = /^exec -T (\S+)/.exec(command) ?? [];
    if (!running.includes(asked)) throw new Error(`${asked} is not running`);
    return lines(asked);
  };

  test('tell their slots by whichever of a shard runs; where none does that is said, and nobody is asked', async () => {
    const some = nodesWith(answering(['web-blue', 'cache-shard-0-1', 'cache-shard-2-0', 'cache-shard-2-1']));
    await some.nodes.refuseOtherSlots(planned, signal);
    expect(some.calls.slice(1).map((call) => call.split(' ')[2])).toEqual(['cache-shard-0-1', 'cache-shard-2-0']);
    expect(some.said).toEqual([expect.stringContaining('none of cache-shard-1-0, cache-shard-1-1 runs')]);
    const none = nodesWith(answering([]));
    await none.nodes.refuseOtherSlots(planned, signal);
    expect([none.calls.length, none.said.length]).toEqual([1, 3]);
    const moved = { ...planned, facts: { shards: [{ slots: '0-5461' }, { slots: '5462-9999' }, { slots: '10923-16383' }] } };
    await expect(nodesWith(answering(['cache-shard-1-1'])).nodes.refuseOtherSlots(moved, signal)).rejects.toMatchObject({
      kind: 'conflict',
      message: 'cache-shard-1-1 and its copy serve the slots 5462-10922 now, and 5462-9999 when the backup was made',
    });
  });

  test('are cleaned up, each of them, unless one has the mark of an exchange that broke off and of which there is no record', async () => {
    const quiet = nodesWith(() => '');
    await quiet.nodes.clean();
    expect(quiet.calls).toHaveLength(6);
    const half = nodesWith((command) => (command.includes('cache-shard-1-0') ? 'exchanging\n' : ''));
    await expect(half.nodes.clean()).rejects.toMatchObject({
      kind: 'unfinished',
      message: 'an exchange of before broke off, and nothing was started',
      hint: expect.stringContaining('run the same command again') as string,
    });
  });
});
