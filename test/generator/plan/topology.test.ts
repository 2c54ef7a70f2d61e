import { describe, expect, test } from 'vitest';
import { rotationOf } from '../../../generator/plan/rotation.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { mib, milliCpu, seconds } from '../../../model/units.ts';
import { app, cache, database, decision, host, namedHost, plan, refusal, service, settingsOf, stack, uses } from './plans.ts';

const wished = (more: Partial<StackSpec> = {}) => stack({ profile: 'recommended', ...more });
const explicit = (more: Partial<StackSpec> = {}) => wished({ databases: [database('database', { topology: 'primary-replica' })], ...more });
const names = (spec: StackSpec) => plan(spec).services.map(({ name }) => name);

describe('the topology of a database', () => {
  test('is the profile’s where engine and host can', () => {
    expect(names(wished())).toContain('database-replica');
    expect(names(wished({ profile: 'minimum' }))).not.toContain('database-replica');
    for (const engine of ['mysql', 'mariadb'] as const)
      expect(names(wished({ databases: [database('database', { engine })] }))).toContain('database-replica');
    // Two members of a replica set would be worth less than one.
    expect(names(wished({ databases: [database('database', { engine: 'mongodb' })] }))).toEqual(
      expect.arrayContaining(['database', 'database-member-2', 'database-member-3']),
    );
    const licensed = { engine: 'sqlserver', edition: 'standard' } as const;
    expect(names(wished({ databases: [database('database', licensed)] }))).not.toContain('database-replica');
    expect(plan(wished({ databases: [database('database', licensed)] })).notes.join()).toContain(
      'database is single until this version of Berth can set up a primary with a replica',
    );
  });

  test('gives way to a small host when only the profile wishes for it, and the plan says so', () => {
    // The smallest host that holds the replica, and one GiB less.
    const { cpus, memory } = namedHost(refusal(explicit({ host: host(1, 2) })));
    expect(names(wished({ host: host(cpus, memory) }))).toContain('database-replica');
    const small = plan(wished({ host: host(cpus, memory - 1) }));
    expect(small.services.map(({ name }) => name)).not.toContain('database-replica');
    expect(small.notes.join('\n')).toContain('database is single: the host is too small for the replica that profile recommended asks for');
    expect(small.secrets.map(({ name }) => name)).not.toContain('database-replication');
    expect(refusal(explicit({ host: host(cpus, memory - 1) })).message).toContain('database-replica');
  });

  test('gives way to a small disk as well, and is refused there when it was written', () => {
    const hint = /until (\d+) GiB/.exec(refusal(explicit({ host: host(64, 512, 10) })).hint)?.[1];
    const disk = Number(hint);
    expect(names(wished({ host: host(64, 512, disk) }))).toContain('database-replica');
    expect(names(wished({ host: host(64, 512, disk - 1) }))).not.toContain('database-replica');
  });

  test('is single without a word of regret when it was written so', () => {
    const made = plan(wished({ databases: [database('database', { topology: 'single' })] }));
    expect(made.services.map(({ name }) => name)).not.toContain('database-replica');
    expect(made.notes.join()).not.toContain('database is single');
  });
});

