import { networkBits } from '../../model/addresses.ts';
import { hiddenPath } from '../../model/hidden-path.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';
import { isServed } from './resolve-service.ts';
import { writtenRoutes } from './resolve-routes.ts';

/** What routes say that another word of theirs takes back, or that never comes to pass. It is loaded for specs that have routes of their own. */
export const checkWrittenRoutes = (spec: WrittenSpec): readonly Finding[] => [
  ...checkFilters(spec),
  ...checkLimits(spec),
  ...checkHidden(spec),
  ...checkCapitals(spec),
];

function* checkFilters(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { routes = [] }] of Object.entries(spec.services))
    for (const [index, { methods, cors, allow = [], deny = [] }] of routes.entries()) {
      const path = ['services', name, 'routes', index];
      const refused = cors?.methods?.filter(
        (method) => methods && !methods.includes(method) && !(method === 'HEAD' && methods.includes('GET')),
      );
      if (refused !== undefined && refused.length > 0)
        yield {
          path: [...path, 'cors', 'methods'],
          message: `other origins may use ${refused.join(', ')}, which the route does not take`,
          hint: 'remove it here, or add it to the methods of the route',
        };
      const allowed = new Map(allow.map((network) => [networkBits(network), network]));
      const both = deny.find((network) => allowed.has(networkBits(network)));
      const other = both === undefined ? undefined : allowed.get(networkBits(both));
      if (both !== undefined)
        yield {
          path: [...path, 'deny'],
          message: `${both} is allowed as well${other === both ? '' : `, as ${other}`}`,
          hint: 'keep one of the two',
        };
    }
}

/** A limit counts once for a request: nginx does not start with one that a location has twice. */
function* checkLimits({ services }: WrittenSpec): Iterable<Finding> {
  for (const [name, { routes = [] }] of Object.entries(services))
    for (const [index, { rateLimit = [] }] of routes.entries()) {
      const seen = new Set<string>();
      for (const [which, { rate, by = 'address' }] of [rateLimit].flat().entries()) {
        const limit = `${rate} by ${by}`;
        if (seen.has(limit.toLowerCase()))
          yield {
            path: ['services', name, 'routes', index, 'rateLimit', which],
            message: `${limit} stands twice`,
            hint: 'keep one of the two',
          };
        seen.add(limit.toLowerCase());
      }
    }
}

/** Routes that the edge never comes to; that of a cluster knows nothing of hidden paths. */
function* checkHidden({ target, kubernetes, services }: WrittenSpec): Iterable<Finding> {
  if (target === 'kubernetes' && ['gateway', 'ingress'].includes(kubernetes?.expose ?? '')) return;
  const hidden = new RegExp(hiddenPath, 'i');
  for (const [name, { routes = [] }] of Object.entries(services))
    for (const [index, { path }] of routes.entries())
      if (hidden.test(path))
        yield {
          path: ['services', name, 'routes', index, 'path'],
          message: `the edge answers 404 for ${path}, where sources keep their history and their secrets`,
          hint: 'give the route another path',
        };
}

/** Paths that capitals alone tell apart: an application may see one, so where a route has filters no other may have its path. */
function* checkCapitals({ services }: WrittenSpec): Iterable<Finding> {
  const seen: { readonly path: string; readonly filtered: boolean }[] = [];
  for (const [name, service] of Object.entries(services))
    for (const [index, { path, methods, allow, deny }] of (isServed(service.kind ?? 'web') ? writtenRoutes(service) : []).entries()) {
      const bare = path.replace(/\/$/, '');
      const filtered = (methods ?? allow ?? deny) !== undefined;
      const alike = seen.find((other) => {
        const its = other.path.replace(/\/$/, '');
        return its !== bare && its.toLowerCase() === bare.toLowerCase() && (filtered || other.filtered);
      });
      if (alike)
        yield {
          path: ['services', name, ...(service.routes ? ['routes', index, 'path'] : [])],
          message: `an application may read ${path} as ${alike.path}, and ${filtered ? path : alike.path} has filters`,
          hint: 'keep one of the two, or tell them apart by more than capitals',
        };
      seen.push({ path, filtered });
    }
}
