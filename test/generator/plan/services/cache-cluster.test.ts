import { describe, expect, test } from 'vitest';
import { hostNeedsOf } from '../../../../generator/plan/host-needs.ts';
import { rotationOf } from '../../../../generator/plan/rotation.ts';
import type { CacheSpec } from '../../../../model/cache-spec.ts';
import type { StackSpec } from '../../../../model/stack-spec.ts';
import { cache, host, namedHost, plan, refusal, service, settingsOf, stack } from '../plans.ts';

const divided = (more: Partial<CacheSpec> = {}, site: Partial<StackSpec> = {}) =>
  stack({ caches: [cache('cache', { topology: 'cluster', client: 'cluster', ...more })], ...site });
const ofCache = (spec: StackSpec) =>
  plan(spec)
    .services.map(({ name }) => name)
    .filter((name) => name.startsWith('cache'));
const nodes = [0, 1, 2].flatMap((shard) => [0, 1].map((index) => `cache-shard-${shard}-${index}`));
const sets = ['cache-shard-0', 'cache-shard-1', 'cache-shard-2'];
const decisionOf = (spec: StackSpec, key: string) => plan(spec).decisions.find((one) => one.key === key);

describe('a cache whose keys are divided', () => {
  test('is three shards of two nodes, and nothing beside them', () => {
    expect(ofCache(divided())).toEqual(nodes);
    expect(plan(divided()).caches[0]?.cluster?.shards).toEqual([nodes.slice(0, 2), nodes.slice(2, 4), nodes.slice(4)]);
  });

  test('is a StatefulSet for each shard in a cluster, whose pods never share a node', () => {
    const made = plan(divided({}, { target: 'kubernetes' }));
    expect(ofCache(divided({}, { target: 'kubernetes' }))).toEqual(sets);
    for (const name of sets) expect(service(made, name)).toMatchObject({ replicas: 2, peers: 'apart', whole: 'cache-shard' });
    expect(made.caches[0]?.cluster?.shards[1]?.[0]).toBe('cache-shard-1-0.cache-shard-1-nodes.hello.svc.cluster.local');
  });

  test('starts in any order, each node under a name and with a volume of its own', () => {
    const made = plan(divided());
    for (const name of nodes)
      expect(service(made, name)).toMatchObject({ after: [], hostname: true, volumes: [{ name: `${name}-data`, target: '/data' }] });
    expect(hostNeedsOf(made).forking).toEqual(nodes);
  });

  test('lets all nodes speak to each other on both ports, and applications on one', () => {
    const made = plan(divided());
    const ways = nodes.flatMap((name) => [6379, 16_379].map((port) => ({ service: name, port })));
    for (const name of nodes) {
      expect(service(made, name).connects).toEqual(expect.arrayContaining(ways));
      expect(service(made, name).peerPort).toBe(16_379);
    }
    const own = service(made, 'web').connects.filter(({ service: name }) => name.startsWith('cache'));
    expect(own).toEqual(nodes.map((name) => ({ service: name, port: 6379 })));
  });

  test.each([
    ['cache', 'no', 'yes', '0'],
    ['sessions', 'yes', 'no', '10'],
    ['queue', 'yes', 'no', '10'],
  ] as const)('of use %s appends: %s, removes copies: %s, and bounds how old a copy may be that takes over: %s', (use, ...expected) => {
    const settings = settingsOf(plan(divided({ use })), 'cache-shard');
    expect([settings['appendonly'], settings['rdb-del-sync-files'], settings['cluster-replica-validity-factor']]).toEqual(expected);
    // With one copy each, it would refuse writes whenever that starts anew; a primary that is cut off stops by itself.
    expect(settings['min-replicas-to-write']).toBe('0');
    expect(settings['cluster-preferred-endpoint-type']).toBe('hostname');
  });

  test('explains each of its numbers', () => {
    for (const key of [
      'maxmemory',
      'maxclients',
      'repl-backlog-size',
      'min-replicas-to-write',
      'cluster-node-timeout',
      'worst_case',
      'shards',
    ])
      expect([key, decisionOf(divided(), `cache-shard.${key}`)]).toEqual([
        key,
        expect.objectContaining({ source: expect.stringMatching(/.{10}/) }),
      ]);
    expect(decisionOf(divided(), 'cache-shard.cluster-node-timeout')?.value).toBe('5000');
  });

  test('counts six nodes towards the host, and names one that is large enough', () => {
    const { cpus, memory } = namedHost(refusal(divided({}, { host: host(1, 2) })));
    expect(ofCache(divided({}, { host: host(cpus, memory) }))).toEqual(nodes);
  });

  test('shares no volume with another topology, whose containers may still run', () => {
    const volumes = (spec: StackSpec) => plan(spec).services.flatMap(({ volumes: own }) => own.map(({ name }) => name));
    const others = (['single', 'sentinel'] as const).flatMap((topology) =>
      volumes(stack({ caches: [cache('cache', { use: 'queue', topology })] })),
    );
    expect(volumes(divided({ use: 'queue' })).filter((name) => name.startsWith('cache') && others.includes(name))).toEqual([]);
  });

  test('says that one host is one host', () => {
    expect(plan(divided()).notes.join('\n')).toContain('the six nodes of cache stand on one host');
    expect(plan(divided({}, { target: 'kubernetes' })).notes.join('\n')).not.toContain('stand on one host');
  });

  test('satisfies a profile that asks for it', () => {
    expect(plan(divided({}, { profile: 'high-performance' })).notes.join('\n')).not.toContain('cache has three nodes');
  });
});