describe('a cluster of three', () => {
  const clustered = (more: Partial<StackSpec> = {}) => stack({ databases: [database('database', { topology: 'cluster' })], ...more });
  const both = ['database-replica', 'database-replica-2'];
  const replicasOf = (spec: StackSpec) => plan(spec).databases.flatMap(({ replicas }) => replicas.map((replica) => replica.service));

  test('is what profile high-performance asks for, and less where the host has no room for it, which the plan says', () => {
    const open = (cpus: number, memory: number) => stack({ profile: 'high-performance', host: host(cpus, memory) });
    expect(replicasOf(stack({ profile: 'high-performance' }))).toEqual(both);
    const written = (topology: 'cluster' | 'primary-replica') => {
      const caches = [cache('cache', { topology: 'single' })];
      return namedHost(
        refusal(stack({ profile: 'high-performance', databases: [database('database', { topology })], caches, host: host(1, 2) })),
      );
    };
    const [three, two] = [written('cluster'), written('primary-replica')];
    expect(three.memory).toBeGreaterThan(two.memory);
    const small = plan(open(two.cpus, two.memory));
    expect(small.databases.flatMap(({ replicas }) => replicas)).toHaveLength(1);
    expect(small.notes.join('\n')).toContain(
      'database has one replica: the host is too small for the two replicas that profile high-performance asks for; `topology: cluster` in berth.yaml',
    );
    const least = plan(open(two.cpus, two.memory - 1));
    expect(least.databases.flatMap(({ replicas }) => replicas)).toEqual([]);
    expect(least.notes.join('\n')).toContain('database is single: the host is too small for the two replicas');
  });

  test('has two replicas that differ by name, slot and number, the first as it is alone', () => {
    const made = plan(clustered());
    expect(made.databases[0]?.replicas.map(({ service: name, slot }) => [name, slot])).toEqual([
      ['database-replica', 'berth_replica'],
      ['database-replica-2', 'berth_replica_2'],
    ]);
    expect(settingsOf(made, 'database-replica')).toEqual(settingsOf(plan(explicit({ profile: 'minimum' })), 'database-replica'));
    for (const [index, name] of both.entries()) {
      expect(settingsOf(made, name)).toMatchObject({
        primary_slot_name: postgres.replication.slots[index],
        primary_conninfo: expect.stringContaining(`application_name=${name} `) as string,
      });
      expect(service(made, name)).toMatchObject({ replicaOf: 'database', size: service(made, 'database').size });
    }
    for (const engine of ['mysql', 'mariadb'] as const) {
      const family = plan(clustered({ databases: [database('database', { engine, topology: 'cluster' })] }));
      expect(family.databases[0]?.replicas.map(({ serverId }) => serverId)).toEqual([2, 3]);
    }
  });

  test('is read under one name, which leads to either, and which applications may go to', () => {
    for (const target of ['compose', 'kubernetes'] as const) {
      const web = service(plan(clustered({ target })), 'web');
      expect(web.secretEnv['DATABASE_READ_URL']?.at(-1)).toBe('@database-read:5432/hello');
      expect(web.secretEnv['DATABASE_URL']?.at(-1)).toBe('@database:5432/hello');
      expect(web.connects.filter(({ port }) => port === 5432).map(({ service: name }) => name)).toEqual(['database', ...both]);
    }
    const pooled = plan(clustered({ databases: [database('database', { topology: 'cluster', pgbouncer: {} })] }));
    expect(pooled.databases[0]?.pooler?.targets.map((one) => one.host)).toEqual(['database', 'database-read']);
    expect(service(pooled, 'database-pgbouncer').connects.map(({ service: name }) => name)).toEqual(['database', ...both]);
  });

  test('has room for the connections of its second replica, where the engine counts them', () => {
    const limitOf = (engine: 'postgres' | 'mysql', topology: 'primary-replica' | 'cluster') =>
      Number(settingsOf(plan(clustered({ databases: [database('database', { engine, topology })] })), 'database')['max_connections']);
    expect(limitOf('mysql', 'cluster') - limitOf('mysql', 'primary-replica')).toBe(2);
    expect(limitOf('postgres', 'cluster')).toBe(limitOf('postgres', 'primary-replica'));
  });
});

