import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';
import { isServed } from './resolve-service.ts';
import { writtenRoutes } from './resolve-routes.ts';

/** Ways of the edge itself. */
const ownRoutes = '/-/berth/';

export function* checkRoutes(spec: WrittenSpec): Iterable<Finding> {
  const seen = new Map<string, string>();
  for (const [name, service] of Object.entries(spec.services))
    for (const [index, { path }] of (isServed(service.kind ?? 'web') ? writtenRoutes(service) : []).entries()) {
      const first = seen.get(path);
      if (`${path}/`.startsWith(ownRoutes))
        yield {
          path: ['services', name, 'routes', index, 'path'],
          message: `paths below ${ownRoutes} belong to Berth`,
          hint: 'give the route another path',
        };
      else if (path !== '' && first !== undefined)
        yield {
          path: ['services', name, ...(service.routes ? ['routes', index, 'path'] : [])],
          message: `the path ${path} already leads to ${first}`,
          hint: first === name ? 'keep one of the two' : `give ${name} routes of its own`,
        };
      seen.set(path, name);
    }
}

/** What a route says of methods and addresses that another word of it takes back. */
export function* checkFilters(spec: WrittenSpec): Iterable<Finding> {
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
      const both = allow.find((network) => deny.includes(network));
      if (both !== undefined) yield { path: [...path, 'deny'], message: `${both} is allowed as well`, hint: 'keep one of the two' };
    }
}

export function* checkPorts(spec: WrittenSpec): Iterable<Finding> {
  if (spec.edge?.proxyProtocol === true && (spec.edge.trustedProxies ?? []).length === 0)
    yield {
      path: ['edge'],
      key: 'proxyProtocol',
      message: 'nobody is trusted to say the address of a visitor by it',
      hint: 'add edge.trustedProxies with the addresses of your load balancers',
    };
  if ((spec.edge?.http ?? 80) === (spec.edge?.https ?? 443))
    yield { path: ['edge', 'https'], message: `port ${spec.edge?.https ?? 443} stands twice`, hint: 'give http and https different ports' };
}
