import { describe, expect, test } from 'vitest';
import { mib } from '../../../../model/units.ts';
import { app, decision, host, plan, refusal, service, stack } from '../plans.ts';

const worker = app('jobs', { kind: 'worker', replicas: 1, volumes: [{ name: 'uploads', path: '/in', readOnly: true }] });
const { http: _, ...unserved } = worker;
const web = app('web', { volumes: [{ name: 'uploads', path: '/srv/uploads', readOnly: false }] });
const shared = stack({ services: [web, unserved], databases: [], caches: [], stores: [], volumes: [{ name: 'uploads' }] });

describe('a volume that services share', () => {
  test('has a share of the disk, or the room that is fixed for it', () => {
    const made = plan({ ...shared, host: host(8, 64, 200) });
    expect(made.disk.find(({ name }) => name === 'uploads')?.size).toBe(made.volumes[0]?.size);
    const fixed = plan({ ...shared, host: host(8, 64, 200), volumes: [{ name: 'uploads', disk: mib(30 * 1024) }] });
    expect(fixed.volumes[0]).toMatchObject({ name: 'uploads-volume', size: 30 * 1024, holds: 'files of web, jobs' });
    expect(decision(fixed, 'uploads.disk')).toBe('30Gi');
    expect(refusal({ ...shared, volumes: [{ name: 'uploads', disk: mib(100) }] }).message).toContain('volumes.uploads.disk is 100 MiB');
  });

  test('is made writable on one host by a task that is no root, before anybody mounts it', () => {
    const made = plan(shared);
    expect(service(made, 'uploads-volume')).toMatchObject({ kind: 'task', user: '10001:10001', shared: [{ target: '/var/tmp' }] });
    for (const name of ['web', 'jobs'])
      expect(service(made, name).after).toContainEqual({
        service: 'uploads-volume',
        condition: 'service_completed_successfully',
        required: true,
      });
    expect(service(made, 'edge').after).toContainEqual(expect.objectContaining({ service: 'uploads-volume', required: false }));
  });

  test('is one claim of a cluster, which counts towards the quota, and needs no task', () => {
    const made = plan({ ...shared, target: 'kubernetes' });
    expect(made.services.map(({ name }) => name)).not.toContain('uploads-volume');
    expect(made.kubernetes?.quota.get('hello')).toMatchObject({ claims: 1, storage: made.volumes[0]?.size });
  });

  test('is written to by many nodes, unless a single pod at a time mounts it', () => {
    const cluster = (spec: Parameters<typeof stack>[0]) => plan({ ...shared, ...spec, target: 'kubernetes' });
    expect(decision(cluster({}), 'uploads.accessMode')).toBe('ReadWriteMany');
    const alone = cluster({ services: [app('web'), unserved] });
    expect(decision(alone, 'uploads.accessMode')).toBe('ReadWriteOnce');
    expect(decision(cluster({ services: [app('web'), { ...unserved, replicas: 2 }] }), 'uploads.accessMode')).toBe('ReadWriteMany');
    const classed = cluster({ volumes: [{ name: 'uploads', storageClass: 'nfs' }] });
    expect(classed.volumes[0]?.storageClass).toBe('nfs');
  });
});
