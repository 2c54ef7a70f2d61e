import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certify } from './certified.ts';
import { LabSite, Operator } from './installed.ts';
import { IMAGES } from './images.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';

const name = 'ways';
const ports = { http: 9470, https: 9471 };
const range = '10.234.8.0/22';
const port = 8443;

/** Two servers of the corporate network, with a certificate of an authority that only the site knows; the second has names that nobody or somebody else may reach. */
const servers = [
  { container: 'ways-hooks', names: ['hooks.ways.example', 'api.ways.example', 'mail.ways.example'] },
  { container: 'ways-files', names: ['files.ways.example', 'other.ways.example'] },
] as const;
/** Each says who it is, on two ports; on a third it speaks first, and without TLS. */
const serve = (who: string): string =>
  `const fs = require('fs'); const tls = { key: fs.readFileSync('/tls/key.pem'), cert: fs.readFileSync('/tls/cert.pem') };
for (const port of [${port}, 9443]) require('https').createServer(tls, (q, r) => r.end(${JSON.stringify(who)})).listen(port);
require('net').createServer((s) => s.end('220 ' + ${JSON.stringify(who)} + '\\n')).listen(8025);`;

const answering = "require('http').createServer((q, r) => r.end('well')).listen(3000)";
const stayAlive = "require('fs').writeFileSync('/tmp/alive', ''); setInterval(() => {}, 1000)";
const fetching = (host: string): string =>
  `fetch('https://${host}:${port}', { signal: AbortSignal.timeout(20000) }).then((r) => r.text()).then(console.log, (e) => { console.error(String(e.cause ?? e)); process.exit(7); })`;

const node = (script: string): string =>
  `image: "${IMAGES.node.reference}", runtime: node, entrypoint: [node], command: ${JSON.stringify(['-e', script])}`;
const spec = (authority: string): string => `
apiVersion: berth/v1
name: ${name}
profile: minimum
domain: localhost
network: ${range}
edge: { http: ${ports.http}, https: ${ports.https} }
trust: ${JSON.stringify({ corp: authority })}
services:
  web: { ${node(answering)}, port: 3000, live: /, ready: /, cpu: 0.2, memory: 256Mi, egress: [hooks.ways.example:${port}, api.ways.example:${port}, mail.ways.example:8025] }
  jobs: { kind: worker, ${node(stayAlive)}, replicas: 1, cpu: 0.2, memory: 256Mi, healthcheck: [cat, /tmp/alive], egress: [files.ways.example:${port}] }
  idle: { kind: worker, ${node(stayAlive)}, replicas: 1, cpu: 0.2, memory: 256Mi, healthcheck: [cat, /tmp/alive] }
  report: { kind: cron, ${node(fetching('hooks.ways.example'))}, cpu: 0.2, memory: 256Mi, schedule: "30 2 * * *", egress: [hooks.ways.example:${port}] }
`;

