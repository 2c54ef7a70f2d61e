import { describe, expect, test } from 'vitest';
import { hostNeedsOf } from '../../../../generator/plan/host-needs.ts';
import { rotationOf } from '../../../../generator/plan/rotation.ts';
import type { CacheSpec } from '../../../../model/cache-spec.ts';
import type { StackSpec } from '../../../../model/stack-spec.ts';
import { cache, database, host, namedHost, plan, refusal, service, settingsOf, stack } from '../plans.ts';

const watched = (more: Partial<CacheSpec> = {}, site: Partial<StackSpec> = {}) =>
  stack({ caches: [cache('cache', { topology: 'sentinel', ...more })], ...site });
const names = (spec: StackSpec) => plan(spec).services.map(({ name }) => name);
const ofCache = (spec: StackSpec) => names(spec).filter((name) => name.startsWith('cache'));
const nodes = ['cache-node-0', 'cache-node-1', 'cache-node-2'];
const sentinels = ['cache-sentinel-0', 'cache-sentinel-1', 'cache-sentinel-2'];

describe('a cache of three nodes', () => {
  test('stands beside three Sentinels and a proxy that has its name', () => {
    expect(ofCache(watched())).toEqual([...nodes, 'cache', ...sentinels]);
    expect(service(plan(watched()), 'cache').image).toBe('haproxy');
    expect(ofCache(watched({ client: 'sentinel' }))).toEqual([...nodes, ...sentinels]);
  });

  test('is one StatefulSet in a cluster, of which each pod has a name, and two proxies', () => {
    const made = plan(watched({}, { target: 'kubernetes' }));
    expect(ofCache(watched({}, { target: 'kubernetes' }))).toEqual(['cache-node', 'cache', 'cache-sentinel']);
    expect(['cache-node', 'cache', 'cache-sentinel'].map((name) => service(made, name).replicas)).toEqual([3, 2, 3]);
    expect(service(made, 'cache-node').peers).toBe('rather-apart');
    expect(made.caches[0]?.sentinel?.nodes[1]).toBe('cache-node-1.cache-node-nodes.hello.svc.cluster.local');
  });

  test('starts in any order: nothing waits for anything by the order of Compose', () => {
    for (const name of [...nodes, ...sentinels, 'cache']) expect(service(plan(watched()), name).after).toEqual([]);
  });

  test.each([
    ['cache', '0', 'no', 'yes'],
    ['sessions', '1', 'yes', 'no'],
    ['queue', '1', 'yes', 'no'],
  ] as const)('of use %s asks for %s copies before it takes a write, and appends: %s', (use, least, appends, removes) => {
    const settings = settingsOf(plan(watched({ use })), 'cache-node');
    expect([settings['min-replicas-to-write'], settings['appendonly'], settings['rdb-del-sync-files']]).toEqual([least, appends, removes]);
  });

  test('shares no volume with a single one, whose container may still run', () => {
    const volumes = (spec: StackSpec) => plan(spec).services.flatMap(({ volumes: own }) => own.map(({ name }) => name));
    const [single, three] = [volumes(stack({ caches: [cache('cache', { use: 'queue' })] })), volumes(watched({ use: 'queue' }))];
    expect(three.filter((name) => name.startsWith('cache') && single.includes(name))).toEqual([]);
    expect(new Set(three).size).toBe(three.length);
  });

  test('is told of where only the profile chose it and data would have to come along', () => {
    const notes = (more: Partial<CacheSpec>) => plan(stack({ profile: 'recommended', caches: [cache('cache', more)] })).notes.join('\n');
    expect(notes({ use: 'queue' })).toContain('the three nodes of cache begin empty');
    expect(notes({ use: 'queue', topology: 'sentinel' })).not.toContain('begin empty');
    expect(notes({ use: 'cache' })).not.toContain('begin empty');
  });

  test('asks the host for memory on credit for its nodes, and for no Sentinel', () => {
    expect(hostNeedsOf(plan(watched())).forking).toEqual(nodes);
  });

  test('says that one host is one host', () => {
    expect(plan(watched()).notes.join('\n')).toContain('the three nodes of cache stand on one host');
    expect(plan(watched({}, { target: 'kubernetes' })).notes.join('\n')).not.toContain('stand on one host');
  });
});

