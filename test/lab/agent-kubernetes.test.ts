import { chmodSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Secret } from '../../model/secret.ts';
import { S3Bucket } from '../../runtime/stores/s3/s3-bucket.ts';
import { parts } from '../contract/store.ts';
import { never } from '../runtime/jobs/backup-world.ts';
import { noise } from '../runtime/streams/bytes.ts';
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

describe('the agents of a site for Kubernetes, in containers as their pods describe them (kubelet: stand-in)', () => {
  const [name, database] = ['cluster-agent', 'cluster_agent'];
  let operator: Operator;
  let site: LabSite;
  let kubelet: KubeletStandIn;
  let s3: Awaited<ReturnType<typeof startS3>>;
  let agent: Pod;
  let secrets: readonly KubernetesObject[] = [];

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
  /** What the runbook has to be typed to put something back, block by block. */
  const putBack = async (what: string, at: string): Promise<void> => {
    const [, text = ''] = site.read('SITE.md').split(`### Put ${what} back`);
    const commands = text.split(/^#/m)[0]?.match(/(?<=```sh\n)[^`]+/g) ?? [];
    expect(commands).toHaveLength(2);
    await operator.run(['sh', '-c', `set -ex; UNTIL="--at ${at}"\n${commands.join('')}`], site.folder);
  };
  const secretOf = (secret: string, key: string): string => {
    const found = secrets.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === secret)?.data?.[key];
    return Buffer.from(found ?? '', 'base64').toString();
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    kubelet = await KubeletStandIn.create('agent', []);
    s3 = await startS3('agent', kubelet.network);
    const address = await run(['docker', 'inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', s3.container]);
    const host = ['--host-cpus', '2', '--host-memory', '16Gi', '--host-disk', '80Gi'];
    const bucket = `backups.bucket={ endpoint: "http://${address}:9000", name: backups, accessKey: ${s3.accessKey} }`;
    const away = farAway();
    const jobs = {
      databases: `{ rpo: 6, schedule: "${away}", prove: "${away}" }`,
      buckets: `{ schedule: "${away}", prove: "${away}" }`,
      caches: `{ schedule: "${away}" }`,
    };
    const sets = [
      bucket,
      ...Object.entries(jobs).map(([kind, job]) => `backups.${kind}=${job}`),
      'caches.cache.use=sessions',
      'internalTls=true',
    ].flatMap((set) => ['--set', set]);
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
    secrets = objectsIn(await run(['sh', '-c', 'cat k8s/secrets/*.yaml | sed "s/^apiVersion/---\\n&/"'], { cwd: site.folder }));
    kubelet.give([...rendered, ...secrets]);
    // What `kubectl exec` does, without the API server in between; the rest is done below.
    const kubectl = join(operator.home, 'bin/kubectl');
    writeFileSync(
      kubectl,
      `#!/bin/sh
[ "$1 $2" = "-n ${name}" ] || { [ "$*" = "apply -k k8s/site" ] && exit; exit 64; }
shift 2
case "$1 $2" in
"delete pod" | "delete jobs" | "scale deployment" | "scale statefulset" | "wait --for=delete") exit ;;
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
    for (const pod of ['agent-postgres', 'agent-files', 'files', 'cache', 'database']) await kubelet.start(podNamed('StatefulSet', pod));
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
    await putBack('database', before);
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

  test('copies a bucket by an account that reads, proves it, and puts back what was deleted or changed, while all runs', async () => {
    const copier = podNamed('StatefulSet', 'agent-files');
    await kubelet.until(copier, probeOf(copier, 'readinessProbe'));
    const { code, stderr } = await kubelet.finish(podNamed('Job', 'files-buckets'));
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    // The store speaks TLS under its name alone, which this machine does not know: this leads there.
    const there = { host: (await kubelet.address('files-0')).trim(), port: 9000, servername: 'files', ca: site.read('secrets/tls/ca.crt') };
    await using door = createServer((client) => pipeline(client, connect(there), client, () => undefined));
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    const endpoint = new URL(`http://127.0.0.1:${(door.address() as AddressInfo).port}`);
    const as = (account: string): S3Bucket =>
      new S3Bucket({
        ...s3.options,
        endpoint,
        bucket: 'notes',
        credentials: async () => ({
          accessKeyId: `${name}-${account}`,
          secretAccessKey: new Secret(secretOf('files-buckets-secrets', `files-${account}`)),
        }),
      });
    const put = (key: string, seed: number) => as('app').write(key, parts(noise(2000, seed)), { headers: {}, tags: {} }, never);
    const everything = async (): Promise<ReadonlyMap<string, string>> => {
      const found = new Map<string, string>();
      for await (const { key, etag } of as('app').list('', never)) found.set(key, etag);
      return found;
    };
    for (let index = 0; index < 12; index += 1) await put(`räksmörgås/${index}`, index + 1);
    const then = await everything();
    expect(then.size).toBe(12);
    const { backups } = await json('backup', 'now', 'notes');
    expect(backups).toMatchObject([{ outcome: 'made', source: 'files.notes' }]);
    const { proven } = await json('backup', 'verify', '--restore');
    expect(proven).toContainEqual(expect.objectContaining({ level: 3, result: 'sound', backups: expect.arrayContaining([backups[0].id]) }));

    await as('app').delete('räksmörgås/3', never);
    await put('räksmörgås/4', 99);
    await expect(as('backup').write('own', parts(noise(10, 1)), { headers: {}, tags: {} }, never)).rejects.toThrow();
    const at = ['--at', backups[0].madeAt, '--into', 'live'];
    expect(await json('restore', '--only', 'bucket', ...at, '--dry-run')).toMatchObject({ missing: 1, different: 1, same: 10 });
    await json('restore', '--only', 'bucket', ...at, '--yes');
    expect(await everything()).toEqual(then);
  });

  test('copies a cache as a replica would, tries the copy, and the cache takes it at its next start by the commands of SITE.md', async () => {
    const cache = podNamed('StatefulSet', 'cache');
    await kubelet.until(cache, probeOf(cache, 'readinessProbe'));
    const { password } = new URL(secretOf('web-secrets', 'REDIS_URL'));
    const cli = async (...words: readonly string[]): Promise<string> => {
      const client = ['valkey-cli', '--tls', '--cacert', '/run/secrets/site-ca', '--user', 'app', '--pass', password, '--no-auth-warning'];
      return (await kubelet.exec('cache-0', ...client, ...words)).stdout.trim();
    };
    expect(await cli('set', 'visitor', 'ada')).toBe('OK');
    expect(await cli('rpush', 'list', 'one', 'two')).toBe('2');
    const { backups } = await json('backup', 'now', 'cache');
    expect(backups).toMatchObject([{ outcome: 'made', source: 'cache' }]);
    await cli('set', 'visitor', 'mallory');
    await cli('set', 'later', '1');

    const restore = ['restore', '--only', 'cache', '--at', backups[0].madeAt, '--into'];
    expect(await json(...restore, 'scratch')).toMatchObject({ holds: [{ file: 'dump.rdb', databases: { db0: 2 }, expired: 0 }] });
    const live = await operator.attempt(['berth', ...restore, 'live', '--yes'], site.folder);
    expect(live.stderr).toContain('see "Put cache back" in SITE.md');
    await putBack('cache', backups[0].madeAt);
    expect(await cli('get', 'visitor')).toBe('mallory');
    await kubelet.replace(cache);
    await kubelet.until(cache, probeOf(cache, 'readinessProbe'));
    expect([await cli('get', 'visitor'), await cli('lrange', 'list', '0', '-1'), await cli('exists', 'later')]).toEqual([
      'ada',
      'one\ntwo',
      '0',
    ]);
    expect((await kubelet.exec('cache-0', 'ls', '/data')).stdout).toMatch(/^appendonlydir\nappendonlydir\.before-\S+\n/);
    // It is as any other: what is written from then on is there after a start.
    await cli('set', 'after', '1');
    await kubelet.replace(cache);
    await kubelet.until(cache, probeOf(cache, 'readinessProbe'));
    expect(await cli('mget', 'visitor', 'after')).toBe('ada\n1');
  });
});
