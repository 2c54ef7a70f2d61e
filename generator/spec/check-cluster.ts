import { isRestricted } from '../../model/loosened.ts';
import type { Loosening } from '../../model/loosened.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';

/** Which of the known names was meant, if any. */
type Suggest = (typed: string, known: readonly string[]) => string | undefined;

function* checkScaling(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { scaling }] of Object.entries(spec.services))
    if (scaling?.min !== undefined && scaling.min > scaling.max)
      yield {
        path: ['services', name, 'scaling', 'min'],
        message: `${scaling.min} replicas at least are more than ${scaling.max} at most`,
        hint: 'lower min or raise max',
      };
}

function* checkScalingTimes(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { scaling }] of Object.entries(spec.services)) {
    const path = ['services', name, 'scaling'];
    for (const [index, { min }] of (scaling?.schedule ?? []).entries())
      if (scaling && min > scaling.max)
        yield {
          path: [...path, 'schedule', index, 'min'],
          message: `${min} replicas at least are more than ${scaling.max} at most`,
          hint: 'lower min or raise max',
        };
    if (scaling?.timeZone !== undefined && scaling.schedule === undefined)
      yield { path, key: 'timeZone', message: 'means nothing without a schedule', hint: 'remove it, or add schedule' };
  }
}

/** On one host four nodes would stand on one disk: four times the work, and nothing gained. */
function* checkNodes(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { nodes }] of Object.entries(spec.stores ?? {}))
    if (nodes === 4 && spec.target !== 'kubernetes')
      yield {
        path: ['stores', name, 'nodes'],
        message: 'four nodes on one host would be lost together',
        hint: 'write nodes: 1, or target: kubernetes',
      };
}

/** A policy that names the wrong thing keeps every request out, and nothing else says so. */
function* checkController({ kubernetes = {} }: WrittenSpec): Iterable<Finding> {
  const { expose, controllerNetwork = 'pods', controllerNamespace, controllerAddresses, networkPlugin } = kubernetes;
  if (expose !== 'gateway' && expose !== 'ingress') return;
  const path = ['kubernetes'];
  if (controllerNetwork !== 'pods' && controllerNamespace !== undefined)
    yield {
      path,
      key: 'controllerNamespace',
      message: `means nothing with controllerNetwork: ${controllerNetwork}: policies find no pod there that sends a request`,
      hint: 'remove it, or write controllerNetwork: pods',
    };
  if (controllerNetwork === 'cilium' && networkPlugin !== 'cilium')
    yield {
      path,
      key: 'controllerNetwork',
      message: 'only a policy of Cilium can name Cilium',
      hint: 'add networkPlugin: cilium, or write controllerNetwork: pods',
    };
  if (controllerNetwork === 'nodes' && networkPlugin === undefined && controllerAddresses === undefined)
    yield {
      path,
      key: 'controllerNetwork',
      message: 'a policy knows nodes by their addresses alone',
      hint: 'add controllerAddresses: `kubectl get nodes -o wide` shows them; or networkPlugin: cilium where Cilium enforces the policies',
    };
  if (controllerAddresses !== undefined && controllerNetwork !== 'nodes')
    yield {
      path,
      key: 'controllerAddresses',
      message: `means nothing with controllerNetwork: ${controllerNetwork}`,
      hint: 'remove it, or write controllerNetwork: nodes',
    };
  else if (controllerAddresses !== undefined && networkPlugin === 'cilium')
    yield {
      path,
      key: 'controllerAddresses',
      message: 'means nothing with networkPlugin: cilium, which finds no node by its address',
      hint: 'remove it: all nodes of the cluster are let in',
    };
}