describe('what an application is told', () => {
  const envOf = (spec: StackSpec) => service(plan(spec), 'web');

  test('is the same address with one node and with three', () => {
    expect(envOf(watched()).secretEnv['CACHE_URL']).toEqual(envOf(stack()).secretEnv['CACHE_URL']);
    expect(envOf(watched()).connects).toContainEqual({ service: 'cache', port: 6379 });
  });

  test('is where the Sentinels are, for clients that ask them', () => {
    const web = envOf(watched({ client: 'sentinel' }));
    expect(web.env).toMatchObject({
      CACHE_SENTINELS: 'cache-sentinel-0:26379,cache-sentinel-1:26379,cache-sentinel-2:26379',
      CACHE_SENTINEL_MASTER: 'cache',
      CACHE_USERNAME: 'app',
    });
    expect(web.secretEnv['CACHE_PASSWORD']).toEqual([{ secret: 'cache-app' }]);
    expect(web.secretEnv['CACHE_URL']).toBeUndefined();
    expect(web.connects.map(({ service: name }) => name)).toEqual(expect.arrayContaining([...nodes, ...sentinels]));
  });
});

describe('the topology of a cache', () => {
  const wished = (more: Partial<StackSpec> = {}) =>
    stack({ profile: 'recommended', databases: [database('database', { topology: 'single' })], ...more });

  test('is the profile’s where the host can, and gives way where only the profile wishes for it', () => {
    expect(names(wished())).toContain('cache-node-0');
    expect(names(wished({ profile: 'minimum' }))).not.toContain('cache-node-0');
    const { cpus, memory } = namedHost(refusal({ ...wished(), caches: [cache('cache', { topology: 'sentinel' })], host: host(1, 2) }));
    expect(names(wished({ host: host(cpus, memory) }))).toContain('cache-node-0');
    const small = plan(wished({ host: host(cpus, memory - 1) }));
    expect(small.services.map(({ name }) => name)).not.toContain('cache-node-0');
    expect(small.notes.join('\n')).toContain('cache is single: the host is too small for the three nodes with Sentinel');
    expect(small.secrets.map(({ name }) => name)).not.toContain('cache-replication');
  });

  test('gives way before that of a database does', () => {
    const open = (facts: StackSpec['host']) => stack({ profile: 'recommended', host: facts });
    const both = namedHost(
      refusal({
        ...open(host(1, 2)),
        databases: [database('database', { topology: 'primary-replica' })],
        caches: [cache('cache', { topology: 'sentinel' })],
      }),
    );
    expect(names(open(host(both.cpus, both.memory)))).toEqual(expect.arrayContaining(['cache-node-0', 'database-replica']));
    // The largest host, in steps of 64 MiB, that does not hold both.
    const sizes = Array.from({ length: 32 }, (_, step) => names(open(host(both.cpus, both.memory - step / 16))));
    const less = sizes.find((all) => !all.includes('cache-node-0')) ?? [];
    expect([less.includes('cache-node-0'), less.includes('database-replica')]).toEqual([false, true]);
  });

  test('is what any client can use where the profile asks for a cluster, and the plan says so', () => {
    const made = plan(stack({ profile: 'high-performance' }));
    expect(made.caches[0]?.sentinel).toBeDefined();
    expect(made.notes.join('\n')).toContain(
      'cache has three nodes with Sentinel: the cluster of six that profile high-performance asks for',
    );
  });
});

describe('the password by which nodes know each other', () => {
  test('stands in files of nodes and Sentinels, and in no variable', () => {
    const made = plan(watched());
    for (const name of [...nodes, ...sentinels]) expect(service(made, name).secretFiles).toContain('cache-replication');
    expect(service(made, 'cache').secretFiles).toEqual([]);
    expect(
      JSON.stringify(made.services.map(({ env, secretEnv, command, entrypoint }) => [env, secretEnv, command, entrypoint])),
    ).not.toContain('cache-replication');
  });

  test('is drawn anew with all nodes at once', () => {
    expect(rotationOf(plan(watched()), 'cache-replication')).toMatchObject({ possible: true, short: ['docker compose up -d --wait'] });
    const cluster = plan(watched({}, { target: 'kubernetes' }));
    expect(rotationOf(cluster, 'cache-replication')).toMatchObject({
      short: ['kubectl -n hello scale statefulset/cache-node --replicas=0', 'kubectl apply -f k8s/secrets && kubectl apply -k k8s/site'],
    });
    expect(rotationOf(cluster, 'cache-app')).toMatchObject({ short: ['kubectl apply -f k8s/secrets && kubectl apply -k k8s/site'] });
  });
});
