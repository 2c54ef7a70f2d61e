import type { Check } from './check.ts';
import { hit, ofKind, servers } from './world.ts';
import type { Manifest, Workload, World } from './world.ts';

type About = Pick<Check<World>, 'id' | 'rule' | 'reason' | 'cure'>;

/** A rule for each object of a kind. `broken` gives path and finding. */
export const forKind = (
  about: About,
  kind: string,
  broken: (object: Manifest, world: World) => readonly [path: string, found: string] | undefined,
): Check<World> => ({
  ...about,
  *find(world) {
    for (const object of ofKind(world, kind)) {
      const found = broken(object, world);
      if (found) yield hit(object, ...found);
    }
  },
});

/** The same for each Deployment and StatefulSet. */
export const forServers = (
  about: About,
  broken: (server: Workload, world: World) => readonly [path: string, found: string] | undefined,
): Check<World> => ({
  ...about,
  *find(world) {
    for (const server of servers(world)) {
      const found = broken(server, world);
      if (found) yield hit(server, ...found);
    }
  },
});
