import { describe, expect, test } from 'vitest';
import { profileNames } from '../../../model/profile.ts';
import type { ProfileName } from '../../../model/stack-spec.ts';
import { mib, milliCpu, seconds } from '../../../model/units.ts';
import {
  app,
  cache,
  database,
  decision,
  host,
  http,
  inMib,
  namedDisk,
  namedHost,
  plan,
  profiles,
  refusal,
  service,
  settingsOf,
  stack,
  store,
  uses,
} from './plans.ts';

const budget = (made: ReturnType<typeof plan>) => Object.fromEntries(made.budget.rows.map((row) => [row.name, row.each * row.count]));

describe('the plan of a small application', () => {
  test.each(profileNames)('of profile %s fits 2 CPUs, 16 GiB and 80 GiB of disk', (profile) => {
    const made = plan(stack({ profile, host: host(2, 16, 80) }));
    expect(made.budget.sum + made.budget.reserve).toBeLessThanOrEqual(16 * 1024);
    expect(made.notes[0]).toMatch(/^scaled down to fit 2 CPUs and 14\.\d GiB of 16 GiB in use: edge: /);
  });

  test.each<readonly [ProfileName, number, number, number]>([
    ['minimum', 2, 6, 15],
    ['recommended', 2, 7, 15],
    ['high-performance', 2, 10, 15],
  ])('of profile %s needs %i CPUs, %i GiB and %i GiB of disk at least', (profile, cpus, memory, disk) => {
    const refused = refusal(stack({ profile, host: host(1, 2, 10) }));
    expect(refused.kind).toBe('capacity');
    expect(namedHost(refused)).toEqual({ cpus, memory });
    expect(namedDisk(refusal(stack({ profile, host: host(cpus, memory, 10) })))).toBe(disk);
    plan(stack({ profile, host: host(cpus, memory, disk) }));
  });

  test('sizes a task alike on every host, so that it is not recreated, and its dependents with it', () => {
    const sizes = [host(2, 16), host(8, 64), host(64, 512)].map(
      (machine) => service(plan(stack({ host: machine })), 'database-accounts').size,
    );
    expect(sizes[1]).toEqual(sizes[0]);
    expect(sizes[2]).toEqual(sizes[0]);
  });

  test.each(profileNames)('of profile %s without a host has the numbers of the profile', (profile) => {
    const made = plan(stack({ profile }));
    const { app: web, database: data, cache: memory, storage, edge, agent } = profiles[profile];
    const decided = (name: string): number => service(made, name).size.memory;
    expect(budget(made)).toEqual({
      'edge': edge.memory.value,
      'web': web.memory.value * web.replicas.value,
      'surge': web.memory.value,
      'database': data.memory.value,
      ...(data.topology.value === 'single' ? {} : { 'database-replica': data.memory.value }),
      ...(data.topology.value === 'cluster' ? { 'database-replica-2': data.memory.value } : {}),
      'database-accounts': 128,
      ...(memory.topology.value === 'single'
        ? { cache: memory.memory.value }
        : {
            cache: decided('cache'),
            ...Object.fromEntries(['0', '1', '2'].map((node) => [`cache-node-${node}`, memory.memory.value])),
            ...Object.fromEntries(['0', '1', '2'].map((sentinel) => [`cache-sentinel-${sentinel}`, 48])),
          }),
      'files': storage.memory.value,
      'files-buckets': 128,
      'agent': agent.memory.value,
    });
    expect(made.notes.filter((note) => note.startsWith('scaled'))).toEqual([]);
  });

  test('that is not fitted says so, and takes what the profile gives even where the host has less', () => {
    const made = plan(stack({ host: host(1, 2, 10, false) }));
    expect(budget(made)).toEqual(budget(plan(stack())));
    expect(made.services.map(({ name, size }) => [name, size])).toEqual(plan(stack()).services.map(({ name, size }) => [name, size]));
    expect(made.notes.join()).toContain('not fitted to a host: these sizes take ');
  });

  test('on a host of ample size is the profile’s', () => {
    expect(budget(plan(stack({ host: host(128, 2048) })))).toEqual(budget(plan(stack())));
  });
});

