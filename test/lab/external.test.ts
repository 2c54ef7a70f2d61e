import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certify } from './certified.ts';
import { healthy, inspectAll, writeNote } from './house.ts';
import type { House, PlanJson } from './house.ts';
import { IMAGES, ensureImages, isFromLab } from './images.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import { startS3 } from './s3.ts';
import { until } from './until.ts';
import { Visitor } from './visitor.ts';

const name = 'elsewhere';
const ports = { http: 9480, https: 9481 };
const [network, volume] = [`${name}_egress`, 'elsewhere-data'];
const domain = `${name}.example`;
const servers = ['db', 'cache', 'files'] as const;
type Server = (typeof servers)[number];
const containerOf = (server: Server): string => `${name}-outside-${server}`;
const accounts = { user: 'shop.owner', database: 'a "p@ss"/word #1 %2F', cache: 'p@ss: %2F' };
const storeIs = (await isFromLab('minio')) ? 'S3: stand-in' : 'S3';

/** Everything that the application uses belongs to somebody else, and is reached by TLS with a certificate that is checked. */
describe(`a site whose database, cache and store stand elsewhere (${storeIs})`, () => {
  let operator: Operator;
  let site: LabSite;
  let house: House;
  let store: Awaited<ReturnType<typeof startS3>>;
  let up: { code: number; stdout: string; stderr: string };
  let inited: string;

  const commands = (): Readonly<
    Record<Server, { readonly image: string; readonly options: readonly string[]; readonly script: string }>
  > => ({
    db: {
      image: IMAGES.postgres.reference,
      options: [
        ...[`USER=${accounts.user}`, 'DB=shop', `PASSWORD=${accounts.database}`].flatMap((one) => ['--env', `POSTGRES_${one}`]),
        '--volume',
        `${volume}:/var/lib/postgresql/data`,
      ],
      script:
        'install -d -o postgres /own && install -m 600 -o postgres /tls/* /own && exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/own/cert.pem -c ssl_key_file=/own/key.pem',
    },
    cache: {
      image: IMAGES.valkey.reference,
      options: ['--env', `PASSWORD=${accounts.cache}`],
      script:
        'exec valkey-server --port 0 --tls-port 6379 --tls-cert-file /tls/cert.pem --tls-key-file /tls/key.pem --tls-auth-clients no --requirepass "$PASSWORD" --save ""',
    },
    // What it hands on is as it came: the signature of a request holds for the name that it was made for.
    files: {
      image: IMAGES.node.reference,
      options: ['--env', `STORE=${store.container}`],
      script: `exec node -e "const fs = require('fs'), net = require('net'); require('tls').createServer({ key: fs.readFileSync('/tls/key.pem'), cert: fs.readFileSync('/tls/cert.pem') }, (s) => { const to = net.connect(9000, process.env.STORE); s.on('error', () => to.destroy()).on('close', () => to.destroy()); to.on('error', () => s.destroy()).on('close', () => s.destroy()); s.pipe(to).pipe(s); }).listen(443)"`,
    },
  });
  /** Puts a server where its name leads, with the certificate of a folder. */
  const place = async (server: Server, tls: string): Promise<void> => {
    await attempt(['docker', 'rm', '--force', containerOf(server)]);
    const { image, options, script } = commands()[server];
    const where = ['--network', network, '--network-alias', `${server}.${domain}`, '--volume', `${join(operator.home, tls)}:/tls:ro`];
    const container = ['--detach', '--name', containerOf(server), '--user', '0', ...where, ...options];
    await run(['docker', 'run', ...container, '--entrypoint', 'sh', image, '-ec', script]);
  };
  /** Asks the database as its owner would, at the server itself. */
  const sql = (query: string) => run(['docker', 'exec', containerOf('db'), 'psql', '-U', accounts.user, '-d', 'shop', '-Atc', query]);
  const found = async (): Promise<{ status: string; checks: Record<string, { status: string }> }> =>
    JSON.parse((await house.visitor.ask({ path: '/api/health' })).body) as { status: string; checks: Record<string, { status: string }> };
  const isDown = (check: string, status: string) =>
    until(async () => {
      const { status: said, checks } = await found();
      const down = Object.keys(checks).filter((one) => checks[one]?.status !== 'healthy');
      return said === status && down.join() === check;
    }, `${check} is down, and it alone`);

  /** The network is that of the site: what stands in it is what a service of the site reaches outside. */
  const upWithServers = async () => {
    await site.compose('up', '--no-start', '--build');
    await run(['docker', 'network', 'connect', network, store.container]);
    for (const server of servers) await place(server, 'company');
    return site.up();
  };

  beforeAll(async () => {
    operator = await Operator.create();
    await ensureImages(['postgres', 'valkey', 'minio', 'node']);
    for (const server of servers) await attempt(['docker', 'rm', '--force', containerOf(server)]);
    await attempt(['docker', 'volume', 'rm', '--force', volume]);
    site = await LabSite.create(operator, name);
    const names = servers.map((server) => `${server}.${domain}`);
    const authority = await certify(join(operator.home, 'company'), names);
    await certify(join(operator.home, 'stranger'), names);
    store = await startS3(name);
    await run(['docker', 'exec', store.container, 'mc', 'mb', 'lab/notes']);
    const set = {
      'edge.http': ports.http,
      'edge.https': ports.https,
      'network': '10.235.8.0/22',
      'trust': { corp: authority },
      'databases.database': { engine: 'postgres', name: 'shop', external: { host: `db.${domain}`, user: accounts.user, tls: 'verify' } },
      'caches.cache': { engine: 'valkey', external: { host: `cache.${domain}`, user: 'default', tls: 'verify' } },
      'stores.files': {
        engine: 'minio',
        external: { host: `files.${domain}`, accessKey: store.accessKey, tls: 'verify' },
        buckets: { notes: {} },
      },
    };
    const settings = Object.entries(set).flatMap(([path, value]) => ['--set', `${path}=${JSON.stringify(value)}`]);
    inited = await operator.run(['berth', 'init', name, '--profile', 'minimum', ...settings], operator.home);
    mkdirSync(join(site.folder, 'secrets/supplied'), { recursive: true });
    for (const [file, text] of Object.entries({
      'database-app': accounts.database,
      'cache-app': accounts.cache,
      'files-app': store.secretKey,
    }))
      writeFileSync(join(site.folder, 'secrets/supplied', file), `${text}\n`, { mode: 0o644 });
    await site.berth('generate');
    up = await upWithServers();
    const visitor = new Visitor(site.read('secrets/tls/ca.crt'), ports.https);
    house = { name, site, visitor, plan: JSON.parse(await site.berth('plan', '--json')) as PlanJson, app: 'web' };
  });
  afterAll(async () => {
    house?.visitor.close();
    for (const server of servers) await attempt(['docker', 'rm', '--force', containerOf(server)]);
    await store?.[Symbol.asyncDispose]();
    await site?.remove();
    await attempt(['docker', 'volume', 'rm', '--force', volume]);
    operator?.[Symbol.dispose]();
  });

  test('is told which passwords it waits for, and comes up with all three in use, running none of them', async () => {
    for (const secret of ['database-app', 'cache-app', 'files-app']) expect(inited).toContain(`secrets/supplied/${secret}`);
    expect(up, up.stderr.slice(-2000)).toMatchObject({ code: 0 });
    expect(JSON.parse((await healthy(house)).body)).toMatchObject({
      checks: { database: { status: 'healthy' }, redis: { status: 'healthy' }, storage: { status: 'healthy' } },
    });
    expect([...new Set((await inspectAll(house)).map(({ Name }) => Name.replace(/-\d+$/, '')))].sort()).toEqual([
      `/${name}-edge`,
      `/${name}-web-blue`,
    ]);
    expect(await operator.attempt(['berth', 'lint'], site.folder)).toMatchObject({ code: 0 });
  });

  test('writes there, by connections that are encrypted', async () => {
    await writeNote(house, 'kept by somebody else');
    await house.visitor.until('/api/notes', (answer) => answer.body.includes('kept by somebody else'));
    const clients = await sql(
      'SELECT DISTINCT usename, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL',
    );
    expect(clients).toBe(`${accounts.user}|t`);
    expect(await run(['docker', 'exec', store.container, 'mc', 'ls', '--recursive', 'lab/notes'])).not.toBe('');
  });

  test.each([
    { server: 'db', check: 'database', status: 'unhealthy' },
    { server: 'cache', check: 'redis', status: 'degraded' },
    { server: 'files', check: 'storage', status: 'degraded' },
  ] as const)('takes no $server whose certificate is by somebody else, says $status, and recovers', async ({ server, check, status }) => {
    await place(server, 'stranger');
    await isDown(check, status);
    await place(server, 'company');
    await healthy(house);
  });

  test('takes a password that was changed there as soon as it was supplied', async () => {
    await sql(`ALTER ROLE "${accounts.user}" PASSWORD 'another one'`);
    await place('db', 'company');
    await isDown('database', 'unhealthy');
    writeFileSync(join(site.folder, 'secrets/supplied/database-app'), 'another one\n');
    expect(await site.berth('generate')).toContain('recreates web-blue');
    expect(await site.up()).toMatchObject({ code: 0 });
    await healthy(house);
  });

  test('reaches them, and nothing beside them, where the way out is a list', async () => {
    site.edit('berth.yaml', (text) => text.replace('    runtime: node', () => '    egress: [hooks.example:443]\n    runtime: node'));
    expect(await site.berth('generate')).toContain("needs `docker compose --profile '*' down` first");
    for (const server of servers) await run(['docker', 'rm', '--force', containerOf(server)]);
    await run(['docker', 'network', 'disconnect', network, store.container]);
    await site.compose('--profile', '*', 'down');
    const again = await upWithServers();
    expect(again, again.stderr.slice(-2000)).toMatchObject({ code: 0 });
    await healthy(house);
    const config = JSON.parse(await site.compose('config', '--format', 'json')) as { services: Record<string, { networks: object }> };
    expect(Object.keys(config.services['web-blue']?.networks ?? {})).not.toContain('egress');
    const address = await run([
      'docker',
      'inspect',
      '--format',
      `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`,
      store.container,
    ]);
    const asked = `require('net').connect({ host: '${address}', port: 9000, timeout: 5000 }, () => process.exit(0)).on('timeout', () => process.exit(7)).on('error', () => process.exit(7))`;
    expect(await operator.attempt(['docker', 'compose', 'exec', '-T', 'web-blue', 'node', '-e', asked], site.folder)).toMatchObject({
      code: 7,
    });
  });
});
