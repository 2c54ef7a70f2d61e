import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { mysql } from '../../model/engines/mysql.ts';
import { LabSite, Operator } from './installed.ts';
import { KubeletStandIn } from './kubelet-stand-in.ts';
import type { KubernetesObject, Pod } from './kubelet-stand-in.ts';
import { run } from './process.ts';
import type { RunResult } from './process.ts';

const objectsIn = (yaml: string): readonly KubernetesObject[] =>
  [parseAllDocuments(yaml)]
    .flat()
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((one) => one !== null);

// Of MariaDB the scripts are the same but for the copy, which mysql-replica.test.ts makes.
describe('MySQL and its replica of a site for Kubernetes, in containers as their pods describe them (kubelet: stand-in)', () => {
  const name = 'cluster-mysql-replica';
  let operator: Operator;
  let site: LabSite;
  let kubelet: KubeletStandIn;
  let [primary, replica]: [Pod | undefined, Pod | undefined] = [undefined, undefined];
  let finished: RunResult;
  let early: { readonly lives: boolean; readonly ready: boolean };

  const found = (pod: Pod | undefined): Pod => pod ?? expect.unreachable('no such pod');
  const probeOf = (pod: Pod, kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe') =>
    pod.template.spec.containers[0][kind] ?? expect.unreachable(`no ${kind}`);
  /** As the administrator of the site, at the name of a Service. */
  const ask = async (host: string, sql: string): Promise<string> => {
    const login = `exec ${mysql.clients.sql} --defaults-extra-file=/run/secrets/database-admin-client --host=${host} --protocol=tcp --batch --raw --skip-column-names`;
    const { code, stdout, stderr } = await kubelet.exec('database-0', 'sh', '-c', `${login} --execute="${sql}"`);
    expect([sql, code, stderr]).toEqual([sql, 0, '']);
    return stdout.trim();
  };
  const follows = async (schema: string): Promise<void> => {
    await ask('database', `CREATE DATABASE ${schema}; CREATE TABLE ${schema}.words AS SELECT 7 AS x`);
    const known = `SELECT count(*) FROM information_schema.tables WHERE table_schema = '${schema}'`;
    await expect.poll(() => ask('database-replica', known), { timeout: 180_000 }).toBe('1');
    await expect.poll(() => ask('database-replica', `SELECT max(x) FROM ${schema}.words`), { timeout: 180_000 }).toBe('7');
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'databases.database.engine=mysql',
      'databases.database.topology=primary-replica',
      'databases.database.memory=1Gi',
      'services.web.pool=2',
    ];
    const host = ['--host-cpus', '4', '--host-memory', '32Gi', '--host-disk', '80Gi'];
    const options = ['--profile', 'minimum', '--target', 'kubernetes', ...host, ...set.flatMap((one) => ['--set', one])];
    await operator.run(['berth', 'init', name, ...options], operator.home);
    const rendered = objectsIn(await operator.run(['kubectl', 'kustomize', 'k8s/site'], site.folder));
    const secrets = objectsIn(await run(['sh', '-c', 'cat k8s/secrets/*.yaml | sed "s/^apiVersion/---\\n&/"'], { cwd: site.folder }));
    kubelet = await KubeletStandIn.create('mysql-replica', [...rendered, ...secrets]);
    primary = kubelet.pods('StatefulSet').find((one) => one.name === 'database-0');
    replica = kubelet.pods('StatefulSet').find((one) => one.name === 'database-replica-0');
    // A cluster starts them in any order: here the replica stands first, and there is nothing to copy yet.
    await kubelet.start(found(replica));
    await kubelet.until(found(replica), probeOf(found(replica), 'livenessProbe'));
    early = { lives: true, ready: await kubelet.ask(found(replica), probeOf(found(replica), 'readinessProbe')) };
    await kubelet.start(found(primary));
    const job = kubelet.pods('Job').find((one) => one.name.startsWith('database-accounts'));
    finished = await kubelet.finish(found(job));
  });
  afterAll(async () => {
    await kubelet?.destroy();
    operator?.[Symbol.dispose]();
  });

  test('waits for its primary alive and not ready, and becomes ready once it follows', async () => {
    expect(finished, finished.stderr).toMatchObject({ code: 0 });
    expect(early).toEqual({ lives: true, ready: false });
    for (const kind of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const)
      await kubelet.until(found(replica), probeOf(found(replica), kind));
    await follows('first');
    expect([await ask('database', 'SELECT @@read_only'), await ask('database-replica', 'SELECT @@read_only')]).toEqual(['0', '1']);
  });

  test('had rather not share a node with its primary', () => {
    const { affinity } = found(replica).template.spec as { affinity?: object };
    expect(JSON.stringify(affinity)).toContain('"app.kubernetes.io/name":"database"');
  });

  test('stays ready while its primary is away, and follows again with what it has, on a volume that belongs to root', async () => {
    expect(await kubelet.stop('database-0')).toBe(0);
    expect(await kubelet.ask(found(replica), probeOf(found(replica), 'readinessProbe'))).toBe(true);
    expect(await kubelet.stop('database-replica-0')).toBe(0);
    await kubelet.restart('database-0');
    await kubelet.restart('database-replica-0');
    await kubelet.until(found(primary), probeOf(found(primary), 'readinessProbe'));
    await kubelet.until(found(replica), probeOf(found(replica), 'readinessProbe'));
    await follows('again');
    const { stdout } = await kubelet.exec('database-replica-0', 'sh', '-c', `ls ${mysql.volumeFolder} | grep -v sock`);
    expect(stdout).toBe('data\nlost+found\ntmp\n');
    expect((await kubelet.logs('database-replica-0')).stderr).not.toContain('copies database whole');
  });

  test('is not ready any more once somebody has promoted it, and lives on', async () => {
    const command = /exec database-replica-0 -- (.*)/.exec(site.read('SITE.md'))?.[1] ?? '';
    const promoted = await kubelet.exec('database-replica-0', ...command.split(' '));
    expect(promoted, promoted.stderr).toMatchObject({ code: 0 });
    expect(await kubelet.ask(found(replica), probeOf(found(replica), 'readinessProbe'))).toBe(false);
    expect(await kubelet.ask(found(replica), probeOf(found(replica), 'livenessProbe'))).toBe(true);
    await ask('database-replica', 'CREATE DATABASE promoted');
    await kubelet.stop('database-replica-0');
    await kubelet.restart('database-replica-0');
    await kubelet.until(found(replica), probeOf(found(replica), 'livenessProbe'));
    const written = () => ask('database-replica', 'CREATE DATABASE IF NOT EXISTS promoted_still').catch(() => 'refused');
    await expect.poll(written, { timeout: 180_000 }).toBe('');
    expect((await kubelet.logs('database-replica-0')).stderr).toContain('starts as it is, and nothing is copied over it');
  });
});
