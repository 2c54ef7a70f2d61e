import { randomUUID } from 'node:crypto';
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyFileOf } from '../../generator/io/secret-files.ts';
import { renderEdge } from '../../generator/render/edge.ts';
import type { EdgePlan } from '../../model/edge-plan.ts';
import type { Slot } from '../../model/release.ts';
import type { Cors, Route } from '../../model/route.ts';
import { mib, seconds } from '../../model/units.ts';
import { ensureEngine } from './engine.ts';
import { IMAGES, ensureImages } from './images.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';

const templates = new Map(globSync('nginx/*', { cwd: 'templates' }).map((name) => [name, readFileSync(`templates/${name}`, 'utf8')]));
const route = (path: string, more: Partial<Route> = {}): Route => ({
  path,
  body: mib(2),
  timeout: seconds(60),
  rateLimits: [],
  stream: false,
  ...more,
});
const shared: Cors = {
  origins: ['https://app.example.com', 'http://localhost:5173'],
  methods: ['GET', 'POST'],
  headers: ['Content-Type'],
  credentials: true,
  maxAge: seconds(600),
};
const plan: EdgePlan = {
  domain: 'shop.example.com',
  workers: 2,
  connections: 1024,
  nofile: 4096,
  perAddress: 24,
  hsts: true,
  trustedProxies: [],
  deny: [],
  httpsPort: 9443,
  tries: 2,
  operators: ['128.0.0.0/1'],
  hostSuffix: '',
  resolver: { address: '127.0.0.11' }, // where Docker's default networks lie, and with them this host
  stores: [],
  apps: [
    {
      service: 'web',
      port: 3000,
      routes: [
        route('/'),
        route('/events', { stream: true }),
        route('/few/', { rateLimits: [{ rate: '1r/m', by: 'address', burst: 2 }] }),
        route('/few-too', { rateLimits: [{ rate: '1r/m', by: 'address', burst: 2 }] }),
        route('/rare', { rateLimits: [{ rate: '1r/m', by: 'address', burst: 0 }] }),
        route('/short', { timeout: seconds(1) }),
        route('/by-token', { rateLimits: [{ rate: '1r/m', by: 'token', burst: 0 }] }),
        route('/by-cookie', { rateLimits: [{ rate: '1r/m', by: 'cookie:session', burst: 0 }] }),
        route('/by-header', {
          rateLimits: [
            { rate: '1r/m', by: 'header:X-Api-Key', burst: 0 },
            { rate: '1r/m', by: 'address', burst: 2 },
          ],
        }),
        route('/shared/', { cors: shared }),
        route('/posted', { methods: ['POST', 'GET', 'HEAD'], cors: { ...shared, origins: ['https://app.example.com'] } }),
        route('/inside/', {
          addresses: { allow: ['10.99.0.0/16'], deny: [] },
          rateLimits: [{ rate: '1r/m', by: 'address', burst: 0 }],
          cors: shared,
        }),
        route('/metrics', { addresses: { allow: [], deny: ['0.0.0.0/1', '128.0.0.0/1'] } }),
        route('/metrics/'),
        route('/twice', { addresses: { allow: [], deny: ['10.99.0.0/16'] } }),
        route('/twice/', { addresses: { allow: ['10.99.0.0/16'], deny: [] } }),
        route('/bare'),
        route('/bare/', { methods: ['POST'] }),
        route('/deep/inside/', { methods: ['POST'] }),
        route('/deep/inside/open/'),
        route('/deep/inside/open/keys', { methods: ['POST'] }),
      ],
    },
    { service: 'api-v2', port: 3000, routes: [route('/api/')] },
  ],
};

const site = mkdtempSync(join(tmpdir(), 'berth-edge-'));
const name = (part: string) => `berth-edge-${process.pid}-${part}`;
const edge = name('edge');
let ports: { http: number; https: number };

/**
 * An application in few lines: says what it was asked, breaks on /broken, answers a WebSocket. A stream on /events goes on when /next is asked for, and
 * whoever asks for /held is answered once the container is sent USR2.
 */
const app = String.raw`
const http = require('node:http'), slot = process.env.SLOT, held = [];
let next = () => {};
process.on('SIGUSR2', () => { for (const answer of held.splice(0)) answer(); });
const server = http.createServer((q, r) => {
  const path = q.url.split('?')[0], send = (status, headers, body) => { r.writeHead(status, { 'x-slot': slot, 'x-powered-by': 'magic', ...headers }); r.end(body); };
  if (path === '/events') { r.writeHead(200, { 'content-type': 'text/event-stream' }); let n = 0; next = () => { r.write('data: ' + ++n + '\n\n'); if (n === 4) r.end(); }; return next(); }
  if (path === '/next') next();
  if (path === '/held') return held.push(() => send(200, {}, 'at last'));
  if (path === '/broken') return send(503, { 'content-type': 'text/plain', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'x-request-id': 'of-the-application' }, 'mine');
  if (path === '/page') return send(200, { 'content-type': 'text/html' }, 'word '.repeat(1000));
  if (path === '/reset') return q.socket.destroy();
  let bytes = 0; q.on('data', (chunk) => { bytes += chunk.length; });
  q.on('end', () => setTimeout(() => send(200, { 'content-type': 'application/json' }, JSON.stringify({ slot, method: q.method, url: q.url, headers: q.headers, bytes })), path === '/short' ? 10000 : 5 + Math.random() * 20));
});
server.on('upgrade', (q, socket) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'); socket.pipe(socket); });
server.listen(3000); process.on('SIGTERM', () => process.exit(0));`;

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}
interface Ask {
  host?: string;
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string | Buffer;
  agent?: https.Agent;
  plain?: boolean;
}