describe('what an application is told of such a cache', () => {
  test('is every node, and an account', () => {
    const web = service(plan(divided()), 'web');
    expect(web.env).toMatchObject({ CACHE_CLUSTER_NODES: nodes.map((name) => `${name}:6379`).join(','), CACHE_USERNAME: 'app' });
    expect(web.secretEnv['CACHE_PASSWORD']).toEqual([{ secret: 'cache-app' }]);
    expect(web.secretEnv['CACHE_URL']).toBeUndefined();
  });
});

describe('the accounts of such a cache', () => {
  const acl = () =>
    plan(divided())
      .secretFiles.find(({ name }) => name === 'cache-acl')
      ?.text.map((part) => (typeof part === 'string' ? part : '#'))
      .join('') ?? '';

  test('are the same at each node', () => {
    for (const name of nodes) expect(service(plan(divided()), name).secretFiles).toEqual(['cache-acl', 'cache-replication']);
    expect(plan(divided()).secretFiles.map(({ name }) => name)).not.toContain('cache-sentinel-acl');
  });

  test('let nobody without a password ask anything, and no node take slots from another or delete a key', () => {
    expect(acl()).toMatch(/^user default on nopass resetkeys resetchannels -@all \+ping$/m);
    const [, rights = ''] = /^user berth_nodes .* -@all (.*)$/m.exec(acl()) ?? [];
    expect(rights.split(' ').filter((right) => /reset|setslot|delslots|flush|@/.test(right))).toEqual([]);
    expect(rights).toContain('+cluster|meet');
  });

  test('are drawn anew with all nodes at once where they know each other by it', () => {
    expect(rotationOf(plan(divided()), 'cache-replication')).toMatchObject({ possible: true, short: ['docker compose up -d --wait'] });
    const cluster = plan(divided({}, { target: 'kubernetes' }));
    const apply = 'kubectl apply -f k8s/secrets && kubectl apply -k k8s/site';
    expect(rotationOf(cluster, 'cache-replication')).toMatchObject({
      short: [`kubectl -n hello scale ${sets.map((name) => `statefulset/${name}`).join(' ')} --replicas=0`, apply],
    });
    expect(rotationOf(cluster, 'cache-app')).toMatchObject({ short: [apply] });
  });
});
