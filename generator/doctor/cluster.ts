import type { ClusterFacts } from '../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../model/cluster-needs.ts';
import { checkRights } from './access.ts';
import { checkApis } from './apis.ts';
import type { Diagnosis } from './diagnosis.ts';
import { checkNamespaces } from './namespaces.ts';
import { checkNodes } from './nodes.ts';
import { checkProbes } from './probes.ts';
import { checkStorage } from './storage.ts';
import { checkClock, checkNetworkPolicies } from './surroundings.ts';
import { checkVersion } from './version.ts';

/** Whether a cluster can run a plan: every question, answered. Nothing is left out because an earlier answer was bad. */
export const checkCluster = (facts: ClusterFacts, needs: ClusterNeeds): readonly Diagnosis[] => [
  ...checkVersion(facts, needs),
  ...checkClock(facts),
  ...checkRights(facts),
  ...checkNodes(facts, needs),
  ...checkStorage(facts, needs),
  ...checkApis(facts, needs),
  ...checkNamespaces(facts, needs),
  ...checkNetworkPolicies(facts, needs),
  ...checkProbes(facts),
];
