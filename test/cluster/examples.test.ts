import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { isScalar, parseDocument, visit } from 'yaml';
import { listExamples } from '../../generator/io/examples.ts';
import { profileNames } from '../../model/profile.ts';
import { differences } from '../../runtime/orchestrators/kubernetes/compare.ts';
import { ClusterSite } from './cluster-site.ts';
import type { Stored } from './cluster-site.ts';
import { isSentAnew, lost } from './kept.ts';
import { edgeClass } from './prepare-cluster.ts';

const ways: Readonly<Record<string, readonly string[]>> = {
  loadBalancer: [],
  nodePort: ['kubernetes.expose=nodePort'],
  hostPort: ['kubernetes.expose=hostPort'],
  gateway: ['kubernetes.expose=gateway', `kubernetes.class=${edgeClass}`, 'kubernetes.certificate=cert-manager'],
  ingress: ['kubernetes.expose=ingress', `kubernetes.class=${edgeClass}`],
};
const rows = listExamples(join(import.meta.dirname, '../..')).flatMap((example) =>
  profileNames.flatMap((profile) => Object.keys(ways).map((way) => ({ example, profile, way }))),
);

interface Container {
  readonly securityContext?: object;
}
interface Template {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly securityContext?: object;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
}
const contains = (labels: Readonly<Record<string, string>>, some: Readonly<Record<string, string>>): boolean =>
  Object.entries(some).every(([name, value]) => labels[name] === value);
const securityOf = (spec: Template['spec'] | undefined): readonly unknown[] => [
  spec?.securityContext,
  ...[...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ securityContext }) => securityContext),
];

/** The spec of an example, as a file of its own in a folder. */
function withoutPublicHosts(example: string, folder: string): string {
  const spec = parseDocument(readFileSync(join(import.meta.dirname, `../../examples/${example}/berth.yaml`), 'utf8'));
  visit(spec, { Pair: (_, { key }) => (isScalar(key) && key.value === 'publicHost' ? visit.REMOVE : undefined) });
  const path = join(folder, `${example}.yaml`);
  writeFileSync(path, String(spec));
  return path;
}

/** Written by controllers as time passes; of all others the version changes with an apply alone. */
const withStatus = /^(?:Deployment|StatefulSet|Job|CronJob|HorizontalPodAutoscaler|PodDisruptionBudget|ResourceQuota|Ingress)$/;
const nameOf = ({ kind, metadata: { namespace = '', name } }: Stored): string => `${kind} ${namespace} ${name}`;
const versions = (all: readonly Stored[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    all.map((one) => [nameOf(one), withStatus.test(one.kind) ? one.metadata.generation : one.metadata.resourceVersion] as const),
  );

describe.each(rows)('$example at $profile by $way, in a server that is older than Berth writes for (1.20)', ({ example, profile, way }) => {
  let site: ClusterSite;
  let said: readonly string[];
  let pods: readonly Stored[];
  const specs = mkdtempSync(join(tmpdir(), 'berth-specs-'));
  beforeAll(async () => {
    const set = (ways[way] ?? []).flatMap((one) => ['--set', one]);
    const name = `${example.slice(0, 8).replace(/-$/, '')}-${profile.slice(0, 4)}-${way.toLowerCase()}`;
    // One of them names its namespace itself, and would meet what is left of the row before.
    set.push('--set', `kubernetes.namespace=${name}`);
    // A name at Berth's edge for signed addresses is refused where that edge is left out.
    const from = /gateway|ingress/.test(way) ? withoutPublicHosts(example, specs) : `example:${example}`;
    site = await ClusterSite.create(inject('cluster'), name, '--from', from, '--profile', profile, ...set);
    said = await site.applied();
    pods = await site.untilPodsAreMade();
  });
  afterAll(async () => {
    rmSync(specs, { recursive: true });
    await site?.[Symbol.asyncDispose]();
  });

  test('is taken without a warning, and with every field that was written', async () => {
    expect(said.filter((line) => !line.endsWith(' created') && !/^namespace\/\S+ unchanged$/.test(line))).toEqual([]);
    const written = [...(await site.secrets()), ...(await site.manifests())];
    const stored = await site.stored(written);
    expect(stored).toHaveLength(written.length);
    expect(written.flatMap((one, index) => lost(one, stored[index] ?? one))).toEqual([]);
  });

  test('has all its pods made, and none was refused by quota, limits, Pod Security or its account', async () => {
    expect(await site.refusals()).toEqual([]);
    expect(pods.length).toBeGreaterThan(3);
  });

  test('has pods that say themselves what Pod Security asks for: nothing of it was filled in', async () => {
    const templates = (await site.all('deployments,statefulsets,jobs')).map((one) => one.spec?.['template'] as Template);
    for (const { metadata, spec } of pods as unknown as readonly Template[]) {
      const template = templates.find((one) => contains(metadata.labels, one.metadata.labels));
      expect(securityOf(spec)).toEqual(securityOf(template?.spec));
    }
  });

  test('changes nothing when it is applied once more', async () => {
    const written = [...(await site.secrets()), ...(await site.manifests())];
    const before = await site.stored(written);
    const again = (await site.applied()).filter((line) => !line.endsWith(' unchanged'));
    const anew = written.filter((one, index) => isSentAnew(one, before[index] ?? one));
    expect(again.map((line) => line.replace(/^\S+\/(\S+) configured$/, '$1')).sort()).toEqual(
      anew.map(({ metadata }) => metadata.name).sort(),
    );
    expect(differences(versions(before), versions(await site.stored(written)))).toEqual([]);
  });

  // Elsewhere they are the same pods, or fewer; by ports of the nodes the edge has a quota of its own.
  test.runIf(/loadBalancer|hostPort/.test(way))('may have all its pods made anew at once, each autoscaler at its most', async () => {
    expect((await site.surge()).length).toBeGreaterThan(pods.length);
  });
});
