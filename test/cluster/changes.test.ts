import { describe, expect, inject, test } from 'vitest';
import { run } from '../lab/process.ts';
import { until } from '../lab/until.ts';
import { ClusterSite } from './cluster-site.ts';
import type { Stored } from './cluster-site.ts';

const cluster = inject('cluster');

interface Template {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
}
const templateOf = (one: Stored): Template => one.spec?.['template'] as Template;
const find = (all: readonly Stored[], kind: string, name: string): Stored =>
  all.find((one) => one.kind === kind && one.metadata.name === name) ?? expect.unreachable(`there is no ${kind} ${name}`);

interface Diff {
  readonly objects: readonly { readonly object: string; readonly result: string; readonly cure?: string }[];
}

describe('in a server that is older than Berth writes for (1.20), over a site that stands', () => {
  test('a new image of a slot changes that slot and its tasks alone', async () => {
    await using site = await ClusterSite.create(cluster, 'new-image', '--profile', 'minimum');
    await site.applied();
    const before = await site.all('statefulsets,deployments');
    await site.change('release.yaml', (text) => text.replace('0.1.0', '0.2.0'));
    await site.applied();
    const after = await site.all('statefulsets,deployments');
    const changed = after.filter(
      (one) => JSON.stringify(templateOf(one)) !== JSON.stringify(templateOf(find(before, one.kind, one.metadata.name))),
    );
    expect(changed.map(({ metadata }) => metadata.name)).toEqual(['web-blue', 'web-green']);
    expect(changed.map((one) => templateOf(one).spec.containers[0]?.image)).toEqual(['berth/hello:0.2.0', 'berth/hello:0.2.0']);
    await site.untilPodsAreMade();
    expect(await site.refusals()).toEqual([]);
  });

  test('a secret that is drawn anew replaces the pods that use it, and no others', async () => {
    await using site = await ClusterSite.create(cluster, 'rotated', '--profile', 'minimum');
    await site.applied();
    const before = await site.all('statefulsets,deployments');
    await site.berth(0, 'secrets', 'rotate', 'cache-app');
    await site.berth(0, 'generate');
    await site.applied();
    const changed = (await site.all('statefulsets,deployments')).filter(
      (one) => JSON.stringify(templateOf(one).metadata) !== JSON.stringify(templateOf(find(before, one.kind, one.metadata.name)).metadata),
    );
    expect(changed.map(({ metadata }) => metadata.name).sort()).toEqual(['cache', 'web-blue', 'web-green']);
    expect(await site.refusals()).toEqual([]);
  });

  test('a service that is added comes beside the others, and fits into the quota', async () => {
    await using site = await ClusterSite.create(cluster, 'added', '--profile', 'minimum');
    await site.applied();
    await site.change('berth.yaml', (text) =>
      text.replace(
        'databases:',
        '  mail: { kind: worker, image: registry.example/mail:1.0.0, replicas: 1, uses: [database] }\n  report: { kind: cron, follows: web, schedule: "30 2 * * *", command: [node, report.js], uses: [database] }\n\ndatabases:',
      ),
    );
    const said = await site.applied();
    expect(said).toEqual(expect.arrayContaining(['deployment.apps/mail created', 'cronjob.batch/report created']));
    await site.untilPodsAreMade();
    // What the clock would make.
    const { jobTemplate } = find(await site.all('cronjobs'), 'CronJob', 'report').spec as { readonly jobTemplate: object };
    const job = { ...jobTemplate, apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'report-now', namespace: 'added' } };
    await run(['kubectl', '--kubeconfig', cluster.admin, 'create', '-f', '-'], { input: JSON.stringify(job) });
    await until(async () => (await site.all('pods')).some(({ metadata }) => metadata.name.startsWith('report-now-')), 'a pod of report');
    expect(await site.refusals()).toEqual([]);
  });

  test('a larger profile is applied over the smaller with its claims as they are; a larger `disk` is what `berth diff` calls a migration, and goes through by its cure', async () => {
    await using site = await ClusterSite.create(cluster, 'grown', '--profile', 'minimum');
    await site.applied();
    for (const { from, to, refuses } of [
      { from: 'profile: minimum', to: 'profile: recommended', refuses: [] },
      { from: 'profile: recommended', to: 'profile: high-performance', refuses: [] },
      {
        from: '{ engine: postgres }',
        to: '{ engine: postgres, disk: 200Gi }',
        refuses: ['database', 'database-replica', 'database-replica-2'],
      },
    ]) {
      await site.change('berth.yaml', (text) => text.replace(from, to));
      const { objects } = JSON.parse((await site.berth(9, 'diff', '--json')).stdout) as Diff;
      const refused = objects.filter(({ result }) => result === 'refused');
      expect(refused, to).toEqual([]);
      const migrations = objects.filter(({ result }) => result === 'immutable');
      const first = await site.apply();
      const named = [...first.stderr.matchAll(/: (\w+)\.apps "([^"]+)" is invalid: spec: Forbidden/g)].map(
        ([, kind, name]) => `${kind} grown/${name}`,
      );
      expect(named.sort(), first.stderr.slice(-2000)).toEqual(migrations.map(({ object }) => object).sort());
      expect(named, to).toEqual(refuses.map((name) => `StatefulSet grown/${name}`));
      expect(first.code).toBe(named.length > 0 ? 1 : 0);
      for (const { cure = '' } of migrations) {
        const [command = ''] = /kubectl delete statefulset [^`]+--cascade=orphan/.exec(cure) ?? [];
        await run(['sh', '-c', command], { env: { KUBECONFIG: cluster.admin } });
      }
      await site.applied();
      // A set makes a pod anew while the quota still counts the one before, is refused, and tries again: what counts is that all come.
      await site.untilPodsAreMade();
    }
  });

  test('what others have written there stays: a record of releases, a note at a Deployment, replicas of an autoscaler', async () => {
    await using site = await ClusterSite.create(
      cluster,
      'shared',
      '--profile',
      'recommended',
      '--set',
      'services.web.scaling={ max: 6, cpu: 70 }',
    );
    await site.applied();
    const kubectl = (...args: readonly string[]): Promise<string> =>
      run(['kubectl', '--kubeconfig', cluster.admin, '-n', 'shared', ...args]);
    const record = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'release', namespace: 'shared' }, data: { web: 'blue 0.1.0' } };
    await run(['kubectl', '--kubeconfig', cluster.admin, 'apply', '--server-side', '--field-manager=releases', '-f', '-'], {
      input: JSON.stringify(record),
    });
    await kubectl('annotate', 'deployment/web-blue', 'example.com/seen-by=us');
    await kubectl('scale', 'deployment/web-blue', '--replicas=5');
    await site.applied();
    const { data } = (await site.stored([record]))[0] as unknown as typeof record;
    expect(data).toEqual(record.data);
    const blue = find(await site.all('deployments'), 'Deployment', 'web-blue');
    expect(blue.spec?.['replicas']).toBe(5);
    expect(blue.metadata.annotations).toMatchObject({ 'example.com/seen-by': 'us' });
    await until(async () => (await site.untilPodsAreMade()).length > 0, 'pods');
    expect(await site.refusals()).toEqual([]);
  });
});
