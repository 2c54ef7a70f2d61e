import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { renderEdge } from '../../../generator/render/edge.ts';
import type { EdgePlan } from '../../../model/edge-plan.ts';
import type { Release, SlotRelease } from '../../../model/release.ts';
import type { Route } from '../../../model/route.ts';
import { mib, seconds } from '../../../model/units.ts';

const templates = new Map(globSync('nginx/*', { cwd: 'templates' }).map((name) => [name, readFileSync(`templates/${name}`, 'utf8')]));

const route = (path: string, more: Partial<Route> = {}): Route => ({
  path,
  body: mib(25),
  timeout: seconds(60),
  rateLimits: [],
  stream: false,
  ...more,
});
const blue = (weight: number): SlotRelease => ({ slot: 'blue', image: 'registry.example/web:1.0.0', replicas: 1, weight, migrates: false });
const green = (weight: number): SlotRelease => ({ ...blue(weight), slot: 'green' });

const edge: EdgePlan = {
  domain: 'localhost',
  workers: 1,
  connections: 1024,
  nofile: 4096,
  perAddress: 100,
  hsts: false,
  trustedProxies: [],
  deny: [],
  httpsPort: 443,
  tries: 2,
  operators: ['10.1.0.0/24'],
  hostSuffix: '',
  resolver: { address: '127.0.0.11' },
  stores: [],
  apps: [{ service: 'web', port: 3000, routes: [route('/')] }],
};
const shop: EdgePlan = {
  domain: 'shop.example.com',
  workers: 4,
  connections: 4096,
  nofile: 16_384,
  perAddress: 50,
  hsts: true,
  trustedProxies: [],
  deny: [],
  httpsPort: 8443,
  tries: 2,
  operators: ['10.1.0.0/24'],
  hostSuffix: '',
  resolver: { address: '127.0.0.11' },
  stores: [],
  apps: [
    { service: 'shop-front', port: 8080, routes: [route('/shop/'), route('/live', { stream: true, timeout: seconds(3600) })] },
    {
      service: 'api',
      port: 3000,
      routes: [
        route('/api/', { rateLimits: [{ rate: '20r/s', by: 'address', burst: 40 }], body: mib(1), timeout: seconds(30) }),
        route('/api/login', { rateLimits: [{ rate: '5r/m', by: 'address', burst: 0 }], body: mib(1) }),
        route('/api/search/', { rateLimits: [{ rate: '20r/s', by: 'address', burst: 10 }] }),
        route('/api/search'),
      ],
    },
  ],
};

const render = (plan: EdgePlan, release: Release = new Map()) => renderEdge({ edge: plan, release }, templates);
const content = (plan: EdgePlan, path: string, release?: Release) => {
  const found = render(plan, release).find((artifact) => artifact.path === path);
  if (!found) throw new Error(`no ${path}`);
  return found.content;
};
const config = (plan: EdgePlan) => content(plan, 'config/edge/nginx.conf');

