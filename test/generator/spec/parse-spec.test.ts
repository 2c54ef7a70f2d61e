import { describe, expect, test } from 'vitest';
import { hello, onlyProblem, oneLine, problemsOf, specOf, web } from './specs.ts';

const lines = (text: string) => problemsOf(text).map(oneLine);

describe('a store', () => {
  test('without a bucket is refused, as its account would have nothing to enter', () => {
    expect(
      lines(
        'apiVersion: berth/v1\nname: shop\nprofile: minimum\nservices: { web: { image: "a/b:1", port: 1 } }\nstores: { files: { engine: minio, buckets: {} } }\n',
      ),
    ).toEqual([expect.stringMatching(/5:\d+.*stores\.files\.buckets.*expected at least one bucket/)]);
  });
});

describe('a spec with problems', () => {
  test('shows all of them at once, in the order of the file, those of meaning beside those of form', () => {
    expect(
      lines(`apiVersion: berth/v2
profil: minimum
name: My Site
services:
  web:
    image: registry.example:5000/app
    port: "3000"
    uses: [database]
    env: { PORT: "1", A: 5 }
  edge: { image: r/a:1, port: 1, routes: [{ path: /-/berth/x }] }
databases:
  database: { engine: oracle, memory: 2gb }
edge: { http: 443 }
`),
    ).toEqual([
      '1:1 profile: missing: expected minimum, recommended or high-performance',
      '1:13 apiVersion: expected berth/v1, got "berth/v2" | did you mean "berth/v1"?',
      '2:1 profil: unknown key | did you mean "profile"?',
      '3:7 name: expected a DNS label: lower-case letters, digits and -, not at either end, got "My Site"',
      '6:12 services.web.image: expected a tag that names one version: without one, or with "latest", nobody can say what runs or roll back to it, got "registry.example:5000/app"',
      '7:11 services.web.port: expected a port, a whole number from 1 to 65535, got "3000"',
      '9:12 services.web.env.PORT: Berth sets this variable itself | remove it here, or name another one under uses',
      '9:26 services.web.env.A: expected text: put the value in quotes, so that it arrives as you typed it, got 5',
      '10:3 services.edge: expected a name of your own: edge, egress, agent, agent-files, agent-mariadb, agent-mongodb, agent-mysql, agent-postgres, agent-sqlserver, drill, watch, heal, berth, blue, green, surge, weights, tls, kustomization, localhost are taken by parts that Berth adds, got "edge"',
      '10:51 services.edge.routes[0].path: paths below /-/berth/ belong to Berth | give the route another path',
      '12:23 databases.database.engine: expected postgres, mysql, mariadb, mongodb or sqlserver, got "oracle" | known here: postgres, mysql, mariadb, mongodb, sqlserver',
      '12:39 databases.database.memory: expected a size such as 512Mi, 16Gi or 2Ti, got "2gb"',
      '13:7 edge.https: port 443 stands twice | give http and https different ports',
    ]);
  });

  test('that is wrong everywhere names each place and what belongs there', () => {
    expect(
      lines(`apiVersion: 1
name: [a]
profile: {}
target: true
domain: 5
host: 8
network: 10
services: 3
databases: text
caches: [1]
stores: null
edge: []
`),
    ).toEqual([
      '1:13 apiVersion: expected berth/v1, got 1',
      '2:7 name: expected a DNS label: lower-case letters, digits and -, got a list',
      '3:10 profile: expected minimum, recommended or high-performance, got a map',
      '4:9 target: expected compose or kubernetes, got true',
      '5:9 domain: expected a host name, got 5',
      '6:7 host: expected a map, got 8',
      '7:10 network: expected a subnet, got 10',
      '8:11 services: expected a map, got 3',
      '9:12 databases: expected a map, got "text"',
      '10:9 caches: expected a map, got a list',
      '11:9 stores: expected a map, got null',
      '12:7 edge: expected a map, got an empty list',
    ]);
  });

  test('lists what is missing', () => {
    expect(lines('services: { web: {} }\ndatabases: { db: }\nstores: { s: { engine: minio } }\n')).toEqual([
      '1:1 apiVersion: missing: expected berth/v1',
      '1:1 name: missing: expected a DNS label: lower-case letters, digits and -',
      '1:1 profile: missing: expected minimum, recommended or high-performance',
      '1:18 services.web.port: missing: expected a port, as requests come in by it | add port: 3000, or write kind: worker for what has none',
      '1:18 services.web.image: missing: expected an image reference | add image: registry.example/app:1.4.2',
      '2:18 databases.db: expected a map, got null',
      '3:14 stores.s.buckets: missing: expected a map',
    ]);
  });

  test('without a service is refused', () => {
    expect(onlyProblem('apiVersion: berth/v1\nname: a\nprofile: minimum\nservices: {}\n')).toContain(
      '4:11 services: expected at least one service',
    );
  });

  test.each([
    ['imagee', 'did you mean "image"?'],
    ['imgae', 'did you mean "image"?'],
    ['Port', 'did you mean "port"?'],
    ['prot', 'did you mean "port"?'],
    ['stop_grace', 'did you mean "stopGrace"?'],
    ['environment', undefined],
    ['x', undefined],
    ['labels', undefined],
  ])('offers for the unknown key %s what is near: %s', (key, near) => {
    const line = onlyProblem(web(`${key}: 1`));
    expect(line).toContain(`8:5 services.web.${key}: unknown key`);
    if (near === undefined) expect(line).toContain('known here: kind, image, follows, entrypoint, ');
    else expect(line).toContain(near);
  });

  test('offers the nearest profile, engine and database', () => {
    expect(onlyProblem(hello.replace('profile: minimum', 'profile: recomended'))).toContain('did you mean "recommended"?');
    expect(onlyProblem(hello.replace('engine: postgres', 'engine: postgress'))).toContain('did you mean "postgres"?');
    expect(onlyProblem(hello.replace('uses: [database,', 'uses: [databse,'))).toBe(
      '9:12 services.web.uses[0]: there is no database, cache or store "databse" | did you mean "database"?',
    );
    expect(onlyProblem(hello.replace('uses: [database,', 'uses: [queue,'))).toContain('known: database, cache, files');
  });

  test('does not call every use unknown when the key that holds them is mistyped', () => {
    expect(lines(hello.replace('databases:', 'database:'))).toEqual(['10:1 database: unknown key | did you mean "databases"?']);
  });

  test.each([
    ['proxy: { url: "http://me:hun/ter@2@proxy.corp.example:3128" }', '"…@proxy.corp.example:3128"'],
    ['proxy: { url: "me:hunter2@proxy:3128" }', '"…@proxy:3128"'],
    ['backups: { bucket: { endpoint: "https://key:hunter2@s3.corp.example", name: abc, accessKey: a } }', '"…@s3.corp.example"'],
  ])('shows no password that stands in an address: %s', (lines, shown) => {
    const problems = JSON.stringify(problemsOf(`${web('egress: true')}${lines}\n`).map(({ message }) => message.slice(-80)));
    expect(problems).toContain(JSON.stringify(`got ${shown}`).slice(1, -1));
    expect(problems).not.toMatch(/hun|ter/);
  });

  test('shows a long value by its beginning', () => {
    expect(onlyProblem(hello.replace('name: hello', `name: ${'x'.repeat(5000)}`)).length).toBeLessThan(200);
  });
});