/** One request, over TLS with the site's certificate checked unless `plain`. */
function ask(path: string, { host = plan.domain, method = 'GET', headers = {}, body, agent, plain = false }: Ask = {}): Promise<Answer> {
  const shared = { host: '127.0.0.1', path, method, headers: { host, 'user-agent': 'lab', ...headers } };
  return new Promise((resolve, reject) => {
    const request = plain
      ? http.request({ ...shared, port: ports.http })
      : https.request({
          ...shared,
          port: ports.https,
          ...(agent ? { agent } : { agent: false }),
          servername: plan.domain,
          ca: readFileSync(join(site, 'ca.crt')),
        });
    request.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      response
        .on('error', reject)
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.end(body);
  });
}
const document = async (path: string, options?: Ask) =>
  JSON.parse((await ask(path, options)).body) as { slot: string; headers: Record<string, string>; url: string; bytes: number };

const weightsFile = join(site, 'config/weights/weights.json');
/** Write as deployments do: a whole file in one step. */
function weigh(text: string): void {
  writeFileSync(`${weightsFile}.new`, text);
  chmodSync(`${weightsFile}.new`, 0o644);
  renameSync(`${weightsFile}.new`, weightsFile);
}
const web = (blue: number, green: number) =>
  JSON.stringify({ version: 1, services: { 'web': { blue, green }, 'api-v2': { blue: 0, green: 0 } } });
/** The weights that the edge said last it has taken. */
const inForce = async (): Promise<unknown> => {
  const [, text = '{}'] = [...(await logs()).errors.matchAll(/weights: now (\{.*\})/g)].at(-1) ?? [];
  return JSON.parse(text);
};
/** Weights are read once a second, into memory that all workers share. */
const weighed = async (text: string) => {
  weigh(text);
  const { services } = JSON.parse(text) as { services: object };
  await until(async () => isDeepStrictEqual(await inForce(), services), 'the weights are in force', {
    tell: async () => (await logs()).errors.slice(-3000),
  });
};
const logs = async () => {
  const { stdout, stderr } = await attempt(['docker', 'logs', edge]);
  return { access: stdout.split('\n').filter((line) => line.startsWith('{')), errors: stderr };
};

const openssl = (...args: string[]) => run(['openssl', ...args], { cwd: site });
const replaceFile = (name: string, text: string): void => {
  writeFileSync(join(site, 'tls', `${name}.new`), text, { mode: 0o644 });
  renameSync(join(site, 'tls', `${name}.new`), join(site, 'tls', name));
};
const replaceLink = (name: string, target: string): void => {
  symlinkSync(target, join(site, 'tls', `${name}.new`));
  renameSync(join(site, 'tls', `${name}.new`), join(site, 'tls', name));
};
/** Puts a new certificate in place, as Berth does on a host, or as a kubelet does with a Secret: all files of it at once, by a link. */
async function certificate(like: 'on a host' | 'in a cluster' = 'on a host'): Promise<string> {
  writeFileSync(join(site, 'leaf.cnf'), 'subjectAltName=DNS:shop.example.com,DNS:localhost,IP:127.0.0.1\n');
  await openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'leaf.key',
    '-out',
    'leaf.csr',
    '-subj',
    '/CN=shop.example.com',
  );
  await openssl(
    'x509',
    '-req',
    '-in',
    'leaf.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-days',
    '30',
    '-extfile',
    'leaf.cnf',
    '-out',
    'leaf.crt',
    '-set_serial',
    `0x${randomUUID().replaceAll('-', '')}`,
  );
  const chain = readFileSync(join(site, 'leaf.crt'), 'utf8') + readFileSync(join(site, 'ca.crt'), 'utf8');
  const key = readFileSync(join(site, 'leaf.key'), 'utf8');
  if (like === 'on a host') {
    replaceFile(basename(keyFileOf(chain)), key);
    replaceFile('site.crt', chain);
  } else {
    const folder = `..${randomUUID()}`;
    mkdirSync(join(site, 'tls', folder));
    writeFileSync(join(site, 'tls', folder, 'site.crt'), chain, { mode: 0o644 });
    writeFileSync(join(site, 'tls', folder, 'site.key'), key, { mode: 0o644 });
    replaceLink('..data', folder);
    for (const name of ['site.crt', 'site.key']) replaceLink(name, `..data/${name}`);
  }
  return readFileSync(join(site, 'leaf.crt'), 'utf8');
}

const start = (slot: string) =>
  run([
    'docker',
    'run',
    '--detach',
    '--name',
    name(slot),
    '--network',
    name('net'),
    '--network-alias',
    `web-${slot}`,
    '--env',
    `SLOT=${slot}`,
    '--entrypoint',
    'node',
    IMAGES.node.reference,
    '-e',
    app,
  ]);
let both: Promise<void> | undefined;
/** Both slots with a replica each that its upstream has found. */
const startBoth = () =>
  (both ??= (async () => {
    await Promise.all([start('blue'), start('green')]);
    await weighed(web(100, 0));
    for (const slot of ['blue', 'green'])
      await until(async () => (await document('/', { headers: { 'x-berth-slot': slot } })).slot === slot, `the ${slot} slot`);
  })());
const mounts = [
  '--volume',
  `${site}/config/edge:/etc/berth/edge:ro`,
  '--volume',
  `${site}/config/weights:/etc/berth/weights:ro`,
  '--volume',
  `${site}/tls:/etc/berth/tls:ro`,
];
const hardened = [
  '--user',
  '101:101',
  '--read-only',
  '--tmpfs',
  '/tmp:size=64m,mode=1777',
  '--cap-drop',
  'ALL',
  '--security-opt',
  'no-new-privileges',
  '--ulimit',
  'nofile=8192',
];
const nginx = ['nginx', '-c', '/etc/berth/edge/nginx.conf', '-g', 'daemon off;'];

