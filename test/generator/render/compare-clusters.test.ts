import { expect, test } from 'vitest';
import { compareClusters } from '../../../generator/render/kubernetes/compare.ts';
import type { ClusterComparison } from '../../../generator/render/kubernetes/compare.ts';
import { prepareHello } from './hello.ts';

const nothing: ClusterComparison = {
  replaced: [],
  adopted: [],
  scaled: [],
  run: [],
  migrations: [],
  emptied: [],
  refused: [],
  added: [],
  left: [],
  removable: [],
  leftBehind: [],
  unruly: [],
};

/** What an apply would do after a change of the spec, and of files of config/. */
async function after(
  set: Readonly<Record<string, unknown>>,
  edited: readonly string[] = [],
  from: Readonly<Record<string, unknown>> = {},
): Promise<ClusterComparison> {
  const [before, next] = [
    await prepareHello({ target: 'kubernetes', set: from }),
    await prepareHello({ target: 'kubernetes', set: { ...from, ...set } }),
  ];
  const changed = [...next.decision.merged]
    .filter(([path, text]) => path.startsWith('k8s/') && before.decision.merged.get(path) !== text)
    .map(([path]) => path);
  return compareClusters(next.plan, before.decision.merged, next.decision.merged, [...changed, ...edited]);
}

test.each([
  { what: 'nothing', set: {}, means: {} },
  {
    what: 'a setting of an application',
    set: { 'services.web.stopGrace': '50s' },
    means: { replaced: [{ workload: 'web-blue', reasons: ['its pod is described otherwise'] }] },
  },
  { what: 'a setting of an engine', set: { 'services.web.pool': 21 }, means: { replaced: ['database', 'web-blue'] } },
  {
    what: 'another number of replicas',
    set: { 'services.web.replicas': 5 },
    means: { scaled: [{ workload: 'web-blue', from: '2', to: '5' }] },
  },
  {
    what: 'an autoscaler',
    set: { 'services.web.scaling': { max: 2 } },
    means: { adopted: ['web-blue'], scaled: [{ workload: 'web-blue', from: '2', to: 'as many as the autoscaler says' }] },
  },
  { what: 'a cache that remembers', set: { 'caches.cache.use': 'queue' }, means: { replaced: ['cache'], migrations: ['cache'] } },
  { what: 'a larger disk for one volume alone', set: { 'databases.database.disk': '900Gi' }, means: { migrations: ['database'] } },
  { what: 'another bucket', set: { 'stores.files.buckets.more': {} }, means: { run: ['files-buckets'], replaced: ['web-blue'] } },
  { what: 'another cache', set: { 'caches.second': { engine: 'valkey' } }, means: { added: ['second'] } },
  { what: 'another way in', set: { 'kubernetes.expose': 'nodePort' }, means: {} },
])('an apply after $what does what was said', async ({ set, means }) => {
  const found = await after(set);
  const short = {
    ...found,
    replaced:
      'replaced' in means && typeof means.replaced[0] === 'string' ? found.replaced.map(({ workload }) => workload) : found.replaced,
  };
  // A setting of the engine may follow from the disk, and a quota always does; neither is a pod of its own.
  if (!('replaced' in means)) short.replaced = [];
  expect(short).toEqual({ ...nothing, ...means });
});

test('an edited file is a reason of its own, named by its path', async () => {
  const path = 'k8s/generated/config/cache/valkey.conf';
  expect(await after({}, [path])).toEqual({ ...nothing, replaced: [{ workload: 'cache', reasons: [`${path} changed`] }] });
  // New weights are read while the edge runs.
  expect(await after({}, ['k8s/generated/config/weights/weights.json'])).toEqual(nothing);
});