describe('a replica for analytics', () => {
  const analytics = { memory: mib(2048), cpu: milliCpu(1500), queryTimeout: seconds(1800) };
  const services = [
    app('web', { uses: [uses.database('database')] }),
    app('reports', { uses: [{ service: 'database', kind: 'analytics', variable: 'DATABASE_ANALYTICS_URL' }] }),
  ];
  const analysed = (more: Partial<DatabaseSpec> = {}) => stack({ services, databases: [database('database', { analytics, ...more })] });
  const made = plan(analysed());

  test('has its own size and settings for long queries, and follows as the others do', () => {
    expect(service(made, 'database-analytics')).toMatchObject({
      replicaOf: 'database',
      size: { memory: 2048, cpu: 1500 },
      secretFiles: ['database-replication'],
      connects: [{ service: 'database', port: 5432 }],
    });
    expect(service(made, 'database-analytics').whole).toBeUndefined();
    expect(settingsOf(made, 'database-analytics')).toMatchObject({
      max_connections: settingsOf(made, 'database')['max_connections'],
      primary_slot_name: 'berth_analytics',
      shared_buffers: '512MB',
      statement_timeout: '30min',
      max_standby_streaming_delay: '30min',
      hot_standby_feedback: 'off',
      log_min_duration_statement: '30min',
      max_parallel_workers_per_gather: settingsOf(made, 'database-analytics')['max_parallel_workers'],
    });
    const names = made.databases[0]?.replicas.flatMap(({ settings }) => settings.map(({ name }) => name)) ?? [];
    expect(new Set(names).size).toBe(names.length);
    expect(decision(made, 'database-analytics.log_min_duration_statement')).toBe('30min');
    for (const [engine, name, value] of [
      ['mysql', 'max_execution_time', '1800000'],
      ['mariadb', 'max_statement_time', '1800'],
    ] as const) {
      const family = plan(analysed({ engine }));
      expect(settingsOf(family, 'database-analytics')[name]).toBe(value);
      expect(settingsOf(family, 'database')).not.toHaveProperty(name);
      expect(family.databases[0]?.replicas.map(({ serverId }) => serverId)).toEqual([4]);
    }
  });

  test('is as large as its primary where no size was given', () => {
    const size = service(plan(analysed({ analytics: { queryTimeout: seconds(60) } })), 'database-analytics').size;
    expect(size).toEqual(service(made, 'database').size);
    expect(refusal(analysed({ analytics: { ...analytics, memory: mib(512) } })).message).toContain(
      'databases.database.analytics.memory is 512 MiB',
    );
  });

  test('is no place where applications read, and its address is given to who asks for it alone, past a pool of connections', () => {
    for (const one of [made, plan(analysed({ topology: 'cluster' })), plan(analysed({ topology: 'primary-replica', pgbouncer: {} }))]) {
      const [web, reports] = [service(one, 'web'), service(one, 'reports')];
      expect(JSON.stringify([web.secretEnv, web.connects])).not.toContain('analytics');
      expect(Object.keys(reports.secretEnv)).toEqual(['DATABASE_ANALYTICS_URL']);
      expect(reports.secretEnv['DATABASE_ANALYTICS_URL']?.at(-1)).toBe('@database-analytics:5432/hello');
      expect(reports.connects).toEqual([{ service: 'database-analytics', port: 5432 }]);
      expect(reports.gates.map(({ name, env }) => [name, env['PGHOST']])).toEqual([['wait-for-database-analytics', 'database-analytics']]);
    }
    expect(service(made, 'web').secretEnv['DATABASE_READ_URL']).toEqual(service(made, 'web').secretEnv['DATABASE_URL']);
  });
});

describe('a replica', () => {
  const made = plan(explicit());
  const replica = service(made, 'database-replica');

  test('stands by nothing but the task that makes its account, and is no part of what starts with the primary', () => {
    expect(replica.after).toEqual([{ service: 'database-accounts', condition: 'service_completed_successfully', required: true }]);
    expect(made.services.flatMap(({ after }) => after.map(({ service: name }) => name))).not.toContain('database-replica');
    expect(service(made, 'database').after).toEqual([]);
  });

  test('has one way out, to its primary', () => {
    expect(replica.connects).toEqual([{ service: 'database', port: 5432 }]);
    expect(
      made.services.filter(({ connects }) => connects.some((one) => one.service === 'database-replica')).map(({ name }) => name),
    ).toEqual(['web']);
  });

  test('is given one secret, which stands in no setting, argument or variable', () => {
    expect(replica.secretFiles).toEqual(['database-replication']);
    expect(replica.secretEnv).toEqual({});
    expect(settingsOf(made, 'database-replica')['primary_conninfo']).toBe(
      'host=database port=5432 user=berth_replica passfile=/tmp/replication.pgpass application_name=database-replica connect_timeout=10',
    );
  });

  test('takes a new password by starting anew, the task before it', () => {
    expect(rotationOf(made, 'database-replication')).toMatchObject({
      possible: true,
      effect: expect.stringMatching(/^database-replica starts anew/) as string,
    });
    expect(rotationOf(made, 'database-admin')).toMatchObject({ possible: false });
  });

  test('leaves room for log on the disk of its primary, and no more than a fifth', () => {
    const sized = plan(explicit({ host: host(64, 1024, 100) }));
    const kept = Number(settingsOf(sized, 'database')['max_slot_wal_keep_size']?.replace('MB', ''));
    const disk = service(sized, 'database').volumes[0]?.size ?? 0;
    expect(kept).toBeGreaterThanOrEqual(Number(settingsOf(sized, 'database')['max_wal_size']?.replace('MB', '')));
    expect(kept).toBeLessThanOrEqual(disk / 5);
  });
});

