import type { HardwareProfile } from '../../model/profile.ts';
import { replicates } from '../../model/stack-spec.ts';
import type { DatabaseTopology, StackSpec } from '../../model/stack-spec.ts';
import { containersOf, demandsOf } from './demands.ts';
import { holdsDisk } from './disk.ts';
import { holds } from './fit.ts';

export interface Topologies {
  /** The spec with the topology of each database decided. */
  readonly spec: StackSpec;
  /** Databases that would have a replica by the wish of the profile, on a larger host. */
  readonly declined: readonly string[];
  /** Databases for which the profile wishes more than this version can set up. */
  readonly unable: readonly string[];
}

const withWish = (spec: StackSpec, wish: DatabaseTopology): StackSpec => ({
  ...spec,
  databases: spec.databases.map((database) => ({
    ...database,
    topology: database.topology ?? (replicates[database.engine] ? wish : 'single'),
  })),
});

/**
 * What the operator wrote stands, and is refused later where it does not fit. What only the profile wishes for gives way to what the site cannot do without:
 * all of its replicas, or none.
 */
export function chooseTopologies(spec: StackSpec, profile: HardwareProfile): Topologies {
  const [single, wish] = [withWish(spec, 'single'), profile.database.topology.value];
  const open = spec.databases.filter(({ topology }) => topology === undefined);
  const able = wish === 'primary-replica' ? open.filter(({ engine }) => replicates[engine]) : [];
  const unable = wish === 'single' ? [] : open.filter((database) => !able.includes(database)).map(({ name }) => name);
  if (able.length === 0) return { spec: single, declined: [], unable };
  const wished = withWish(spec, 'primary-replica');
  const demands = demandsOf(wished, profile);
  if (holds(demands, spec.host) && holdsDisk(wished, profile, containersOf(demands))) return { spec: wished, declined: [], unable };
  return { spec: single, declined: able.map(({ name }) => name), unable };
}
