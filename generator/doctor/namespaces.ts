import type { ClusterFacts, NamespaceFacts, QuotaFacts } from '../../model/cluster-facts.ts';
import { podSecurityLevels } from '../../model/cluster-needs.ts';
import type { ClusterNeeds, PodSecurityLevel } from '../../model/cluster-needs.ts';
import { describeCpus, describeSize, mib, milliCpu } from '../../model/units.ts';
import { fail, listed, pass, unread, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const strictness = (level: string): number => podSecurityLevels.indexOf(level as PodSecurityLevel);

function checkPodSecurity({ name, podSecurity }: NamespaceFacts, wanted: PodSecurityLevel): Diagnosis {
  const [id, title] = [`pod-security:${name}`, `Pod Security of ${name}`];
  if (podSecurity === undefined) return pass(id, title, `no level is set; the manifests set ${wanted}`);
  const found = { id, title, found: `${podSecurity} is enforced, and the site is made for ${wanted}` };
  if (strictness(podSecurity) > strictness(wanted))
    return fail(
      found,
      `have the label pod-security.kubernetes.io/enforce of ${name} changed to ${wanted}, or choose what does not need it, such as another \`kubernetes.expose\``,
    );
  if (strictness(podSecurity) < strictness(wanted))
    return warn(
      found,
      `see that nothing else in ${name} needs ${podSecurity}: the manifests set ${wanted}, and would keep its pods from starting`,
    );
  return pass(id, title, `${podSecurity} is enforced, as the manifests have it`);
}

/** What the site asks of a quota, in its words. */
function asked({ workloads, volumes }: ClusterNeeds, namespace: string): Readonly<Record<string, number>> {
  const own = workloads.filter((one) => one.namespace === namespace);
  const claims = volumes.filter((one) => one.namespace === namespace);
  const surge = (pick: (one: ClusterNeeds['workloads'][number]) => number): number =>
    Math.max(0, ...own.map((one) => pick(one) * one.surge));
  const sum = (pick: (one: ClusterNeeds['workloads'][number]) => number): number =>
    own.reduce((all, one) => all + pick(one) * one.replicas, 0) + surge(pick);
  const [pods, cpu, memory] = [sum(() => 1), sum((one) => one.cpu), sum((one) => one.memory)];
  return {
    pods,
    'count/pods': pods,
    cpu,
    'requests.cpu': cpu,
    memory,
    'requests.memory': memory,
    'persistentvolumeclaims': claims.length,
    'count/persistentvolumeclaims': claims.length,
    'requests.storage': claims.reduce((all, { size }) => all + size, 0),
  };
}

const show = (resource: string, value: number): string =>
  resource.endsWith('cpu') ? describeCpus(milliCpu(value)) : /(memory|storage)$/.test(resource) ? describeSize(mib(value)) : String(value);

/** `requests.cpu: 4 CPUs asked, 1 CPU left`. */
function shortages(
  { hard, used }: QuotaFacts,
  need: Readonly<Record<string, number>>,
  own: Readonly<Record<string, number>>,
): readonly string[] {
  return Object.entries(hard).flatMap(([resource, limit]) => {
    const left = limit - Math.max(0, (used[resource] ?? 0) - (own[resource] ?? 0));
    const wanted = need[resource] ?? 0;
    return wanted > left ? [`${resource}: ${show(resource, wanted)} asked, ${show(resource, Math.max(0, left))} left`] : [];
  });
}

function checkQuota(facts: NamespaceFacts, needs: ClusterNeeds): Diagnosis {
  const { name, quotas, own } = facts;
  const [id, title] = [`quota:${name}`, `Quota of ${name}`];
  if (quotas === 'unknown') return unread(id, title, `quotas of ${name}`);
  const short = quotas.flatMap((quota) => shortages(quota, asked(needs, name), own).map((text) => `${text} (${quota.name})`));
  if (short.length > 0)
    return fail(
      { id, title, found: listed(short) },
      `have the quota of ${name} raised, take a smaller profile, or choose another \`kubernetes.namespace\``,
    );
  return pass(id, title, quotas.length === 0 ? 'none' : `${listed(quotas.map((quota) => quota.name))} has room for the site`);
}

export const checkNamespaces = ({ namespaces }: ClusterFacts, needs: ClusterNeeds): readonly Diagnosis[] =>
  needs.namespaces.flatMap(({ name, podSecurity }) => {
    const facts = namespaces.find((one) => one.name === name);
    const [id, title] = [`namespace:${name}`, `Namespace ${name}`];
    if (facts === undefined || facts.exists === 'unknown') return [unread(id, title, `the namespace ${name}`)];
    if (!facts.exists) return [pass(id, title, 'not there yet; the manifests make it')];
    return [checkPodSecurity(facts, podSecurity), checkQuota(facts, needs)];
  });
