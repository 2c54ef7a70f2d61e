import type { HardwareProfile } from '../../model/profile.ts';
import { topologiesOf } from '../../model/database-spec.ts';
import type { CacheTopology } from '../../model/cache-spec.ts';
import type { DatabaseEngineName, DatabaseTopology } from '../../model/database-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { containersOf, demandsOf } from './demands.ts';
import { holdsDisk } from './disk.ts';
import { holds } from './fit.ts';

export interface Topologies {
  /** The spec with the topology of each database and cache decided. */
  readonly spec: StackSpec;
  /** What would have replicas, or more of them, or nodes that copy it, by the wish of the profile, on a larger host. */
  readonly declined: {
    readonly databases: readonly { readonly name: string; readonly wished: DatabaseTopology; readonly topology: DatabaseTopology }[];
    readonly caches: readonly string[];
  };
  /** Databases for which the profile wishes more than this version can set up. */
  readonly unable: readonly string[];
  /** Caches with data that have several nodes by the wish of the profile. */
  readonly granted: readonly string[];
  /** Caches that have less than the profile wishes for, as their clients could not speak to it. */
  readonly lesser: readonly string[];
}

interface Wishes {
  readonly databases: DatabaseTopology;
  readonly caches: CacheTopology;
}

const ranks: readonly DatabaseTopology[] = ['single', 'primary-replica', 'cluster'];
/** What comes nearest to the wish of what its engine can: two members of a replica set of MongoDB would be worth less than one. */
const able = (engine: DatabaseEngineName, wish: DatabaseTopology): DatabaseTopology =>
  wish === 'single' || topologiesOf[engine].includes(wish) ? wish : (topologiesOf[engine].at(-1) ?? 'single');

const withWishes = (spec: StackSpec, { databases, caches }: Wishes): StackSpec => ({
  ...spec,
  databases: spec.databases.map((database) => ({ ...database, topology: database.topology ?? able(database.engine, databases) })),
  // Of Memcached there is nothing that another node could take over.
  caches: spec.caches.map((cache) => ({ ...cache, topology: cache.topology ?? (cache.engine === 'memcached' ? 'single' : caches) })),
});

const names = (all: readonly { readonly name: string }[]): readonly string[] => all.map(({ name }) => name);

/**
 * What the operator wrote stands, and is refused later where it does not fit. What only the profile wishes for gives way to what the site cannot do without:
 * first what databases have beyond one replica, then the copies of all caches, which can be filled anew more easily, then the replicas of all databases.
 */
export function chooseTopologies(spec: StackSpec, profile: HardwareProfile): Topologies {
  const [wish, cacheWish] = [profile.database.topology.value, profile.cache.topology.value];
  const open = spec.databases.filter(({ topology }) => topology === undefined);
  const wishedFor = open.filter(({ engine }) => able(engine, wish) !== 'single');
  const unable = wish === 'single' ? [] : names(open.filter((database) => !wishedFor.includes(database)));
  const levels = wishedFor.length === 0 ? [] : ranks.slice(1, ranks.indexOf(wish) + 1).toReversed();
  const caches =
    cacheWish === 'single' ? [] : spec.caches.filter(({ topology, engine }) => topology === undefined && engine !== 'memcached');
  const wishes: readonly Wishes[] = [
    ...(caches.length > 0 ? (levels.length > 0 ? levels : (['single'] as const)) : []).map((databases): Wishes => ({
      databases,
      caches: 'sentinel',
    })),
    ...(caches.length > 0 ? levels.slice(-1) : levels).map((databases): Wishes => ({ databases, caches: 'single' })),
  ];
  const fitting = (one: Wishes): boolean => {
    const wished = withWishes(spec, one);
    const demands = demandsOf(wished, profile);
    return holds(demands, spec.host) && holdsDisk(wished, profile, containersOf(demands));
  };
  const least: Wishes = { databases: 'single', caches: 'single' };
  const chosen = wishes.find(fitting) ?? least;
  return {
    spec: withWishes(spec, chosen),
    declined: {
      databases: wishedFor
        .map(({ name, engine }) => ({ name, wished: able(engine, wish), topology: able(engine, chosen.databases) }))
        .filter(({ wished, topology }) => wished !== topology),
      caches: chosen.caches === 'single' ? names(caches) : [],
    },
    unable,
    granted: chosen.caches === 'sentinel' ? names(caches.filter(({ use }) => use !== 'cache')) : [],
    lesser: cacheWish === 'cluster' && chosen.caches === 'sentinel' ? names(caches) : [],
  };
}