describe('a site whose services may reach few places', () => {
  let operator: Operator;
  let site: LabSite;
  let folder: string;
  let up: { code: number; stdout: string; stderr: string };

  /** Puts one of the servers where services may be led, as a company's DNS would have it. */
  const place = async ({ container, names }: (typeof servers)[number], address: string): Promise<void> => {
    await attempt(['docker', 'rm', '--force', container]);
    const where = ['--network', `${name}_egress`, '--ip', address, ...names.flatMap((one) => ['--network-alias', one])];
    await run([
      'docker',
      'run',
      '--detach',
      '--name',
      container,
      ...where,
      '--volume',
      `${folder}:/tls:ro`,
      '--entrypoint',
      'node',
      IMAGES.node.reference,
      '-e',
      serve(container),
    ]);
  };
  const inside = (service: string, script: string, ...env: readonly string[]) =>
    operator.attempt(['docker', 'compose', 'exec', '-T', ...env.flatMap((one) => ['-e', one]), service, 'node', '-e', script], site.folder);
  const reach = (service: string, host: string, ...env: readonly string[]) => inside(service, fetching(host), ...env);
  /** What answers at an address, asked by TLS for a name, whoever it is. */
  const asked = (service: string, address: string, at: number, servername: string) =>
    inside(
      service,
      `const s = require('tls').connect({ host: '${address}', port: ${at}, servername: '${servername}', rejectUnauthorized: false, timeout: 8000 }, () => s.write('GET / HTTP/1.0\\r\\n\\r\\n'));
s.on('timeout', () => s.destroy(new Error('timeout'))).on('error', (e) => { console.error(String(e)); process.exit(7); }); let all = ''; s.on('data', (d) => { all += d; }).on('close', () => console.log(all.split('\\r\\n\\r\\n')[1] ?? 'nothing'));`,
    );
  const address = (last: number): string => `10.234.11.${last}`;

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    folder = join(operator.home, 'outside');
    const authority = await certify(
      folder,
      servers.flatMap((server) => server.names),
    );
    const file = join(operator.home, 'ways.yaml');
    writeFileSync(file, spec(authority));
    await operator.run(['berth', 'init', name, '--from', file, '--yes'], operator.home);
    up = await site.up();
    await Promise.all(servers.map((server, index) => place(server, address(40 + index))));
  });
  afterAll(async () => {
    for (const { container } of servers) await attempt(['docker', 'rm', '--force', container]);
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('comes up, passes its own lint, and says what leads outside', async () => {
    expect(up, up.stderr.slice(-2000)).toMatchObject({ code: 0 });
    expect(await operator.attempt(['berth', 'lint'], site.folder)).toMatchObject({ code: 0 });
    expect(await site.berth('plan')).toContain('`egress` leads there');
    const { code, stderr } = await operator.attempt(
      ['docker', 'compose', 'exec', '-T', 'egress', 'nginx', '-c', '/etc/berth/egress/nginx.conf', '-T', '-q'],
      site.folder,
    );
    expect([code, stderr]).toEqual([0, '']);
  });

  test('reaches the declared places by name, end to end: the authority is that of the place, and not all do with TLS', async () => {
    for (const host of ['hooks.ways.example', 'api.ways.example'])
      expect(await reach('web-blue', host), host).toMatchObject({ code: 0, stdout: 'ways-hooks\n' });
    const distrusting = await reach('web-blue', 'hooks.ways.example', 'NODE_EXTRA_CA_CERTS=');
    expect([distrusting.code, distrusting.stderr]).toEqual([
      7,
      expect.stringContaining('unable to verify the first certificate') as string,
    ]);
    const mail = "require('net').connect(8025, 'mail.ways.example').on('data', (d) => process.stdout.write(d))";
    expect(await inside('web-blue', mail)).toMatchObject({ code: 0, stdout: '220 ways-hooks\n' });
    expect(await reach('jobs', 'files.ways.example')).toMatchObject({ code: 0, stdout: 'ways-files\n' });
    expect(await site.compose('run', '--rm', '--no-deps', '--no-TTY', 'report')).toBe('ways-hooks\n');
  });

  test('reaches no other: neither a name, nor a port, nor an address, nor what another service may reach', async () => {
    const config = JSON.parse(await site.compose('config', '--format', 'json')) as {
      services: Record<string, { networks: Record<string, { ipv4_address?: string }> }>;
    };
    const relay = (service: string): string => config.services['egress']?.networks[`egress-${service}`]?.ipv4_address ?? '';
    const refused = async (asking: ReturnType<typeof asked>) => expect(await asking).toMatchObject({ code: 7 });
    await refused(reach('web-blue', 'other.ways.example'));
    await refused(asked('web-blue', address(40), port, 'hooks.ways.example'));
    await refused(asked('web-blue', address(41), port, 'other.ways.example'));
    await refused(asked('web-blue', '172.17.0.1', port, 'hooks.ways.example'));
    await refused(asked('web-blue', relay('web'), port, 'other.ways.example'));
    await refused(asked('web-blue', 'hooks.ways.example', 9443, 'hooks.ways.example'));
    await refused(reach('jobs', 'hooks.ways.example'));
    await refused(asked('jobs', relay('web'), port, 'hooks.ways.example'));
    await refused(reach('idle', 'hooks.ways.example'));
    await refused(asked('idle', relay('web'), port, 'hooks.ways.example'));
    // Whatever it asks for, it meets the one place of its list.
    expect(await asked('jobs', relay('jobs'), port, 'hooks.ways.example')).toMatchObject({ code: 0, stdout: 'ways-files\n' });
    // What can be asked for in vain at the relay itself is seen there.
    const said = await site.compose('logs', '--no-log-prefix', 'egress');
    expect(said).toMatch(/\{"time":"[^"]+","service":"web","from":"[\d.]+","port":8443,"name":"other\.ways\.example","status":500\}/);
    expect(said).not.toContain('"status":200');
  });

  test('is led again once what leads it was killed', async () => {
    const before = (await site.ids())[`${name}-egress-1`] ?? '';
    await run(['kill', '-9', (await run(['docker', 'inspect', '--format', '{{.State.Pid}}', before])).trim()]);
    await until(async () => (await reach('web-blue', 'hooks.ways.example')).code === 0, 'the place is reached again', { seconds: 60 });
    expect(Number(await run(['docker', 'inspect', '--format', '{{.RestartCount}}', before]))).toBeGreaterThan(0);
    expect(await site.up()).toMatchObject({ code: 0 });
    expect((await site.ids())[`${name}-egress-1`]).toBe(before);
  });

  test('follows a place to another address, where another server has taken the one before', async () => {
    await attempt(['docker', 'rm', '--force', servers[1].container]);
    await place(servers[0], address(42));
    await place(servers[1], address(40));
    const heard = await until(
      async () => {
        const { stdout } = await reach('web-blue', 'hooks.ways.example');
        return stdout === 'ways-hooks\n' && stdout;
      },
      'the place is reached where it is now',
      { seconds: 60 },
    );
    expect(heard).toBe('ways-hooks\n');
  });
});
