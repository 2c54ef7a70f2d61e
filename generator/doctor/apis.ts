import type { Aggregated, ClusterFacts, EdgeClassFacts, Maybe } from '../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../model/cluster-needs.ts';
import { fail, listed, pass, unread, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const nameOf = ({ group, version, kind }: ClusterNeeds['apis'][number]): string =>
  `${kind} of ${group === '' ? '' : `${group}/`}${version}`;

/** What to install where an API of somebody else is missing. */
const makers: readonly (readonly [RegExp, string])[] = [
  [/^gateway\.networking\.k8s\.io$/, 'install the Gateway API and a controller for it'],
  [/^cert-manager\.io$/, 'install cert-manager, or write `kubernetes.certificate: own`'],
  [/^cilium\.io$/, 'remove `kubernetes.networkPlugin`: Cilium does not run there'],
  [/^postgresql\.cnpg\.io$/, 'install the operator CloudNativePG'],
];

function checkServed({ apis }: ClusterFacts, needs: ClusterNeeds): readonly Diagnosis[] {
  const [id, title] = ['apis', 'APIs'];
  if (apis === 'unknown') return [unread(id, title, 'the list of APIs')];
  const served = (need: ClusterNeeds['apis'][number]): Maybe<boolean> => {
    const found = apis.find(({ group, version }) => group === need.group && version === need.version);
    return found === undefined ? false : found.kinds === 'unknown' ? 'unknown' : found.kinds.includes(need.kind);
  };
  const missing = needs.apis.filter((need) => served(need) === false);
  const unsure = needs.apis.filter((need) => served(need) === 'unknown');
  if (missing.length > 0)
    return missing.map((need) =>
      fail(
        { id: `api:${need.group}/${need.kind}`, title, found: `no ${nameOf(need)}, needed for ${need.why}` },
        makers.find(([group]) => group.test(need.group))?.[1] ?? 'upgrade the cluster, or enable that API in it',
      ),
    );
  if (unsure.length > 0) return [unread(id, title, `the kinds of ${listed([...new Set(unsure.map(({ group }) => group))])}`)];
  return [pass(id, title, `all ${needs.apis.length} kinds of objects are known`)];
}

function checkClass(kind: 'ingress' | 'gateway', name: string, classes: Maybe<readonly EdgeClassFacts[]>): Diagnosis {
  const [id, title] = [`${kind}-class`, kind === 'ingress' ? 'Ingress controller' : 'Gateway controller'];
  if (classes === 'unknown') return unread(id, title, `${kind} classes`);
  const found = classes.find((one) => one.name === name);
  if (!found)
    return fail(
      {
        id,
        title,
        found: `no ${kind} class ${name}; ${classes.length > 0 ? `there is ${listed(classes.map((one) => one.name))}` : 'there is none'}`,
      },
      'install its controller, or write the name of a class that exists as `kubernetes.class` in berth.yaml',
    );
  if (found.accepted === false)
    return fail(
      { id, title, found: `no controller has taken the class ${name} (${found.controller})` },
      `see whether the controller ${found.controller} runs`,
    );
  return pass(id, title, `${name} by ${found.controller}`);
}

function checkController(wanted: boolean, present: Maybe<boolean>, id: string, title: string, cure: string): readonly Diagnosis[] {
  if (!wanted) return [];
  if (present === 'unknown') return [unread(id, title, 'the list of APIs')];
  return [present ? pass(id, title, 'installed') : fail({ id, title, found: 'not installed' }, cure)];
}

const aggregated: Readonly<Record<Aggregated, string>> = {
  served: 'answers',
  absent: 'not installed',
  down: 'installed, but does not answer',
  unknown: 'could not be asked',
};

function checkMetrics(wanted: boolean, state: Aggregated, id: string, title: string, cure: string): readonly Diagnosis[] {
  if (!wanted) return [];
  const found = { id, title, found: aggregated[state] };
  if (state === 'served') return [pass(id, title, found.found)];
  return [state === 'unknown' ? warn(found, cure) : fail(found, cure)];
}

/** What other programs in the cluster must bring: APIs, controllers, metrics. */
export const checkApis = (facts: ClusterFacts, needs: ClusterNeeds): readonly Diagnosis[] => [
  ...checkServed(facts, needs),
  ...(needs.ingressClass === undefined ? [] : [checkClass('ingress', needs.ingressClass, facts.ingressClasses)]),
  ...checkController(
    needs.gatewayClass !== undefined,
    facts.gatewayApi,
    'gateway-api',
    'Gateway API',
    'install the Gateway API and a controller for it, or choose another `kubernetes.expose`',
  ),
  ...(needs.gatewayClass === undefined || facts.gatewayApi === false
    ? []
    : [checkClass('gateway', needs.gatewayClass, facts.gatewayClasses)]),
  ...checkController(
    needs.certManager,
    facts.certManager,
    'cert-manager',
    'cert-manager',
    'install cert-manager, or write `kubernetes.certificate: own` in berth.yaml',
  ),
  ...checkMetrics(
    needs.scaling.resources,
    facts.metrics,
    'metrics',
    'Metrics of pods',
    'install metrics-server, or see why it does not answer: without it nothing is scaled by CPU or memory',
  ),
  ...checkMetrics(
    needs.scaling.external.length > 0,
    facts.externalMetrics,
    'external-metrics',
    `Metric ${listed(needs.scaling.external)}`,
    'install an adapter that serves the external metrics API, such as KEDA or the Prometheus adapter: without it nothing is scaled by that metric',
  ),
];
