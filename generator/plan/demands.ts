import type { HardwareProfile } from '../../model/profile.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { taskDemand } from './demand.ts';
import type { Demand } from './demand.ts';
import { agentDemands } from './services/agents.ts';
import { demandApp } from './services/app-size.ts';
import { demandEdge, hasEdge } from './services/edge.ts';
import { relayDemand } from './services/relay.ts';
import { storeEngines } from './services/stores.ts';
import { copiesOf } from './services/database-engine.ts';
import { databaseEngines } from './services/databases.ts';
import { demandCache } from './services/cache.ts';
import { hasLists } from './services/surroundings.ts';
import { volumeName } from './services/volumes.ts';
import { waysOf } from './services/ways.ts';

export const containersOf = (demands: readonly Demand[]): number => demands.reduce((sum, { count }) => sum + count, 0);

/** What each role asks for, the surge replica and the agent that is to come included. */
export function demandsOf(spec: StackSpec, profile: HardwareProfile): readonly Demand[] {
  const apps = spec.services.map((app) => demandApp(app, profile));
  const replaced = spec.services.flatMap(({ kind }, index) => (kind === 'cron' ? [] : (apps[index] ?? [])));
  const largest = (pick: (demand: Demand) => number): Demand =>
    replaced.reduce((most, demand) => (pick(demand) > pick(most) ? demand : most), replaced[0] as Demand);
  const [byWish, byFloor, byCpu] = [
    largest((demand) => demand.memory.wanted),
    largest((demand) => demand.memory.floor),
    largest((demand) => demand.cpu.wanted),
  ];
  const surge: Demand = {
    name: 'surge',
    role: 'app',
    count: 1,
    cpu: byCpu.cpu,
    pids: byCpu.pids,
    memory: {
      ...byWish.memory,
      floor: byFloor.memory.floor,
      wantedBecause: `one more replica of ${byWish.name}, while one is replaced`,
      floorBecause: byFloor.memory.floorBecause,
    },
  };
  return [
    ...(hasEdge(spec) ? [demandEdge(spec, profile)] : []),
    ...apps,
    surge,
    ...(hasLists(spec) && waysOf(spec, profile).length > 0 ? [relayDemand()] : []),
    ...spec.databases.flatMap((database) => {
      const demand = databaseEngines[database.engine].demand(database, spec, profile);
      return [
        demand,
        // One that is read may have to take the place of the other, so it is as large.
        ...copiesOf(database).map(({ name, analytics }) => ({
          ...(analytics && (analytics.memory ?? analytics.cpu) !== undefined
            ? databaseEngines[database.engine].demand({ ...database, ...analytics }, spec, profile, `databases.${database.name}.analytics`)
            : demand),
          name,
        })),
        taskDemand(`${database.name}-accounts`, databaseEngines[database.engine].taskMemory),
        ...(databaseEngines[database.engine].beside?.(database, spec, profile) ?? []),
      ];
    }),
    ...spec.caches.flatMap((cache) => demandCache(cache, spec, profile)),
    ...spec.stores.flatMap((store) => [storeEngines[store.engine].demand(store, profile), taskDemand(`${store.name}-buckets`)]),
    ...(spec.target === 'compose' ? spec.volumes.map(({ name }) => taskDemand(volumeName(name))) : []),
    ...agentDemands(spec, profile),
  ];
}