describe('names', () => {
  test.each([
    'Web',
    'web_1',
    '-web',
    'web-',
    'web.api',
    'wéb',
    '1web',
    '10',
    '0x7f',
    'we b',
    '"web\\n"',
    '""',
    '"${web}"',
    '"web: {}"',
    'a'.repeat(41),
    'a'.repeat(64),
  ])('%s is refused for a service', (name) => {
    expect(problemsOf(hello.replace('  web:', `  ${name}:`)).map(({ line, column }) => `${line}:${column}`)).toContain('5:3');
  });

  test.each(['edge', 'agent', 'watch', 'heal', 'berth', 'blue', 'green', 'surge', 'weights', 'localhost'])(
    '%s is taken by Berth, for services as for databases, caches and stores',
    (name) => {
      for (const own of ['web', 'database', 'cache', 'files'])
        expect(
          problemsOf(hello.replace(`  ${own}:`, `  ${name}:`))
            .map(({ message }) => message)
            .join(),
        ).toContain('expected a name of your own');
    },
  );

  test('a service of 40 characters and a site of 30 are accepted', () => {
    expect(
      specOf(hello.replace('  web:', `  ${'w'.repeat(40)}:`).replace('name: hello', `name: ${'h'.repeat(30)}`)).services[0]?.name,
    ).toHaveLength(40);
    expect(onlyProblem(hello.replace('name: hello', `name: ${'h'.repeat(31)}`))).toContain('expected at most 30 characters');
  });

  test.each([
    ['hello', 'hello'],
    ['my-shop', 'my_shop'],
    ['3d-shop', '_3d_shop'],
  ])('the site %s gives its database the name %s', (site, database) => {
    expect(specOf(hello.replace('name: hello', `name: ${site}`)).databases[0]?.database).toBe(database);
  });

  test.each(['App', 'a-b', 'a b', 'a;drop', "a'b", 'a"b', '1a', 'x'.repeat(32)])('%s is refused as the name of a database', (name) => {
    expect(onlyProblem(hello.replace('engine: postgres }', `engine: postgres, name: ${JSON.stringify(name)} }`))).toContain(
      'databases.database.name: expected a database name',
    );
  });

  test.each(['ab', 'Uploads', 'a_b', 'a.b', '-ab', 'x'.repeat(64), '../x'])('%s is refused as a bucket', (name) => {
    expect(onlyProblem(hello.replace('uploads:', `${JSON.stringify(name)}:`))).toContain('expected a bucket name');
  });
});