function write(folder: string, edgePlan: EdgePlan): void {
  for (const { path, content, mode } of renderEdge({ edge: edgePlan, release: new Map() }, templates)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode });
  }
}

beforeAll(async () => {
  await ensureEngine();
  await ensureImages(['nginx', 'node']);
  write(site, plan);
  mkdirSync(join(site, 'tls'));
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '30',
    '-subj',
    '/CN=Lab CA',
  );
  await certificate();
  chmodSync(site, 0o755);
  await run(['docker', 'network', 'create', name('net')]);
  await run([
    'docker',
    'run',
    '--detach',
    '--name',
    edge,
    '--network',
    name('net'),
    '--publish',
    '127.0.0.1::8080',
    '--publish',
    '127.0.0.1::8443',
    ...hardened,
    ...mounts,
    IMAGES.nginx.reference,
    ...nginx,
  ]);
  const published = async (port: number) => Number((await run(['docker', 'port', edge, String(port)])).split(':').at(-1));
  ports = { http: await published(8080), https: await published(8443) };
  await until(async () => (await ask('/-/berth/edge', { plain: true })).status === 200, 'the edge').catch(async (error: unknown) => {
    throw new Error(`the edge did not start:\n${(await logs()).errors}`, { cause: error });
  });
});

afterAll(async () => {
  await attempt(['docker', 'rm', '--force', '--volumes', ...['edge', 'blue', 'green', 'late'].map(name)]);
  await attempt(['docker', 'network', 'rm', name('net')]);
  rmSync(site, { recursive: true, force: true });
});

describe('the edge without an application', () => {
  test('runs although no name of a slot resolves, and does not fill its log with that', async () => {
    await sleep(5000);
    expect((await ask('/-/berth/edge')).body).toBe('ok\n');
    const { errors } = await logs();
    expect(errors).not.toMatch(/could not be resolved/);
    expect(errors).not.toMatch(/\[(warn|alert|emerg|crit)\](?!.*weights: now)/);
  });

  test('shows browsers the maintenance page and programs a document, and says when to come back', async () => {
    const page = await ask('/', { headers: { accept: 'text/html,application/xhtml+xml' } });
    expect([page.status, page.headers['retry-after'], page.headers['content-type'], page.headers['cache-control']]).toEqual([
      503,
      '10',
      'text/html; charset=utf-8',
      'no-store',
    ]);
    expect(page.body).toBe(readFileSync('templates/nginx/maintenance.html', 'utf8'));
    const json = await ask('/orders?id=1', { method: 'POST', headers: { accept: '*/*' }, body: 'x'.repeat(100_000) });
    expect([json.status, json.headers['retry-after'], json.headers['content-type']]).toEqual([503, '10', 'application/json']);
    expect(JSON.parse(json.body)).toMatchObject({ status: 503, requestId: json.headers['x-request-id'] });
  });

  test('shows it too when a slot has weight but nothing runs in it', async () => {
    await weighed(web(100, 0));
    const gone = await ask('/');
    expect([gone.status, gone.headers['retry-after']]).toEqual([503, '10']);
    expect((await logs()).errors).toMatch(/no live upstreams/);
    weigh(web(0, 0));
  });

  test('hands out none of its own pages by their address', async () => {
    for (const path of ['/-/berth/unavailable.html', '/-/berth/refused.json', '/-/berth/none']) expect((await ask(path)).status).toBe(404);
  });

  const longest = `${'a'.repeat(62)}.${'b'.repeat(62)}.${'c'.repeat(62)}.${'d'.repeat(62)}.e`;
  test.each([
    { what: 'no rate, no hsts, and no route for /', more: { hsts: false }, routes: [route('/only'), route('/a/b/')] },
    {
      what: 'the longest origin, header and cookie, and the most connections',
      more: { perAddress: 65_535 },
      routes: [
        route('/', {
          cors: { ...shared, origins: [`https://${longest}:65535`] },
          rateLimits: ['header', 'cookie'].map((kind) => ({ rate: '999999r/m', by: `${kind}:${'x'.repeat(63)}`, burst: 100_000 })),
        }),
      ],
    },
  ])('passes the check of nginx with a name of 253 letters, $what', async ({ more, routes }) => {
    const other = join(site, 'other');
    write(other, { ...plan, domain: longest, ...more, apps: [{ service: 'a'.repeat(40), port: 80, routes }] });
    const { code, stderr } = await attempt([
      'docker',
      'run',
      '--rm',
      ...hardened,
      '--volume',
      `${other}/config/edge:/etc/berth/edge:ro`,
      IMAGES.nginx.reference,
      'nginx',
      '-t',
      '-c',
      '/etc/berth/edge/nginx.conf',
    ]);
    expect(stderr).not.toMatch(/\[(warn|alert|emerg|crit)\]/);
    expect(code).toBe(0);
  });
});

