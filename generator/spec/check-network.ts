import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';

export function* checkAddresses(spec: WrittenSpec): Iterable<Finding> {
  if (spec.network === undefined || !spec.network.endsWith('/22')) return;
  const texts = spec.network.replace(/\/22$/, '').split('.');
  const parts = texts.map(Number);
  const [first = 0] = parts;
  if (first < 1 || first === 127 || first > 223)
    yield {
      path: ['network'],
      message: 'expected addresses that a network can have: not 0, 127 or above 223 at the beginning',
      hint: 'for example 10.201.4.0/22',
    };
  else if (
    texts.some((text, index) => text !== String(parts[index])) ||
    parts.some((part) => part > 255) ||
    parts[3] !== 0 ||
    (parts[2] ?? 0) % 4 !== 0
  )
    yield {
      path: ['network'],
      message: 'expected the first address of a /22: the third number divisible by 4, the fourth 0',
      hint: 'for example 10.201.4.0/22',
    };
}