describe('images', () => {
  const digest = `sha256:${'0a'.repeat(32)}`;
  test.each([
    'app:1',
    'registry.example/app:1.4.2',
    'registry.example:5000/team/app:v1',
    'localhost:5000/app:1',
    `registry.example/app@${digest}`,
    `registry.example:5000/app:1.0@${digest}`,
    'ghcr.io/a/b_c/d-e:2026.01',
  ])('%s is accepted', (image) => {
    expect(specOf(hello.replace('registry.example/hello:1.0.0', image)).services[0]?.image).toBe(image);
  });

  test.each(['app', 'registry.example/app', 'registry.example:5000/app', 'app:latest', `app:latest@${digest}`])(
    '%s names no version',
    (image) => {
      expect(onlyProblem(hello.replace('registry.example/hello:1.0.0', image))).toContain(
        '6:12 services.web.image: expected a tag that names one version',
      );
    },
  );

  test.each([
    'App:1',
    'app:1 ',
    'app: 1',
    'app:1\\nprivileged: true',
    'app:1"',
    'app:${TAG}',
    'app:1#x',
    '/app:1',
    'app:1@sha256:abc',
    'https://r.example/app:1',
    '../app:1',
    '',
  ])('%j is no image reference', (image) => {
    expect(onlyProblem(hello.replace('registry.example/hello:1.0.0', `"${image.replaceAll('"', '\\"')}"`))).toContain(
      'expected an image reference such as registry.example/app:1.4.2',
    );
  });
});

