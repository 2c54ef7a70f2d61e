import { authorityFile } from '../../model/internal-tls.ts';
import type { Artifact } from '../../model/artifact.ts';
import { hiddenPath } from '../../model/hidden-path.ts';
import type { EdgePlan } from '../../model/edge-plan.ts';
import type { Plan } from '../../model/plan.ts';
import { slots } from '../../model/release.ts';
import type { Release } from '../../model/release.ts';
import type { RateLimit, Route } from '../../model/route.ts';
import { filterOf, meantOf } from './edge-filters.ts';
import type { Meant } from './edge-filters.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { nameOf } from './name-of.ts';

type App = EdgePlan['apps'][number];

/** `my-web` → `my_web`. A DNS label has no underscore, so two names never become one. */
const identifier = (name: string): string => name.replaceAll('-', '_');
/** `header:X-Api-Key` → `header_x_api_key`, as a part of names in nginx. */
const byName = (by: string): string => by.toLowerCase().replaceAll(/[:-]/g, '_');
/** `20r/s` by address → `rate_20r_s`; by a header `rate_20r_s_by_header_x_api_key`. */
const zone = ({ rate, by }: RateLimit): string => `rate_${rate.replace('/', '_')}${by === 'address' ? '' : `_by_${byName(by)}`}`;
/** The variable of nginx that tells requests of one from those of another. */
const keyOf = (by: string): string => (by === 'address' ? '$binary_remote_addr' : `$berth_by_${byName(by)}`);
/** What a request carries, as nginx calls it. */
function carried(by: string): string {
  const [kind = '', name = ''] = by.split(':');
  if (kind === 'token') return '$http_authorization';
  return kind === 'cookie' ? `$cookie_${name}` : `$http_${name.toLowerCase().replaceAll('-', '_')}`;
}

function verbatim(templates: Templates, name: string): string {
  const text = templates.get(name);
  if (text === undefined) throw new Error(`there is no template ${name}`);
  return text;
}

/** What a browser of another origin is told. */
function corsOf({ cors }: Route) {
  if (!cors) return undefined;
  const { origins, methods, headers, credentials, maxAge } = cors;
  return { id: nameOf(cors), origins, methods: methods.join(', '), headers: headers.join(', '), credentials, maxAge: String(maxAge) };
}

/** The locations that a route needs: `/api/` also answers for `/api`, which nginx would otherwise redirect, turning a POST into a GET. */
function* locations({ service, routes }: App, edge: EdgePlan, taken: ReadonlySet<string>, meant: readonly Meant[]): Generator<object> {
  for (const route of routes) {
    const settings = {
      service,
      upstream: identifier(service),
      route: route.path,
      body: route.body,
      timeout: route.timeout,
      stream: route.stream,
      limits: route.rateLimits.map((limit) => ({ zone: zone(limit), burst: limit.burst })),
      cors: corsOf(route) ?? false,
      methods: route.methods?.join('|') ?? false,
      allow: route.methods?.join(', ') ?? '',
      filter: route.addresses ? filterOf(route.addresses, edge).id : false,
      own: meant.find(({ path }) => path === route.path)?.id ?? '',
      guarded: meant.length > 0,
      denied: edge.deny.length > 0,
    };
    const isPrefix = route.path.endsWith('/');
    yield { match: isPrefix ? '' : '= ', path: route.path, ...settings };
    const bare = route.path.slice(0, -1);
    if (isPrefix && bare !== '' && !taken.has(bare)) yield { match: '= ', path: bare, ...settings };
  }
}

