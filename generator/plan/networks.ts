import type { Plan } from '../../model/plan.ts';
import type { Way } from '../../model/relay-plan.ts';

/** Four networks of 254 addresses out of the site's 1024. Where services are held to lists, most of the last one belongs to their ways. */
export function networksOf(first: string, ways: readonly Way[]): Plan['network'] {
  const [a = 10, b = 0, c = 0] = first.split('.').map(Number);
  const subnet = (index: number, bits = 24) => `${a}.${b}.${c + index}.0/${bits}`;
  return {
    edge: subnet(0),
    app: subnet(1),
    data: subnet(2),
    egress: subnet(3, ways.length > 0 ? 26 : 24),
    ...Object.fromEntries(ways.map((way) => [way.network, way.subnet])),
  };
}