describe.each(['mysql', 'mariadb'] as const)('a replica of %s', (engine) => {
  const replicated = (more: Partial<StackSpec> = {}) =>
    explicit({ databases: [database('database', { engine, topology: 'primary-replica' })], ...more });
  const made = plan(replicated());
  const replica = service(made, 'database-replica');

  test('waits for the task that makes its account alone, and has one way out, to its primary', () => {
    expect(replica.after).toEqual([{ service: 'database-accounts', condition: 'service_completed_successfully', required: true }]);
    expect(replica.connects).toEqual([{ service: 'database', port: 3306 }]);
    expect(replica.replicaOf).toBe('database');
  });

  test('is as large as its primary, with the same settings and its own', () => {
    const [one, other] = [settingsOf(made, 'database'), settingsOf(made, 'database-replica')];
    expect(other).toMatchObject(one);
    expect(replica.size).toEqual(service(made, 'database').size);
    expect(Object.keys(other).filter((name) => !(name in one))).toEqual([
      engine === 'mysql' ? 'super_read_only' : 'read_only',
      'event_scheduler',
      engine === 'mysql' ? 'skip_replica_start' : 'skip_slave_start',
      'relay_log',
      'relay_log_recovery',
      'relay_log_space_limit',
      'report_host',
    ]);
  });

  test('is given its password by a file, and needs none of an application', () => {
    expect(replica.secretFiles).toEqual(['database-admin-client', 'database-health-client', 'database-replication-client']);
    expect(replica.secretEnv).toEqual({});
    expect(service(made, 'database-accounts').secretFiles).toContain('database-replication-verifier');
    expect(rotationOf(made, 'database-replication')).toMatchObject({
      possible: true,
      effect: expect.stringMatching(/^database-replica starts anew/) as string,
    });
    for (const fixed of ['database-admin', 'database-health']) expect(rotationOf(made, fixed)).toMatchObject({ possible: false });
  });

  test('keeps no more than a fifth of its disk of what it has not applied yet', () => {
    const sized = plan(replicated({ host: host(64, 1024, 100) }));
    const kept = Number(settingsOf(sized, 'database-replica')['relay_log_space_limit']?.replace('M', ''));
    expect(kept).toBeLessThanOrEqual((service(sized, 'database-replica').volumes[0]?.size ?? 0) / 5);
    expect(kept).toBeGreaterThanOrEqual(512);
  });

  test('is read by applications of both targets', () => {
    for (const target of ['compose', 'kubernetes'] as const)
      expect(service(plan(replicated({ target })), 'web').secretEnv['DATABASE_READ_URL']?.at(-1)).toBe('@database-replica:3306/hello');
  });
});

describe('the address for reading', () => {
  const envOf = (spec: StackSpec) => service(plan(spec), 'web').secretEnv;
  const web = (variable: string) => [app('web', { uses: [{ ...uses.database('database'), variable }] })];

  test('is the replica’s, and the primary’s where there is none', () => {
    const services = web('DATABASE_URL');
    const [split, same] = [envOf(explicit({ services })), envOf(stack({ services }))];
    expect(split['DATABASE_READ_URL']?.at(-1)).toBe('@database-replica:5432/hello');
    expect(split['DATABASE_URL']?.at(-1)).toBe('@database:5432/hello');
    expect(same['DATABASE_READ_URL']).toEqual(same['DATABASE_URL']);
  });

  test.each([
    ['ORDERS_URL', 'ORDERS_READ_URL'],
    ['ORDERS', 'ORDERS_READ'],
  ])('beside %s is %s', (variable, reading) => {
    expect(Object.keys(envOf(explicit({ services: web(variable) })))).toEqual([variable, reading]);
  });
});