describe('variables', () => {
  test.each([
    '$',
    '"',
    "'",
    '#',
    ':',
    '\n',
    '{{',
    ' leading',
    'trailing ',
    '\ttab',
    '${HOME}',
    '$$',
    '`id`',
    '\\',
    '%s',
    'a: b # c',
    '- x',
    '',
    'true',
    'null',
    '0644',
    'ümlaut ✓ 🚢 日本',
    '\u2028\u2029\u0085\ufeff',
    '\u0001\u001f\u007f',
    'x'.repeat(5000),
  ])('the value %j is kept byte for byte', (value) => {
    expect(specOf(web(`env: { VALUE: ${JSON.stringify(value).replaceAll('\u007f', '\\u007f')} }`)).services[0]?.env).toEqual({
      VALUE: value,
    });
  });

  test.each(['5', '0x10', '1e3', '-1', '.5', 'true', 'false', 'null', '~', '[a]', '{a: b}'])(
    'the value %s without quotes is refused, with the cure',
    (value) => {
      expect(onlyProblem(web(`env: { VALUE: ${value} }`))).toContain(
        '8:19 services.web.env.VALUE: expected text: put the value in quotes, so that it arrives as you typed it',
      );
    },
  );

  test('a variable without a value is refused at its line', () => {
    expect(problemsOf(web('env:\n  A:\n  B: "1"'))).toMatchObject([{ line: 9, path: 'services.web.env.A' }]);
  });

  test.each(['\\0', 'a\\0b', '\\ud800'])('the value "%s" is refused: no environment can hold it', (value) => {
    expect(onlyProblem(web(`env: { VALUE: "${value}" }`))).toContain('services.web.env.VALUE: expected text that an environment can hold');
  });

  test.each(['1A', 'A-B', 'A B', 'A.B', 'A=B', 'Ä', '""', '"A\\n"', '$A'])('the name %s is refused', (name) => {
    expect(onlyProblem(web(`env: { ${name}: "x" }`))).toContain('expected a variable name');
    expect(onlyProblem(web(`secrets: { ${name}: {} }`))).toContain('expected a variable name');
  });
});

describe('values that would break out of a file', () => {
  test.each([
    'app.example.com; return 200',
    'a b.example',
    'a.example"',
    'a.example$host',
    'A.example',
    '*.example.com',
    'a..b',
    '-a.b',
    'http://a.b',
    'a.example:443',
    'a\\n.b',
    '',
    `${'a'.repeat(64)}.b`,
    'ä.example',
  ])('the domain %j is refused', (domain) => {
    expect(onlyProblem(hello.replace('profile: minimum', `profile: minimum\ndomain: "${domain.replaceAll('"', '\\"')}"`))).toContain(
      '4:9 domain: expected a host name such as app.example.com, in lower case',
    );
  });

  test.each(['localhost', 'app.example.com', '10.0.0.5', 'a', '9.example'])('the domain %s is accepted', (domain) => {
    expect(specOf(hello.replace('profile: minimum', `profile: minimum\ndomain: ${domain}`)).domain).toBe(domain);
  });

  test.each([
    'api',
    '/a b',
    '/a;',
    '/a{',
    '/$x',
    '/a"',
    '/a\\n',
    '/a?b',
    '/a#b',
    '/%2e',
    '//',
    '/a//b',
    '/../x',
    '/a/./b',
    '/a/..',
    '/ä',
    '',
    '~ ^/',
    '/a\\\\',
  ])('the path %j is refused as route, live and ready', (path) => {
    const quoted = `"${path.replaceAll('"', '\\"')}"`;
    expect(onlyProblem(web(`routes: [{ path: ${quoted} }]`))).toContain('8:22 services.web.routes[0].path: expected a path such as /api/');
    expect(onlyProblem(web(`live: ${quoted}`))).toContain('services.web.live: expected a path');
    expect(onlyProblem(web(`ready: ${quoted}`))).toContain('services.web.ready: expected a path');
  });

  test.each(['/', '/api/', '/a.b/c_d~e-f', '/.well-known/x', '/..a', '/a...'])('the path %s is accepted', (path) => {
    expect(specOf(web(`routes: [{ path: ${path} }]`)).services[0]?.http?.routes[0]?.path).toBe(path);
  });

  test.each([
    'app',
    '/app',
    '../app',
    './../app',
    './app/..',
    './app/../../x',
    './a/./b',
    './',
    './a b',
    './$A',
    './app//x',
    '~/app',
    'https://git.example/x',
  ])('the build folder %j is refused', (build) => {
    expect(onlyProblem(web(`build: "${build}"`))).toContain(
      '8:12 services.web.build: expected a folder of the site, such as ./app, without .. in it',
    );
  });

  test.each(['./app', './app/', './a/b.c/_d', './..app'])('the build folder %s is accepted', (build) => {
    expect(specOf(web(`build: ${build}`)).services[0]?.build).toBe(build);
  });

  test.each(['0:0', '0:10', '10:0', 'root', 'app:app', '1000', '-1:-1', '1:2:3', '1:2 ', '01:1', '2147483648:1', '99999999999:1'])(
    'the user %j is refused',
    (user) => {
      expect(onlyProblem(web(`user: "${user}"`))).toContain('8:11 services.web.user: expected uid:gid in numbers, not root');
    },
  );

  test.each([
    '/',
    '/proc',
    '/proc/sys',
    '/sys',
    '/dev',
    '/dev/shm',
    '/run/secrets',
    '/run/secrets/x',
    '/etc',
    '/usr',
    '/bin',
    '/lib64',
    '/var',
    'data',
    './data',
    '/data/..',
    '/data/../proc',
    '/data/.',
    '/data//x',
    '/data/',
    '/a:b',
    '/a,b',
    '/a b',
    '/$A',
    '',
  ])('the writable path %j is refused', (path) => {
    expect(onlyProblem(web(`writable: ["${path}"]`))).toMatch(/^8:16 services\.web\.writable\[0\]: expected /);
  });

  test('writable paths that an application needs are accepted, each once', () => {
    expect(specOf(web('writable: [/tmp, /var/cache/app, /app/tmp, /process, /run/app]')).services[0]?.writable).toHaveLength(5);
    expect(onlyProblem(web('writable: [/data, /x, /data]'))).toContain('8:27 services.web.writable[2]: "/data" stands twice');
  });

  test.each(['20', '0/s', '20/h', '20 /s', '1.5/s', '20r/s', '20/s;', '-1/s', '1000000/s'])('the rate %j is refused', (rate) => {
    expect(onlyProblem(web(`routes: [{ path: /, rateLimit: { rate: "${rate}" } }]`))).toContain(
      'services.web.routes[0].rateLimit.rate: expected a rate such as 20/s or 600/m',
    );
  });
});

