import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Secret } from '../../model/secret.ts';
import { cacheProducer } from '../../runtime/engines/cache/cache-producer.ts';
import { never } from '../runtime/jobs/backup-world.ts';
import { whole } from '../runtime/streams/bytes.ts';
import { LabSite, Operator } from './installed.ts';
import { KubeletStandIn } from './kubelet-stand-in.ts';
import type { KubernetesObject, Pod } from './kubelet-stand-in.ts';
import { run } from './process.ts';

const objectsIn = (yaml: string): readonly KubernetesObject[] =>
  [parseAllDocuments(yaml)]
    .flat()
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((one) => one !== null);

describe('a cache with Sentinel of a site for Kubernetes, in containers as their pods describe them (kubelet: stand-in)', () => {
  const name = 'cluster-sentinel';
  const domain = `${name}.svc.cluster.local`;
  let operator: Operator;
  let site: LabSite;
  let kubelet: KubeletStandIn;
  let pods: readonly Pod[] = [];
  let [password, backupPassword] = ['', ''];

  const found = (pod: string): Pod => pods.find((one) => one.name === pod) ?? expect.unreachable(`there is no pod ${pod}`);
  const probeOf = (pod: Pod, kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe') =>
    pod.template.spec.containers[0][kind] ?? expect.unreachable(`no ${kind}`);
  const allReady = () => Promise.all(pods.map((pod) => kubelet.until(pod, probeOf(pod, 'readinessProbe'))));
  const cli = async (...command: readonly string[]): Promise<string> =>
    (await kubelet.exec('cache-sentinel-1', 'timeout', '20', 'valkey-cli', ...command)).stdout.trim();
  /** As the application: at the Service of the cache. */
  const ask = (...command: readonly string[]): Promise<string> =>
    cli('-h', 'cache', '--user', 'app', '--pass', password, '--no-auth-warning', ...command);
  const primary = async () => (await cli('-p', '26379', 'sentinel', 'get-master-addr-by-name', 'cache')).split('\n')[0];

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'caches.cache={ engine: valkey, use: queue, topology: sentinel, memory: 256Mi }',
      'databases.database.memory=1Gi',
      'services.web.pool=2',
      'backups.bucket={ endpoint: "http://192.0.2.1:9000", name: backups, accessKey: backups }',
    ];
    const options = ['--profile', 'minimum', '--target', 'kubernetes', '--host-cpus', '4', '--host-memory', '32Gi', '--host-disk', '80Gi'];
    await operator.run(['berth', 'init', name, ...options, ...set.flatMap((one) => ['--set', one])], operator.home);
    const rendered = objectsIn(await operator.run(['kubectl', 'kustomize', 'k8s/site'], site.folder));
    const secrets = objectsIn(await run(['sh', '-c', 'cat k8s/secrets/*.yaml | sed "s/^apiVersion/---\\n&/"'], { cwd: site.folder }));
    const url = secrets.find(({ metadata }) => metadata.name === 'web-secrets')?.data?.['REDIS_URL'] ?? '';
    password = new URL(Buffer.from(url, 'base64').toString()).password;
    const kept = secrets.find(({ metadata }) => metadata.name === 'agent-files-secrets')?.data?.['cache-backup'] ?? '';
    backupPassword = Buffer.from(kept, 'base64').toString();
    kubelet = await KubeletStandIn.create('sentinel', [...rendered, ...secrets]);
    pods = kubelet.pods('StatefulSet', 3).filter((pod) => pod.name.startsWith('cache'));
    // A cluster starts them in any order: here the proxy stands first, and the node that is to be written to last.
    for (const pod of [
      'cache-0',
      'cache-node-2',
      'cache-node-1',
      'cache-sentinel-2',
      'cache-sentinel-0',
      'cache-sentinel-1',
      'cache-node-0',
    ])
      await kubelet.start(found(pod));
  });
  afterAll(async () => {
    await kubelet?.destroy();
    operator?.[Symbol.dispose]();
  });

  test('comes up in any order, each pod ready by its role', async () => {
    expect(pods.map((pod) => pod.name).sort()).toEqual([
      'cache-0',
      'cache-1',
      'cache-node-0',
      'cache-node-1',
      'cache-node-2',
      'cache-sentinel-0',
      'cache-sentinel-1',
      'cache-sentinel-2',
    ]);
    await kubelet.start(found('cache-1'));
    await allReady();
    for (const kind of ['startupProbe', 'livenessProbe'] as const)
      for (const pod of pods) expect([pod.name, kind, await kubelet.ask(pod, probeOf(pod, kind))]).toEqual([pod.name, kind, true]);
    expect(await primary()).toBe(`cache-node-0.cache-node-nodes.${domain}`);
    expect(await ask('rpush', 'jobs', 'first')).toBe('1');
  });

  test('is copied by the account of its backups, and takes the copy when all of its nodes and Sentinels were gone at once', async () => {
    const parts = pods.filter(({ name: pod }) => /^cache-(?:node|sentinel)-/.test(pod));
    const nodes = parts.filter(({ name: pod }) => pod.startsWith('cache-node-')).map((pod) => pod.name);
    const hosts = await Promise.all(nodes.map(async (node) => (await kubelet.address(node)).trim()));
    // What its agent does, from here.
    const password = new Secret(backupPassword);
    await using copy = await cacheProducer({ engine: 'valkey', shards: [hosts], port: 6379, user: 'berth_backup', password }).open(never);
    const file = join(operator.home, 'dump.rdb');
    for await (const { bytes } of copy.streams) writeFileSync(file, await whole(bytes));
    expect((await copy.finish()).facts).toMatchObject({ keys: 1, shards: [{ role: 'replica' }] });
    expect(await ask('rpush', 'jobs', 'second')).toBe('2');
    for (const node of nodes) {
      await run(['sh', '-c', `docker exec -i ${kubelet.network}-${node} sh -c 'umask 077 && cat >/data/restored.rdb.part' <${file}`]);
      expect(await kubelet.exec(node, 'mv', '-T', '/data/restored.rdb.part', '/data/restored.rdb')).toMatchObject({ code: 0 });
    }
    await Promise.all(parts.map((pod) => kubelet.stop(pod.name)));
    for (const pod of parts) await kubelet.replace(pod);
    await allReady();
    expect(await ask('lrange', 'jobs', '0', '-1')).toBe('first');
    expect(await ask('rpush', 'jobs', 'third')).toBe('2');
  });
});
