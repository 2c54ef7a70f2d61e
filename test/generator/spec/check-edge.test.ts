import { describe, expect, test } from 'vitest';
import { hello, onlyProblem, problemsOf, specOf, web } from './specs.ts';

describe('limits of a route', () => {
  const limitsOf = (limit: string) => specOf(web(`routes: [{ path: /, rateLimit: ${limit} }]`)).services[0]?.http?.routes[0]?.rateLimits;

  test.each([
    ['{ rate: 20/s }', [{ rate: '20r/s', by: 'address', burst: 40 }]],
    ['{ rate: 60/m, by: token, burst: 5 }', [{ rate: '60r/m', by: 'token', burst: 5 }]],
    [
      '[{ rate: 5/s, by: "header:X-Api-Key" }, { rate: 50/s }]',
      [
        { rate: '5r/s', by: 'header:X-Api-Key', burst: 10 },
        { rate: '50r/s', by: 'address', burst: 100 },
      ],
    ],
  ])('may be %s', (limit, limits) => {
    expect(limitsOf(limit)).toEqual(limits);
  });

  test.each([
    ['{ rate: 20/h }', 'rateLimit.rate: expected a rate'],
    ['{ rate: 20/s, by: user }', 'rateLimit.by: expected address, token, header:NAME or cookie:NAME'],
    ['{ rate: 20/s, by: "header:a b" }', 'rateLimit.by: expected address, token'],
    ['{ rate: 20/s, by: "cookie:$x" }', 'rateLimit.by: expected address, token'],
  ])('are refused as %s', (limit, problem) => {
    expect(onlyProblem(web(`routes: [{ path: /, rateLimit: ${limit} }]`))).toContain(problem);
  });
});

describe('other origins', () => {
  const corsOf = (cors: string) => specOf(web(`routes: [{ path: /, cors: ${cors} }]`)).services[0]?.http?.routes[0]?.cors;

  test('may use every method and the usual headers, and send no cookies, unless the spec says otherwise', () => {
    expect(corsOf('{ origins: ["https://a.example", "http://localhost:5173"] }')).toEqual({
      origins: ['https://a.example', 'http://localhost:5173'],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      headers: ['Authorization', 'Content-Type', 'X-Requested-With'],
      credentials: false,
      maxAge: 600,
    });
  });

  test.each([
    ['{ origins: [] }', 'cors.origins: expected at least one origin'],
    ['{ origins: ["*"] }', 'cors.origins[0]: expected an origin such as https://app.example.com'],
    ['{ origins: ["https://a.example/x"] }', 'cors.origins[0]: expected an origin'],
    [`{ origins: ["https://${'a'.repeat(260)}"] }`, 'cors.origins[0]: expected an origin'],
    ['{ origins: ["https://a.example"], methods: [TRACE] }', 'cors.methods[0]: expected a method'],
    [`{ origins: ["https://a.example"], headers: [${'x, '.repeat(51)}] }`, 'cors.headers: expected at most 50 headers'],
    ['{ origins: ["https://a.example"], headers: ["a b"] }', 'cors.headers[0]: expected the name of a header'],
  ])('are refused as %s', (cors, problem) => {
    expect(onlyProblem(web(`routes: [{ path: /, cors: ${cors} }]`))).toContain(problem);
  });
});

describe('load balancers in front', () => {
  const edge = (text: string) => `${web('runtime: other')}edge: ${text}\n`;
  test('are trusted by their addresses', () => {
    expect(specOf(edge('{ trustedProxies: [10.0.0.0/8, 192.0.2.1, "2001:db8::/32"], proxyProtocol: true }')).edge).toMatchObject({
      trustedProxies: ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'],
      proxyProtocol: true,
    });
  });
  test.each([
    ['{ trustedProxies: [lb.example] }', 'edge.trustedProxies[0]: expected an address or a subnet'],
    ['{ trustedProxies: [10.0.0.0/33] }', 'edge.trustedProxies[0]: expected an address or a subnet'],
    ['{ trustedProxies: [300.0.0.1] }', 'edge.trustedProxies[0]: expected an address or a subnet'],
    ['{ trustedProxies: ["10.0.0.0/8; deny"] }', 'edge.trustedProxies[0]: expected an address or a subnet'],
    ['{ proxyProtocol: true }', 'edge.proxyProtocol: nobody is trusted'],
  ])('are refused as %s', (text, problem) => {
    expect(onlyProblem(edge(text))).toContain(problem);
  });
});

describe('connections of an address', () => {
  const connections = (number: number) => `${web('runtime: other')}edge: { connections: ${number} }\n`;
  // nginx does not start with more.
  test('are 65535 at most', () => {
    expect(specOf(connections(65_535)).edge.connections).toBe(65_535);
    expect(onlyProblem(connections(65_536))).toContain(
      'edge.connections: expected a number of connections, a whole number from 1 to 65535',
    );
  });
});

describe('routes and ports', () => {
  test('a path leads to one service', () => {
    expect(onlyProblem(hello.replace('databases:', '  api: { image: r/a:1, port: 1 }\ndatabases:'))).toBe(
      '10:8 services.api: the path / already leads to web | give api routes of its own',
    );
    expect(onlyProblem(web('routes: [{ path: /a }, { path: /a }]'))).toContain(
      '8:36 services.web.routes[1].path: the path /a already leads to web | keep one of the two',
    );
    expect(problemsOf(web('routes: [{ path: /a }, { path: /a/ }]'))).toEqual([]);
  });

  test.each(['/-/berth', '/-/berth/', '/-/berth/health'])('%s belongs to Berth', (path) => {
    expect(onlyProblem(web(`routes: [{ path: ${path} }]`))).toContain('paths below /-/berth/ belong to Berth');
  });

  test('the edge has two different ports, defaults included', () => {
    expect(onlyProblem(`${hello}edge: { http: 8443, https: 8443 }\n`)).toBe(
      '16:28 edge.https: port 8443 stands twice | give http and https different ports',
    );
    expect(onlyProblem(`${hello}edge: { http: 443 }\n`)).toContain('edge.https: port 443 stands twice');
    expect(onlyProblem(`${hello}edge: { https: 80 }\n`)).toContain('16:16 edge.https: port 80 stands twice');
  });
});
