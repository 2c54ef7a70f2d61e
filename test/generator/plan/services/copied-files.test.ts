import { describe, expect, test } from 'vitest';
import { runtimeConfig } from '../../../../model/runtime-config.ts';
import type { Plan } from '../../../../model/plan.ts';
import { bigHost, everyKind, helloPlan } from '../../render/hello.ts';

const planOf = (set: Readonly<Record<string, unknown>>, target: 'compose' | 'kubernetes' = 'compose'): Plan => {
  // Databases of a cluster are copied to a bucket alone.
  const databases = target === 'compose' ? {} : { 'backups.databases': 'none' };
  const backups = { 'backups.folder': '/srv/backups', 'backups.buckets': 'none', ...databases };
  return helloPlan({ target, profile: 'recommended', host: bigHost, set: { ...backups, ...set } });
};
const agentOf = (plan: Plan) => plan.services.find(({ name }) => name === 'agent-files');
const jobsOf = (plan: Plan) => plan.agents.find(({ service }) => service === 'agent-files')?.config.backups?.jobs ?? [];
const notesOf = (plan: Plan): string => plan.notes.join('\n');
const aclOf = (plan: Plan): string => JSON.stringify(plan.secretFiles.find(({ name }) => name === 'cache-acl')?.text);
const sessions = { 'caches.cache.use': 'sessions', 'caches.cache.topology': 'single' };

describe('a cache that must remember', () => {
  test('is copied by an account that may take copies, and one that may forget is not', () => {
    const plan = planOf(sessions);
    expect(jobsOf(plan)).toMatchObject([
      {
        name: 'cache',
        kind: 'valkey',
        schedule: '23 * * * *',
        keep: { days: 2, daily: 14, weekly: 8 },
        cache: { shards: [['cache']], port: 6379, user: 'berth_backup', password: '/run/secrets/cache-backup' },
      },
    ]);
    expect(agentOf(plan)).toMatchObject({
      secretFiles: ['cache-backup'],
      connects: [{ service: 'cache', port: 6379 }],
      networks: ['data'],
    });
    expect(aclOf(plan)).toContain('resetkeys resetchannels -@all +ping +info +psync +replconf +cluster|nodes');
    expect(plan.secrets.find(({ name }) => name === 'cache-backup')?.purpose).toBe('account berth_backup of cache: takes copies of it');
    expect(notesOf(plan)).not.toContain('cache (sessions)');
    expect(runtimeConfig.safeParse(plan.agents.find(({ service }) => service === 'agent-files')?.config).success).toBe(true);

    const forgetful = planOf({ 'caches.cache.use': 'cache' });
    expect(agentOf(forgetful)).toBeUndefined();
    expect(aclOf(forgetful)).not.toContain('berth_backup');
  });

  test('of three is copied from any of its nodes, and of six from one of each pair', () => {
    const three = planOf({ 'caches.cache.use': 'queue', 'caches.cache.topology': 'sentinel' });
    const nodes = [0, 1, 2].map((index) => `cache-node-${index}`);
    expect(jobsOf(three)[0]?.cache?.shards).toEqual([nodes]);
    expect(agentOf(three)?.connects.map(({ service }) => service)).toEqual(nodes);
    const six = planOf({ 'caches.cache': { engine: 'redis', use: 'sessions', topology: 'cluster', client: 'cluster' } });
    expect(jobsOf(six)[0]).toMatchObject({
      kind: 'redis',
      cache: { shards: [0, 1, 2].map((shard) => [`cache-shard-${shard}-0`, `cache-shard-${shard}-1`]) },
    });
  });

  test('is copied in a cluster as well, each node by the name that it has there, and takes what was laid beside its data at its next start', () => {
    const bucket = { endpoint: 'https://s3.example', name: 'shop-backups', accessKey: 'shop' };
    const inCluster = (cache: object): Plan => {
      const backups = { bucket, databases: 'none', buckets: 'none' };
      return helloPlan({ target: 'kubernetes', profile: 'recommended', set: { backups, 'caches.cache': { engine: 'valkey', ...cache } } });
    };
    const waysOf = (plan: Plan) => agentOf(plan)?.connects.map(({ service }) => service);
    const takers = (plan: Plan) => plan.services.flatMap(({ name, gates }) => (gates.some((gate) => gate.sharesVolumes) ? [name] : []));
    const alone = inCluster({ use: 'sessions', topology: 'single' });
    expect([jobsOf(alone)[0]?.cache?.shards, waysOf(alone), takers(alone)]).toEqual([[['cache']], ['cache'], ['cache']]);
    expect(notesOf(alone)).not.toContain('cache (sessions)');
    const three = inCluster({ use: 'queue', topology: 'sentinel' });
    const nodes = [0, 1, 2].map((index) => `cache-node-${index}.cache-node-nodes.hello.svc.cluster.local`);
    expect([jobsOf(three)[0]?.cache?.shards, waysOf(three), takers(three)]).toEqual([[nodes], ['cache-node'], ['cache-node']]);
    const six = inCluster({ use: 'sessions', topology: 'cluster', client: 'cluster' });
    const shards = [0, 1, 2].map((shard) => `cache-shard-${shard}`);
    expect(jobsOf(six)[0]?.cache?.shards).toEqual(
      shards.map((shard) => [0, 1].map((node) => `${shard}-${node}.${shard}-nodes.hello.svc.cluster.local`)),
    );
    expect([waysOf(six), takers(six)]).toEqual([shards, shards]);
    expect([agentOf(inCluster({ use: 'cache' })), takers(inCluster({ use: 'cache' }))]).toEqual([undefined, []]);
  });

  test('is named in a note where it is not copied: by wish, without an image, or in a cluster of machines whose backups go to a folder', () => {
    expect(notesOf(planOf({ ...sessions, 'backups.caches': 'none' }))).toContain('cache (sessions)');
    expect(notesOf(planOf(sessions, 'kubernetes'))).toContain('cache (sessions)');
    const without = planOf({ ...sessions, 'databases.database.engine': 'mongodb' });
    expect(notesOf(without)).toMatch(/cache: not copied, .* under backups\.image/);
    expect(aclOf(without)).not.toContain('berth_backup');
  });
});

