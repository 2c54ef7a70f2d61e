import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { mariadb } from '../../model/engines/mariadb.ts';
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

describe.each([{ facts: mysql }, { facts: mariadb }])(
  'the database of a site for Kubernetes, with $facts.title, in containers as its pods describe them (kubelet: stand-in)',
  ({ facts }) => {
    const { image: engine } = facts;
    const [name, database] = [`cluster-${engine}`, `cluster_${engine}`];
    let operator: Operator;
    let site: LabSite;
    let kubelet: KubeletStandIn;
    let pod: Pod;
    let first: { readonly lives: boolean; readonly ready: boolean };
    let finished: RunResult;

    const probeOf = (kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe') =>
      pod.template.spec.containers[0][kind] ?? expect.unreachable(`no ${kind}`);
    const jobOf = (): Pod => kubelet.pods('Job').find((one) => one.name.startsWith('database-accounts')) ?? expect.unreachable('no job');
    const ask = async (sql: string): Promise<string> => {
      const login = `exec ${facts.clients.sql} --defaults-extra-file=/run/secrets/database-admin-client --batch --raw --skip-column-names`;
      const { code, stdout, stderr } = await kubelet.exec('database-0', 'sh', '-c', `${login} --execute="${sql}"`);
      expect([sql, code, stderr]).toEqual([sql, 0, '']);
      return stdout.trim();
    };

    beforeAll(async () => {
      operator = await Operator.create();
      site = await LabSite.create(operator, name);
      const host = ['--host-cpus', '2', '--host-memory', '16Gi', '--host-disk', '80Gi'];
      await operator.run(
        ['berth', 'init', name, '--profile', 'minimum', '--target', 'kubernetes', ...host, '--set', `databases.database.engine=${engine}`],
        operator.home,
      );
      const rendered = objectsIn(await operator.run(['kubectl', 'kustomize', 'k8s/site'], site.folder));
      const secrets = objectsIn(await run(['sh', '-c', 'cat k8s/secrets/*.yaml | sed "s/^apiVersion/---\\n&/"'], { cwd: site.folder }));
      kubelet = await KubeletStandIn.create(engine, [...rendered, ...secrets]);
      pod = kubelet.pods('StatefulSet').find((one) => one.name === 'database-0') ?? expect.unreachable('no database');
      const job = kubelet.finish(jobOf());
      await kubelet.start(pod);
      const [lives, ready] = await Promise.all([kubelet.ask(pod, probeOf('livenessProbe')), kubelet.ask(pod, probeOf('readinessProbe'))]);
      first = { lives, ready };
      finished = await job;
    });
    afterAll(async () => {
      await kubelet?.destroy();
      operator?.[Symbol.dispose]();
    });

    test('lives while it prepares its volume, and is not ready', () => {
      expect(first).toEqual({ lives: true, ready: false });
    });

    test('is given its accounts by a job that ends well, and well again', async () => {
      expect(finished.code, finished.stdout + finished.stderr).toBe(0);
      expect(await kubelet.finish(jobOf(), 1)).toMatchObject({ code: 0 });
      expect((await ask(`SHOW GRANTS FOR ${database}@'%'`)).split('\n').map((line) => line.replace(/ IDENTIFIED .*/, ''))).toEqual(
        facts.accounts.application.grants(database, database),
      );
    });

    test('starts, lives and becomes ready by its own probes', async () => {
      for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) await kubelet.until(pod, probeOf(kind));
    });

    test('lets an application in once its account is there', async () => {
      const web = kubelet.pods('Deployment').find((one) => one.name === 'web-blue-0') ?? expect.unreachable('no application');
      const gate = web.template.spec.initContainers?.find((one) => one.name === 'wait-for-database') ?? expect.unreachable('no gate');
      const { code, stderr } = await kubelet.finish(
        { name: 'gate', template: { ...web.template, spec: { ...web.template.spec, containers: [gate] } } },
        1,
      );
      // After three minutes it would let the application start without, and say so.
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });

    test('keeps its data in a folder of its own on a volume that belongs to root', async () => {
      const { stdout } = await kubelet.exec(
        'database-0',
        'sh',
        '-c',
        `stat -c "%u" ${facts.dataFolder}; ls ${facts.volumeFolder} | grep -v sock`,
      );
      expect(stdout).toBe('999\ndata\nlost+found\ntmp\n');
      expect(await ask('SELECT @@datadir, @@tmpdir, @@innodb_flush_log_at_trx_commit')).toBe(
        `${facts.dataFolder}/\t${facts.temporaryFolder}\t1`,
      );
    });

    test('no longer lives when its port is open and nobody answers', async () => {
      const pid = await run(['docker', 'inspect', '--format', '{{.State.Pid}}', `berth-kubelet-${engine}-database-0`]);
      await run(['kill', '-STOP', pid]);
      const answered = await kubelet.ask(pod, probeOf('livenessProbe'));
      await run(['kill', '-CONT', pid]);
      expect(answered).toBe(false);
      await kubelet.until(pod, probeOf('livenessProbe'));
    });

    test('is copied whole and brought back by the commands of SITE.md', async () => {
      const [dump = '', restore = ''] = [...site.read('SITE.md').matchAll(/exec (?:-i )?database-0 -- sh -c '([^']+)'/g)].map(
        ([, command]) => command ?? '',
      );
      await ask(`CREATE TABLE ${database}.kept (x int); INSERT INTO ${database}.kept VALUES (7)`);
      expect(await kubelet.exec('database-0', 'sh', '-c', `(${dump}) > /var/lib/mysql/tmp/copy.sql`)).toMatchObject({ code: 0 });
      await ask(`DROP TABLE ${database}.kept`);
      expect(await kubelet.exec('database-0', 'sh', '-c', `(${restore}) < /var/lib/mysql/tmp/copy.sql`)).toMatchObject({ code: 0 });
      expect(await ask(`SELECT x FROM ${database}.kept`)).toBe('7');
    });

    test('stops in good order and starts again with its data', async () => {
      expect(await kubelet.stop('database-0')).toBe(0);
      await kubelet.restart('database-0');
      await kubelet.until(pod, probeOf('readinessProbe'));
      expect(await ask(`SELECT x FROM ${database}.kept`)).toBe('7');
    });
  },
);
