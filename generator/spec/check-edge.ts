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
