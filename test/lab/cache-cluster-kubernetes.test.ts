import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { LabSite, Operator } from './installed.ts';
import { KubeletStandIn } from './kubelet-stand-in.ts';
import type { KubernetesObject, Pod } from './kubelet-stand-in.ts';
import { run } from './process.ts';

const objectsIn = (yaml: string): readonly KubernetesObject[] =>
  [parseAllDocuments(yaml)]
    .flat()
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((one) => one !== null);
/** A cluster starts pods in any order, and stops them in any other. */
const names = ['cache-shard-2-1', 'cache-shard-0-1', 'cache-shard-1-0', 'cache-shard-2-0', 'cache-shard-1-1', 'cache-shard-0-0'];

describe('a Redis Cluster of a site for Kubernetes, in containers as their pods describe them (kubelet: stand-in)', () => {
  const name = 'cluster-divided';
  let operator: Operator;
  let site: LabSite;
  let kubelet: KubeletStandIn;
  let pods: readonly Pod[] = [];
  let password = '';

  const found = (pod: string): Pod => pods.find((one) => one.name === pod) ?? expect.unreachable(`there is no pod ${pod}`);
  const probeOf = (pod: Pod, kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe') =>
    pod.template.spec.containers[0][kind] ?? expect.unreachable(`no ${kind}`);
  const allReady = () => Promise.all(pods.map((pod) => kubelet.until(pod, probeOf(pod, 'readinessProbe'))));
  /** As an application: at any node, and from there to whoever has the key. */
  const ask = async (...command: readonly string[]): Promise<string> => {
    const asApp = ['redis-cli', '-c', '--user', 'app', '--pass', password, '--no-auth-warning'];
    return (await kubelet.exec('cache-shard-1-1', 'timeout', '20', ...asApp, ...command)).stdout.trim();
  };
  const addresses = () => Promise.all(names.map((pod) => kubelet.address(pod)));

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'caches.cache={ engine: redis, use: queue, client: cluster, memory: 256Mi }',
      'databases.database.memory=1Gi',
      'services.web.pool=2',
    ];
    const options = ['--profile', 'minimum', '--target', 'kubernetes', '--host-cpus', '4', '--host-memory', '32Gi', '--host-disk', '80Gi'];
    await operator.run(['berth', 'init', name, ...options, ...set.flatMap((one) => ['--set', one])], operator.home);
    const rendered = objectsIn(await operator.run(['kubectl', 'kustomize', 'k8s/site'], site.folder));
    const secrets = objectsIn(await run(['sh', '-c', 'cat k8s/secrets/*.yaml | sed "s/^apiVersion/---\\n&/"'], { cwd: site.folder }));
    const kept = secrets.find(({ metadata }) => metadata.name === 'web-secrets')?.data?.['REDIS_PASSWORD'] ?? '';
    password = Buffer.from(kept, 'base64').toString();
    kubelet = await KubeletStandIn.create('divided', [...rendered, ...secrets]);
    pods = kubelet.pods('StatefulSet', 2).filter((pod) => pod.name.startsWith('cache'));
    for (const pod of names) await kubelet.start(found(pod));
  });
  afterAll(async () => {
    await kubelet?.destroy();
    operator?.[Symbol.dispose]();
  });

  test('comes up in any order, each pod ready when every key is served', async () => {
    expect(pods.map((pod) => pod.name).sort()).toEqual([...names].sort());
    await allReady();
    for (const kind of ['startupProbe', 'livenessProbe'] as const)
      for (const pod of pods) expect([pod.name, kind, await kubelet.ask(pod, probeOf(pod, kind))]).toEqual([pod.name, kind, true]);
    for (const queue of ['one', 'two', 'three', 'four']) expect(await ask('rpush', queue, 'first')).toBe('1');
    expect(await ask('cluster', 'slots')).toContain(`cache-shard-0-0.cache-shard-0-nodes.${name}.svc.cluster.local`);
  });

  test('is whole after all pods were stopped and came back with other addresses', async () => {
    const before = await addresses();
    const codes = await Promise.all(names.map((pod) => kubelet.stop(pod)));
    expect(codes).toEqual(names.map(() => 0));
    // Each where another one was: whoever remembers addresses meets somebody else.
    const given = names.map((_, index) => before.at(index - 1) ?? '');
    for (const [index, pod] of [...names.entries()].reverse()) await kubelet.restartAt(found(pod), given[index] ?? '');
    expect(await addresses()).toEqual(given);
    await allReady();
    for (const queue of ['one', 'two', 'three', 'four']) expect(await ask('lrange', queue, '0', '-1')).toBe('first');
  });
});
