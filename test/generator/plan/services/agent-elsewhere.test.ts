import { describe, expect, test } from 'vitest';
import type { Plan } from '../../../../model/plan.ts';
import { runtimeConfig } from '../../../../model/runtime-config.ts';
import { corpAuthority, helloPlan, smallHost } from '../../render/hello.ts';

const there = { host: 'db.corp.example', port: 6432, user: 'shop', tls: 'verify' };
const planOf = (backup: unknown, more: object = {}, target: 'compose' | 'kubernetes' = 'compose'): Plan =>
  helloPlan({
    target,
    profile: 'minimum',
    host: smallHost,
    set: {
      'backups': { folder: '/srv/backups', buckets: 'none' },
      'databases.database': { engine: 'postgres', external: { ...there, ...(backup === undefined ? {} : { backup }) } },
      ...more,
    },
  });
const agents = (plan: Plan) => plan.services.filter(({ role }) => role === 'agent');
const jobOf = (plan: Plan, database = 'database') =>
  plan.runtime.backups?.jobs.find(({ name }) => name === database) ?? expect.unreachable(`${database} is not copied`);
const noteOf = (plan: Plan, beginning: string) => plan.notes.find((note) => note.startsWith(beginning));

describe('a database that stands elsewhere', () => {
  test('is copied where the spec says so, and else by nobody, which the plan tells', () => {
    expect(agents(planOf({})).map(({ name }) => name)).toEqual(['agent-postgres']);
    const silent = planOf(undefined);
    expect(agents(silent)).toEqual([]);
    expect(silent.notes.find((note) => note.startsWith('not in the backups'))).toContain('database (elsewhere)');
    expect(noteOf(silent, 'database: databases.database.external.backup: {} has it copied')).toBeDefined();
    const left = planOf('none');
    expect(agents(left)).toEqual([]);
    expect(noteOf(left, 'database: whoever runs it copies it')).toContain('nothing of it is in these backups');
    expect(left.notes.join()).not.toContain('database (elsewhere)');
  });

  test('is reached as an application reaches it, by an account and a password of its own', () => {
    const plan = planOf({ user: 'copier' }, { trust: { corp: corpAuthority } });
    expect(jobOf(plan)).toMatchObject({
      kind: 'postgres',
      agent: 'agent-postgres',
      database: {
        host: 'db.corp.example',
        port: 6432,
        user: 'copier',
        password: '/run/secrets/database-backup',
        elsewhere: { tls: 'verify', log: true, slot: 'berth_hello_database' },
      },
    });
    for (const { config } of plan.agents) expect(runtimeConfig.safeParse(config).success).toBe(true);
    expect(plan.secrets.find(({ name }) => name === 'database-backup')).toEqual({
      name: 'database-backup',
      length: 0,
      supplied: 'file',
      purpose: 'account copier of database at db.corp.example, for its backups',
    });
    const [agent] = agents(plan);
    expect(agent).toMatchObject({
      outside: [{ host: 'db.corp.example', port: 6432 }],
      networks: ['data', 'egress'],
      connects: [],
      after: [],
      secretFiles: ['database-backup'],
      env: { NODE_EXTRA_CA_CERTS: '/etc/berth/trust/ca.pem' },
    });
    expect(agent?.mounts.map(({ target }) => target)).toContain('/etc/berth/trust');
  });

  test('shares the agent of its engine, and in another version has one of its own', () => {
    const both = planOf(
      {},
      {
        'databases.orders': { engine: 'postgres' },
        'databases.old': { engine: 'postgres', external: { host: 'old.example', backup: { image: 'docker.io/library/postgres:15' } } },
      },
    );
    expect(agents(both).map(({ name, image }) => [name, image])).toEqual([
      ['agent-postgres', 'postgres'],
      ['agent-old', 'docker.io/library/postgres:15'],
    ]);
    expect(agents(both)[0]).toMatchObject({
      connects: [{ service: 'orders', port: 5432 }],
      after: [{ service: 'orders-accounts' }],
      secretFiles: ['orders-backup', 'database-backup'],
      outside: [{ host: 'db.corp.example', port: 6432 }],
    });
    expect(jobOf(both, 'orders').database).not.toHaveProperty('elsewhere');
    expect(both.images.find(({ key }) => key === 'postgres')?.usedBy).toContain('agent-postgres');
  });

  test('has its size added to the disk of its agent, and the number says by which key', () => {
    const [without, sized] = [planOf({}), planOf({ disk: '20Gi' })];
    const sizeIn = (plan: Plan): number => plan.disk.find(({ name }) => name === 'agent-postgres')?.size ?? 0;
    expect(sizeIn(sized)).toBeGreaterThanOrEqual(22 * 1024);
    expect(sizeIn(without)).toBeLessThan(sizeIn(sized));
    expect(sized.decisions.find(({ key }) => key === 'agent-postgres.disk')).toMatchObject({
      inputs: { floor: '22 GiB, with what databases.database.external.backup.disk says' },
      change: 'databases.database.external.backup.disk or host.disk in berth.yaml',
    });
  });

  test('without its log loses what its schedule leaves open, and the plan says how much', () => {
    expect(noteOf(planOf({}), 'database stands elsewhere')).toContain('at most 60 s of work are lost');
    const unlogged = planOf({ log: false }, { 'objectives.rpo': '1h' });
    expect(noteOf(unlogged, 'database stands elsewhere')).toContain(
      'up to 1d of work is lost with its server (backups.databases.schedule)',
    );
    expect(noteOf(unlogged, 'objectives.rpo is 1h')).toContain('database up to 1d (backups.databases.schedule)');
    expect(jobOf(unlogged).database?.elsewhere).toEqual({ tls: 'verify', log: false, slot: 'berth_hello_database' });
    expect(unlogged.elsewhere?.[0]).not.toHaveProperty('slot');
    expect(planOf({}).elsewhere?.[0]).toMatchObject({ slot: 'berth_hello_database' });
  });

  test('keeps its log by a slot that no other database of another site has there', () => {
    const slotOf = (site: string, database: string) => {
      const set = { name: site, [`databases.${database}`]: { engine: 'postgres', external: { ...there, backup: {} } } };
      return jobOf(planOf(undefined, set), database).database?.elsewhere?.slot ?? '';
    };
    const long = 'a-long-name-of-thirty-letters0';
    const pairs = [
      ['a-b', 'c'],
      ['a', 'b-c'],
      ['a--b', 'c'],
      ['a', 'b--c'],
      [long, `${long}-one`],
      [long, `${long}-two`],
    ] as const;
    const slots = pairs.map(([site, database]) => slotOf(site, database));
    expect(new Set(slots).size).toBe(slots.length);
    for (const slot of slots) expect(slot).toMatch(/^berth_[a-z0-9_]{1,57}$/);
  });

  test.each([
    ['off', 'crosses the network unencrypted'],
    ['require', 'its certificate is not checked'],
  ])('with tls: %s is copied, and the plan tells who may read it', (tls, what) => {
    const plan = planOf(undefined, { 'databases.database.external': { host: 'db.corp.example', tls, backup: {} } });
    expect(plan.notes.filter((note) => note.includes(what))).toHaveLength(1);
    expect(planOf({}).notes.filter((note) => note.includes(what))).toEqual([]);
  });

  test('has no bucket asked for an image of its own: that of its engine is there', () => {
    const plan = planOf({}, { 'backups.buckets': {} });
    expect(agents(plan).find(({ name }) => name === 'agent-files')?.image).toBe('postgres');
  });
});