describe('an application of another shape', () => {
  test('may do without database, cache and store', () => {
    const made = plan(stack({ services: [app('web')], databases: [], caches: [], stores: [], host: host(2, 4, 20) }));
    expect(made.services.map(({ name }) => name)).toEqual(['edge', 'web']);
    expect(made.images.map(({ key }) => key)).toEqual(['nginx']);
    expect([made.secrets, made.secretFiles]).toEqual([[], []]);
  });

  test('may have a database, cache and store that nothing uses', () => {
    const made = plan(stack({ services: [app('web')] }));
    expect(settingsOf(made, 'database')['max_connections']).toBe('10');
    expect(settingsOf(made, 'cache')['maxclients']).toBe('128');
    expect(decision(made, 'web.pool')).toBeUndefined();
  });

  test('may have 200 services and as many databases on a big host', () => {
    const many = Array.from({ length: 200 }, (_, index) => index);
    const spec = stack({
      services: many.map((index) => app(`web-${index}`, { replicas: 2, uses: [uses.database(`db-${index}`)] })),
      databases: many.map((index) => database(`db-${index}`, { database: `db_${index}` })),
      caches: [],
      stores: [],
    });
    const refused = refusal({ ...spec, host: host(2, 16) });
    const { cpus, memory } = namedHost(refused);
    const disk = namedDisk(refusal({ ...spec, host: host(cpus, memory, 100) }));
    const made = plan({ ...spec, host: host(cpus, memory, disk) });
    expect(made.services).toHaveLength(601);
    // More disk than the profile has in mind: what so many databases need goes before.
    expect(disk).toBeGreaterThan(profiles.minimum.disk.value / 1024);
  });

  test('may have services that are called as JavaScript’s own things', () => {
    const made = plan(
      stack({
        services: [app('constructor', { uses: [uses.database('valueof')], env: { constructor: 'a' } })],
        databases: [database('valueof')],
        caches: [cache('prototype')],
        stores: [store('hasownproperty')],
      }),
    );
    expect(made.release.get('constructor')).toEqual([
      { slot: 'blue', image: 'registry.example/constructor:1.0.0', replicas: 2, weight: 100, migrates: true },
    ]);
    expect(service(made, 'constructor').env['constructor']).toBe('a');
    expect(service(made, 'valueof').size.memory).toBe(16 * 1024);
  });

  test('that opens more connections than PostgreSQL takes is refused', () => {
    const services = Array.from({ length: 3 }, (_, index) =>
      app(`web-${index}`, { replicas: 100, pool: 1000, uses: [uses.database('database')] }),
    );
    expect(refusal(stack({ services }))).toMatchObject({
      kind: 'capacity',
      message: 'the pools of all replicas would open 303000 connections to database; PostgreSQL takes 262000',
    });
  });
});

