import type { Aggregated, ApiFacts, ClusterFacts, EdgeClassFacts, Maybe, StorageClassFacts } from '../../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../../model/cluster-needs.ts';
import { seconds } from '../../../model/units.ts';
import type { Client } from './client.ts';
import { refusal } from './failures.ts';
import { listOf } from './list.ts';
import { networkHint } from './network-hint.ts';
import type { EdgeClassObject, KubernetesObject, StorageClassObject } from './objects.ts';
import { readNamespace, readRight, rightsOf } from './read-namespaces.ts';
import { readNodes } from './read-nodes.ts';

const inTurns = 8;
/** Many small questions, a few at a time: an API server counts how many one caller has open. */
async function each<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<readonly R[]> {
  const answers: R[] = [];
  for (let start = 0; start < all.length; start += inTurns)
    answers.push(...(await Promise.all(all.slice(start, start + inTurns).map(ask))));
  return answers;
}

/** The first question: whether anybody answers, what it is, and what time it is there. */
async function readVersion(client: Client): Promise<Pick<ClusterFacts, 'version' | 'clockSkew'>> {
  const [deed, before] = ['read its version', client.clock.now().getTime()];
  const { status, headers, body } = await client.ask('GET', '/version', { deed });
  if (status !== 200) throw refusal(status, body, deed, client.server);
  const { major = '', minor = '', gitVersion } = body as { readonly major?: string; readonly minor?: string; readonly gitVersion?: string };
  const between = (before + client.clock.now().getTime()) / 2;
  const date = Date.parse(headers.date ?? '');
  return {
    version: { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10), text: gitVersion ?? `v${major}.${minor}` },
    // The header is cut to whole seconds: on average half a second was lost.
    clockSkew: Number.isNaN(date) ? 'unknown' : seconds(Math.trunc((date + 500 - between) / 1000)),
  };
}

const apiPath = (group: string, version: string): string => (group === '' ? `/api/${version}` : `/apis/${group}/${version}`);

async function kindsOf(client: Client, group: string, version: string): Promise<Maybe<readonly string[]>> {
  const { status, body } = await client.ask('GET', apiPath(group, version), { deed: `list the kinds of ${group || 'v1'}`, patient: false });
  return status === 200
    ? ((body as { readonly resources?: readonly { readonly kind: string }[] }).resources ?? []).map(({ kind }) => kind)
    : 'unknown';
}

async function readApis(client: Client, needs: ClusterNeeds): Promise<Maybe<readonly ApiFacts[]>> {
  const { status, body } = await client.ask('GET', '/apis', { deed: 'list its APIs' });
  if (status !== 200) return 'unknown';
  const { groups = [] } = body as {
    readonly groups?: readonly { readonly name: string; readonly versions?: readonly { readonly version: string }[] }[];
  };
  const served = [
    { group: '', version: 'v1' },
    ...groups.flatMap(({ name, versions = [] }) => versions.map(({ version }) => ({ group: name, version }))),
  ];
  return each(served, async (api): Promise<ApiFacts> => {
    const needed = needs.apis.some(({ group, version }) => group === api.group && version === api.version);
    return { ...api, kinds: needed ? await kindsOf(client, api.group, api.version) : 'unknown' };
  });
}

/** Whether the server behind an aggregated API answers: such a group is listed even while it is down. */
async function readAggregated(client: Client, apis: Maybe<readonly ApiFacts[]>, group: string): Promise<Aggregated> {
  if (apis === 'unknown') return 'unknown';
  const found = apis.find((api) => api.group === group);
  if (!found) return 'absent';
  const { status } = await client.ask('GET', apiPath(group, found.version), { deed: `ask ${group}`, patient: false });
  return status === 200 ? 'served' : status === 403 ? 'unknown' : 'down';
}

const isDefault = ({ metadata }: KubernetesObject): boolean =>
  metadata?.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true';

async function readStorageClasses(client: Client): Promise<Maybe<readonly StorageClassFacts[]>> {
  const found = await listOf<StorageClassObject>(client, '/apis/storage.k8s.io/v1/storageclasses', 'list storage classes');
  if (found === 'unknown') return found;
  return found.map((one) => ({
    name: one.metadata?.name ?? '',
    default: isDefault(one),
    provisioner: one.provisioner ?? '',
    volumeBindingMode: one.volumeBindingMode ?? 'Immediate',
    allowVolumeExpansion: one.allowVolumeExpansion === true,
    reclaimPolicy: one.reclaimPolicy ?? 'Delete',
  }));
}

async function readEdgeClasses(client: Client, path: string, deed: string): Promise<Maybe<readonly EdgeClassFacts[]>> {
  const found = await listOf<EdgeClassObject>(client, path, deed);
  if (found === 'unknown') return found;
  return found.map(({ metadata, spec, status }) => {
    const accepted = status?.conditions?.find(({ type }) => type === 'Accepted')?.status;
    return {
      name: metadata?.name ?? '',
      controller: spec?.controller ?? spec?.controllerName ?? '',
      accepted: accepted === undefined || accepted === 'Unknown' ? 'unknown' : accepted === 'True',
    };
  });
}

async function readGatewayClasses(client: Client, apis: Maybe<readonly ApiFacts[]>): Promise<Maybe<readonly EdgeClassFacts[]>> {
  if (apis === 'unknown') return apis;
  const group = apis.find((api) => api.group === 'gateway.networking.k8s.io');
  return group ? readEdgeClasses(client, `${apiPath(group.group, group.version)}/gatewayclasses`, 'list gateway classes') : [];
}

async function readDaemons(client: Client): Promise<readonly string[]> {
  const found = await listOf<KubernetesObject>(client, '/apis/apps/v1/daemonsets', 'list daemon sets of all namespaces');
  return found === 'unknown' ? [] : found.map(({ metadata }) => metadata?.name ?? '');
}

/**
 * Everything that {@link ClusterNeeds} is judged by. Changes nothing. What the caller may not read is `unknown`.
 * @throws BerthError when nobody answers, or the caller is nobody there.
 */
export async function readFacts(client: Client, needs: ClusterNeeds): Promise<ClusterFacts> {
  const version = await readVersion(client);
  const apis = await readApis(client, needs);
  const has = (group: string): Maybe<boolean> => (apis === 'unknown' ? apis : apis.some((api) => api.group === group));
  const [{ nodes, kubelets }, storageClasses, metrics, externalMetrics, ingressClasses, gatewayClasses, daemons] = await Promise.all([
    readNodes(client, needs),
    readStorageClasses(client),
    readAggregated(client, apis, 'metrics.k8s.io'),
    readAggregated(client, apis, 'external.metrics.k8s.io'),
    readEdgeClasses(client, '/apis/networking.k8s.io/v1/ingressclasses', 'list ingress classes'),
    readGatewayClasses(client, apis),
    readDaemons(client),
  ]);
  const groups = apis === 'unknown' ? [] : apis.map(({ group }) => group);
  return {
    server: client.server,
    ...version,
    nodes,
    storageClasses,
    apis,
    metrics,
    externalMetrics,
    gatewayApi: has('gateway.networking.k8s.io'),
    certManager: has('cert-manager.io'),
    cloudNativePg: has('postgresql.cnpg.io'),
    ingressClasses,
    gatewayClasses,
    networkPolicies: networkHint(daemons, groups, kubelets),
    namespaces: await each(needs.namespaces, ({ name }) => readNamespace(client, name, needs.site)),
    rights: await each(rightsOf(needs), (right) => readRight(client, right)),
  };
}
