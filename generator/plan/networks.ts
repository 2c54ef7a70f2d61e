import type { Plan } from '../../model/plan.ts';

/** Four networks of 254 addresses out of the site's 1024. */
export function networksOf(first: string): Plan['network'] {
  const [a = 10, b = 0, c = 0] = first.split('.').map(Number);
  const subnet = (index: number) => `${a}.${b}.${c + index}.0/24`;
  return { edge: subnet(0), app: subnet(1), data: subnet(2), egress: subnet(3) };
}
