import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { type ComposeConfig, moved, rehearse } from '../../../cli/drill/rehearsal.ts';
import { overlap, parseRange } from '../../../model/addresses.ts';

const look = (path: string) => ({
  path: path === '/srv/drill/site/linked' ? '/mnt/live' : path,
  sockets: path.endsWith('.sock') || path === '/var/spool/mail',
});
const how = { project: 'shop-drill-0a1b2c3d', folder: '/srv/drill/site', range: '10.201.4.0/22', look };
/** As `docker compose config` prints it: with networks and environments as maps. */
const resolved = (text: string): ComposeConfig => {
  const config = parse(text) as { services: Record<string, Record<string, unknown>>; networks: object; volumes: object; name: string };
  for (const service of Object.values(config.services))
    if (Array.isArray(service['networks']))
      service['networks'] = Object.fromEntries(service['networks'].map((name) => [String(name), null]));
  return config as unknown as ComposeConfig;
};
const written = resolved(readFileSync(join(import.meta.dirname, '../../golden/hello-backups/compose.yaml'), 'utf8'));
const drilled = rehearse(written, how);
const withService = (service: Readonly<Record<string, unknown>>): ComposeConfig => ({
  ...written,
  services: { ...written.services, mine: service },
});
const agents = ['agent-postgres', 'agent-files'];

