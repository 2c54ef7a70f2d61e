import { describe, expect, test } from 'vitest';
import { clusterNeedsOf } from '../../../generator/plan/cluster-needs.ts';
import { mib } from '../../../model/units.ts';
import { helloPlan, smallHost, toBucket } from '../render/hello.ts';

const needsWith = (set: Readonly<Record<string, unknown>> = {}) =>
  clusterNeedsOf(helloPlan({ target: 'kubernetes', profile: 'recommended', host: smallHost, set }));

describe('what a plan needs of a cluster', () => {
  test('is its pods at their most, with what they ask for', () => {
    const plan = helloPlan({ target: 'kubernetes', profile: 'recommended', host: smallHost });
    const { workloads, volumes, images } = clusterNeedsOf(plan);
    const database = plan.services.find(({ name }) => name === 'database')!;
    expect(workloads).toContainEqual(
      expect.objectContaining({
        name: 'database',
        namespace: 'hello',
        replicas: 1,
        cpu: database.size.cpuShare,
        memory: database.size.memory,
        surge: 0,
      }),
    );
    expect(workloads).toContainEqual(expect.objectContaining({ name: 'web-blue', spread: 'host-preferred', surge: 1 }));
    // Its quota holds the same pods, one more of each that is replaced, and the agent.
    expect(workloads.reduce((sum, { replicas }) => sum + replicas, 0)).toBeLessThanOrEqual(plan.kubernetes?.quota.get('hello')?.pods ?? 0);
    expect(volumes).toContainEqual(
      expect.objectContaining({
        size: mib(database.volumes[0]?.size ?? 0),
        uid: 999,
        gid: 999,
        image: expect.stringContaining('postgres:') as string,
      }),
    );
    expect(images.map(({ reference }) => reference)).toContainEqual(expect.stringMatching(/^docker\.io\/library\/postgres:/));
    expect(images.every(({ reference }) => reference.includes(':'))).toBe(true);
  });

  test('is the room, the claim and both images of an agent of databases', () => {
    const { workloads, volumes, images } = needsWith(toBucket.set);
    expect(workloads).toContainEqual(expect.objectContaining({ name: 'agent-postgres', replicas: 1, surge: 0 }));
    expect(volumes).toContainEqual(expect.objectContaining({ name: 'agent-postgres-data-agent-postgres-0', uid: 999, gid: 999 }));
    expect(images.filter(({ service }) => service === 'agent-postgres').map(({ reference }) => reference)).toEqual([
      'docker.io/library/postgres:17.11-trixie',
      'localhost/berth:0.1.0',
    ]);
  });

  test('is the same of the agent of buckets and caches', () => {
    const { workloads, volumes, images } = needsWith({ ...toBucket.set, 'backups.databases': 'none' });
    expect(workloads.filter(({ name }) => name.startsWith('agent'))).toMatchObject([{ name: 'agent-files', replicas: 1, surge: 0 }]);
    expect(volumes).toContainEqual(expect.objectContaining({ name: 'agent-files-data-agent-files-0', size: mib(256), uid: 999 }));
    expect(images.filter(({ service }) => service === 'agent-files').map(({ reference }) => reference)).toContain('localhost/berth:0.1.0');
  });

  test('is what the edge asks for, by how it is exposed', () => {
    expect(needsWith({ 'kubernetes.expose': 'hostPort' })).toMatchObject({
      namespaces: [
        { name: 'hello', podSecurity: 'restricted' },
        { name: 'hello-edge', podSecurity: 'privileged' },
      ],
      workloads: expect.arrayContaining([
        expect.objectContaining({ name: 'edge', namespace: 'hello-edge', spread: 'host-required', surge: 0 }),
      ]) as unknown,
    });
    expect(needsWith({ 'kubernetes.expose': 'ingress', 'kubernetes.class': 'nginx' })).toMatchObject({
      ingressClass: 'nginx',
      apis: expect.arrayContaining([expect.objectContaining({ kind: 'Ingress' })]) as unknown,
    });
    expect(needsWith({ 'kubernetes.expose': 'gateway', 'kubernetes.class': 'shared' })).toMatchObject({ gatewayClass: 'shared' });
    expect(needsWith()).not.toHaveProperty('gatewayClass');
  });

  test('is a node for each of those that must stand apart', () => {
    expect(needsWith({ 'caches.cache.client': 'cluster' }).workloads).toContainEqual(
      expect.objectContaining({ name: 'cache-shard-1', replicas: 2, spread: 'host-required' }),
    );
    expect(needsWith({ 'stores.files.nodes': 4 }).workloads).toContainEqual(
      expect.objectContaining({ name: 'files', replicas: 4, spread: 'host-required' }),
    );
  });

  test('is the metrics that an autoscaler looks at', () => {
    const scaled = needsWith({ 'services.web.scaling': { min: 2, max: 5, cpu: 70, queue: { metric: 'jobs_waiting', target: 10 } } });
    expect(scaled.scaling).toEqual({ resources: true, external: ['jobs_waiting'] });
    expect(scaled.workloads).toContainEqual(expect.objectContaining({ name: 'web-blue', replicas: 5 }));
    expect(needsWith().scaling).toEqual({ resources: false, external: [] });
  });

  test('is a right for each verb that an apply takes', () => {
    expect(needsWith().rights).toContainEqual({ verb: 'patch', group: 'apps', resource: 'statefulsets', namespaced: true });
    expect(needsWith().rights).toContainEqual({ verb: 'create', group: '', resource: 'namespaces', namespaced: false });
  });
});
