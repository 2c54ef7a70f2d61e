import { describe, expect, test } from 'vitest';
import { onlyProblem, problemsOf, specOf, web } from './specs.ts';

describe('what a route refuses', () => {
  const routeOf = (more: string) => specOf(web(`routes: [{ path: /, ${more} }]`)).services[0]?.http?.routes[0];

  test('is nothing by default', () => {
    expect(routeOf('body: 1Mi')).not.toHaveProperty('methods');
    expect(routeOf('body: 1Mi')).not.toHaveProperty('addresses');
    expect(specOf(web('runtime: node')).edge.deny).toEqual([]);
  });

  test('may be methods, where GET brings HEAD with it', () => {
    expect(routeOf('methods: [GET, POST]')?.methods).toEqual(['GET', 'HEAD', 'POST']);
    expect(routeOf('methods: [HEAD, GET]')?.methods).toEqual(['HEAD', 'GET']);
  });

  test('may be addresses, each once', () => {
    expect(routeOf('allow: [10.0.0.0/8, 10.0.0.0/8, "2001:db8::/32"], deny: [10.1.2.3]')?.addresses).toEqual({
      allow: ['10.0.0.0/8', '2001:db8::/32'],
      deny: ['10.1.2.3'],
    });
    expect(specOf(`${web('runtime: node')}edge: { deny: [192.0.2.1, 192.0.2.1] }\n`).edge.deny).toEqual(['192.0.2.1']);
  });

  test.each([
    ['methods: []', 'methods: expected at least one method'],
    ['methods: POST', 'methods: expected a list of methods such as [GET, POST]'],
    ['methods: [post]', 'methods[0]: expected a method such as POST'],
    ['methods: ["GET|POST"]', 'methods[0]: expected a method such as POST'],
    ['methods: [TRACE]', 'methods[0]: expected a method such as POST'],
    ['allow: []', 'allow: expected at least one address'],
    ['deny: 10.0.0.1', 'deny: expected a list of addresses and subnets'],
    ['deny: [10.0.0.256]', 'deny[0]: expected an address or a subnet'],
    ['allow: [10.0.0.0/33]', 'allow[0]: expected an address or a subnet'],
    ['allow: ["1::2::3"]', 'allow[0]: expected an address or a subnet'],
    ['allow: [office.example.com]', 'allow[0]: expected an address or a subnet'],
    ['allow: ["10.0.0.1; return 200"]', 'allow[0]: expected an address or a subnet'],
    ['allow: [10.0.0.0/8, 10.1.0.0/16], deny: [10.1.0.0/16]', 'deny: 10.1.0.0/16 is allowed as well | keep one of the two'],
    ['deny: [10.0.0.0/8], allow: [10.0.0.1/8]', 'deny: 10.0.0.0/8 is allowed as well, as 10.0.0.1/8 | keep one of the two'],
    ['deny: [10.1.2.3], allow: [10.1.2.3/32]', 'deny: 10.1.2.3 is allowed as well, as 10.1.2.3/32'],
    ['deny: ["2001:db8:0:0::1/32"], allow: ["2001:db8::/32"]', 'deny: 2001:db8:0:0::1/32 is allowed as well, as 2001:db8::/32'],
    [
      'methods: [GET], cors: { origins: ["https://a.example"], methods: [GET, HEAD, DELETE] }',
      'cors.methods: other origins may use DELETE, which the route does not take',
    ],
  ])('is not { %s }', (more, problem) => {
    expect(onlyProblem(web(`routes: [{ path: /, ${more} }]`))).toContain(`services.web.routes[0].${problem}`);
  });

  test('may hold a network within another, and one of the other kind', () => {
    expect(routeOf('deny: [10.0.0.0/8, "::/0"], allow: [10.0.0.0/9, 10.0.0.0, 0.0.0.0/0]')).toHaveProperty('addresses');
  });

  test.each(['{ deny: [] }', '{ deny: [all] }', '{ deny: ["::g"] }'])('everywhere is no %s', (edge) => {
    expect(onlyProblem(`${web('runtime: node')}edge: ${edge}\n`)).toContain('edge.deny');
  });
});

