import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { lintSite } from '../../../cli/lint-site.ts';
import type { PreparedSite } from '../../../cli/site.ts';
import { prepareHello } from './hello.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Record<string, unknown>;
}
interface Peer {
  readonly podSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
}
const sets = ['cache-shard-0', 'cache-shard-1', 'cache-shard-2'];
const whole = { 'berth/whole': 'cache-shard', 'app.kubernetes.io/instance': 'hello' };
const own = (name: string) => ({ 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': 'hello' });
const nameOf = ({ podSelector }: Peer): string => podSelector?.matchLabels['app.kubernetes.io/name'] ?? '';

describe('a cache whose keys are divided, in a cluster', () => {
  let site: PreparedSite | undefined;
  const made = (): PreparedSite => site ?? expect.unreachable('not made');
  const manifests = (kind: string): readonly Manifest[] =>
    [...made().decision.merged]
      .filter(([path]) => /^k8s\/generated\/[^/]+\.yaml$/.test(path))
      .flatMap(([, text]) => [parseAllDocuments(text)].flat().map((document) => document.toJS() as Manifest))
      .filter((one) => one.kind === kind);
  const named = (kind: string, name: string): Manifest =>
    manifests(kind).find(({ metadata }) => metadata.name === name) ?? expect.unreachable(`no ${kind} ${name}`);
  beforeAll(async () => {
    site = await prepareHello({ profile: 'minimum', target: 'kubernetes', set: { 'caches.cache.client': 'cluster' } });
  });

  test.each(sets)('never puts the two of %s on one machine, and had rather not put any two there', (name) => {
    const { template } = named('StatefulSet', name).spec as { template: { spec: Record<string, unknown>; metadata: { labels: object } } };
    expect(template.metadata.labels).toMatchObject({ ...whole, ...own(name) });
    const onHost = (matchLabels: object) => ({ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels } });
    expect(template.spec['affinity']).toEqual({
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [onHost(own(name))],
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: onHost(whole) }],
      },
    });
    expect(template.spec['topologySpreadConstraints']).toMatchObject([
      onHost(whole),
      { topologyKey: 'topology.kubernetes.io/zone', labelSelector: { matchLabels: own(name) } },
    ]);
  });

  test('lets a drain take one node of all six at a time, by one budget, as two for a pod would block it', () => {
    const budgets = manifests('PodDisruptionBudget').filter(({ metadata }) => metadata.name.startsWith('cache'));
    expect(budgets.map(({ metadata, spec }) => [metadata.name, spec['maxUnavailable'], spec['selector']])).toEqual([
      ['cache-shard', 1, { matchLabels: whole }],
    ]);
  });

  test('starts all nodes at once, and asks each whether every key is served', () => {
    for (const name of sets) {
      const spec = named('StatefulSet', name).spec as {
        replicas: number;
        podManagementPolicy: string;
        template: { spec: { containers: readonly { readinessProbe: { exec: { command: readonly string[] } } }[] } };
      };
      expect([spec.replicas, spec.podManagementPolicy]).toEqual([2, 'Parallel']);
      expect(spec.template.spec.containers[0]?.readinessProbe.exec.command).toEqual(['/bin/sh', '/etc/berth/cache/cluster.sh', 'healthy']);
      expect(named('Service', `${name}-nodes`).spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    }
  });

  test.each(sets)('lets nodes alone reach the bus of %s, and those who use the cache its other port', (name) => {
    const { ingress, egress } = named('NetworkPolicy', name).spec as {
      ingress: readonly { from: readonly Peer[]; ports: readonly { port: number }[] }[];
      egress: readonly { to: readonly Peer[]; ports: readonly { port: number }[] }[];
    };
    const allowed = ingress.map(({ from, ports }) => [ports.map(({ port }) => port).join(), from.map(nameOf).sort()] as const);
    expect(Object.fromEntries(allowed)).toEqual({ '6379': [...sets, 'web'], '16379': sets });
    const ways = egress.flatMap(({ to, ports }) => to.flatMap((peer) => (nameOf(peer) ? [`${nameOf(peer)}:${ports[0]?.port ?? 0}`] : [])));
    expect([...ways].sort()).toEqual(sets.flatMap((set) => [`${set}:16379`, `${set}:6379`]).sort());
  });

  test('passes every check of manifests', () => {
    expect(lintSite(made().plan, made().decision.merged).findings).toEqual([]);
  });
});