/** What the edge of a cluster needs to be told, and what another edge would not hear. */
function* checkKubernetes(spec: WrittenSpec, suggest: Suggest): Iterable<Finding> {
  const { expose = 'loadBalancer', class: className, nodePorts, existingSecrets, certificate } = spec.kubernetes ?? {};
  const { controllerNamespace, controllerNetwork, controllerAddresses } = spec.kubernetes ?? {};
  const foreign = expose === 'gateway' || expose === 'ingress';
  const namespace = spec.kubernetes?.namespace ?? (spec.target === 'kubernetes' ? spec.name : '');
  if (/^(?:default|kube-.*)$/.test(namespace))
    yield {
      path: spec.kubernetes?.namespace === undefined ? ['name'] : ['kubernetes', 'namespace'],
      message: `the namespace ${namespace} belongs to the cluster: the quota and the policies of a site would hold for everything in it`,
      hint: 'give the site a namespace of its own: kubernetes.namespace',
    };
  if (foreign && className === undefined)
    yield {
      path: ['kubernetes', 'expose'],
      message: `expose: ${expose} needs the name of a class`,
      hint: `add kubernetes.class; \`kubectl get ${expose === 'gateway' ? 'gatewayclass' : 'ingressclass'}\` shows those of your cluster`,
    };
  for (const [key, value] of Object.entries({ class: className, controllerNamespace, controllerNetwork, controllerAddresses }))
    if (value !== undefined && !foreign)
      yield {
        path: ['kubernetes'],
        key,
        message: `means nothing with expose: ${expose}`,
        hint: 'remove it, or write expose: gateway or ingress',
      };
  if (nodePorts && expose !== 'nodePort')
    yield {
      path: ['kubernetes'],
      key: 'nodePorts',
      message: `means nothing with expose: ${expose}`,
      hint: 'remove it, or write expose: nodePort',
    };
  if (nodePorts && nodePorts.http === nodePorts.https)
    yield {
      path: ['kubernetes', 'nodePorts', 'https'],
      message: `port ${nodePorts.https} stands twice`,
      hint: 'give http and https different ports',
    };
  const known = ['tls', ...(['services', 'databases', 'caches', 'stores'] as const).flatMap((kind) => Object.keys(spec[kind] ?? {}))];
  const tasks = [
    ...Object.entries(spec.services).flatMap(([name, { migrate }]) => (migrate === undefined ? [] : [`${name}-migrate`])),
    ...Object.entries(spec.databases ?? {}).flatMap(([name, { maintenance, pgbouncer }]) => [
      `${name}-accounts`,
      ...(maintenance === undefined ? [] : [`${name}-vacuum`]),
      ...(pgbouncer === undefined ? [] : [`${name}-pgbouncer`]),
    ]),
    ...Object.keys(spec.stores ?? {}).map((name) => `${name}-buckets`),
  ];
  for (const name of Object.keys(existingSecrets ?? {})) {
    if (known.includes(name) || tasks.includes(name)) continue;
    const near = suggest(name, known);
    yield {
      path: ['kubernetes', 'existingSecrets'],
      key: name,
      message: `there is no service "${name}"`,
      hint: near ? `did you mean "${near}"?` : `known: ${[...known, ...tasks].join(', ')}`,
    };
  }
  if (certificate === 'cert-manager' && Object.hasOwn(existingSecrets ?? {}, 'tls'))
    yield {
      path: ['kubernetes', 'existingSecrets'],
      key: 'tls',
      message: 'cert-manager writes this Secret itself',
      hint: 'remove it here, or write certificate: own',
    };
}

/** An operator is a guest of a cluster, and knows its own engine alone. */
function* checkOperators(spec: WrittenSpec): Iterable<Finding> {
  const operated = Object.entries(spec.databases ?? {}).filter(([, { operator }]) => operator !== undefined);
  for (const [name, { engine, external }] of operated) {
    const about = { path: ['databases', name], key: 'operator' };
    if (external !== undefined) yield { ...about, message: 'means nothing for a database that stands elsewhere', hint: 'remove it' };
    else if (spec.target !== 'kubernetes')
      yield {
        ...about,
        message: 'an operator runs in a cluster, and this site is for one host',
        hint: 'remove it: on one host `topology: primary-replica` has a replica; or write target: kubernetes',
      };
    else if (engine !== 'postgres')
      yield {
        ...about,
        message: `CloudNativePG runs PostgreSQL alone, and this is ${engine}`,
        hint: 'remove it: without an operator a StatefulSet runs it',
      };
    if (Object.hasOwn(spec.kubernetes?.existingSecrets ?? {}, name))
      yield {
        path: ['kubernetes', 'existingSecrets'],
        key: name,
        message: `the operator of ${name} is given its passwords in two Secrets that Berth writes`,
        hint: 'remove it here, or remove the operator',
      };
  }
  if (operated.length === 0 && spec.kubernetes?.operatorNamespace !== undefined)
    yield {
      path: ['kubernetes'],
      key: 'operatorNamespace',
      message: 'means nothing without a database that names an operator',
      hint: 'remove it, or add operator: cloudnative-pg to a database',
    };
}

/** Time zones came with Kubernetes 1.27: before, a schedule is in that of the controller. */
function* checkTimeZones(spec: WrittenSpec): Iterable<Finding> {
  const { version } = spec.kubernetes ?? {};
  if (spec.target !== 'kubernetes' || version === undefined || Number(version.slice(2)) >= 27) return;
  const zones = Object.entries(spec.services).flatMap(([name, { timeZone, scaling }]) => [
    { path: ['services', name, 'timeZone'], timeZone },
    { path: ['services', name, 'scaling', 'timeZone'], timeZone: scaling?.timeZone },
  ]);
  for (const { path, timeZone } of zones)
    if (timeZone !== undefined && timeZone !== 'UTC')
      yield {
        path,
        message: `Kubernetes ${version} knows no time zones`,
        hint: 'write the schedule in UTC, or kubernetes.version: "1.27" or newer',
      };
}

/** What breaks the level `restricted` of Pod Security would be let in nowhere, and all of a site stands in one namespace. */
function* checkLoosened(spec: WrittenSpec): Iterable<Finding> {
  if (spec.target !== 'kubernetes') return;
  for (const [name, { loosen }] of Object.entries(spec.services))
    for (const what of Object.keys(loosen ?? {}) as Loosening[])
      if (!isRestricted(what))
        yield {
          path: ['services', name, 'loosen'],
          key: what,
          message: 'Pod Security lets it into no namespace of the level restricted, where the whole site stands',
          hint: 'build the image so that it runs without it, or write target: compose',
        };
}

/** What only a cluster can do, and what it needs to be told for that. It is loaded for specs that have some of it, without what reads a document. */
export function* checkCluster(spec: WrittenSpec, suggest: Suggest): Iterable<Finding> {
  yield* checkScaling(spec);
  yield* checkScalingTimes(spec);
  yield* checkNodes(spec);
  yield* checkKubernetes(spec, suggest);
  yield* checkController(spec);
  yield* checkOperators(spec);
  yield* checkTimeZones(spec);
  yield* checkLoosened(spec);
}