describe('routes and ports', () => {
  test('an empty list of routes is refused', () => {
    expect(onlyProblem(web('routes: []'))).toContain('expected at least one route, got an empty list');
  });

  test.each(['0', '-1', '65536', '1.5', '"80"', 'true', '1e9', '.inf', '.nan', '[80]'])('the port %s is refused', (port) => {
    expect(onlyProblem(hello.replace('port: 3000', `port: ${port}`))).toContain(
      '7:11 services.web.port: expected a port, a whole number from 1 to 65535',
    );
  });
});

describe('quantities', () => {
  test.each([
    '0',
    '"0"',
    '512',
    '"512"',
    '-1Gi',
    '"1 Gi"',
    '1GB',
    '1gb',
    '0Mi',
    '0.5',
    '99999999999Pi',
    '1e3Mi',
    '.inf',
    'true',
    '1.Gi',
    '0.0001Mi',
    '"1Gi\\n"',
  ])('%s is no memory', (memory) => {
    expect(onlyProblem(web(`memory: ${memory}`))).toContain('8:13 services.web.memory: expected a size such as 512Mi, 16Gi or 2Ti');
  });

  test.each([
    ['1Gi', 1024],
    ['1.5Gi', 1536],
    ['0.5Gi', 512],
    ['2G', 1907],
    ['"1073741824"', 1024],
    ['2Ti', 2 ** 21],
    ['1Pi', 2 ** 30],
  ])('%s is %i MiB', (memory, expected) => {
    expect(specOf(web(`memory: ${memory}`)).services[0]?.memory).toBe(expected);
  });

  test.each(['0', '-1', '0.001', '"1 core"', '1.0005', '5000', '.nan', '.inf', '1e30', 'true', '[1]', '"0m"', '"1m"'])(
    '%s is no number of CPUs',
    (cpu) => {
      expect(onlyProblem(web(`cpu: ${cpu}`))).toContain('8:10 services.web.cpu: expected CPUs such as 2, 0.5 or 500m');
    },
  );

  test.each([
    ['2', 2000],
    ['0.5', 500],
    ['"500m"', 500],
    ['500m', 500],
    ['0.125', 125],
    ['4096', 4_096_000],
  ])('%s is %i thousandths of a CPU', (cpu, expected) => {
    expect(specOf(web(`cpu: ${cpu}`)).services[0]?.cpu).toBe(expected);
  });

  test.each(['30', '"30"', '0s', '-5s', '1.5h', '30 s', '30sec', '3651d', '999999999999d'])('%s is no duration', (duration) => {
    expect(onlyProblem(web(`stopGrace: ${duration}`))).toContain(
      '8:16 services.web.stopGrace: expected a duration such as 30s, 5m, 2h or 7d',
    );
  });

  test.each([
    ['replicas', '0'],
    ['replicas', '101'],
    ['replicas', '1.5'],
    ['replicas', '"2"'],
    ['pool', '0'],
    ['pool', '1001'],
  ])('%s: %s is refused', (key, value) => {
    expect(onlyProblem(web(`${key}: ${value}`))).toMatch(new RegExp(`services\\.web\\.${key}: expected a .*, a whole number from 1 to `));
  });

  test.each([
    '10.1.0.0/24',
    '10.1.1.0/22',
    '10.1.0.4/22',
    '10.256.0.0/22',
    '10.1.0/22',
    '010.1.0.0/22',
    '0.0.0.0/22',
    '127.0.0.0/22',
    '224.0.0.0/22',
    '10.1.0.0',
  ])('the network %s is refused', (network) => {
    expect(onlyProblem(hello.replace('profile: minimum', `profile: minimum\nnetwork: ${network}`))).toContain('4:10 network: expected ');
  });

  test('the facts of the host are read in their units', () => {
    expect(
      specOf(hello.replace('profile: minimum', 'profile: minimum\nhost: { cpus: 7.5, memory: 15.6Gi, disk: 80Gi, fit: false }')).host,
    ).toEqual({ cpus: 7500, memory: 15_974, disk: 81_920, fit: false });
    expect(specOf(hello).host).toBeUndefined();
  });
});

