import type { ClusterFacts, Right } from '../../model/cluster-facts.ts';
import { fail, listed, pass, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const nameOf = ({ verb, group, resource, namespace }: Right): string =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}${namespace === undefined ? '' : ` in ${namespace}`}`;

export function checkRights({ rights }: ClusterFacts): readonly Diagnosis[] {
  const [id, title] = ['rights', 'Your rights'];
  if (rights.length === 0) return [];
  const denied = rights.filter(({ allowed }) => allowed === false);
  if (denied.length > 0)
    return [
      fail(
        { id, title, found: `you may not ${listed(denied.map(nameOf), 5)}` },
        'ask an administrator of the cluster for a Role or ClusterRole with these rights, or have the site applied by somebody who has them',
      ),
    ];
  if (rights.some(({ allowed }) => allowed === 'unknown'))
    return [
      warn(
        { id, title, found: 'the cluster does not say what you may do' },
        'ask an administrator whether you may apply the site, or see what `berth diff` is refused',
      ),
    ];
  return [pass(id, title, `you may do all ${rights.length} things that applying the site takes`)];
}
