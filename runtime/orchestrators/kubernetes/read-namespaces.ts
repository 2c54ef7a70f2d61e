import type { Maybe, NamespaceFacts, QuotaFacts, Right } from '../../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../../model/cluster-needs.ts';
import type { Client } from './client.ts';
import { listOf } from './list.ts';
import { managedBy, partOf } from './objects.ts';
import type { ClaimObject, KubernetesObject, PodObject, QuotaObject } from './objects.ts';
import { memoryAsked, quantity } from './quantity.ts';
import { add, nothing, roomOf } from './read-nodes.ts';

/** Numbers of a quota in Berth's units. */
const inUnits = (values: Readonly<Record<string, string>> = {}): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(values).map(([resource, value]) => [
      resource,
      resource.endsWith('cpu') ? quantity(value) * 1000 : /(memory|storage)$/.test(resource) ? quantity(value) / 2 ** 20 : quantity(value),
    ]),
  );

const quotaOf = ({ metadata, spec, status }: QuotaObject): QuotaFacts => ({
  name: metadata?.name ?? '',
  hard: inUnits(status?.hard ?? spec?.hard),
  used: inUnits(status?.used),
});

/** What the site uses of a quota already. */
async function ownUse(client: Client, name: string, site: string): Promise<Readonly<Record<string, number>>> {
  const query = { labelSelector: `${partOf}=${site}` };
  const [pods, claims] = await Promise.all([
    listOf<PodObject>(client, `/api/v1/namespaces/${name}/pods`, `list pods in ${name}`, {
      ...query,
      fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
    }),
    listOf<ClaimObject>(client, `/api/v1/namespaces/${name}/persistentvolumeclaims`, `list volume claims in ${name}`, query),
  ]);
  const room = pods === 'unknown' ? nothing : pods.map(roomOf).reduce(add, nothing);
  const own = claims === 'unknown' ? [] : claims;
  const storage = own.reduce((sum, { spec }) => sum + memoryAsked(spec?.resources?.requests?.['storage']), 0);
  return {
    'pods': room.pods,
    'count/pods': room.pods,
    'cpu': room.cpu,
    'requests.cpu': room.cpu,
    'memory': room.memory,
    'requests.memory': room.memory,
    'persistentvolumeclaims': own.length,
    'count/persistentvolumeclaims': own.length,
    'requests.storage': storage,
  };
}

export async function readNamespace(client: Client, name: string, site: string): Promise<NamespaceFacts> {
  const { status, body } = await client.ask('GET', `/api/v1/namespaces/${name}`, { deed: `read the namespace ${name}` });
  if (status === 404) return { name, exists: false, quotas: [], own: {} };
  if (status !== 200) return { name, exists: 'unknown', quotas: 'unknown', own: {} };
  const level = (body as KubernetesObject).metadata?.labels?.['pod-security.kubernetes.io/enforce'];
  const [quotas, own] = await Promise.all([
    listOf<QuotaObject>(client, `/api/v1/namespaces/${name}/resourcequotas`, `list quotas in ${name}`),
    ownUse(client, name, site),
  ]);
  return {
    name,
    exists: true,
    ...(level === undefined ? {} : { podSecurity: level }),
    // Berth's own quota was sized for the site.
    quotas: quotas === 'unknown' ? quotas : quotas.filter(({ metadata }) => metadata?.labels?.[managedBy] !== 'berth').map(quotaOf),
    own,
  };
}

export async function readRight(client: Client, right: Right): Promise<Right & { readonly allowed: Maybe<boolean> }> {
  const { status, body } = await client.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    deed: 'ask for your own rights',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: right } },
  });
  const { allowed } =
    (status === 200 || status === 201 ? (body as { readonly status?: { readonly allowed?: boolean } }).status : undefined) ?? {};
  return { ...right, allowed: allowed ?? 'unknown' };
}

/** Every right that a plan needs, in each of its namespaces where it is one of a namespace. */
export const rightsOf = ({ rights, namespaces }: ClusterNeeds): readonly Right[] =>
  rights.flatMap(({ verb, group, resource, namespaced }) =>
    namespaced ? namespaces.map(({ name }) => ({ verb, group, resource, namespace: name })) : [{ verb, group, resource }],
  );