test('the smallest spec is filled up with every default', () => {
  expect(specOf(web('runtime: other'))).toEqual({
    name: 'hello',
    profile: 'minimum',
    target: 'compose',
    internalTls: false,
    domain: 'localhost',
    host: undefined,
    network: '10.201.0.0',
    databases: [],
    caches: [],
    stores: [],
    volumes: [],
    trust: [],
    externals: [],
    services: [
      {
        name: 'web',
        kind: 'web',
        image: 'registry.example/hello:1.0.0',
        http: {
          port: 3000,
          routes: [{ path: '/', body: 25, timeout: 60, rateLimits: [], stream: false }],
          live: '/livez',
          ready: '/readyz',
        },
        runtime: 'other',
        user: '10001:10001',
        stopGrace: 30,
        uses: [],
        env: {},
        secrets: [],
        writable: [],
        loosened: [],
        volumes: [],
        egress: false,
        reaches: [],
      },
    ],
    edge: { http: 80, https: 443, connections: 100, hsts: false, deny: [], trustedProxies: [], proxyProtocol: false },
    kubernetes: {
      namespace: 'hello',
      minor: 30,
      clusterDomain: 'cluster.local',
      operatorNamespace: 'cnpg-system',
      controllerNetwork: 'pods',
      containerLog: { size: 50, files: 5 },
      controllerAddresses: [],
      dns: { namespace: 'kube-system', labels: {}, addresses: ['169.254.0.0/16'], ports: [53] },
      expose: 'loadBalancer',
      certificate: 'own',
      existingSecrets: {},
    },
  });
});

test('a spec of 200 services with all their keys is read, and every one of 200 mistakes found', () => {
  const service = (index: number, port: number) =>
    `  web-${index}:\n    image: registry.example/app:1.0.${index}\n    port: ${port}\n    routes: [{ path: /${index}/, rateLimit: { rate: 20/s } }]\n    uses: [database]\n    env: { A: "1", B: "2", C: "3" }\n    secrets: { KEY: {} }\n    writable: [/data]\n`;
  const big = (port: number) =>
    hello.replace(
      /services:\n(.|\n)*?databases:/,
      `services:\n${Array.from({ length: 200 }, (_, index) => service(index, port)).join('')}databases:`,
    );
  expect(specOf(big(80)).services).toHaveLength(200);
  expect(problemsOf(big(0)).map(({ line, column }) => `${line}:${column}`)).toEqual(
    Array.from({ length: 200 }, (_, index) => `${7 + 8 * index}:11`),
  );
});
