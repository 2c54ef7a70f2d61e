import { formatRange, parseRange } from '../../model/addresses.ts';
import type { EdgePlan } from '../../model/edge-plan.ts';
import type { AddressFilter, Route } from '../../model/route.ts';
import { nameOf } from './name-of.ts';

interface Filter {
  readonly id: string;
  /** What nginx takes for yes, or for no. */
  readonly others: string;
  readonly networks: readonly { readonly network: string; readonly refused: string }[];
}

/** A route, as an application may read its path. */
export interface Meant {
  readonly path: string;
  readonly id: string;
  readonly form: string;
}

/** From which the host comes, and on one host everybody who comes by IPv6: Docker hands them on from there. */
const gatewaysOf = ({ operators }: EdgePlan): readonly string[] =>
  operators.flatMap((network) => {
    const range = parseRange(network);
    return range ? [formatRange({ first: range.first + 1, last: range.first + 1 })] : [];
  });

/** Who may not call a route: everybody but those allowed, where any are; and nobody is, whose address is not his own. */
export function filterOf(addresses: AddressFilter, edge: EdgePlan): Filter {
  const { allow, deny } = addresses;
  const named = (address: string): boolean => [...allow, ...deny].some((each) => each === address || `${each}/32` === address);
  const strangers = allow.length > 0 ? gatewaysOf(edge).filter((address) => !named(address)) : [];
  return {
    id: nameOf(addresses),
    others: allow.length > 0 ? '1' : '""',
    networks: [
      ...allow.map((network) => ({ network, refused: '""' })),
      ...[...deny, ...strangers].map((network) => ({ network, refused: '1' })),
    ],
  };
}

/** For a regular expression of nginx. */
const literally = (path: string): string => path.replaceAll(/[.*+?^$()[\]{}|\\]/g, '\\$&');
const isFiltered = ({ methods, addresses }: Route): boolean => methods !== undefined || addresses !== undefined;

/**
 * What an application may take a path for, the narrowest first: it may read capitals as small letters, `/metrics/` as `/metrics`, and nothing behind a semicolon.
 * `id` is that of a route with filters, and empty for the others.
 */
export const meantOf = (routes: readonly Route[]): readonly Meant[] =>
  routes
    .map((route, index) => ({ route, id: isFiltered(route) ? `route_${index}` : '' }))
    .toSorted((one, other) => other.route.path.length - one.route.path.length)
    .map(({ route: { path }, id }) => ({
      path,
      id,
      // Within quotes nginx takes two backslashes for one.
      form: path.endsWith('/') ? String.raw`^${literally(path.slice(0, -1))}(?:[/;\\\\]|$)` : `^${literally(path)}/*(?:;.*)?$`,
    }));
