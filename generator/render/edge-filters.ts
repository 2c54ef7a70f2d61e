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

/** A form of path that is taken for a route, as nginx writes it: with `~`, or with `~*` where capitals make no difference. */
export interface Meant {
  readonly path: string;
  /** That of a route with filters, and empty for the others. */
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
const withoutSlash = (path: string): string => path.replace(/\/$/, '');

// Within quotes nginx takes two backslashes for one.
/** What an application may read as one slash: several, of either kind, each with what stands behind a semicolon before it. It is never gone back over, however long. */
const slash = String.raw`(?:(?:;[^/\\\\]*+)?+[/\\\\])++`;
/** Any way to write what an application may take for a path of the route. */
function looseForm(path: string): string {
  const names = withoutSlash(path).split('/').slice(1);
  const end = path.endsWith('/') ? String.raw`(?:[/;\\\\]|$)` : String.raw`[/\\\\]*(?:;|$)`;
  return `~*^${names.map((name) => slash + literally(name)).join('')}${end}`;
}
/** The paths that nginx itself leads to the route, written as they are. */
const plainForm = (path: string): string => `~^${literally(withoutSlash(path))}${path.endsWith('/') ? '(?:/|$)' : '$'}`;

/**
 * What an application may take a path for, the narrowest first: it may read capitals as small letters, `/metrics/` as `/metrics`, and nothing behind a semicolon.
 * A route without filters is meant by its plain paths alone, so no other way to write one hides a filtered route around it. Of two that a slash tells apart
 * `/metrics` comes first, and leaves `/metrics/` its one plain path.
 */
export const meantOf = (routes: readonly Route[]): readonly Meant[] =>
  routes
    .map((route, index) => ({ path: route.path, id: isFiltered(route) ? `route_${index}` : '' }))
    .toSorted(({ path: one }, { path: other }) => withoutSlash(other).length - withoutSlash(one).length || one.length - other.length)
    .flatMap(({ path, id }, _, all) => {
      if (id === '') return { path, id, form: plainForm(path) };
      const twin = all.find((other) => other.path === `${path}/`);
      return [...(twin ? [{ ...twin, form: `~^${literally(twin.path)}$` }] : []), { path, id, form: looseForm(path) }];
    });