describe('a site that is drilled', () => {
  test('publishes nothing, has a name of its own, and neither builds nor begins anything by itself', () => {
    expect(drilled.name).toBe(how.project);
    for (const [name, service] of Object.entries(drilled.services)) {
      expect([name, service['ports'], service['build'], service['container_name']]).toEqual([name, undefined, undefined, undefined]);
      expect([name, service.labels?.['berth.site']]).toEqual([name, how.project]);
      expect([name, service['profiles']]).toEqual([name, agents.includes(name) ? ['agents'] : undefined]);
    }
    expect(written.services['edge']?.['ports']).toHaveLength(2);
  });

  test('has no way out, but for agents, whose store may stand elsewhere', () => {
    const open = Object.entries(drilled.networks ?? {}).filter(([, network]) => !network.internal);
    expect(open.map(([name]) => name)).toEqual(['egress']);
    const inIt = Object.entries(drilled.services).filter(([, { networks = {} }]) => 'egress' in networks);
    expect(inIt.map(([name]) => name).toSorted()).toEqual(agents.toSorted());
    const sending = rehearse(withService({ networks: { app: null, egress: null } }), how);
    expect(sending.services['mine']?.networks).toEqual({ app: null });
  });

  test('leaves out what leads services to places outside, and the names that lead there', () => {
    const site = resolved(readFileSync(join(import.meta.dirname, '../../golden/budget-tracker/compose.yaml'), 'utf8'));
    const [first = ''] = site.services['web-blue']?.extra_hosts ?? [];
    expect(first).toMatch(/^api\.bank\.example\.com:10\./);
    const { services, networks: own } = rehearse(site, how);
    expect([services['egress'], services['web-blue']?.extra_hosts]).toEqual([undefined, undefined]);
    expect(Object.keys(services['web-blue']?.networks ?? {})).toEqual(['app', 'data']);
    expect(Object.keys(own ?? {}).filter((network) => network.startsWith('egress-'))).toEqual([]);
    // What the operator has pinned leads where it did.
    const task = { ...site.services['web-blue'], depends_on: { egress: { condition: 'service_healthy' } } };
    expect(rehearse({ ...site, services: { ...site.services, task } }, how).services['task']).not.toHaveProperty('depends_on');
    const pinned = { ...site.services['web-blue'], extra_hosts: [first.replace(':', '='), 'wiki.corp.example:10.4.0.17'] };
    expect(rehearse({ ...site, services: { ...site.services, pinned } }, how).services['pinned']?.extra_hosts).toEqual([
      'wiki.corp.example:10.4.0.17',
    ]);
  });

  test('gives what is in no other network none at all: the one that Compose would make leads out', () => {
    const { services } = rehearse(withService({ networks: { egress: null } }), how);
    expect(services['mine']).toMatchObject({ network_mode: 'none' });
    expect(services['mine']).not.toHaveProperty('networks');
  });

  test('has what names its networks name them as they are then', () => {
    const rules = 'host all postgres 10.223.42.0/24 scram\nhost all x 10.223.42.0/2 y\nhost all z 192.168.7.0/24 scram\n';
    const data = drilled.networks?.['data']?.ipam?.config?.[0]?.subnet ?? '';
    expect(data).toMatch(/^10\.201\.\d\.0\/24$/);
    expect(moved(rules, written, drilled)).toBe(rules.replace('10.223.42.0/24', data));
  });

  test('has none at all where no agent needs one', () => {
    const services = Object.fromEntries(Object.entries(written.services).filter(([name]) => !agents.includes(name)));
    expect(Object.keys(rehearse({ ...written, services }, how).networks ?? {})).toEqual(['edge', 'app', 'data']);
  });

  test('has addresses of its own, apart from each other and all within what it was given', () => {
    const ranges = Object.values(drilled.networks ?? {}).map((network) => {
      const subnet = network.ipam?.config?.[0]?.subnet ?? '';
      return parseRange(subnet) ?? expect.unreachable(subnet);
    });
    expect(ranges.map(({ first, last }) => last - first + 1)).toEqual([256, 256, 256, 256]);
    const whole = parseRange(how.range) ?? expect.unreachable();
    ranges.forEach((range, index) => {
      expect(range.first >= whole.first && range.last <= whole.last).toBe(true);
      expect(ranges.slice(index + 1).some((other) => overlap(range, other))).toBe(false);
    });
    const more = { ...written, networks: Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`n${index}`, {}])) };
    expect(() => rehearse(more, how)).toThrow(/too small for 70 networks/);
  });

  test('has agents that copy nothing: an empty database or bucket of a drill never gets into the backups', () => {
    for (const name of agents) {
      expect(written.services[name]?.['entrypoint']).toContain('runtime');
      expect(drilled.services[name]).toMatchObject({
        command: null,
        stop_signal: 'SIGTERM',
        healthcheck: { test: ['CMD', '/bin/sh', '-c', 'exit 0'] },
      });
      expect(drilled.services[name]?.['entrypoint']).not.toContain('runtime');
    }
  });

  test('has volumes of its own, also for what names a share or a volume of another site', () => {
    const shares = { media: { name: 'live-media', external: true }, nfs: { driver_opts: { type: 'nfs', device: ':/export' } } };
    const { volumes } = rehearse({ ...written, volumes: shares }, how);
    expect(volumes).toEqual({ media: { name: `${how.project}_media` }, nfs: { name: `${how.project}_nfs` } });
  });

  test('may write to no folder of the host but its own', () => {
    const bind = (source: string) => ({ type: 'bind', source, target: '/x' });
    const folders = ['/srv/drill/site/uploads', '/srv/uploads', '/srv/drill/site-of-another', '/srv/drill/site/linked'];
    const { services } = rehearse(withService({ volumes: [...folders.map(bind), { type: 'volume', source: 'v', target: '/y' }] }), how);
    const mounts = services['mine']?.volumes ?? [];
    expect(mounts.map((mount) => mount['read_only'])).toEqual([undefined, true, true, true, undefined]);
    expect(mounts[3]?.source).toBe('/mnt/live');
    // The engine would make one that is not there, as root.
    expect(mounts.slice(0, 4).map((mount) => mount['bind'])).toEqual(folders.map(() => ({ create_host_path: false })));
  });

  test('is read by nobody who watches the engine, and its words stay on the host', () => {
    const labels = { 'traefik.enable': 'true', 'berth.role': 'app' };
    const { services } = rehearse(withService({ labels, logging: { driver: 'gelf', options: { 'gelf-address': 'udp://logs' } } }), how);
    expect(services['mine']).toMatchObject({
      labels: { 'berth.role': 'app', 'berth.site': how.project },
      logging: { driver: 'json-file' },
    });
    expect(services['mine']?.labels).not.toHaveProperty('traefik.enable');
  });

  test('gives way to what runs beside it', () => {
    expect(drilled.services['database']).toMatchObject({ restart: 'on-failure', oom_score_adj: 1000, cpu_shares: 24 });
    expect(rehearse(withService({}), how).services['mine']).toMatchObject({ cpu_shares: 102 });
    const deploy = { replicas: 2, restart_policy: { condition: 'any' }, resources: { limits: { memory: '1G' }, reservations: {} } };
    expect(rehearse(withService({ deploy }), how).services['mine']?.deploy).toEqual({
      replicas: 2,
      resources: { limits: { memory: '1G' } },
    });
    expect(drilled.services['database-accounts']?.restart).toBe(written.services['database-accounts']?.restart);
  });

  test.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ['network_mode: "host"', { network_mode: 'host' }],
    ['network_mode: "container:live"', { network_mode: 'container:live' }],
    ['pid: "host"', { pid: 'host' }],
    ['ipc: "host"', { ipc: 'host' }],
    ['privileged: true', { privileged: true }],
    ['volumes_from: ["container:live"]', { volumes_from: ['container:live'] }],
    ['devices: [{"source":"/dev/sda"}]', { devices: [{ source: '/dev/sda' }] }],
    ['something_new: true', { something_new: true }],
    ...['/var/run/docker.sock', '/var/run', '/run/postgresql', '/', '/dev/shm', '/var/spool/mail'].map(
      (source) => [source, { volumes: [{ type: 'bind', source, target: '/s' }] }] as const,
    ),
  ])('is refused with %s, which nothing keeps apart', (said, service) => {
    expect(() => rehearse(withService(service), how)).toThrow(
      expect.objectContaining({ kind: 'unsupported', message: expect.stringContaining(`mine has ${said}`) as string }),
    );
  });

  test('is not refused for what says nothing', () => {
    expect(() => rehearse(withService({ privileged: false, command: null, volumes_from: [] }), how)).not.toThrow();
  });
});
