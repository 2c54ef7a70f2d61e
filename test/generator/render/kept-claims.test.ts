import { describe, expect, test } from 'vitest';
import type { PreparedSite } from '../../../cli/site.ts';
import { prepareHello } from './hello.ts';
import type { Hello } from './hello.ts';

const nodes = { cpus: 32, memory: '128Gi', disk: '400Gi', fit: true };
const volume = { 'volumes.shared': {}, 'services.web.volumes': { shared: '/srv/shared' } };
const inCluster = { target: 'kubernetes', host: nodes, set: volume } as const;

/** The size of every claim, by the service or the volume that has it. */
const claimsOf = ({ plan }: PreparedSite): Readonly<Record<string, number>> =>
  Object.fromEntries([
    ...plan.services.flatMap(({ name, volumes }) => volumes.map(({ size }) => [name, size])),
    ...plan.volumes.map(({ name, size }) => [name, size]),
  ]);

const manifestsOf = ({ decision }: PreparedSite): Readonly<Record<string, string>> =>
  Object.fromEntries([...decision.merged].filter(([path]) => /^k8s\/generated\/[^/]+\.yaml$/.test(path)));

/** A site that is written again, after it was written as `first`. */
async function again(first: Hello, second: Hello, kept: (path: string) => boolean = () => true) {
  const before = await prepareHello(first);
  const written = Object.entries(manifestsOf(before)).filter(([path]) => kept(path));
  return { before, after: await prepareHello({ ...second, files: Object.fromEntries(written) }) };
}

