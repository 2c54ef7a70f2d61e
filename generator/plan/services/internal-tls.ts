import { authorityName, authorityPair, bundleName, certificateName, keyName, serverPair } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { SecretFile } from '../../../model/planned-secret.ts';
import type { ServerNames } from '../../../model/plan.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { hasProxy, isCluster, isWatched, nodesOf, sentinelsOf, shardFolder, shardsOf } from './cache-members.ts';
import type { Members } from './cache-members.ts';
import { copiesOf, hostsOf, isSet, poolerName, readersOf } from './database-engine.ts';

/** How a server is called by those who reach it, and by whoever asks it in its own container. */
function namesOf(service: string, spec: StackSpec, others: readonly string[] = []): ServerNames {
  return { service, names: [...reachedAs(service, spec), ...others, 'localhost', '127.0.0.1'] };
}

function reachedAs(name: string, { target, kubernetes: { namespace, clusterDomain } }: StackSpec): readonly string[] {
  const inCluster = [`${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.svc.${clusterDomain}`];
  return [name, ...(target === 'kubernetes' ? inCluster : [])];
}

/** What copies a database: any of several replicas may be what answers to the name that they have together, and one that was promoted in a cluster to that of the primary. */
function namesOfCopies(database: DatabaseSpec, spec: StackSpec): readonly ServerNames[] {
  const { reader } = hostsOf(database);
  const read = readersOf(database).map(({ name }) => name);
  return copiesOf(database).map(({ name }) => {
    const others = read.includes(name)
      ? [...(name === reader ? [] : [reader]), ...(spec.target === 'kubernetes' ? [database.name] : [])]
      : [];
    return namesOf(
      name,
      spec,
      others.flatMap((other) => reachedAs(other, spec)),
    );
  });
}

/** Members of a replica set have their settings in common, and their certificate, which they show each other; in a cluster they know each other as pods. */
function namesOfSet(database: DatabaseSpec, spec: StackSpec): ServerNames {
  const members = [database.name, ...readersOf(database).map(({ name }) => name)];
  const pods = spec.target === 'kubernetes' ? members.flatMap((name) => reachedAs(`${name}-0.${name}-nodes`, spec)) : [];
  return { ...namesOf(database.name, spec, [...members.slice(1).flatMap((name) => reachedAs(name, spec)), ...pods]), mutual: true };
}

/** Nodes that are alike have their settings in common, and their certificate as well; what a proxy leads to them asks for the name of the proxy. */
function namesOfCache(cache: CacheSpec, spec: StackSpec): readonly ServerNames[] {
  const local = ['localhost', '127.0.0.1'];
  const hosts = (groups: readonly Members[]): readonly string[] => groups.flatMap((group) => group.hosts);
  if (isCluster(cache)) return [{ service: shardFolder(cache.name), names: [...hosts(shardsOf(cache, spec)), ...local], mutual: true }];
  if (!isWatched(cache)) return [namesOf(cache.name, spec)];
  const [nodes, sentinels] = [nodesOf(cache, spec), sentinelsOf(cache, spec)];
  return [
    { service: nodes.name, names: [...nodes.hosts, ...(hasProxy(cache) ? reachedAs(cache.name, spec) : []), ...local] },
    { service: sentinels.name, names: [...sentinels.hosts, ...local] },
  ];
}

/** Every service that serves by TLS, where the spec wants that. */
export function serversOf(spec: StackSpec): readonly ServerNames[] {
  if (!spec.internalTls) return [];
  const { namespace, clusterDomain } = spec.kubernetes;
  return [
    ...spec.databases.flatMap((database) => [
      ...(database.engine === 'mongodb' ? [namesOfSet(database, spec)] : [namesOf(database.name, spec)]),
      ...(isSet(database) ? [] : namesOfCopies(database, spec)),
      ...(database.pgbouncer === undefined ? [] : [namesOf(poolerName(database.name), spec)]),
    ]),
    ...spec.caches.flatMap((cache) => namesOfCache(cache, spec)),
    // The nodes of a store know each other by names of their own.
    ...spec.stores.map(({ name, nodes }) => namesOf(name, spec, nodes > 1 ? [`*.${name}-nodes.${namespace}.svc.${clusterDomain}`] : [])),
  ];
}

/** Why each setting of a server is what it is: all of them follow from one word of the spec. */
export const tlsDecisions = (service: string, settings: readonly EngineSetting[], manual: string): readonly Decision[] =>
  settings.map(({ name, value, because }) => ({
    key: `${service}.${name}`,
    value,
    formula: 'fixed',
    inputs: {},
    source: `${manual}: ${because}`,
    change: 'internalTls in berth.yaml',
  }));

const isBundled = ({ internalTls, trust }: Pick<StackSpec, 'internalTls' | 'trust'>): boolean => internalTls && trust.length > 0;

/** What a program has beside the rest that speaks to servers of the site and to others. */
export const bundledFiles = (spec: Pick<StackSpec, 'internalTls' | 'trust'>): PlannedService['secretFiles'] =>
  isBundled(spec) ? [bundleName] : [];

/** The files that bring all of it to the services. */
export const tlsFilesOf = (spec: StackSpec): readonly SecretFile[] => {
  const servers = serversOf(spec);
  if (servers.length === 0) return [];
  return [
    { name: authorityName, of: [authorityPair], text: [{ part: 'authority' }] },
    ...(isBundled(spec)
      ? [
          {
            name: bundleName,
            of: [authorityPair],
            text: [{ part: 'authority' } as const, ...spec.trust.flatMap(({ certificates }) => certificates)],
          },
        ]
      : []),
    ...servers.flatMap(({ service }): readonly SecretFile[] => [
      { name: certificateName(service), of: [serverPair(service)], text: [{ server: service, part: 'chain' }] },
      { name: keyName(service), of: [serverPair(service)], text: [{ server: service, part: 'key' }] },
    ]),
  ];
};

/** What a client of a server of the site has beside the rest. */
export const trustedFiles = ({ internalTls }: Pick<StackSpec, 'internalTls'>): PlannedService['secretFiles'] =>
  internalTls ? [authorityName] : [];

/** What a server has beside the rest; itself it is a client as well: of another, or of itself when it is asked whether it works. */
export const servedFiles = (service: string, spec: Pick<StackSpec, 'internalTls'>): PlannedService['secretFiles'] =>
  spec.internalTls ? [certificateName(service), keyName(service), authorityName] : [];