describe('what the operator fixed', () => {
  test.each([
    [
      'an application',
      stack({ services: [app('web', { memory: mib(128) })] }),
      'services.web.memory is 128 MiB; it needs at least 256 MiB',
    ],
    [
      'a database',
      stack({ databases: [database('database', { memory: mib(512) })] }),
      'databases.database.memory is 512 MiB; it needs at least 1 GiB',
    ],
    ['a cache', stack({ caches: [cache('cache', { memory: mib(64) })] }), 'caches.cache.memory is 64 MiB; it needs at least 256 MiB'],
    ['a store', stack({ stores: [store('files', { memory: mib(256) })] }), 'stores.files.memory is 256 MiB; it needs at least 1 GiB'],
  ])('is refused for %s when it is below what works', (_, spec, message) => {
    expect(refusal(spec).message).toContain(message);
    expect(refusal(spec).hint).toMatch(/^set \w+\.\w+\.memory in berth\.yaml to .* or more, or remove it$/);
  });

  test('in memory beyond the host is refused, naming what is fixed and a host that would do', () => {
    const spec = stack({ databases: [database('database', { memory: mib(64 * 1024) })], host: host(4, 16) });
    const refused = refusal(spec);
    expect(refused.message).toMatch(
      /^the host has 4 CPUs and 16 GiB; the least this application needs is 2 CPUs and 76 GiB \(.*database 64 GiB fixed, /,
    );
    expect(refused.hint).toBe('use a host with at least 2 CPUs and 76 GiB, or lower replicas, pool, cpu or memory in berth.yaml');
    plan({ ...spec, host: host(2, 76) });
  });

  test('in CPUs beyond the host is refused instead of quietly lowered', () => {
    const spec = stack({ services: [app('web', { cpu: milliCpu(6500) })], host: host(4, 16) });
    expect(refusal(spec).message).toContain('needs is 7 CPUs and 6 GiB (web is fixed at 6.5 CPUs; ');
    expect(service(plan({ ...spec, host: host(7, 16) }), 'web').size.cpu).toBe(6500);
  });

  test('stays while everything else shrinks', () => {
    const made = plan(stack({ caches: [cache('cache', { memory: mib(1000) })], host: host(2, 8, 80) }));
    expect(service(made, 'cache').size.memory).toBe(1000);
  });

  test('is not blamed on the profile when a profile asks for less than the floor', () => {
    const profile = {
      ...profiles.minimum,
      database: { ...profiles.minimum.database, memory: { value: mib(256), because: 'a profile of somebody else' } },
    };
    const made = plan(stack(), { profile });
    expect(service(made, 'database').size.memory).toBe(1024);
    expect(made.decisions.find(({ key }) => key === 'database.memory')?.inputs['wanted']).toContain('1 GiB (1 GiB, or what leaves each of');
  });
});

describe('a refusal', () => {
  test('does not round a host that is a little too small up to what is needed', () => {
    const { cpus, memory } = namedHost(refusal(stack({ host: host(1, 1) })));
    const least = host(cpus, memory);
    expect(refusal(stack({ host: { ...least, memory: mib(least.memory - 1023) } })).message).toContain(
      `has ${cpus} CPUs and ${memory - 1} GiB; the least this application needs is ${cpus} CPUs and ${memory} GiB`,
    );
  });

  test('asks for no CPU more than the floors and the reserve take, to the thousandth', () => {
    // edge, agent and surge with 50 each, six replicas with 50: 450, and the host keeps 550 of its 1000.
    const spec = stack({ services: [app('web', { replicas: 6 })], databases: [], caches: [], stores: [] });
    expect(namedHost(refusal({ ...spec, host: host(1, 1) })).cpus).toBe(1);
    plan({ ...spec, host: host(1, 8) });
    expect(namedHost(refusal({ ...spec, services: [app('web', { replicas: 7 })], host: host(1, 8) })).cpus).toBe(2);
  });

  test('says what each part needs', () => {
    expect(refusal(stack({ host: host(1, 2) })).message).toContain(
      '(edge 128 MiB, web 2 × 512 MiB, surge 512 MiB, database 1 GiB, database-accounts 128 MiB, cache 256 MiB, files 1 GiB, files-buckets 128 MiB, agent 512 MiB; the host keeps 1 GiB)',
    );
  });

  test('of a host above a tebibyte still names whole gibibytes', () => {
    const spec = stack({ databases: [database('database', { memory: mib(1500 * 1024) })], host: host(4, 1600) });
    const { memory } = namedHost(refusal(spec));
    plan({ ...spec, host: host(4, memory) });
    expect(namedHost(refusal({ ...spec, host: host(4, memory - 1) })).memory).toBe(memory);
  });
});

describe('PostgreSQL', () => {
  const sized = (gib: number, more: Partial<Parameters<typeof app>[1]> = {}, profile: ProfileName = 'minimum') =>
    settingsOf(
      plan(
        stack({
          profile,
          services: [app('web', { uses: [uses.database('database')], ...more })],
          databases: [database('database', { memory: mib(gib * 1024) })],
        }),
      ),
      'database',
    );

  test.each([
    // 2 replicas and a surge one with 10 connections each, and 10 of Berth's own
    [1, '256MB', '768MB', '64MB', '32MB', '2048kB'],
    [2, '512MB', '1536MB', '128MB', '64MB', '7424kB'],
    [4, '1024MB', '3072MB', '256MB', '128MB', '18240kB'],
    [16, '4096MB', '12288MB', '1024MB', '512MB', '82944kB'],
    [64, '16384MB', '49152MB', '2048MB', '512MB', '262144kB'],
  ])('of %i GiB with 40 connections has these settings', (gib, buffers, cached, maintenance, autovacuum, work) => {
    expect(sized(gib)).toMatchObject({
      max_connections: '40',
      shared_buffers: buffers,
      effective_cache_size: cached,
      maintenance_work_mem: maintenance,
      autovacuum_work_mem: autovacuum,
      work_mem: work,
    });
  });

  test('counts a surge replica of each application that uses it, and no other', () => {
    const services = [
      app('one', { replicas: 3, pool: 20, uses: [uses.database('database')] }),
      app('two', { replicas: 1, pool: 5, uses: [uses.database('database')] }),
      app('three', { pool: 500 }),
    ];
    expect(settingsOf(plan(stack({ services })), 'database')['max_connections']).toBe(String(4 * 20 + 2 * 5 + 10));
  });

  test('asks for more memory the more connections there are', () => {
    const floor = (pool: number) =>
      plan(stack({ services: [app('web', { pool, uses: [uses.database('database')] })], host: host(2, 64) })).decisions.find(
        ({ key }) => key === 'database.memory',
      )?.inputs['floor'];
    expect(floor(10)).toContain('1 GiB (');
    expect(floor(200)).toMatch(/^8\.\d GiB \(/);
  });

  test.each([
    [500, '1', '1'],
    [4000, '4', '2'],
    [16_000, '8', '4'],
  ])('with %i thousandths of a CPU runs %s parallel workers, %s for one query', (cpu, workers, gather) => {
    const settings = settingsOf(plan(stack({ databases: [database('database', { cpu: milliCpu(cpu) })] })), 'database');
    expect(settings).toMatchObject({ max_parallel_workers: workers, max_parallel_workers_per_gather: gather, max_worker_processes: '8' });
  });

  test('keeps its log within a tenth of its disk', () => {
    for (const disk of [40, 100, 2048]) {
      const made = plan(stack({ profile: 'high-performance', host: host(8, 64, disk) }));
      const data = made.disk.find(({ name }) => name === 'database')?.size ?? 0;
      expect(inMib(settingsOf(made, 'database')['max_wal_size'])).toBeLessThanOrEqual(Math.max(256, data / 10));
    }
  });
});

describe('Valkey', () => {
  test.each([
    [256, 'cache', '128mb'],
    [639, 'cache', '319mb'],
    [640, 'cache', '494mb'],
    [1024, 'cache', '808mb'],
    [4096, 'cache', '3276mb'],
    [256, 'queue', '128mb'],
    [640, 'sessions', '441mb'],
    [1024, 'queue', '716mb'],
  ] as const)('of %i MiB used as %s holds %s', (memory, use, maxmemory) => {
    expect(settingsOf(plan(stack({ caches: [cache('cache', { use, memory: mib(memory) })] })), 'cache')['maxmemory']).toBe(maxmemory);
  });

  test('forgets only where the application allows it', () => {
    const policy = (use: 'cache' | 'sessions' | 'queue') => {
      const { appendonly, 'maxmemory-policy': eviction } = settingsOf(plan(stack({ caches: [cache('cache', { use })] })), 'cache');
      return [appendonly, eviction];
    };
    expect([policy('cache'), policy('sessions'), policy('queue')]).toEqual([
      ['no', 'allkeys-lru'],
      ['yes', 'noeviction'],
      ['yes', 'noeviction'],
    ]);
  });

  test('has four threads from four CPUs on, and says why', () => {
    for (const [cpus, threads] of [
      [2, '1'],
      [3.9, '1'],
      [4, '4'],
      [8, '4'],
    ] as const) {
      const made = plan(stack({ profile: 'high-performance', host: host(cpus, 64), caches: [cache('cache', { topology: 'single' })] }));
      expect([settingsOf(made, 'cache')['io-threads'], decision(made, 'cache.io-threads')]).toEqual([threads, threads]);
    }
  });
});

describe('the edge', () => {
  test.each([
    ['minimum', 1, 4, 1, 384],
    ['minimum', 2, 64, 2, 1024],
    ['minimum', 64, 256, 2, 1024],
    ['recommended', 1, 256, 1, 4896],
    ['recommended', 3, 256, 3, 1632],
    ['recommended', 64, 256, 4, 1224],
    ['high-performance', 1, 2048, 1, 16_384],
    ['high-performance', 5, 2048, 4, 11568],
    ['high-performance', 64, 2048, 8, 5784],
  ] as const)('of profile %s on %i CPUs and %i GiB has %i workers of %i connections', (profile, cpus, memory, workers, connections) => {
    const made = plan(
      stack({
        profile,
        services: [app('web', { replicas: 1, cpu: milliCpu(500) })],
        databases: [],
        caches: [],
        stores: [],
        host: host(cpus, memory),
      }),
    );
    expect(made.edge).toMatchObject({ workers, connections, nofile: 2 * connections + 1024 });
  });

  test('counts the uploads that wait in its memory towards its limit', () => {
    const { size, tmpfs } = service(plan(stack({ host: host(2, 6, 40) })), 'edge');
    expect(tmpfs).toMatchObject([{ path: '/tmp', size: Math.floor(size.memory / 4) }]);
  });

  test('warns of a route whose uploads it cannot hold, unless they stream', () => {
    const route = (stream: boolean) => [{ path: '/upload', body: mib(512), timeout: seconds(60), rateLimits: [], stream }];
    expect(plan(stack({ services: [app('web', { http: http(route(false)) })] })).notes.join('\n')).toContain(
      'web /upload: a request may have 512 MiB, and the edge has 128 MiB to hold it',
    );
    expect(plan(stack({ services: [app('web', { http: http(route(true)) })] })).notes.join('\n')).not.toContain('/upload');
  });
});

describe('folders in memory', () => {
  const folders = ['/data/a', '/data/b'];

  test('of an application are taken off its limit before the heap gets its share', () => {
    const made = plan(stack({ services: [app('web', { memory: mib(1024), writable: ['/tmp', ...folders] })] }));
    expect(service(made, 'web').tmpfs).toMatchObject(['/tmp', ...folders].map((path) => ({ path, size: 64 })));
    expect([decision(made, 'web.max-old-space-size'), decision(made, 'web.worst_case')]).toEqual(['624', '880 MiB of 1024 MiB']);
    expect(made.decisions.find(({ key }) => key === 'web.worst_case')?.inputs).toEqual({
      heap: '624 MiB',
      T: '192 MiB: 64 MiB each for /tmp, /data/a, /data/b, which lie in memory',
    });
  });

  test.each(['node', 'other'] as const)('raise the least that an application of runtime %s needs', (runtime) => {
    const of = (memory: number) => stack({ services: [app('web', { runtime, memory: mib(memory), writable: folders })] });
    expect(refusal(of(399)).message).toBe(
      'services.web.memory is 399 MiB; it needs at least 400 MiB: 256 MiB: no web runtime starts reliably in less; and 72 MiB for each further writable folder (2), as they lie in memory',
    );
    expect(service(plan(of(400)), 'web').size.memory).toBe(400);
    expect(refusal(stack({ services: [app('web', { runtime, writable: folders })], host: host(1, 1) })).message).toContain(
      'web 2 × 656 MiB, surge 656 MiB',
    );
  });

  test('leave a heap within the limit however many there are', () => {
    for (let further = 0; further <= 40; further++)
      for (const more of [0, 1, 100, 300, 512, 513, 768, 4096]) {
        const memory = 256 + further * 72 + more;
        const made = plan(
          stack({
            services: [app('web', { memory: mib(memory), writable: Array.from({ length: further }, (_, index) => `/data/${index}`) })],
          }),
        );
        const heap = Number(decision(made, 'web.max-old-space-size'));
        expect(heap).toBeGreaterThanOrEqual(100);
        expect(heap + 64 + (1 + further) * 64).toBeLessThanOrEqual(0.9 * memory);
      }
  });

  test('of engines are small, and cover the volumes that images declare', () => {
    const sizes = (use: 'cache' | 'queue') => {
      const made = plan(stack({ caches: [cache('cache', { use })] }));
      return Object.fromEntries(
        ['database', 'database-accounts', 'cache', 'files', 'files-buckets'].map((name) => [
          name,
          service(made, name).tmpfs.map(({ path, size }) => `${path} ${size}`),
        ]),
      );
    };
    expect(sizes('cache')).toEqual({
      'database': ['/var/run/postgresql 8', '/tmp 16'],
      'database-accounts': ['/tmp 16', '/var/lib/postgresql/data 1'],
      'cache': ['/tmp 8', '/data 8'],
      'files': ['/tmp 16', '/data 1'],
      'files-buckets': ['/tmp 16', '/data 1'],
    });
    expect(sizes('queue')['cache']).toEqual(['/tmp 8']);
  });
});

test('processes grow with the connections of a database, and applications may have many threads', () => {
  const made = plan(stack({ services: [app('web', { pool: 500, uses: [uses.database('database')] })] }));
  expect(Object.fromEntries(made.services.map(({ name, size }) => [name, size.pids]))).toEqual({
    'edge': 64,
    'web': 512,
    'database': 1510 + 8 + 3 + 64,
    'database-accounts': 64,
    'cache': 64,
    'files': 1024,
    'files-buckets': 64,
  });
});

test('an application reaches the network of the data only when it uses some', () => {
  const networks = (more: Parameters<typeof app>[1]) => service(plan(stack({ services: [app('web', more)] })), 'web').networks;
  expect([networks({}), networks({ egress: true }), networks({ uses: [uses.cache('cache')] })]).toEqual([
    ['app'],
    ['app', 'egress'],
    ['app', 'data'],
  ]);
});

test('a cache that must remember says what the host needs for it', () => {
  const notes = (use: 'cache' | 'sessions' | 'queue') =>
    plan(stack({ caches: [cache('cache', { use })] })).notes.filter((note) => note.includes('vm.overcommit_memory=1'));
  expect([notes('cache').length, notes('sessions').length]).toEqual([0, 1]);
  expect(notes('queue')).toEqual([
    'cache keeps its data (use: queue) on disk and saves from a copy of its process: set vm.overcommit_memory=1 on the host, or a save may fail when memory is short',
  ]);
});

test('MinIO and its task run no more threads than their CPUs, and the edge logs nothing but its own lines', () => {
  for (const [cpu, threads] of [
    [10, '1'],
    [1000, '1'],
    [1500, '2'],
    [8000, '8'],
  ] as const) {
    const made = plan(stack({ stores: [store('files', { cpu: milliCpu(cpu) })] }));
    expect([service(made, 'files').env['GOMAXPROCS'], service(made, 'files-buckets').env['GOMAXPROCS']]).toEqual([threads, '1']);
    expect(service(made, 'edge').env).toEqual({ NGINX_ENTRYPOINT_QUIET_LOGS: '1' });
  }
});

test('MinIO of 1 GiB serves 240 requests at once, under an account that is neither too short nor its administrator’s', () => {
  const made = plan(stack({ name: 'a', stores: [store('files', { memory: mib(1024) })] }));
  expect(service(made, 'files').env['MINIO_API_REQUESTS_MAX']).toBe('240');
  expect([made.stores[0]?.account, service(made, 'web').env['FILES_ACCESS_KEY']]).toEqual(['a-app', 'a-app']);
});
