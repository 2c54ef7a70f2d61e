import { describe, expect, test } from 'vitest';
import { overlap, parseRange } from '../../../../model/addresses.ts';
import type { AppSpec } from '../../../../model/app-spec.ts';
import type { ExternalSpec } from '../../../../model/external-spec.ts';
import type { Plan } from '../../../../model/plan.ts';
import type { StackSpec } from '../../../../model/stack-spec.ts';
import { app, database, decision, plan, refusal, service, stack, uses } from '../plans.ts';

const place = (host: string, port = 443) => ({ host, port });
const hooks = place('hooks.corp.example');
const made = (services: readonly AppSpec[], more: Partial<StackSpec> = {}): Plan => plan(stack({ services, ...more }));
const web = (reaches: AppSpec['reaches'], more: Partial<AppSpec> = {}): AppSpec => app('web', { reaches, ...more });
const elsewhere = (more: Partial<ExternalSpec>): ExternalSpec => ({
  name: 'orders',
  kind: 'database',
  engine: 'postgres',
  host: 'db.corp.example',
  port: 5432,
  tls: 'verify',
  user: 'shop',
  database: 'shop',
  buckets: [],
  region: '',
  ...more,
});
const noteOn = (planned: Plan): string => planned.notes.find((note) => note.startsWith('web may reach')) ?? '';
const networksOf = (planned: Plan, name: string) => service(planned, name).networks;

describe('a service that may reach few places, on one host', () => {
  test('is in a network of its own with what leads there, and has no way past it', () => {
    const planned = made([web([hooks])]);
    const way = planned.relay?.ways[0];
    expect(networksOf(planned, 'web')).toEqual(['app', 'egress-web']);
    expect(service(planned, 'web').through).toEqual({ relay: way?.relay, names: ['hooks.corp.example'] });
    expect(networksOf(planned, 'egress')).toEqual(['egress', 'egress-web']);
    expect(service(planned, 'egress').addresses).toEqual({ 'egress-web': way?.relay });
    expect(noteOn(planned)).toMatch(/^web may reach hooks\.corp\.example:443: `egress` leads there, and no way leads past it$/);
  });

  test('has its migrations led as it is', () => {
    const planned = made([web([hooks], { uses: [uses.database('database')], migrate: { command: ['migrate'], database: 'database' } })], {
      databases: [database('database')],
    });
    expect(networksOf(planned, 'web-migrate')).toEqual(networksOf(planned, 'web'));
    expect(service(planned, 'web-migrate').through).toEqual(service(planned, 'web').through);
    // It makes its connections once; the application makes them again.
    expect(service(planned, 'web-migrate').after).toContainEqual({ service: 'egress', condition: 'service_healthy', required: true });
    expect(service(planned, 'web').after).not.toContainEqual(expect.objectContaining({ service: 'egress' }));
  });

  test('is led to what it uses elsewhere and to the proxy as well, each once', () => {
    const proxy = { host: 'proxy.corp.example', port: 3128, except: [] };
    const planned = made([web([hooks, place('db.corp.example', 5432)], { uses: [uses.database('orders')] })], {
      databases: [],
      externals: [elsewhere({}), elsewhere({ name: 'others', host: 'others.corp.example' })],
      proxy,
    });
    expect(planned.relay?.ways[0]?.ports).toEqual([
      { port: 443, hosts: ['hooks.corp.example'] },
      { port: 3128, hosts: ['proxy.corp.example'] },
      { port: 5432, hosts: ['db.corp.example'] },
    ]);
    expect(noteOn(planned)).toMatch(/what goes by the proxy is for the proxy to judge$/);
  });

  test('says which names are told apart by TLS', () => {
    expect(noteOn(made([web([hooks, place('api.corp.example')])]))).toContain(
      'it tells api.corp.example and hooks.corp.example on port 443 apart by the name at the beginning of TLS, and refuses what begins otherwise',
    );
  });

  test.each([
    ['an address', [hooks, place('10.4.0.17', 25)], {}, '10.4.0.17 cannot be led to by a name: write one'],
    ['a subnet', [place('10.4.0.0/16', 5432)], {}, '10.4.0.0/16 cannot be led to by a name'],
    ['an address of IPv6', [place('[fd00::1]')], {}, '[fd00::1] cannot be led to by a name'],
    ['a name without its domain', [place('intranet')], {}, 'intranet is no whole name: write it with its domain'],
    ['two names of mail on one port', [place('a.example', 587), place('b.example', 587)], {}, 'a.example and b.example share port 587'],
    ['two databases on one port', [place('a.example', 6000)], { port: 6000 }, 'db.corp.example and a.example share port 6000'],
    ['what it uses at an address', [hooks], { host: '10.9.8.7' }, '10.9.8.7 cannot be led to by a name'],
  ] as const)('has its way out open as a whole for %s, and is told so', (_, reaches, external, because) => {
    const planned = made([web(reaches, { uses: [uses.database('orders')] })], { databases: [], externals: [elsewhere(external)] });
    expect([networksOf(planned, 'web'), planned.relay]).toEqual([['app', 'egress'], undefined]);
    expect(noteOn(planned)).toContain(`its way out is open as a whole, as ${because}`);
    expect(noteOn(planned)).toContain('a firewall of the host or the proxy keeps it to that');
  });

  test('costs nothing where nobody has a list, and nothing in a cluster, whose network does it', () => {
    for (const planned of [made([web([])]), made([web([], { egress: true })]), made([web([hooks])], { target: 'kubernetes' })]) {
      expect([planned.relay, planned.services.some(({ name }) => name === 'egress')]).toEqual([undefined, false]);
      expect(planned.network.egress).toBe('10.201.3.0/24');
    }
  });

  test('has what leads there in the plan of the memory, with the worst that it may take', () => {
    const planned = made([web([hooks])]);
    expect(planned.budget.rows.find(({ name }) => name === 'egress')).toMatchObject({ each: 64, count: 1 });
    const [, worst = '', limit = ''] = /^(\d+) MiB of (\d+) MiB$/.exec(decision(planned, 'egress.worst_case') ?? '') ?? [];
    expect(Number(worst)).toBeLessThanOrEqual(Number(limit) * 0.9);
  });
});

