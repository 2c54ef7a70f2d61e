import type { Decision } from '../../model/decision.ts';
import type { Plan } from '../../model/plan.ts';
import { ofBackups } from './fixed/backups.ts';
import { inCluster, ofNamespaces } from './fixed/cluster.ts';
import { ofContainer, ofMigration, onHost } from './fixed/containers.ts';
import { ofEdge } from './fixed/edge.ts';
import { ofProxy } from './fixed/proxies.ts';

/**
 * Numbers that follow from no formula, for whoever asks why they are what they are; what {@link Plan.decisions} has is left out. Nothing but `explain` needs
 * them. Some stand in a template or a manifest as well: a test walks all that is rendered, and finds each number in a decision or knows why not.
 */
export function fixedDecisions(plan: Plan): readonly Decision[] {
  const known = new Set(plan.decisions.map(({ key }) => key));
  return [
    ...plan.services.flatMap((service) => [
      ...ofContainer(service, plan),
      ...(plan.kubernetes ? inCluster(service, plan) : onHost(service)),
    ]),
    ...plan.services.flatMap((service) => [...(service.role === 'edge' ? ofEdge(service.name, plan) : []), ...ofProxy(service)]),
    ...plan.services.flatMap((service) => ofMigration(service, plan)),
    ...(plan.runtime.backups ? ofBackups(plan.runtime.backups) : []),
    ...ofNamespaces(plan),
  ].filter(({ key }) => !known.has(key));
}
