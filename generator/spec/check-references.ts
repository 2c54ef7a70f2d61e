import type { WrittenSpec } from '../../model/written-spec.ts';
import { checkBackups } from './check-backups.ts';
import { checkCluster } from './check-cluster.ts';
import { checkOperations } from './check-operations.ts';
import { hasOperations } from '../../model/operations.ts';
import { suggest } from './describe-issue.ts';
import type { Finding } from './finding.ts';
import { checkExternalBackups } from './check-external-backups.ts';
import { checkExternals } from './check-externals.ts';
import { checkServices } from './check-services.ts';
import { checkInternalTls } from './check-internal-tls.ts';
import { checkStores } from './check-stores.ts';
import { checkSurroundings } from './check-surroundings.ts';
import { checkVolumes } from './check-volumes.ts';
import { checkNames } from './check-names.ts';
import { checkUses } from './check-uses.ts';
import { checkRoutes, checkPorts } from './check-edge.ts';
import { checkWrittenRoutes } from './check-filters.ts';
import { checkDatabases, checkAnalytics, checkPostgres, checkLicences } from './check-databases.ts';
import { checkCaches } from './check-caches.ts';
import { checkAddresses } from './check-network.ts';

/** Whether anything in it is for a cluster. */
const asksForCluster = ({ target, kubernetes, services, databases = {}, stores = {} }: WrittenSpec): boolean =>
  target === 'kubernetes' ||
  kubernetes !== undefined ||
  Object.values(services).some(({ scaling }) => scaling !== undefined) ||
  Object.values(databases).some(({ operator }) => operator !== undefined) ||
  Object.values(stores).some(({ nodes }) => nodes !== undefined);

/** Everything that no single value can show: names twice, unknown references, routes and ports that collide. */
export function checkReferences(spec: WrittenSpec): readonly Finding[] {
  return [
    ...checkNames(spec),
    ...checkServices(spec),
    ...checkExternals(spec),
    ...(Object.values(spec.databases ?? {}).some(({ external }) => external?.backup) ? checkExternalBackups(spec) : []),
    ...checkUses(spec),
    ...checkRoutes(spec),
    ...(Object.values(spec.services).some(({ routes }) => routes) ? checkWrittenRoutes(spec) : []),
    ...checkVolumes(spec),
    ...checkStores(spec),
    ...checkInternalTls(spec),
    ...checkSurroundings(spec),
    ...checkDatabases(spec),
    ...checkCaches(spec),
    ...checkLicences(spec),
    ...checkAnalytics(spec),
    ...checkPostgres(spec),
    ...checkPorts(spec),
    ...(asksForCluster(spec) ? checkCluster(spec, suggest) : []),
    ...(spec.backups ? checkBackups(spec) : []),
    ...(hasOperations(spec) ? checkOperations(spec, suggest) : []),
    ...checkAddresses(spec),
  ];
}