describe('renderEdge', () => {
  test.each([
    { name: 'one-service', plan: edge, release: new Map([['web', [blue(100)]]]) },
    { name: 'two-services', plan: shop, release: new Map([['shop-front', [green(5), blue(95)]]]) },
  ])('writes $name as the golden files have it', async ({ name, plan, release }) => {
    const artifacts = render(plan, release);
    expect(artifacts.map(({ path }) => path)).toEqual([
      ...['nginx.conf', 'proxy.conf', 'headers.conf', 'errors.conf', 'berth.js', 'certificate.js', 'maintenance.html'].map(
        (file) => `config/edge/${file}`,
      ),
      'config/weights/weights.json',
    ]);
    expect(artifacts.filter(({ mode }) => mode !== 0o644)).toEqual([]);
    // The weights follow from release.yaml; an edit of them is not merged.
    expect(artifacts.filter(({ policy }) => policy !== 'generated').map(({ path, policy }) => [path, policy])).toEqual([
      ['config/weights/weights.json', 'owned'],
    ]);
    // The others hold nothing of the plan.
    for (const { path, content: text } of artifacts.filter((artifact) =>
      /nginx\.conf|proxy\.conf|headers\.conf|weights\.json/.test(artifact.path),
    ))
      await expect(text).toMatchFileSnapshot(`golden/edge/${name}/${path.split('/').at(-1)}`);
  });

  describe('that refuses something', () => {
    const filtered = (more: Partial<Route>, whole: Partial<EdgePlan> = {}) =>
      config({ ...edge, apps: [{ service: 'web', port: 3000, routes: [route('/', more)] }], ...whole });
    const orderOf = (text: string) => {
      const location = text.slice(text.indexOf('location "/" {'));
      return [...location.slice(0, location.indexOf('proxy_pass')).matchAll(/if \((\$\w+?)(?:_[0-9a-f]{8})?[) ]|return (\d+)/g)].map(
        ([, variable, status]) => variable ?? status,
      );
    };

    test('looks at the address first, then at the path, and answers a browser before it looks at the method', () => {
      const text = filtered(
        {
          methods: ['GET', 'HEAD'],
          addresses: { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] },
          cors: { origins: ['https://a.example'], methods: ['GET'], headers: [], credentials: false, maxAge: seconds(600) },
        },
        { deny: ['192.0.2.0/24'] },
      );
      expect(orderOf(text).join(' ')).toBe(
        '$berth_denied 403 $berth_refused 403 $berth_hidden 404 $berth_odd 404 $berth_meant 404 $berth_preflight 204 $request_method 405 $berth_slot 503',
      );
      expect(text).toContain('if ($request_method !~ "^(?:GET|HEAD)$") {');
      expect(text).toContain('set $berth_allow "GET, HEAD";');
      expect(text).toMatch(/geo \$berth_denied \{\s+default "";\s+192\.0\.2\.0\/24 1;\s+\}/);
    });

    test.each([
      ['those that are denied', { allow: [], deny: ['10.1.0.0/16'] }, 'default ""; 10.1.0.0/16 1;'],
      ['all but those that are allowed', { allow: ['10.0.0.0/8'], deny: [] }, 'default 1; 10.0.0.0/8 ""; 10.1.0.1/32 1;'],
      [
        'all but the narrower of both',
        { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] },
        'default 1; 10.0.0.0/8 ""; 10.1.0.0/16 1; 10.1.0.1/32 1;',
      ],
    ])('refuses %s', (_, addresses, lines) => {
      expect(filtered({ addresses }).replaceAll(/\s+/g, ' ')).toContain(`{ ${lines} }`);
    });

    test('refuses nothing by address or method where nothing says so, and still knows every variable', () => {
      expect(config(edge)).toContain('set $berth_allow "";');
      expect(orderOf(config(edge))).toEqual(['$berth_hidden', '404', '$berth_slot', '503']);
    });

    test('lets in nobody who comes by the gateway of its network, where Docker hides who he is, but by its own name', () => {
      const hosted = { operators: ['10.117.32.0/24'] };
      const allow = (...networks: readonly string[]) =>
        filtered({ addresses: { allow: networks, deny: [] } }, hosted).replaceAll(/\s+/g, ' ');
      expect(allow('10.0.0.0/8')).toContain('{ default 1; 10.0.0.0/8 ""; 10.117.32.1/32 1; }');
      expect(allow('10.0.0.0/8', '10.117.32.1')).toContain('{ default 1; 10.0.0.0/8 ""; 10.117.32.1 ""; }');
      expect(filtered({ addresses: { allow: [], deny: ['192.0.2.1'] } }, hosted)).not.toContain('10.117.32.1/32 1;');
    });

    /** What becomes of a path, as nginx chooses a location and looks through a map: the route that hands it on, or 404. */
    const handsOn = (routes: Record<string, 'filtered' | 'open'>) => {
      const filter = { methods: ['GET'] };
      const text = config({
        ...edge,
        apps: [
          {
            service: 'web',
            port: 3000,
            routes: Object.entries(routes).map(([path, kind]) => route(path, kind === 'filtered' ? filter : {})),
          },
        ],
      });
      // What nginx does not go back over, JavaScript may: the same paths fit.
      const forms = [...text.matchAll(/"~(\*?)(\^[^"\n]+)" "(\w*)";/g)].map(([, any, form = '', id]) => ({
        form: new RegExp(form.replaceAll('\\\\', '\\').replaceAll(/([*+?])\+/g, '$1'), any === '*' ? 'i' : ''),
        id,
      }));
      const locations = [
        ...text.matchAll(/location (= )?"(\S+)" \{\s+[^}]*?set \$berth_route "(\S+)";[^]*?if \(\$berth_meant != "(.*)"\) \{/g),
      ].map(([, exact, path = '', own, id]) => ({ exact: exact !== undefined, path, own, id }));
      return (asked: string) => {
        const found =
          locations.find(({ exact, path }) => exact && path === asked) ??
          locations
            .filter(({ exact, path }) => !exact && asked.startsWith(path))
            .toSorted((one, other) => other.path.length - one.path.length)[0];
        if (found === undefined) return 404;
        const meant = forms.find(({ form }) => form.test(asked))?.id ?? '';
        return found.id === meant ? found.own : 404;
      };
    };
    const notFound = (...paths: readonly string[]) => Object.fromEntries(paths.map((path) => [path, 404]));
    const become = (routes: Record<string, 'filtered' | 'open'>, paths: Record<string, unknown>) => {
      const of = handsOn(routes);
      expect(Object.fromEntries(Object.keys(paths).map((path) => [path, of(path)]))).toEqual(paths);
    };

    test('refuses what an application may take for the path of a filtered route, and leaves a route within it alone', () => {
      become(
        { '/': 'open', '/a.b/': 'filtered', '/a.b/open/': 'open', '/a.b/one': 'open', '/metrics': 'filtered' },
        {
          '/a.b': '/a.b/',
          '/a.b/x;y/z': '/a.b/',
          '/a.b/open': '/a.b/open/',
          '/a.b/open/x;y': '/a.b/open/',
          '/a.b/openly': '/a.b/',
          '/a.b/one': '/a.b/one',
          '/a.b/one/': '/a.b/',
          '/metrics': '/metrics',
          '/metrics/more': '/',
          '/aXb/': '/',
          ...notFound('/A.B/x', '/a.B', '/a.b;x', '/a.b;x/y', '/a.b\\x', '/A.b/open/;x', '/A.b/open;x', '/A.b/one/'),
          ...notFound('/metrics/', '/METRICS', '/metrics;x', '/metrics;x/y', '/metrics/;x', '/metrics;\n', '/metrics\\'),
        },
      );
    });

    test('sees a filtered route behind semicolons and backslashes on the way to it', () => {
      become(
        { '/': 'open', '/api/admin/': 'filtered', '/api/keys': 'filtered' },
        {
          '/api/admin/x': '/api/admin/',
          '/api/keys': '/api/keys',
          '/api;x/other': '/',
          '/x/api/admin/': '/',
          '/apiadmin/': '/',
          '/api;/x/admin': '/',
          ...notFound('/api;x/admin/', '/api;a=1;b=2/ADMIN', '/;x/api/admin/y', '/api/;/admin', '/api\\admin/x', '/\\api/admin/'),
          ...notFound('/api;x/keys', '/api;/;/keys;y', '/api\\keys/'),
        },
      );
    });

    test('takes each of two routes that a slash alone tells apart by its own path, and nothing between them', () => {
      const spellings = notFound('/ADMIN', '/Admin/', '/admin;x', '/ADMIN;x', '/admin\\');
      become(
        { '/': 'open', '/admin': 'filtered', '/admin/': 'filtered' },
        { '/admin': '/admin', '/admin/': '/admin/', '/admin/x': '/admin/', ...spellings, ...notFound('/admin/;x', '/ADMIN/x') },
      );
      become(
        { '/': 'open', '/admin': 'filtered', '/admin/': 'open' },
        { '/admin': '/admin', '/admin/': '/admin/', '/admin/x': '/admin/', '/ADMIN/x': '/', ...spellings, ...notFound('/admin/;x') },
      );
      become(
        { '/': 'open', '/admin': 'open', '/admin/': 'filtered' },
        { '/admin': '/admin', '/admin/': '/admin/', '/admin/;x': '/admin/', ...spellings, ...notFound('/ADMIN/x') },
      );
      become(
        { '/': 'filtered', '/admin': 'open', '/admin/': 'open' },
        { '/admin': '/admin', '/admin/x': '/admin/', '/ADMIN': '/', '/x': '/' },
      );
    });

    test('leaves every route its own path, whatever stands beside it', () => {
      const paths = ['/', '/a', '/a/', '/a/b', '/a/b/', '/a/b/c', '/ab/', '/a.b'];
      for (let which = 0; which < 2 ** paths.length; which++)
        become(
          Object.fromEntries(paths.map((path, index) => [path, which & (1 << index) ? 'filtered' : ('open' as const)])),
          // Without a filter there is nothing to look at.
          which === 0 ? {} : Object.fromEntries(paths.map((path) => [path, path])),
        );
    });

    test('refuses addresses before it hands out objects, too', () => {
      const store = { service: 'files', port: 9000, host: 'files.example.com', buckets: ['a'] };
      expect(config({ ...edge, stores: [store], deny: ['192.0.2.1'] }).match(/if \(\$berth_denied\)/g)).toHaveLength(2);
    });
  });

  test('gives an empty slot the weight 0, and writes services and slots in one order', () => {
    const read = (release: Release) => content(shop, 'config/weights/weights.json', release);
    expect(
      read(
        new Map([
          ['shop-front', [green(5), blue(95)]],
          ['api', [blue(100)]],
        ]),
      ),
    ).toBe('{"version":1,"services":{"api":{"blue":100,"green":0},"shop-front":{"blue":95,"green":5}}}\n');
    expect(read(new Map([['gone', [blue(100)]]]))).toBe(
      '{"version":1,"services":{"api":{"blue":0,"green":0},"shop-front":{"blue":0,"green":0}}}\n',
    );
  });

  test('answers for the domain once, whatever it is', () => {
    expect(
      config(edge)
        .match(/^ +server_name .*/gm)
        ?.map((line) => line.trim()),
    ).toEqual(['server_name _;', 'server_name "localhost" "127.0.0.1";', 'server_name "localhost" "127.0.0.1";']);
    expect(config(shop)).toContain('server_name "shop.example.com" "localhost" "127.0.0.1";');
  });

  test('names the https port only when it is not the usual one', () => {
    expect(config(edge)).toContain('return 308 https://$host$request_uri;');
    expect(config(shop)).toContain('return 308 https://$host:8443$request_uri;');
  });

  test('promises https for ever only when the plan says so', () => {
    expect(content(edge, 'config/edge/headers.conf')).not.toContain('Strict-Transport-Security');
    expect(content(shop, 'config/edge/headers.conf')).toContain('add_header Strict-Transport-Security $berth_hsts always;');
  });

  test('answers 404 below / when no route is there, and only then', () => {
    expect(config(edge)).not.toMatch(/location \/ \{\s+return 404;/);
    expect(config(shop)).toMatch(/location \/ \{\s+return 404;/);
  });

  test('lets a prefix answer for its bare name too, unless a route has that name', () => {
    const paths = [...config(shop).matchAll(/location (= )?"(.*)"/g)].map((match) => `${match[1] ?? ''}${match[2]}`);
    expect(paths).toEqual(['/shop/', '= /shop', '= /live', '/api/', '= /api', '= /api/login', '/api/search/', '= /api/search']);
  });

  test('has one zone for a rate, however many routes share it', () => {
    expect([...config(shop).matchAll(/limit_req_zone .* zone=(\w+):/g)].map((match) => match[1])).toEqual(['rate_20r_s', 'rate_5r_m']);
    expect(config(edge)).not.toContain('limit_req_zone');
  });

  test.each([
    { what: 'a domain', plan: { ...edge, domain: 'x"; return 200; #' }, holds: String.raw`server_name "x\"; return 200; #"` },
    {
      what: 'a path',
      plan: { ...edge, apps: [{ service: 'web', port: 3000, routes: [route('/a" { return 200; } #')] }] },
      holds: String.raw`location = "/a\" { return 200; } #"`,
    },
  ])('keeps $what inside its quotes', ({ plan, holds }) => {
    expect(config(plan)).toContain(holds);
  });

  test('refuses what would be a variable of nginx', () => {
    expect(() => config({ ...edge, domain: '$host' })).toThrow(/should have refused/);
  });

  test.each([
    { what: 'twice the same path', paths: ['/a', '/a'] },
    { what: 'a path of its own', paths: ['/-/berth/edge'] },
  ])('refuses $what', ({ paths }) => {
    expect(() => config({ ...edge, apps: [{ service: 'web', port: 3000, routes: paths.map((path) => route(path)) }] })).toThrow(
      /should have refused/,
    );
  });

  test('has a maintenance page that needs nothing from elsewhere', () => {
    const page = content(edge, 'config/edge/maintenance.html');
    expect(page).toMatch(/<html lang="en">/);
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page).not.toMatch(/<script|<link|<img|url\(|https?:/);
  });
});
