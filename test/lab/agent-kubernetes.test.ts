import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { farAway } from '../program/far-away.ts';
import { LabSite, Operator } from './installed.ts';
import { KubeletStandIn } from './kubelet-stand-in.ts';
import type { KubernetesObject, Pod } from './kubelet-stand-in.ts';
import { attempt, run } from './process.ts';
import { startS3 } from './s3.ts';

const objectsIn = (yaml: string): readonly KubernetesObject[] =>
  [parseAllDocuments(yaml)]
    .flat()
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((one) => one !== null);

const berthImage = 'localhost/berth:0.1.0';

describe('the agent of PostgreSQL of a site for Kubernetes, in a container as its pod describes it (kubelet: stand-in)', () => {
  const [name, database] = ['cluster-agent', 'cluster_agent'];
  let operator: Operator;
  let site: LabSite;
  let kubelet: KubeletStandIn;
  let s3: Awaited<ReturnType<typeof startS3>>;
  let agent: Pod;

  const podNamed = (kind: string, beginning: string): Pod =>
    kubelet.pods(kind).find((one) => one.name.startsWith(beginning)) ?? expect.unreachable(`no ${kind} ${beginning}`);
  const probeOf = (pod: Pod, kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe') =>
    pod.template.spec.containers[0][kind] ?? expect.unreachable(`no ${kind}`);
  const ask = async (sql: string): Promise<string> => {
    const login = 'PGPASSWORD=$(cat /run/secrets/database-admin) exec psql --no-psqlrc -qAt -h 127.0.0.1 -U postgres -d "$0" -c "$1"';
    const { code, stdout, stderr } = await kubelet.exec('database-0', 'sh', '-c', login, database, sql);
    expect([sql, code, stderr]).toEqual([sql, 0, '']);
    return stdout.trim();
  };
  const makeAccounts = async (): Promise<void> => {
    const { code, stderr } = await kubelet.finish(podNamed('Job', 'database-accounts'));
    expect([code, stderr]).toEqual([0, expect.any(String)]);
  };
  const json = async (...verb: readonly string[]) => JSON.parse(await site.berth(...verb, '--json'));

  beforeAll(async () => {
    operator = await Operator.create();
    site = new LabSite(operator, name);
    kubelet = await KubeletStandIn.create('agent', []);
    s3 = await startS3('agent', kubelet.network);
    const address = await run(['docker', 'inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', s3.container]);
    const host = ['--host-cpus', '2', '--host-memory', '16Gi', '--host-disk', '80Gi'];
    const bucket = `backups.bucket={ endpoint: "http://${address}:9000", name: backups, accessKey: ${s3.accessKey} }`;
    const sets = [bucket, `backups.databases={ rpo: 6, schedule: "${farAway()}", prove: "${farAway()}" }`].flatMap((set) => ['--set', set]);
    await operator.run(['berth', 'init', name, '--profile', 'minimum', '--target', 'kubernetes', ...host, ...sets], operator.home);
    await operator.run(
      ['sh', '-c', 'umask 077 && mkdir -p secrets/supplied && cat > secrets/supplied/backup-store'],
      site.folder,
      s3.secretKey,
    );
    await site.berth('generate');
    await site.berth('backup', 'store', 'create');
    await site.berth('backup', 'keys', 'create', '--into', '../usb');
    await site.berth('kit', 'export', '--into', '../kit');
    // The public keys of both are in the manifests from here on.
    await site.berth('generate');
    await operator.run(['docker', 'build', '--quiet', '-t', berthImage, '.berth/bin'], site.folder);
    const rendered = objectsIn(await operator.run(['kubectl', 'kustomize', 'k8s/site'], site.folder));
    const secrets = objectsIn(await run(['sh', '-c', 'cat k8s/secrets/*.yaml | sed "s/^apiVersion/---\\n&/"'], { cwd: site.folder }));
    kubelet.give([...rendered, ...secrets]);
    // What `kubectl exec` does, without the API server in between; the rest is done below.
    const kubectl = join(operator.home, 'bin/kubectl');
    writeFileSync(
      kubectl,
      `#!/bin/sh
[ "$1 $2" = "-n ${name}" ] || { [ "$*" = "apply -k k8s/site" ] && exit; exit 64; }
shift 2
case "$1 $2" in
"delete pod" | "delete jobs" | "scale deployment") exit ;;
exec*) shift ;;
*) exit 64 ;;
esac
input=
if [ "$1" = -i ]; then input=-i; shift; fi
[ "$2 $4" = "-c --" ] || exit 64
pod=$1
shift 4
exec docker exec $input "${kubelet.network}-$pod" "$@"
`,
    );
    chmodSync(kubectl, 0o755);
    agent = podNamed('StatefulSet', 'agent-postgres');
    // A cluster starts them in any order: the agent finds no database yet, and lives on.
    await kubelet.start(agent);
    await kubelet.start(podNamed('StatefulSet', 'database'));
    await makeAccounts();
    await ask('CREATE TABLE ledger AS SELECT generate_series(1, 500) AS n');
  });
  afterAll(async () => {
    await s3?.[Symbol.asyncDispose]();
    await kubelet?.destroy();
    await attempt(['docker', 'image', 'rm', berthImage]);
    operator?.[Symbol.dispose]();
  });

  test('comes up in the unchanged image of the database, with Berth beside it, and says that it lives', async () => {
    for (const kind of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) await kubelet.until(agent, probeOf(agent, kind));
    const { stdout } = await kubelet.exec(
      'agent-postgres-0',
      'sh',
      '-c',
      'id -u; ls /etc/berth/backup/recipients; touch /opt/berth/x || echo read-only',
    );
    expect(stdout).toBe('999\nescrow.pem\noperator.pem\nread-only\n');
  });

  test('makes a full backup when it is told to from the folder of the site, which the list then shows', async () => {
    const { backups } = await json('backup', 'now', 'database');
    expect(backups).toMatchObject([{ outcome: 'made', source: 'database', kind: 'full' }]);
    const listed = await json('backup', 'list');
    expect(listed.store).toMatchObject({ tier: 1 });
    expect(listed.backups.map(({ id }: { readonly id: string }) => id)).toContain(backups[0].id);
  });

  test('ships what was written since, and restores it into a server of its own, with its key or with that of the kit', async () => {
    await ask('INSERT INTO ledger SELECT generate_series(501, 520)');
    await json('backup', 'now', 'database', '--log');
    const scratch = ['restore', '--only', 'database', '--latest', '--into', 'scratch'];
    for (const key of [[], ['--key', '../kit/escrow.key']]) {
      const { holds } = await json(...scratch, ...key);
      const found = holds.databases.find((one: { readonly name: string }) => one.name === database);
      expect(found.tables).toContainEqual(expect.objectContaining({ name: 'public.ledger', rows: '520' }));
    }
  });

  test('brings the database back to an earlier time by the commands of SITE.md, and goes on from there', async () => {
    const before = (await run(['date', '-u', '+%Y-%m-%dT%H:%M:%S.%3NZ'])).trim();
    await ask('DELETE FROM ledger WHERE n > 10');
    const [, text = ''] = site.read('SITE.md').split('### Put database back');
    const commands = text.split(/^#/m)[0]?.match(/(?<=```sh\n)[^`]+/g) ?? [];
    expect(commands).toHaveLength(2);
    await operator.run(['sh', '-c', `set -ex; UNTIL="--at ${before}"\n${commands.join('')}`], site.folder);
    const server = podNamed('StatefulSet', 'database');
    await kubelet.replace(server);
    await kubelet.until(server, probeOf(server, 'readinessProbe'));
    expect(await ask('SELECT count(*) FROM ledger')).toBe('520');
    await makeAccounts();
    expect((await json('backup', 'now', 'database')).backups).toMatchObject([{ outcome: 'made', kind: 'full' }]);
  });

  test('says what retention would do, and puts nothing in its place by itself', async () => {
    const { sources } = await json('backup', 'prune', '--dry-run');
    expect(sources.map(({ source }: { readonly source: string }) => source)).toContain('database');
    const live = await operator.attempt(['berth', 'restore', '--only', 'database', '--latest', '--into', 'live', '--yes'], site.folder);
    expect(live.stderr).toContain('in a cluster this version puts no database back in its place by itself');
  });
});