test('what is no longer written stays in the cluster, and is named', async () => {
  const before = await prepareHello({ target: 'kubernetes', set: { 'caches.second': { engine: 'valkey' } } });
  const next = await prepareHello({ target: 'kubernetes' });
  const { left, leftBehind } = compareClusters(next.plan, before.decision.merged, next.decision.merged, []);
  expect(left).toContain('StatefulSet second');
  expect(left).toContain('Service second-nodes');
  expect(leftBehind).toEqual([{ workload: 'second', object: 'statefulset/second', claims: [] }]);
  const stores = await prepareHello({ target: 'kubernetes', set: { 'stores.more': { engine: 'minio', nodes: 4, buckets: { one: {} } } } });
  expect(compareClusters(next.plan, stores.decision.merged, next.decision.merged, []).leftBehind).toEqual([
    { workload: 'more', object: 'statefulset/more', claims: [0, 1, 2, 3].map((index) => `more-data-more-${index}`) },
  ]);
});

test('a database that an operator takes over leaves its StatefulSet behind, and the other way round', async () => {
  const operated = { 'databases.database.operator': 'cloudnative-pg' };
  const [own, other] = [await prepareHello({ target: 'kubernetes' }), await prepareHello({ target: 'kubernetes', set: operated })];
  expect(compareClusters(other.plan, own.decision.merged, other.decision.merged, []).leftBehind).toEqual([
    { workload: 'database', object: 'statefulset/database', claims: ['database-data-database-0'] },
  ]);
  expect(compareClusters(own.plan, other.decision.merged, own.decision.merged, []).leftBehind).toEqual([
    { workload: 'database', object: 'cluster.postgresql.cnpg.io/database', claims: [] },
  ]);
});

test('a queue that becomes three nodes loses what it held, which is no growing of a volume', async () => {
  const queue = { 'caches.cache': { engine: 'valkey', use: 'queue', topology: 'single' } };
  const nodes = { 'caches.cache': { engine: 'valkey', use: 'queue', topology: 'sentinel' } };
  const { migrations, emptied, added } = await after(nodes, [], queue);
  expect([migrations, emptied]).toEqual([[], [{ workload: 'cache', claims: ['cache-data-cache-0'] }]]);
  expect(added).toContain('cache-node');
});

test('an autoscaler that nobody asks for any more would go on', async () => {
  const [before, next] = [
    await prepareHello({ target: 'kubernetes', set: { 'services.web.scaling': { max: 6, cpu: 70 } } }),
    await prepareHello({ target: 'kubernetes' }),
  ];
  const { unruly, scaled } = compareClusters(next.plan, before.decision.merged, next.decision.merged, []);
  expect(unruly).toEqual(['web-blue', 'web-green']);
  expect(scaled.map(({ workload }) => workload)).toEqual(['web-blue']);
});

test('what a service that is gone leaves in the cluster may be removed, but for what holds data', async () => {
  const worker = { 'services.jobs': { kind: 'worker', follows: 'web', memory: '256Mi' }, 'databases.second': { engine: 'postgres' } };
  const [before, next] = [await prepareHello({ target: 'kubernetes', set: worker }), await prepareHello({ target: 'kubernetes' })];
  const { removable } = compareClusters(next.plan, before.decision.merged, next.decision.merged, []);
  expect(removable).toEqual(expect.arrayContaining(['deployment/jobs', 'service/second', 'networkpolicy/jobs']));
  expect(removable.filter((each) => /^(?:statefulset|persistentvolumeclaim|job|secret)\//.test(each))).toEqual([]);
});

test('a claim that cannot be made so is refused, with what to do; a larger disk is no refusal', async () => {
  const volume = { 'volumes.shared': { disk: '10Gi' }, 'services.web.volumes': { shared: '/srv/shared' } };
  const refused = async (to: object) => (await after({ 'volumes.shared': to }, [], volume)).refused;
  expect(await refused({ disk: '10Gi', storageClass: 'nfs' })).toEqual([
    {
      claim: 'shared-volume',
      because: 'a claim keeps its class and its access; write them as they were, or name another volume and copy its files',
    },
  ]);
  expect(await refused({ disk: '20Gi' })).toEqual([]);
  expect(await refused({ disk: '10Gi' })).toEqual([]);
});