describe('the claims of a site that was written before', () => {
  test.each([
    { what: 'a replica more', site: { ...inCluster, set: { ...volume, 'services.web.replicas': 5 } } },
    { what: 'less disk in the cluster', site: { ...inCluster, host: { ...nodes, disk: '380Gi' } } },
    { what: 'more disk in the cluster', site: { ...inCluster, host: { ...nodes, disk: '500Gi' } } },
    { what: 'no nodes named', site: { target: 'kubernetes', set: volume } as const },
  ])('stay as they are with $what', async ({ site }) => {
    const { before, after } = await again(inCluster, site);
    expect(Object.keys(claimsOf(before))).toEqual(expect.arrayContaining(['shared-volume', 'database', 'files']));
    expect(claimsOf(after)).toEqual(claimsOf(before));
    expect(after.plan.notes.some((note) => note.startsWith('claims stay as large as they were written: database with '))).toBe(true);
    expect(after.plan.decisions.find(({ key }) => key === 'database.disk')).toMatchObject({ formula: 'as its claim was written' });
  });

  test('leave the rest of the disk to a volume that is new', async () => {
    const { before, after } = await again(inCluster, { ...inCluster, set: { ...volume, 'databases.second': { engine: 'postgres' } } });
    expect(claimsOf(after)).toMatchObject(claimsOf(before));
    expect(claimsOf(after)).toHaveProperty('second');
  });

  test('follow a larger disk of berth.yaml, and are never made smaller by it', async () => {
    const with_ = (disk: string): Hello => ({ target: 'kubernetes', set: { 'databases.database.disk': disk } });
    const { after } = await again(with_('40Gi'), with_('60Gi'));
    expect(claimsOf(after)['database']).toBe(60 * 1024);
    await expect(again(with_('40Gi'), with_('30Gi'))).rejects.toMatchObject({
      kind: 'conflict',
      message: 'databases.database.disk is 30 GiB, and its claim was written with 40 GiB: no volume can be made smaller',
    });
  });

  test('of a site whose disk is divided to the last stay with a replica more, whose logs would need some of it', async () => {
    const backups = { bucket: { endpoint: 'https://s3.corp.example:9000', name: 'hello-backups', accessKey: 'hello-agent' } };
    const full = { ...inCluster, set: { ...volume, backups, 'stores.files.nodes': 4 } };
    const { before, after } = await again(full, { ...full, set: { ...full.set, 'services.web.replicas': 6 } });
    expect(claimsOf(after)).toEqual(claimsOf(before));
    // Written again without a change it is the same, down to the reasons.
    const same = await again(full, full);
    expect(same.after.plan.decisions).toEqual(same.before.plan.decisions);
    expect(same.after.plan.notes).toEqual(same.before.plan.notes);
  });

  test('are not made smaller where a size of berth.yaml is only rounded', async () => {
    const four: Hello = { target: 'kubernetes', set: { 'stores.files.nodes': 4, 'stores.files.disk': '83Gi' } };
    const { before, after } = await again(four, four);
    expect(claimsOf(after)).toEqual(claimsOf(before));
  });

  test('that take more than the disk is said to have are named in the refusal', async () => {
    await expect(again(inCluster, { ...inCluster, host: { ...nodes, disk: '200Gi' } })).rejects.toMatchObject({
      kind: 'capacity',
      message: expect.stringMatching(/the least this application needs is \d+ GiB, with the claims that were written before/) as string,
    });
  });

  test('that belong to nothing any more keep their room in the quota, so that what has another name can begin', async () => {
    const hardOf = ({ plan }: PreparedSite) => plan.kubernetes?.quota.get('hello') ?? expect.unreachable('no quota');
    const renamed = {
      target: 'kubernetes',
      set: { 'stores.second': { engine: 'minio', nodes: 4, disk: '8Gi', buckets: { one: {} } } },
    } as const;
    const plain = { target: 'kubernetes' } as const;
    const { after } = await again(renamed, plain);
    const without = hardOf(await prepareHello(plain));
    expect(hardOf(after).claims - without.claims).toBe(4);
    // Of the four drives two make good a loss.
    expect(hardOf(after).storage - without.storage).toBe(4 * 4 * 1024);
  });

  test('keep that room until their owner says that they are gone, however often the site is written', async () => {
    const named = (name: string) => ({ target: 'kubernetes', set: { [`databases.${name}`]: { engine: 'postgres' } } }) as const;
    const namespace = 'k8s/generated/00-namespace.yaml';
    const { after } = await again(named('second'), named('third'), (path) => path !== namespace);
    const written = after.decision.merged.get(namespace) ?? '';
    expect(written).toContain('berth/left-claims: "StatefulSet/second 1 x ');
    const once = await prepareHello({ ...named('third'), files: { [namespace]: written } });
    expect(once.plan.kubernetes?.left).toEqual(after.plan.kubernetes?.left);
    expect(once.plan.kubernetes?.quota).toEqual(after.plan.kubernetes?.quota);
    expect(once.plan.notes.join('\n')).toContain('the quota keeps room for claims that are no part of the site any more: second with ');
    expect((await prepareHello(named('third'))).plan.kubernetes?.left).toEqual([]);
  });

  test('are of another kind under an operator, so that the quota has room for both', async () => {
    const plain = { target: 'kubernetes' } as const;
    const operated = { target: 'kubernetes', set: { 'databases.database.operator': 'cloudnative-pg' } } as const;
    for (const [first, second, kind] of [
      [plain, operated, 'StatefulSet'],
      [operated, plain, 'Cluster'],
    ] as const)
      expect((await again(first, second)).after.plan.kubernetes?.left).toMatchObject([{ kind, name: 'database', count: 1 }]);
  });

  test("of a store on four nodes and of caches of several nodes stay, and are nobody else's", async () => {
    const several = {
      ...inCluster,
      profile: 'recommended',
      set: {
        'stores.files.nodes': 4,
        'caches.cache.topology': 'sentinel',
        'caches.cache.use': 'queue',
        'caches.more': { engine: 'valkey', topology: 'cluster', client: 'cluster' },
      },
    } as const;
    const { before, after } = await again(several, { ...several, host: { ...nodes, disk: '900Gi' } });
    expect(Object.keys(claimsOf(before)).length).toBeGreaterThan(6);
    expect(claimsOf(after)).toEqual(claimsOf(before));
    expect(after.plan.kubernetes?.quota.get('hello')?.claims).toBe(before.plan.kubernetes?.quota.get('hello')?.claims);
  });

  test('of CloudNativePG stay as well', async () => {
    const operated = { ...inCluster, set: { 'databases.database.operator': 'cloudnative-pg' } };
    const { before, after } = await again(operated, { ...operated, host: { ...nodes, disk: '380Gi' } });
    expect(claimsOf(before)).toHaveProperty('database');
    expect(claimsOf(after)).toEqual(claimsOf(before));
  });

  test('are worked out anew once their manifests were deleted', async () => {
    const less = { ...inCluster, host: { ...nodes, disk: '380Gi' } };
    const { after } = await again(inCluster, less, () => false);
    expect(claimsOf(after)).toEqual(claimsOf(await prepareHello(less)));
    expect(claimsOf(after)).not.toEqual(claimsOf(await prepareHello(inCluster)));
  });
});