function view(edge: EdgePlan): object {
  const routes: Route[] = edge.apps.flatMap((app) => app.routes);
  const taken = new Set(routes.map(({ path }) => path));
  const reserved = routes.find(({ path }) => `${path}/`.startsWith('/-/berth/'));
  if (taken.size < routes.length || reserved)
    throw new Error('two routes have the same path, or one lies in /-/berth/; the spec should have refused it');
  const meant = routes.some(({ methods, addresses }) => methods ?? addresses) ? meantOf(routes) : [];
  const limits = routes.flatMap(({ rateLimits }) => rateLimits);
  const zones = new Map(limits.map((limit) => [zone(limit), limit]));
  const policies = new Map(
    routes.flatMap((route) => {
      const cors = corsOf(route);
      return cors ? [[cors.id, cors] as const] : [];
    }),
  );
  return {
    ...edge,
    names: [...new Set([edge.domain, 'localhost', '127.0.0.1'])],
    portSuffix: edge.httpsPort === 443 ? '' : `:${edge.httpsPort}`,
    rates: [...zones]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { rate, by }]) => ({ zone: name, key: keyOf(by), rate: `rate=${rate}` })),
    keys: [...new Set(limits.map(({ by }) => by))]
      .filter((by) => by !== 'address')
      .sort()
      .map((by) => ({ key: keyOf(by), carried: carried(by) })),
    policies: [...policies.values()],
    hidden: hiddenPath,
    meant,
    filters: [
      ...new Map(
        routes.flatMap(({ addresses }) => (addresses ? filterOf(addresses, edge) : [])).map((filter) => [filter.id, filter]),
      ).values(),
    ],
    listens: edge.proxyProtocol ? ' proxy_protocol' : '',
    healthPort: edge.proxyProtocol?.healthPort,
    realIpHeader: edge.proxyProtocol ? 'proxy_protocol' : 'X-Forwarded-For',
    slots: edge.apps.flatMap(({ service, port }) =>
      slots.map((slot) => ({ id: `${identifier(service)}_${slot}`, address: `${service}-${slot}${edge.hostSuffix}:${port}` })),
    ),
    locations: edge.apps
      .flatMap((app) => [...locations(app, edge, taken, meant)])
      .map((location, index) => ({ ...location, again: `again_${index}` })),
    stores: edge.stores.map(({ service, port, host, buckets, tls }) => ({
      id: `store_${identifier(service)}`,
      service,
      address: `${service}${edge.hostSuffix}:${port}`,
      host,
      buckets: buckets.join('|'),
      authority: tls ? authorityFile : false,
    })),
    covered: taken.has('/'),
    resolverFile: 'file' in edge.resolver && edge.resolver.file,
    resolverAddress: 'address' in edge.resolver && edge.resolver.address,
  };
}

/** What the edge reads every second; a slot that runs nothing has weight 0. */
function weights(edge: EdgePlan, release: Release): string {
  const services = edge.apps
    .map(({ service }) => service)
    .sort()
    .map((service) => {
      const filled = release.get(service) ?? [];
      return [service, Object.fromEntries(slots.map((slot) => [slot, filled.find((one) => one.slot === slot)?.weight ?? 0]))] as const;
    });
  return `${JSON.stringify({ version: 1, services: Object.fromEntries(services) })}\n`;
}

/** The edge's configuration, mounted at /etc/berth/edge, and its weights, mounted at /etc/berth/weights. */
export function renderEdge({ edge, release }: Pick<Plan, 'edge' | 'release'>, templates: Templates): Artifact[] {
  const settings = view(edge);
  const artifact = (path: string, content: string): Artifact => ({ path: `config/${path}`, content, mode: 0o644, policy: 'generated' });
  return [
    ...['nginx.conf', 'proxy.conf', 'headers.conf'].map((name) =>
      artifact(`edge/${name}`, fill(templates, `nginx/${name}.hbs`, 'nginx', settings)),
    ),
    ...['errors.conf', 'berth.js', 'certificate.js', 'maintenance.html'].map((name) =>
      artifact(`edge/${name}`, verbatim(templates, `nginx/${name}`)),
    ),
    // Derived from release.yaml like .env: an edit of it would be lost or, worse, kept.
    { ...artifact('weights/weights.json', weights(edge, release)), policy: 'owned' },
  ];
}