describe('the networks of ways out', () => {
  const many = (count: number, replicas: number) =>
    Array.from({ length: count }, (_, index) => app(`web-${index}`, { replicas, reaches: [hooks] }));
  const rangeOf = (text: string) => parseRange(text) ?? expect.unreachable(text);

  test('lie within the addresses of the site, apart from each other, with room for both slots and the migrations of both', () => {
    const planned = made([
      ...many(1, 2).map((one) => ({ ...one, name: 'small' })),
      ...many(2, 6),
      app('last', { kind: 'worker', reaches: [hooks] }),
    ]);
    const ways = planned.relay?.ways ?? [];
    const ranges = [planned.network.egress, ...ways.map(({ subnet }) => subnet)].map(rangeOf);
    const whole = rangeOf('10.201.3.0/24');
    ranges.forEach((one, index) => {
      expect(one.first >= whole.first && one.last <= whole.last).toBe(true);
      expect(ranges.slice(index + 1).some((other) => overlap(one, other))).toBe(false);
    });
    const rooms = ways.map(({ range }) => rangeOf(range).last - rangeOf(range).first - 1);
    expect(rooms).toEqual([6, 14, 14, 6]);
    for (const { subnet, range, relay } of ways) {
      expect(overlap(rangeOf(subnet), rangeOf(`${relay}/32`))).toBe(true);
      expect(overlap(rangeOf(range), rangeOf(`${relay}/32`))).toBe(false);
    }
  });

  test('stay where they are when one more comes at the end', () => {
    const before = made(many(3, 2)).relay?.ways ?? [];
    expect(made(many(4, 2)).relay?.ways.slice(0, 3)).toEqual(before);
  });

  test('are as many as there are addresses for, and the next is refused with what would help', () => {
    expect(made(many(12, 2)).relay?.ways).toHaveLength(12);
    const { kind, message, hint } = refusal(stack({ services: many(13, 2) }));
    expect([kind, message]).toEqual(['capacity', expect.stringContaining('no addresses are left for the way out of web-12')]);
    expect(hint).toContain('egress: true');
    expect(refusal(stack({ services: many(1, 30) })).message).toContain('which may have 62 containers at once');
  });
});