describe('the edge before an application', () => {
  beforeAll(startBoth);

  test('sends http on to https, keeping method, host and arguments', async () => {
    const { status, headers } = await ask('/a%20b/c?d=e&f', { plain: true, method: 'POST' });
    expect([status, headers.location]).toEqual([308, 'https://shop.example.com:9443/a%20b/c?d=e&f']);
    expect((await ask('/', { plain: true, host: 'localhost:8080' })).headers.location).toBe('https://localhost:9443/');
  });

  test('serves its own name and those of the operator, and no other', async () => {
    for (const host of ['shop.example.com', 'SHOP.example.com:9443', 'localhost', '127.0.0.1:9443'])
      expect((await ask('/', { host })).status).toBe(200);
    for (const host of ['evil.example', 'shop.example.com.evil.example', '10.0.0.1']) {
      expect((await ask('/', { host })).status).toBe(421);
      expect((await ask('/', { host, plain: true })).status).toBe(421);
    }
  });

  test('answers its health check under any name and logs none of them', async () => {
    for (const options of [{ plain: true }, { plain: true, host: '10.9.8.7:8080' }, {}, { host: '10.9.8.7' }])
      expect(await ask('/-/berth/edge', options)).toMatchObject({ status: 200, body: 'ok\n' });
    expect((await logs()).access.filter((line) => line.includes('/-/berth/edge'))).toEqual([]);
  });

  test('overwrites what a client claims about itself', async () => {
    const claims = {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-port': '1',
      'x-forwarded-prefix': '/evil',
      'x-forwarded-server': 'evil',
      'x-real-ip': '6.6.6.6',
      'x-client-ip': '6.6.6.6',
      'true-client-ip': '6.6.6.6',
      'x-original-url': '/admin',
      'x-berth-slot': 'blue',
      'forwarded': 'for=6.6.6.6',
      'proxy': 'http://evil.example',
      'upgrade': 'h2c',
      'connection': 'upgrade, http2-settings',
    };
    const { headers } = await document('/', { headers: claims });
    expect(JSON.stringify(headers)).not.toMatch(/6\.6\.6\.6|evil|gopher|admin|h2c/);
    expect(headers).toMatchObject({
      'host': 'shop.example.com:9443',
      'x-forwarded-host': 'shop.example.com:9443',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '9443',
    });
    expect(headers['x-forwarded-for']).toMatch(/^[\d.]+$/);
    expect(headers['x-real-ip']).toBe(headers['x-forwarded-for']);
    expect(Object.keys(headers).filter((header) => /^(x-berth|forwarded|proxy|upgrade)/.test(header))).toEqual([]);
  });

  test('takes over a harmless request id, makes one otherwise, and returns it', async () => {
    const asked = async (id?: string) => {
      const answer = await ask('/', { headers: id === undefined ? {} : { 'x-request-id': id } });
      return [(JSON.parse(answer.body) as { headers: Record<string, string> }).headers['x-request-id'], answer.headers['x-request-id']];
    };
    expect(await asked('order-42.Retry_1')).toEqual(['order-42.Retry_1', 'order-42.Retry_1']);
    for (const id of [undefined, 'short', 'x'.repeat(65), 'with "quotes" inside', 'a;b;c;d;e;f']) {
      const [passed, returned] = await asked(id);
      expect(passed).toMatch(/^[0-9a-f]{32}$/);
      expect(returned).toBe(passed);
    }
  });

  test('adds security headers, and leaves those that the application sets', async () => {
    const { headers } = await ask('/');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'strict-origin-when-cross-origin',
      'permissions-policy': 'camera=(), microphone=(), geolocation=()',
      'strict-transport-security': 'max-age=31536000',
      'server': 'nginx',
    });
    expect(headers).not.toHaveProperty('x-powered-by');
    const own = (await ask('/broken')).headers;
    expect(own).toMatchObject({ 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' });
    expect(own['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect((await ask('/api/')).headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'strict-transport-security': 'max-age=31536000',
    });
  });

  test('lets the errors of the application through and puts its own page in place of a broken connection', async () => {
    expect(await ask('/broken', { headers: { accept: 'text/html' } })).toMatchObject({ status: 503, body: 'mine' });
    const broken = await ask('/reset', { method: 'POST', headers: { accept: 'text/html' } });
    expect([broken.status, broken.headers['retry-after']]).toEqual([503, '10']);
    expect(broken.body).toContain('We will be back shortly');
    expect((await ask('/short')).status).toBe(503);
  });

  test('hands requests to the service of their route, a bare prefix included', async () => {
    expect((await ask('/api')).status).toBe(503);
    expect((await ask('/api/x')).status).toBe(503);
    expect((await ask('/apix')).status).toBe(200);
    expect((await ask('/eventsx')).status).toBe(200);
    expect((await document('/a%2Fb/%7Ec?x=%20')).url).toBe('/a%2Fb/%7Ec?x=%20');
  });

  test('refuses a body that is too large', async () => {
    expect((await document('/', { method: 'POST', body: Buffer.alloc(2 << 20) })).bytes).toBe(2 << 20);
    const large = await ask('/', { method: 'POST', body: Buffer.alloc((2 << 20) + 1), headers: { accept: 'application/json' } });
    expect(large.status).toBe(413);
    expect(JSON.parse(large.body)).toMatchObject({ error: 'the request is too large', status: 413 });
  });

  test('slows down an address on the routes that ask for it, each for itself', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask('/few/', { headers: { accept: 'text/html' } })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 429, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect([refused?.headers['retry-after'], refused?.headers['content-type']]).toEqual(['5', 'text/html; charset=utf-8']);
    expect(refused?.body).toContain('429: too many requests');
    expect((await ask('/few')).status).toBe(429);
    expect((await ask('/few-too')).status).toBe(200);
    expect((await ask('/rare')).status).toBe(200);
    const second = await ask('/rare');
    expect([second.status, JSON.parse(second.body)]).toEqual([429, expect.objectContaining({ error: 'too many requests', status: 429 })]);
    expect((await ask('/')).status).toBe(200);
  });

  test('counts users behind one address each for themselves: by token, by cookie and by key', async () => {
    const statuses = async (path: string, headers: readonly http.OutgoingHttpHeaders[]) => {
      const seen: number[] = [];
      for (const header of headers) seen.push((await ask(path, { headers: header })).status);
      return seen;
    };
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    expect(await statuses('/by-token', [as('ann'), as('ben'), as('ann'), as('ben')])).toEqual([200, 200, 429, 429]);
    // Without one, it is the address that counts.
    expect(await statuses('/by-token', [{}, {}])).toEqual([200, 429]);
    expect(await statuses('/by-cookie', [{ cookie: 'session=1' }, { cookie: 'session=2; a=b' }, { cookie: 'session=1' }])).toEqual([
      200, 200, 429,
    ]);
    // Whoever makes up keys has the budget of his address all the same.
    const keys = Array.from({ length: 5 }, (_, index) => ({ 'x-api-key': `made-up-${index}` }));
    expect(await statuses('/by-header', keys)).toEqual([200, 200, 200, 429, 429]);
  });

  test('lets the named origins call a route from a browser, and no other one', async () => {
    const origin = 'https://app.example.com';
    const preflight = await ask('/shared/x', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'Content-Type',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '600',
      'x-content-type-options': 'nosniff',
    });
    const call = await ask('/shared/x', { method: 'POST', headers: { origin: 'http://localhost:5173' }, body: 'a' });
    expect(call).toMatchObject({
      status: 200,
      headers: { 'access-control-allow-origin': 'http://localhost:5173', 'vary': expect.stringContaining('Origin') },
    });
    expect(call.headers).not.toHaveProperty('access-control-allow-methods');
    expect((JSON.parse(call.body) as { headers: Record<string, string> }).headers['x-forwarded-proto']).toBe('https');
    for (const other of ['https://evil.example.com', 'https://app.example.com.evil.com', 'null']) {
      const { status, headers } = await ask('/shared/x', {
        method: 'OPTIONS',
        headers: { 'origin': other, 'access-control-request-method': 'POST' },
      });
      expect(status).toBe(200); // as the application answers it
      expect(Object.keys(headers).filter((header) => header.startsWith('access-control'))).toEqual([]);
    }
    expect((await ask('/', { headers: { origin } })).headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('takes the methods that a route names, and says which those are; what a browser asks first is answered', async () => {
    for (const method of ['GET', 'HEAD', 'POST']) expect((await ask('/posted', { method })).status, method).toBe(200);
    const id = `method-${randomUUID()}`;
    for (const method of ['DELETE', 'PUT', 'OPTIONS', 'MOVE']) {
      const refused = await ask('/posted', { method, headers: { 'x-request-id': `${id}-${method}` } });
      expect([refused.status, refused.headers['allow'], JSON.parse(refused.body)], method).toEqual([
        405,
        'POST, GET, HEAD',
        expect.objectContaining({ error: 'this method is not taken here', status: 405 }),
      ]);
    }
    const preflight = { 'origin': 'https://app.example.com', 'access-control-request-method': 'POST' };
    expect((await ask('/posted', { method: 'OPTIONS', headers: preflight })).status).toBe(204);
    expect((await ask('/', { method: 'DELETE' })).headers).not.toHaveProperty('allow');
    const line = await until(
      async () =>
        (await logs()).access.map((one) => JSON.parse(one) as Record<string, unknown>).find((one) => one['id'] === `${id}-DELETE`),
      'the log',
    );
    expect(line).toMatchObject({ service: 'web', route: '/posted', method: 'DELETE', path: '/posted', status: 405, upstream: '' });
  });

  test('refuses an address that a route is not for, before it counts or answers anything else', async () => {
    for (let asked = 0; asked < 3; asked++) {
      const refused = await ask('/inside/x', { method: 'POST', body: 'a' });
      expect([refused.status, JSON.parse(refused.body)]).toEqual([
        403,
        expect.objectContaining({ error: 'this is not for you', status: 403 }),
      ]);
    }
    const preflight = { 'origin': 'https://app.example.com', 'access-control-request-method': 'POST' };
    expect((await ask('/inside/x', { method: 'OPTIONS', headers: preflight })).status).toBe(403);
    // Nobody is believed who says that he is somebody else.
    expect((await ask('/inside', { headers: { 'x-forwarded-for': '10.99.0.1', 'x-real-ip': '10.99.0.1' } })).status).toBe(403);
    const upgrade = { 'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'a2V5' };
    expect((await ask('/inside/socket', { headers: upgrade })).status).toBe(403);
  });

  test('finds nothing where an application might take a path for that of a filtered route', async () => {
    for (const path of [
      '/INSIDE/x',
      '/Inside',
      '/inside;a/x',
      '/inside%3ba/x',
      '/x/..;/inside/x',
      '/inside/a%2f..%2f..',
      '/inside/%2e%2e/',
      '/x/%2E./y',
      '/inside\\x',
    ])
      expect((await ask(path)).status, path).toBe(404);
    for (const path of ['/posted/', '/POSTED', '/posted;x=1', '/%50osted'])
      expect((await ask(path, { method: 'DELETE' })).status, path).toBe(404);
    for (const path of [
      '/METRICS',
      '/Metrics/',
      '/metrics;x',
      '/metrics;x/y',
      '/metrics/;x',
      '/metrics;%0a',
      '/metrics%5c',
      '/metrics/.',
      '/metrics/x/..',
      '/TWICE',
      '/twice;x',
      '/Twice/x',
      '/twice%5C',
      '/BARE',
      '/bare;x',
      '/Bare/',
      '/deep;x/inside/',
      '/deep/;/INSIDE',
      '/;x/deep/inside/y',
      '/deep\\inside/x',
      '/deep%3Bx/inside',
      `/${';/'.repeat(3000)}deep/inside`,
      `/deep${';x'.repeat(3000)}/inside`,
      '/deep/INSIDE/open/;x',
      '/Deep/inside/open',
      '/deep/inside/open/KEYS',
      '/deep/inside/open;/keys',
    ])
      expect((await ask(path)).status, path.slice(0, 99)).toBe(404);
    for (const path of ['/insides', '/x/inside/', '/a%2fb', '/a;b', '/posted/more', '/..a/b', '/x?../inside/;%2f..'])
      expect((await ask(path)).status, path).toBe(200);
  });

  test('leads each of two routes that a slash tells apart by its own path, with the filters of its own', async () => {
    for (const [path, status] of [
      ['/metrics', 403],
      ['/metrics?x', 403],
      ['//metrics', 403],
      ['/%6detrics', 403],
      ['/metrics/', 200],
      ['/metrics//', 200],
      ['/metrics/x;y', 200],
      ['/METRICS/x', 200],
      ['/twice', 200],
      ['/twice/', 403],
      ['/twice/x', 403],
      ['/twice/;x', 403],
      ['/bare', 200],
      ['/bare/', 405],
      ['/bare/x', 405],
      ['/bare/;x', 405],
      ['/deep/inside', 405],
      ['/deep/inside/x;y', 405],
      ['/deep/inside/open', 200],
      ['/deep/inside/open/x;y', 200],
      ['/deep/inside/open/keys', 405],
      ['/deep/inside/opened', 405],
      ['/deep/insides', 200],
      ['/deep;x/y', 200],
    ] as const)
      expect((await ask(path)).status, path).toBe(status);
  });

  test('hands out nothing of the folders and files in which sources keep their history and their secrets', async () => {
    for (const path of [
      '/.git/config',
      '/.env',
      '/.env.production',
      '/api/.ENV',
      '/.%67it/HEAD',
      '/x/../.git/config',
      '//.svn/entries',
      '/few/.htpasswd',
    ])
      expect((await ask(path)).status, path).toBe(404);
    for (const path of ['/.well-known/security.txt', '/a/b/.gitignore', '/environment', '/x.env', '/.gi'])
      expect((await ask(path)).status, path).toBe(200);
  });

  test('limits the connections of one address', async () => {
    const statuses: number[] = [];
    const all = Array.from({ length: 30 }, async () => void statuses.push((await ask('/held')).status));
    await until(() => statuses.length >= 30 - plan.perAddress, 'the others are refused');
    expect(new Set(statuses)).toEqual(new Set([429]));
    // Those that came through reach the application each in its own time.
    const released = setInterval(() => void attempt(['docker', 'kill', '--signal', 'USR2', name('blue')]), 500);
    await Promise.all(all);
    clearInterval(released);
    expect(statuses.filter((status) => status === 200).length).toBe(plan.perAddress);
  });

  test('passes a WebSocket', async () => {
    const socket = tls.connect({ host: '127.0.0.1', port: ports.https, servername: plan.domain, ca: readFileSync(join(site, 'ca.crt')) });
    let heard = '';
    socket.on('data', (chunk) => (heard += chunk.toString()));
    socket.write(
      `GET /anywhere HTTP/1.1\r\nHost: ${plan.domain}\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    await until(async () => heard.includes('\r\n\r\n'), 'the upgrade');
    expect(heard).toMatch(/^HTTP\/1\.1 101 /);
    socket.write('there and back');
    await until(async () => heard.endsWith('there and back'), 'the echo');
    socket.destroy();
  });

  test('hands on each event of a stream at once', async () => {
    let heard = '';
    const ended = new Promise<void>((resolve, reject) =>
      https
        .get(
          {
            host: '127.0.0.1',
            port: ports.https,
            path: '/events',
            servername: plan.domain,
            ca: readFileSync(join(site, 'ca.crt')),
            headers: { 'host': plan.domain, 'accept-encoding': 'gzip' },
            agent: false,
          },
          (response) => response.on('data', (chunk: Buffer) => (heard += chunk.toString())).on('end', resolve),
        )
        .on('error', reject),
    );
    // The application says the next one only once this one has been heard.
    for (const n of [1, 2, 3, 4]) {
      await until(() => heard.endsWith(`data: ${n}\n\n`), `event ${n}`, { seconds: 30, tell: () => heard });
      if (n < 4) await ask('/next');
    }
    await ended;
  });

  test('compresses text for those who take it', async () => {
    const packed = await ask('/page', { headers: { 'accept-encoding': 'gzip', 'via': '1.1 somebody' } });
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', 'vary': 'Accept-Encoding' });
    expect((await ask('/page')).headers).not.toHaveProperty('content-encoding');
  });

  test('speaks HTTP/2 and modern TLS only, with ciphers that authenticate', async () => {
    const connect = (options: tls.ConnectionOptions) =>
      new Promise<string>((resolve) => {
        const socket = tls.connect(
          { host: '127.0.0.1', port: ports.https, servername: plan.domain, rejectUnauthorized: false, ...options },
          () => {
            resolve(`${socket.getProtocol()} ${String(socket.alpnProtocol)}`);
            socket.destroy();
          },
        );
        socket.on('error', () => resolve('refused'));
      });
    expect(await connect({ ALPNProtocols: ['h2', 'http/1.1'] })).toBe('TLSv1.3 h2');
    expect(await connect({ maxVersion: 'TLSv1.2' })).toMatch(/^TLSv1\.2/);
    expect(await connect({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' })).toBe('refused');
    expect(await connect({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' })).toBe('refused');
  });

  test.each(['on a host', 'in a cluster'] as const)('serves a certificate renewed %s from the next connection on', async (like) => {
    const served = () =>
      new Promise<string>((resolve, reject) => {
        const socket = tls
          .connect({ host: '127.0.0.1', port: ports.https, servername: plan.domain, ca: readFileSync(join(site, 'ca.crt')) }, () => {
            resolve(socket.getPeerCertificate().serialNumber);
            socket.destroy();
          })
          .on('error', reject);
      });
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    await ask('/', { agent });
    const before = await served();
    const renewed = await certificate(like);
    expect(await served()).not.toBe(before);
    expect(await run(['openssl', 'x509', '-noout', '-serial'], { input: renewed })).toBe(`serial=${await served()}`);
    expect((await ask('/', { agent })).status).toBe(200);
    agent.destroy();
  });

  test('logs one line of JSON a request, without arguments', async () => {
    const id = `log-${randomUUID()}`;
    await ask('/few%22/x?token=secret', { headers: { 'x-request-id': id, 'user-agent': 'quote " and \\ back' } });
    await ask('/api/y', { headers: { 'x-request-id': `${id}-api` } });
    await ask('/', { host: 'evil.example', headers: { 'x-request-id': `${id}-evil` } });
    const all = await until(async () => {
      const lines = (await logs()).access.map((line) => JSON.parse(line) as Record<string, unknown>);
      // A worker writes its line when it has answered, and there are two of them.
      return ['', '-api', '-evil'].every((suffix) => lines.some((line) => line['id'] === id + suffix)) && lines;
    }, 'the log');
    const line = (suffix = '') => all.find((one) => one['id'] === id + suffix);
    expect(line()).toMatchObject({
      service: 'web',
      slot: 'blue',
      route: '/',
      method: 'GET',
      path: '/few%22/x',
      protocol: 'HTTP/1.1',
      status: 200,
      bytes: expect.any(Number),
      seconds: expect.any(Number),
      upstream: expect.stringMatching(/:3000$/),
      upstreamStatus: '200',
      upstreamSeconds: expect.stringMatching(/^[\d.]+$/),
      tls: 'TLSv1.3',
      agent: 'quote " and \\ back',
    });
    expect(line('-api')).toMatchObject({ service: 'api-v2', slot: '', status: 503, path: '/api/y' });
    expect(line('-evil')).toMatchObject({ service: '', slot: '', status: 421 });
    expect(JSON.stringify(all)).not.toContain('secret');
  });
});

describe('the edge behind a load balancer', () => {
  beforeAll(startBoth);

  /** Another edge with the same applications; asked from inside its own network. */
  async function behind(more: Partial<EdgePlan>, look: (part: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-edge-behind-'));
    const part = name('behind');
    write(folder, { ...plan, ...more });
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'config/weights/weights.json'), web(100, 0));
    try {
      const volumes = ['edge', 'weights'].flatMap((one) => ['--volume', `${folder}/config/${one}:/etc/berth/${one}:ro`]);
      const own = ['--volume', `${site}/tls:/etc/berth/tls:ro`, '--volume', `${site}/ca.crt:/tmp-ca.crt:ro`];
      await run([
        'docker',
        'run',
        '--detach',
        '--name',
        part,
        '--network',
        name('net'),
        ...hardened,
        ...volumes,
        ...own,
        IMAGES.nginx.reference,
        ...nginx,
      ]);
      await look(part);
    } finally {
      await attempt(['docker', 'rm', '--force', part]);
      rmSync(folder, { recursive: true });
    }
  }
  const curl = (part: string, ...args: readonly string[]) =>
    attempt([
      'docker',
      'exec',
      part,
      'curl',
      '-sS',
      '--cacert',
      '/tmp-ca.crt',
      '--resolve',
      `${plan.domain}:8443:127.0.0.1`,
      ...args,
      `https://${plan.domain}:8443/`,
    ]);
  const addressSeen = (said: string) => (JSON.parse(said) as { headers: Record<string, string> }).headers['x-real-ip'];

  test('takes the word of the one that it trusts on the address of a visitor, and of nobody else', async () => {
    await behind({ trustedProxies: ['127.0.0.1'] }, async (part) => {
      const said = await until(async () => {
        const { code, stdout } = await curl(part, '-H', 'X-Forwarded-For: 6.6.6.6, 203.0.113.7');
        return code === 0 && stdout.startsWith('{') && stdout;
      }, 'an answer');
      expect(addressSeen(said)).toBe('203.0.113.7');
    });
    await behind({ trustedProxies: ['10.99.0.0/16'] }, async (part) => {
      const said = await until(async () => {
        const { code, stdout } = await curl(part, '-H', 'X-Forwarded-For: 203.0.113.7');
        return code === 0 && stdout.startsWith('{') && stdout;
      }, 'an answer');
      expect(addressSeen(said)).toBe('127.0.0.1');
    });
  });

  test('refuses by the address that the one it trusts has said', async () => {
    const filtered: EdgePlan['apps'] = [
      {
        service: 'web',
        port: 3000,
        routes: [route('/', { addresses: { allow: ['203.0.113.0/24', '2001:db8::/32'], deny: ['203.0.113.64/26'] } })],
      },
    ];
    await behind({ trustedProxies: ['127.0.0.1'], deny: ['203.0.113.9', '2001:db8:bad::/48'], apps: filtered }, async (part) => {
      const status = async (visitor: string) => {
        const { stdout } = await curl(part, '-H', `X-Forwarded-For: ${visitor}`, '-o', '/dev/null', '-w', '%{http_code}');
        return Number(stdout);
      };
      await until(async () => (await status('203.0.113.7')) === 200, 'an answer');
      expect(await status('2001:db8::7')).toBe(200);
      for (const visitor of ['203.0.113.66', '203.0.113.9', '198.51.100.1', '2001:db8:bad::1', '2001:db9::1'])
        expect(await status(visitor), visitor).toBe(403);
    });
  });

  test('speaks the PROXY protocol with it, and with its own health check alone does not', async () => {
    await behind({ trustedProxies: ['127.0.0.1'], proxyProtocol: { healthPort: 8081 } }, async (part) => {
      const said = await until(async () => {
        const { code, stdout } = await curl(part, '--haproxy-protocol', '--haproxy-clientip', '203.0.113.9');
        return code === 0 && stdout.startsWith('{') && stdout;
      }, 'an answer');
      expect(addressSeen(said)).toBe('203.0.113.9');
      expect((await curl(part)).code).not.toBe(0);
      expect(await run(['docker', 'exec', part, 'curl', '-sS', 'http://127.0.0.1:8081/-/berth/edge'])).toBe('ok');
    });
  });
});

describe('the weights', () => {
  beforeAll(startBoth);

  test('move visitors from slot to slot under load without losing a request', async () => {
    await weighed(web(100, 0));
    const seen = { blue: 0, green: 0 };
    const failures: string[] = [];
    const done = new AbortController();
    const rounds = Array.from({ length: 16 }, () => 0);
    const worker = async (own: number) => {
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
      for (let n = 0; !done.signal.aborted; n++) {
        rounds[own] = n;
        try {
          const { status, headers } = await ask('/', {
            agent,
            method: n % 5 === 0 ? 'POST' : 'GET',
            body: n % 5 === 0 ? 'x' : '',
            headers: { 'user-agent': `visitor ${Math.random()}` },
          });
          if (status !== 200) failures.push(String(status));
          seen[headers['x-slot'] as Slot]++;
        } catch (error) {
          failures.push(String(error));
        }
      }
      agent.destroy();
    };
    const load = Array.from({ length: 16 }, (_, index) => worker(index));
    /** Every one of them has begun a request since, and has its answer. */
    const allOver = () => {
      const before = [...rounds];
      return until(() => before.every((round, index) => (rounds[index] ?? 0) > round + 1), 'everybody was answered');
    };
    for (const green of [5, 25, 100]) {
      await weighed(web(100 - green, green));
      await sleep(500);
    }
    await allOver();
    const blueAtTheEnd = seen.blue;
    await run(['docker', 'rm', '--force', name('blue')]);
    await sleep(2500);
    expect(seen.blue).toBe(blueAtTheEnd);
    await start('blue');
    await until(async () => (await document('/', { headers: { 'x-berth-slot': 'blue' } })).slot === 'blue', 'the blue slot');
    await until(() => seen.green > 1000, 'a thousand requests to green', { tell: () => `${seen.green}; ${failures.join()}` });
    await weighed(web(100, 0));
    await allOver();
    done.abort();
    await Promise.all(load);
    expect(failures).toEqual([]);
    expect(seen.blue).toBeGreaterThan(blueAtTheEnd);
  });

  test('keep a visitor where he is', async () => {
    await weighed(web(50, 50));
    const sides = await Promise.all(
      // So many that both sides have one whatever address this host has in the network of the edge.
      Array.from({ length: 12 }, async (_, lane) => {
        const of: string[][] = [];
        for (let n = lane; n < 48; n += 12) {
          const slots = new Set<string>();
          for (let i = 0; i < 5; i++) slots.add((await document('/', { headers: { 'user-agent': `visitor ${n}` } })).slot);
          of.push([...slots]);
        }
        return of;
      }),
    );
    expect(sides.flat().every((slots) => slots.length === 1)).toBe(true);
    expect(new Set(sides.flat(2))).toEqual(new Set(['blue', 'green']));
  });

  test('yield to a smoke test that asks for a slot, and to no other wish', async () => {
    await weighed(web(100, 0));
    expect((await document('/', { headers: { 'x-berth-slot': 'green' } })).slot).toBe('green');
    for (const wish of ['', 'red', 'green;', 'constructor'])
      expect((await document('/', { headers: { 'x-berth-slot': wish } })).slot).toBe('blue');
    await weighed('{"version":1,"services":{"web":{"blue":100}}}');
    expect((await document('/', { headers: { 'x-berth-slot': 'green' } })).slot).toBe('blue');
  });

  test('stay as they were when the file is half written, wrong or gone, which is said once', async () => {
    await weighed(web(0, 100));
    const complaints = async () => (await logs()).errors.split('\n').filter((line) => line.includes('last good'));
    const before = (await complaints()).length;
    for (const [n, text] of [
      '{"version":1,"services":{"web":{"blue":10',
      '{"version":1,"services":{"web":{"blue":1000,"green":0}}}',
      undefined,
    ].entries()) {
      if (text === undefined) rmSync(weightsFile);
      else weigh(text);
      await until(async () => (await complaints()).length > before + n, 'it is said');
      await sleep(3500);
      expect((await document('/')).slot).toBe('green');
      expect((await complaints()).length).toBe(before + n + 1);
    }
    await weighed(web(100, 0));
    expect((await document('/')).slot).toBe('blue');
  });

  test('of 0 everywhere show the maintenance page', async () => {
    await weighed(web(0, 0));
    expect((await ask('/', { headers: { accept: 'text/html' } })).body).toContain('We will be back shortly');
  });

  test('are missing, not guessed, when an edge starts with a broken file', async () => {
    weigh('{');
    await run([
      'docker',
      'run',
      '--detach',
      '--name',
      name('late'),
      '--network',
      name('net'),
      ...hardened,
      ...mounts,
      IMAGES.nginx.reference,
      ...nginx,
    ]);
    const asked = await until(
      async () =>
        run(['docker', 'exec', name('late'), 'curl', '--silent', '--insecure', '--write-out', '%{http_code}', 'https://127.0.0.1:8443/']),
      'the late edge',
    );
    expect(asked).toMatch(/503$/);
    expect((await attempt(['docker', 'logs', name('late')])).stderr).toMatch(/weights\.json: .*; no slot is live/);
  });
});
