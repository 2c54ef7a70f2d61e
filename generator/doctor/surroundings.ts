import type { ClusterFacts } from '../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../model/cluster-needs.ts';
import { fail, pass, unread, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

/** As the facts of a cluster name it. */
const ciliumName = 'Cilium';
const warnAbove = 5;
const failAbove = 60;

export function checkClock({ clockSkew }: ClusterFacts): readonly Diagnosis[] {
  const [id, title] = ['clock', 'Clocks'];
  if (clockSkew === 'unknown') return [unread(id, title, "the server's clock")];
  const away = Math.abs(clockSkew);
  const found = { id, title, found: `the cluster's clock is ${away} s ${clockSkew < 0 ? 'behind' : 'ahead of'} this machine's` };
  const cure = 'have both keep time by NTP: certificates, tokens and backups rely on it';
  if (away > failAbove) return [fail(found, cure)];
  return [away > warnAbove ? warn(found, cure) : pass(id, title, away === 0 ? 'agree' : found.found)];
}

export function checkNetworkPolicies(
  { networkPolicies: { enforced, hint } }: ClusterFacts,
  { cilium }: ClusterNeeds,
): readonly Diagnosis[] {
  const [id, title] = ['network-policies', 'Network policies'];
  if (hint === ciliumName && cilium.unnamed.length > 0)
    return [
      warn(
        { id, title, found: `enforced by Cilium, which lets through no NetworkPolicy for ${cilium.unnamed.join(', nor for ')}` },
        'write `kubernetes.networkPlugin: cilium` into berth.yaml, then run `berth generate`',
      ),
    ];
  if (enforced === true) return [pass(id, title, `enforced by ${hint}`)];
  const found = {
    id,
    title,
    found: enforced === false ? `${hint} does not enforce them` : `nobody knows whether they are enforced${hint === '' ? '' : `: ${hint}`}`,
  };
  return [
    warn(found, 'have a network installed that enforces them, such as Calico or Cilium, or see to it that nobody else is in the cluster'),
  ];
}
