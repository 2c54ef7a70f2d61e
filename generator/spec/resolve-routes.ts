import type { WrittenService, WrittenSpec } from '../../model/written-spec.ts';
import type { Cors, RateLimit, Route } from '../../model/route.ts';
import { seconds } from '../../model/units.ts';
import { defaults } from './defaults.ts';
import { size, duration } from './quantities.ts';

function rateLimit(written: { rate: string; by?: string | undefined; burst?: number | undefined }): RateLimit {
  const [count = '1', per = 's'] = written.rate.split('/');
  const perSecond = per === 's' ? Number(count) : Number(count) / 60;
  return { rate: `${count}r/${per}`, by: written.by ?? 'address', burst: written.burst ?? Math.max(10, Math.ceil(2 * perSecond)) };
}

const corsOf = ({
  origins,
  methods,
  headers,
  credentials,
  maxAge,
}: NonNullable<NonNullable<WrittenService['routes']>[number]['cors']>): Cors => ({
  origins,
  methods: methods ?? ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  headers: headers ?? ['Authorization', 'Content-Type', 'X-Requested-With'],
  credentials: credentials ?? false,
  maxAge: maxAge === undefined ? seconds(600) : duration(maxAge),
});

/** The paths that lead to a service, as far as they were written or follow from its kind. */
export const writtenRoutes = (service: WrittenService): NonNullable<WrittenService['routes']> =>
  service.routes ?? [{ path: service.kind === 'api' ? '/api/' : '/' }];

export function routesOf(service: WrittenService, spec: WrittenSpec): readonly Route[] {
  return writtenRoutes(service).map((route) => ({
    path: route.path,
    rateLimits: [route.rateLimit ?? []].flat().map(rateLimit),
    ...(route.cors ? { cors: corsOf(route.cors) } : {}),
    ...(route.methods ? { methods: [...new Set(route.methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))] } : {}),
    ...(route.allow || route.deny ? { addresses: { allow: [...new Set(route.allow)], deny: [...new Set(route.deny)] } } : {}),
    body: route.body === undefined ? (spec.edge?.body === undefined ? defaults.body : size(spec.edge.body)) : size(route.body),
    timeout:
      route.timeout === undefined
        ? spec.edge?.timeout === undefined
          ? defaults.timeout
          : duration(spec.edge.timeout)
        : duration(route.timeout),
    stream: route.stream ?? false,
  }));
}
