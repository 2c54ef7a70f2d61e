import { valkey as facts } from '../../../model/engines/valkey.ts';
import type { CacheClusterPlan } from '../../../model/cache-plan.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatDuration, seconds } from '../../../model/units.ts';
import { shardFolder, shardsOf, spread, waysToAll } from './cache-members.ts';

const { cluster } = facts;
const script = '/etc/berth/cache/cluster.sh';

/** What nodes have that divide the keys among them, each with its reason. */
export function clusterSettings(
  cache: CacheSpec,
  persistent: boolean,
): { readonly settings: readonly EngineSetting[]; readonly decisions: readonly Decision[] } {
  const folder = shardFolder(cache.name);
  const edit = `config/${folder}/${cache.engine}.conf, which keeps what you edit`;
  const validity = persistent ? '10' : '0';
  const settings: readonly EngineSetting[] = [
    { name: 'cluster-enabled', value: 'yes', because: 'keys are divided among the shards' },
    {
      name: 'cluster-config-file',
      value: 'nodes.conf',
      because: 'in the volume: by it a node is the same after a start with another address',
    },
    {
      name: 'cluster-node-timeout',
      value: String(cluster.nodeTimeout * 1000),
      because: 'a node that is silent for so long, in milliseconds, is dead',
    },
    { name: 'cluster-require-full-coverage', value: 'no', because: 'while a shard is gone the others serve their keys' },
    {
      name: 'cluster-replica-validity-factor',
      value: validity,
      because: persistent
        ? `use is ${cache.use}: a copy that heard nothing for longer than a minute takes over by hand alone`
        : 'use is cache: any copy may take over, however old',
    },
    { name: 'cluster-allow-replica-migration', value: 'no', because: 'a copy stays in its shard, whose nodes stand apart' },
    { name: 'cluster-preferred-endpoint-type', value: 'hostname', because: 'clients are sent to names, which stay when addresses change' },
  ];
  const decide = (name: string, formula: string, source: string, inputs: Decision['inputs'] = {}): Decision => ({
    key: `${folder}.${name}`,
    value: settings.find((one) => one.name === name)?.value ?? '',
    formula,
    inputs,
    source,
    change: Object.keys(inputs).length > 0 ? `caches.${cache.name}.use in berth.yaml` : edit,
  });
  return {
    settings,
    decisions: [
      decide(
        'cluster-node-timeout',
        'fixed',
        `measured: with ${formatDuration(seconds(cluster.nodeTimeout))} a copy serves 6 to 9 seconds after its primary died; a pause of the host is shorter`,
      ),
      decide(
        'cluster-require-full-coverage',
        'fixed',
        'design: two thirds of the keys are worth more than none; health checks of all nodes tell of the shard that is gone',
      ),
      decide(
        'cluster-replica-validity-factor',
        'cache → 0; sessions, queue → 10',
        'Valkey configuration file: times cluster-node-timeout, and ten seconds; 0 knows no age that is too old',
        { use: cache.use },
      ),
      decide(
        'cluster-allow-replica-migration',
        'fixed',
        'design: one that moved to another shard could stand on the machine of its new primary',
      ),
      {
        key: `${folder}.shards`,
        value: `${cluster.shards} × ${cluster.nodesPerShard} nodes`,
        formula: 'the fewest primaries of which most remain when one is lost, each with one copy',
        inputs: {},
        source:
          'Valkey documentation, cluster tutorial: six nodes, three of them primaries; each shard holds a third of the keys, so the cache holds three times maxmemory',
        change: 'fixed',
      },
    ],
  };
}

/** What a node has beside that of one that stands alone. */
export function asNode(
  cache: CacheSpec,
  spec: StackSpec,
): Pick<PlannedService, 'entrypoint' | 'healthcheck' | 'probes' | 'connects' | 'peerPort' | 'whole'> {
  const shards = shardsOf(cache, spec);
  const healthy = ['/bin/sh', script, 'healthy'] as const;
  return {
    entrypoint: ['/bin/sh', script],
    healthcheck: { argv: healthy, interval: seconds(5), timeout: seconds(5), retries: 3, startPeriod: seconds(90) },
    probes: { ready: { argv: healthy }, live: { tcp: facts.port } },
    connects: [...waysToAll(shards, facts.port), ...waysToAll(shards, cluster.busPort)],
    peerPort: cluster.busPort,
    whole: shardFolder(cache.name),
  };
}

/** The node that was planned, as often as there are: two of a shard never share a machine. */
export const planShards = (
  cache: CacheSpec,
  spec: StackSpec,
  node: PlannedService,
  forgets: boolean,
): { readonly services: readonly PlannedService[]; readonly plan: CacheClusterPlan } => {
  const shards = shardsOf(cache, spec);
  return { services: shards.flatMap((shard) => spread(node, shard, 'apart')), plan: { shards: shards.map(({ hosts }) => hosts), forgets } };
};