describe('paths that an application may read as one', () => {
  const routes = (...written: readonly string[]) => web(`routes:\n${written.map((route) => `  - ${route}`).join('\n')}`);

  test.each([
    [
      ['{ path: /a/, methods: [GET] }', '{ path: /A/ }'],
      '10:17 services.web.routes[1].path: an application may read /A/ as /a/, and /a/ has filters',
    ],
    [
      ['{ path: /A }', '{ path: /a/, allow: [10.0.0.1] }'],
      '10:17 services.web.routes[1].path: an application may read /a/ as /A, and /a/ has filters',
    ],
    [
      ['{ path: /x/aB, deny: [10.0.0.1] }', '{ path: /x/Ab, deny: [10.0.0.1] }'],
      'an application may read /x/Ab as /x/aB, and /x/Ab has filters',
    ],
  ])('are refused as %s, where one has filters', (written, problem) => {
    expect(onlyProblem(routes(...written))).toContain(problem);
    expect(onlyProblem(routes(...written))).toMatch(/ \| keep one of the two, or tell them apart by more than capitals$/);
  });

  test('are refused across services, a path that was not written included', () => {
    const api = '  api: { image: "r/a:1", port: 80, kind: api }\n';
    expect(onlyProblem(routes('{ path: /API/, methods: [GET] }') + api)).toContain(
      '10:8 services.api: an application may read /api/ as /API/, and /API/ has filters',
    );
  });

  test.each([
    [['{ path: /a/ }', '{ path: /A/ }']],
    [['{ path: /a, methods: [GET] }', '{ path: /a/ }']],
    [['{ path: /a/, methods: [GET] }', '{ path: /a/, methods: [GET] }'], 'the path /a/ already leads to web'],
    [['{ path: /a/, methods: [GET] }', '{ path: /A/b/ }']],
  ])('are none in %s', (written, other = '') => {
    expect(
      problemsOf(routes(...written))
        .map(({ message }) => message)
        .join(),
    ).toBe(other);
  });
});

describe('limits of a route', () => {
  test.each([
    [
      '{ rate: 5/s }, { rate: 5/s, burst: 20 }',
      '8:52 services.web.routes[0].rateLimit[1]: 5/s by address stands twice | keep one of the two',
    ],
    ['{ rate: 5/s, by: address }, { rate: 5/m }, { rate: 5/s }', 'rateLimit[2]: 5/s by address stands twice'],
    // nginx makes no difference between them, and neither does HTTP.
    ['{ rate: 5/m, by: "header:X-A" }, { rate: 5/m, by: "header:x-a" }', 'rateLimit[1]: 5/m by header:x-a stands twice'],
  ])('are refused as %s, where one stands twice', (limits, problem) => {
    expect(onlyProblem(web(`routes: [{ path: /, rateLimit: [${limits}] }]`))).toContain(problem);
  });

  test('may be the same on several routes, and several on one', () => {
    expect(problemsOf(web('routes: [{ path: /, rateLimit: { rate: 5/s } }, { path: /a, rateLimit: { rate: 5/s } }]'))).toEqual([]);
    expect(problemsOf(web('routes: [{ path: /, rateLimit: [{ rate: 5/s }, { rate: 5/m }, { rate: 5/s, by: token }] }]'))).toEqual([]);
  });
});

describe('a route', () => {
  test.each(['/.env', '/.git/', '/.GIT/hooks/', '/x/.aws/', '/.environment', '/.htpasswd'])(
    'is not %s, which the edge answers to nobody',
    (path) => {
      expect(onlyProblem(web(`routes: [{ path: ${path} }]`))).toBe(
        `8:22 services.web.routes[0].path: the edge answers 404 for ${path}, where sources keep their history and their secrets | give the route another path`,
      );
    },
  );

  test.each(['/.well-known/', '/a/b/.git/', '/environment', '/x.env', '/.gi'])('may be %s', (path) => {
    expect(problemsOf(web(`routes: [{ path: ${path} }]`))).toEqual([]);
  });

  test('may be any path where a cluster has an edge of its own', () => {
    const own = '\ntarget: kubernetes\nkubernetes: { expose: ingress, class: traefik }';
    expect(problemsOf(web('routes: [{ path: /.git/ }]').trimEnd() + `${own}\n`)).toEqual([]);
  });
});