describe('a volume that services share', () => {
  test('is mounted to be read alone, once it was made writable for its services', () => {
    const plan = planOf(everyKind);
    expect(jobsOf(plan)).toMatchObject([
      { name: 'uploads', kind: 'volume', schedule: '53 1 * * *', volume: { folder: '/srv/berth/uploads' } },
    ]);
    expect(agentOf(plan)).toMatchObject({
      shared: [{ name: 'uploads-volume', target: '/srv/berth/uploads', readOnly: true }],
      after: [{ service: 'uploads-volume', condition: 'service_completed_successfully', required: true }],
      user: '999:999',
    });
    expect(notesOf(plan)).not.toContain('uploads (files)');
    expect(runtimeConfig.safeParse(plan.runtime).success).toBe(true);
  });

  test('has a note where agents run as another user than its services', () => {
    expect(notesOf(planOf(everyKind))).toContain('uploads: a file there that only 10001:10001 may read');
    expect(notesOf(planOf({ ...everyKind, 'backups.user': '10001:10001' }))).not.toContain('uploads: a file there');
  });

  test('is not copied by wish, and in a cluster of machines', () => {
    expect(notesOf(planOf({ ...everyKind, 'backups.volumes': 'none' }))).toContain('uploads (files)');
    expect(agentOf(planOf(everyKind, 'kubernetes'))).toBeUndefined();
  });

  test('does not start a site in which its restore is half done', () => {
    const task = planOf(everyKind).services.find(({ name }) => name === 'uploads-volume');
    expect(task?.entrypoint?.join(' ')).toContain('a restore of the volume uploads is half done: run it again');
  });
});
