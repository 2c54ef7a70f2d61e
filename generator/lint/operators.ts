import { at, entries, namesVersion, text } from './check.ts';
import type { Check } from './check.ts';
import type { Manifest, World } from './world.ts';
import { hit, ofKind, sameSpace, selects } from './world.ts';

/** The custom resources of operators, whose pods stand in no manifest. */
const clustersOf = (world: World): readonly Manifest[] =>
  ofKind(world, 'Cluster').filter(({ body }) => text(at(body, 'apiVersion')).startsWith('postgresql.cnpg.io/'));

type About = Pick<Check<World>, 'id' | 'rule' | 'reason' | 'cure'>;
const forClusters = (
  about: About,
  broken: (cluster: Manifest, world: World) => readonly [path: string, found: string] | undefined,
): Check<World> => ({
  ...about,
  *find(world) {
    for (const cluster of clustersOf(world)) {
      const found = broken(cluster, world);
      if (found) yield hit(cluster, ...found);
    }
  },
});

export const operatorChecks: readonly Check<World>[] = [
  forClusters(
    {
      id: 'operated-memory',
      rule: 'an operator gives its servers the memory that their settings count on, requested as it is limited',
      reason: 'the settings are a share of it, and a node that promised too much kills',
      cure: 'set resources.requests.memory and limits.memory to the same',
    },
    ({ body }) => {
      const [request, limit] = (['requests', 'limits'] as const).map((key) => at(body, 'spec', 'resources', key, 'memory'));
      return limit === undefined || request !== limit
        ? ['spec.resources', `${text(request) || 'none'} and ${text(limit) || 'none'}`]
        : undefined;
    },
  ),
  forClusters(
    {
      id: 'operated-image',
      rule: 'an operator is told the version of the image that it runs',
      reason: 'its own default changes with its version, and the database with it',
      cure: 'set imageName, with a tag other than latest',
    },
    ({ body }) =>
      namesVersion(text(at(body, 'spec', 'imageName'))) ? undefined : ['spec.imageName', text(at(body, 'spec', 'imageName')) || 'missing'],
  ),
  forClusters(
    {
      id: 'operated-apart',
      rule: 'servers that stand in for each other keep off each other’s nodes, and a drain leaves the first alone',
      reason: 'a node that is lost would take them all',
      cure: 'set affinity.enablePodAntiAffinity and enablePDB to true',
    },
    ({ body }) => {
      const closed = [['affinity', 'enablePodAntiAffinity'], ['enablePDB']].find((path) => at(body, 'spec', ...path) !== true);
      return Number(at(body, 'spec', 'instances') ?? 1) > 1 && closed ? [`spec.${closed.join('.')}`, 'not true'] : undefined;
    },
  ),
  forClusters(
    {
      id: 'operated-flows',
      rule: 'a policy says what may reach the servers of an operator and what they may reach',
      reason: 'under a policy that denies everything the operator itself could not reach them',
      cure: 'add a NetworkPolicy for the label cnpg.io/cluster, for Ingress and Egress',
    },
    (cluster, world) =>
      ofKind(world, 'NetworkPolicy').some(
        (policy) =>
          sameSpace(policy, cluster) &&
          entries(at(policy.body, 'spec', 'podSelector', 'matchLabels')).length > 0 &&
          selects(at(policy.body, 'spec', 'podSelector', 'matchLabels'), { 'cnpg.io/cluster': cluster.name }),
      )
        ? undefined
        : ['metadata.name', 'no policy'],
  ),
  forClusters(
    {
      id: 'operated-secrets',
      rule: 'every Secret that an operator is referred to is there, with username and password',
      reason: 'it would wait for ever, or draw a password that nobody knows',
      cure: 'correct the name, or write the Secret to k8s/secrets',
    },
    ({ body, namespace }, { secrets }) => {
      const names = [
        ['spec', 'superuserSecret', 'name'],
        ['spec', 'bootstrap', 'initdb', 'secret', 'name'],
      ] as const;
      const lost = names.find((path) => {
        const name = at(body, ...path);
        return ['username', 'password'].some((key) => !secrets.has(`${namespace}/${text(name)}/${key}`));
      });
      return lost ? [lost.join('.'), text(at(body, ...lost)) || 'missing'] : undefined;
    },
  ),
];
