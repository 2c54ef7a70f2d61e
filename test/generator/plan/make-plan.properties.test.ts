import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BerthError } from '../../../model/errors.ts';
import { runtimeVariables } from '../../../model/engines/runtimes.ts';
import type { Runtime } from '../../../model/engines/runtimes.ts';
import type { Plan } from '../../../model/plan.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import {
  anySite,
  anySpec,
  cache,
  database,
  databaseServers,
  decision,
  given,
  holderOf,
  host,
  inMib,
  namedDisk,
  namedHost,
  pinned,
  plan,
  profiles,
  service,
  settingsOf,
  stack,
  tryPlan,
} from './plans.ts';

const runs = { numRuns: 400 };
const long = 120_000;
const on = (spec: StackSpec, facts: StackSpec['host']): Plan | BerthError => tryPlan({ ...spec, host: facts });

/** Folders in memory: their pages count towards the limit. MiB. */
const inMemory = (made: Plan, name: string): number => service(made, name).tmpfs.reduce((sum, { size }) => sum + size, 0);

/** What each runtime takes at worst beside its folders, from the text of its variables alone. MiB. */
const ofRuntime: Readonly<Record<Runtime, (service: PlannedService) => number | undefined>> = {
  node: ({ env }) => Number(env['NODE_OPTIONS']?.replace('--max-old-space-size=', '')) + 64,
  python: ({ env }) => 32 + Number(env['WEB_CONCURRENCY']) * 128,
  java: ({ env, size }) => {
    const of = (option: string) => Number(new RegExp(`${option}=([\\d.]+)`).exec(env['JAVA_TOOL_OPTIONS'] ?? '')?.[1]);
    const bounded = of('MaxMetaspaceSize') + of('ReservedCodeCacheSize') + of('MaxDirectMemorySize');
    return 1.05 * (of('MaxRAMPercentage') / 100) * size.memory + bounded + 48 + 200 / 4;
  },
  go: ({ env }) => Number(env['GOMEMLIMIT']?.replace('MiB', '')) + 16,
  other: () => undefined,
};

/** What each engine takes at worst, from the text of its settings alone. MiB. */
function worstCases(made: Plan, spec: StackSpec): readonly { readonly name: string; readonly worst: number; readonly limit: number }[] {
  // What several have in common is decided once, for each of them.
  const row = (name: string, worst: number, one = name) => ({
    name,
    worst: worst + inMemory(made, one),
    limit: service(made, one).size.memory,
  });
  return [
    ...databaseServers(made).map(({ service: name, engine }) => {
      const settings = settingsOf(made, name);
      const number = (key: string) => Number(settings[key]);
      if (engine === 'sqlserver') return row(name, number('MSSQL_MEMORY_LIMIT_MB') + 128);
      if (engine === 'mongodb') {
        const megabytes = number('setParameter.internalQueryMaxBlockingSortMemoryUsageBytes') / 2 ** 20;
        const beside = 320 + 192 + number('setParameter.maxIndexBuildMemoryUsageMegabytes') + 2 * megabytes;
        return row(
          name,
          beside + number('net.maxIncomingConnections') + 1.1 * 1024 * number('storage.wiredTiger.engineConfig.cacheSizeGB'),
        );
      }
      if (engine !== 'postgres') {
        const sum = (...keys: readonly string[]) => keys.reduce((all, key) => all + inMib(settings[key]), 0);
        const shared = sum('innodb_log_buffer_size') + 1.1 * sum('innodb_buffer_pool_size') + 0.03 * number('table_open_cache');
        return engine === 'mysql'
          ? row(name, 448 + shared + sum('temptable_max_ram') + number('max_connections') * 2.5)
          : row(
              name,
              256 +
                shared +
                sum('aria_pagecache_buffer_size', 'key_buffer_size') +
                number('max_connections') * (2 + sum('tmp_memory_table_size')),
            );
      }
      const backends = number('max_connections') + number('max_worker_processes');
      return row(
        name,
        inMib(settings['shared_buffers']) +
          48 +
          inMib(settings['maintenance_work_mem']) +
          number('autovacuum_max_workers') * inMib(settings['autovacuum_work_mem']) +
          backends * (5 + 2 * number('hash_mem_multiplier') * inMib(settings['work_mem'])),
      );
    }),
    ...made.caches.map(({ service: name, engine, members: [member = ''], sentinel, cluster }) => {
      const settings = settingsOf(made, name);
      if (engine === 'memcached') {
        const [items, connections, threads] = ['memory-limit', 'conn-limit', 'threads'].map((key) => Number(settings[key])) as [
          number,
          number,
          number,
        ];
        // One page for each size of items, and a thread for each kind of upkeep.
        return row(name, (items * 7) / 6 + 8 + 40 + threads + 6 + connections * 0.04);
      }
      const copied = sentinel ?? cluster;
      const stream = copied ? inMib(settings['repl-backlog-size']) : 0;
      return row(name, inMib(settings['maxmemory']) * (settings['appendonly'] === 'yes' || copied ? 1.25 : 1.1) + 16 + stream, member);
    }),
    ...made.stores.map(({ service: name, engine }) => {
      const { command = [], env } = service(made, name);
      if (engine === 'minio') return row(name, 175 + Number(env['MINIO_API_REQUESTS_MAX']) * (3 + 32 / 1024));
      const flag = (key: string) => Number(command.find((word) => word.startsWith(`-${key}=`))?.split('=')[1]);
      const moved = flag('volume.concurrentUploadLimitMB') + flag('volume.concurrentDownloadLimitMB');
      // Four pieces of 4 MiB each; what lies in memory is counted by its folders.
      return row(name, 304 + moved + flag('s3.concurrentFileUploadLimit') * 16);
    }),
    ...spec.services.flatMap(({ name, runtime }) => {
      const worst = ofRuntime[runtime](service(made, name));
      return worst === undefined ? [] : [row(name, worst)];
    }),
    row('edge', made.edge.workers * 32 + (((made.edge.workers * made.edge.connections) / 2) * 224) / 1024),
  ];
}

test(
  'what is given stays within the host: memory times count and the reserve, each CPU limit, all CPU shares, all of the disk',
  () => {
    fc.assert(
      fc.property(anySite, (spec) => {
        const [made, facts] = [plan(spec), spec.host];
        const reserve = Math.max(1024, Math.ceil(facts.memory / 10));
        const rows = made.budget.rows;
        expect(rows.reduce((sum, row) => sum + row.each * row.count, 0) + reserve).toBeLessThanOrEqual(facts.memory);
        expect(made.budget).toMatchObject({ host: facts.memory, reserve, sum: rows.reduce((sum, row) => sum + row.each * row.count, 0) });
        const countOf = (name: string) => rows.find((row) => row.name === name)?.count ?? 0;
        for (const { name, size, replicas } of made.services) {
          expect([name, countOf(name)]).toEqual([name, replicas]);
          expect(size.memory).toBe(rows.find((row) => row.name === name)?.each);
          expect(size.cpu).toBeLessThanOrEqual(facts.cpus);
          expect(size.cpuShare).toBeLessThanOrEqual(size.cpu);
          expect(size.cpuShare).toBeGreaterThan(0);
          for (const value of [size.memory, size.cpu, size.cpuShare]) expect(Number.isInteger(value)).toBe(true);
        }
        expect(made.services.reduce((sum, { size, replicas }) => sum + size.cpuShare * replicas, 0)).toBeLessThanOrEqual(
          facts.cpus - 500 - facts.cpus / 20,
        );
        expect(made.disk.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(facts.disk * 0.85);
        // The room for a surge replica holds a replica of any application.
        for (const { name } of spec.services)
          expect(rows.find((row) => row.name === 'surge')?.each).toBeGreaterThanOrEqual(service(made, name).size.memory);
      }),
      runs,
    );
  },
  long,
);

test(
  'no engine takes more than 0.9 of its limit at worst, and the plan says the same number',
  () => {
    fc.assert(
      fc.property(anySite, fc.boolean(), (spec, fitted) => {
        const made = plan({ ...spec, host: fitted ? spec.host : undefined });
        for (const { name, worst, limit } of worstCases(made, spec)) {
          expect([name, limit, worst <= 0.9 * limit + 1e-6]).toEqual([name, limit, true]);
          const [, said, of] = /^(\d+) MiB of (\d+) MiB$/.exec(decision(made, `${name}.worst_case`) ?? '') ?? [];
          expect([name, Number(of), Math.abs(Number(said) - worst) <= 1]).toEqual([name, limit, true]);
        }
      }),
      runs,
    );
  },
  long,
);

test(
  'a database may have a process or thread for each connection and worker, and the plan says so',
  () => {
    fc.assert(
      fc.property(anySite, (spec) => {
        const made = plan(spec);
        for (const { service: name, engine } of databaseServers(made)) {
          const [settings, { pids }] = [settingsOf(made, name), service(made, name).size];
          const number = (key: string) => Number(settings[key]);
          if (engine === 'sqlserver') expect(pids).toBe(number('max worker threads') + 512);
          else if (engine === 'mongodb') expect(pids).toBe(number('net.maxIncomingConnections') + 160);
          else if (engine === 'postgres')
            expect(pids).toBe(number('max_connections') + number('max_worker_processes') + number('autovacuum_max_workers') + 64);
          else {
            expect(pids).toBe(number('max_connections') + 160);
            // What starts with the server: its readers, writers and cleaners, one log thread for each of a dozen kinds, and its signals.
            expect(pids).toBeGreaterThan(
              number('max_connections') +
                number('innodb_read_io_threads') +
                number('innodb_write_io_threads') +
                number('innodb_purge_threads') +
                64,
            );
            // It opens fewer tables, or takes fewer connections, when it may open fewer files.
            expect(service(made, name).nofile).toBe(number('open_files_limit'));
            expect(number('open_files_limit')).toBeGreaterThanOrEqual(
              Math.max(number('max_connections') * 5, number('max_connections') + 2 * number('table_open_cache') + 10),
            );
          }
          expect(decision(made, `${name}.pids`)).toBe(String(pids));
        }
      }),
      runs,
    );
  },
  long,
);

test(
  'what the operator fixed is given as it is',
  () => {
    fc.assert(
      fc.property(anySite, (spec) => {
        const made = plan(spec);
        for (const part of [...spec.services, ...spec.databases, ...spec.caches, ...spec.stores]) {
          const { size } = holderOf(made, part.name);
          expect([part.name, size.memory]).toEqual([part.name, part.memory ?? size.memory]);
          expect([part.name, size.cpu]).toEqual([part.name, part.cpu ?? size.cpu]);
        }
      }),
      runs,
    );
  },
  long,
);

const grown = fc.record({
  cpus: fc.oneof(fc.constant(0), fc.nat(64), fc.nat(64_000)),
  memory: fc.oneof(fc.constant(0), fc.nat(64), fc.nat(1_000_000)),
  disk: fc.oneof(fc.constant(0), fc.nat(64), fc.nat(10_000_000)),
});

test(
  'a bigger host never gives anything less, in whatever it is bigger',
  () => {
    fc.assert(
      fc.property(anySite, grown, (spec, more) => {
        // Where there is room for a replica at last, the others make room for it; here is told what holds beside that.
        const [small, facts, asked] = [plan(spec), spec.host, pinned(spec, plan(spec))];
        for (const [cpus, memory, disk] of [
          [more.cpus, 0, 0],
          [0, more.memory, 0],
          [0, 0, more.disk],
          [more.cpus, more.memory, more.disk],
        ] as const) {
          const now = given(
            plan({
              ...asked,
              host: { cpus: milliCpu(facts.cpus + cpus), memory: mib(facts.memory + memory), disk: mib(facts.disk + disk), fit: true },
            }),
          );
          expect(
            [...given(small)]
              .filter(([name, value]) => !((now.get(name) ?? -1) >= value))
              .map(([name, value]) => `${name}: ${value} → ${now.get(name) ?? 'nothing'}`),
          ).toEqual([]);
        }
      }),
      runs,
    );
  },
  long,
);

test(
  'a bigger host never takes a replica away, and none has less than its primary',
  () => {
    fc.assert(
      fc.property(anySite, grown, (spec, more) => {
        const { cpus, memory, disk } = spec.host;
        const larger = { cpus: milliCpu(cpus + more.cpus), memory: mib(memory + more.memory), disk: mib(disk + more.disk), fit: true };
        const replicasOf = (made: Plan) => made.databases.flatMap(({ replicas }) => replicas.map((replica) => replica.service));
        const [before, after] = [plan(spec), plan({ ...spec, host: larger })];
        expect(replicasOf(after)).toEqual(expect.arrayContaining(replicasOf(before)));
        for (const { service: name, replicas } of after.databases)
          for (const replica of replicas) {
            expect(service(after, replica.service).size).toEqual(service(after, name).size);
            expect(service(after, replica.service).volumes[0]?.size).toBe(service(after, name).volumes[0]?.size);
            expect(settingsOf(after, replica.service)).toMatchObject(settingsOf(after, name));
          }
      }),
      runs,
    );
  },
  long,
);

test(
  'no fitted host gives more than the profile does',
  () => {
    fc.assert(
      fc.property(anySite, (spec) => {
        const made = plan(spec);
        const most = given(plan({ ...pinned(spec, made), host: undefined }));
        expect([...given(made)].filter(([name, value]) => value > (most.get(name) ?? 0))).toEqual([]);
      }),
      runs,
    );
  },
  long,
);

test(
  'the same input gives the same plan, and reading it changes nothing',
  () => {
    fc.assert(
      fc.property(anySite, (spec) => {
        const copy = structuredClone(spec);
        expect(plan(spec)).toEqual(plan(copy));
        expect(copy).toEqual(spec);
      }),
      { numRuns: 200 },
    );
  },
  long,
);

test(
  'a refusal names the smallest host: that one is accepted, one GiB or one CPU less is refused',
  () => {
    fc.assert(
      fc.property(anySpec, (spec) => {
        const refused = on(spec, host(1, 1));
        if (!(refused instanceof BerthError)) throw new Error('a host of 1 CPU and 1 GiB holds nothing');
        if (!refused.message.startsWith('the host has')) return; // a size fixed below what its engine needs is refused on every host
        const { cpus, memory } = namedHost(refused);
        expect(on(spec, host(cpus, memory))).not.toBeInstanceOf(BerthError);
        expect(on(spec, host(cpus, memory - 1))).toBeInstanceOf(BerthError);
        expect(on(spec, host(cpus - 1, memory))).toBeInstanceOf(BerthError);
        // Every refusal names the same host.
        expect(namedHost(on(spec, host(cpus, memory - 1)) as BerthError)).toEqual({ cpus, memory });
        expect(namedHost(on(spec, host(cpus - 1, memory)) as BerthError)).toEqual({ cpus, memory });
      }),
      runs,
    );
  },
  long,
);

test(
  'a refusal for want of disk names the smallest one',
  () => {
    fc.assert(
      fc.property(anySpec, (spec) => {
        const refused = on(spec, { ...host(128, 2048), disk: mib(1024) });
        if (!(refused instanceof BerthError)) throw new Error('1 GiB of disk holds nothing');
        const disk = namedDisk(refused);
        if (disk === undefined) return; // refused for another reason
        expect(on(spec, host(128, 2048, disk))).not.toBeInstanceOf(BerthError);
        expect(on(spec, host(128, 2048, disk - 1))).toBeInstanceOf(BerthError);
      }),
      { numRuns: 200 },
    );
  },
  long,
);

test(
  'without fitting, every service has what the profile gives, on any host',
  () => {
    fc.assert(
      fc.property(anySite, fc.constantFrom(undefined, host(1, 1, 1, false), host(64, 512, 10_240, false)), (site, facts) => {
        const spec = { ...site, host: facts };
        const made = plan(spec);
        const profile = profiles[spec.profile];
        for (const [role, parts] of [
          ['app', spec.services],
          ['database', spec.databases],
          ['cache', spec.caches],
          ['storage', spec.stores],
        ] as const)
          for (const part of parts) {
            const { size } = holderOf(made, part.name);
            expect(size).toMatchObject({
              memory: part.memory ?? profile[role].memory.value,
              cpu: part.cpu ?? profile[role].cpu.value,
              cpuShare: part.cpu ?? profile[role].cpu.value,
            });
          }
        expect(service(made, 'edge').size).toMatchObject({ memory: profile.edge.memory.value, cpu: profile.edge.cpu.value });
      }),
      { numRuns: 200 },
    );
  },
  long,
);

test(
  'every setting that changes with the host has a decision with the same value and a reason',
  () => {
    const changing = new Set<string>();
    fc.assert(
      fc.property(anySite, (spec) => {
        const first = plan(spec);
        const second = plan({ ...pinned(spec, first), host: undefined });
        for (const { service: name, settings } of [...databaseServers(first), ...first.caches])
          for (const setting of settings) {
            if (settingsOf(second, name)[setting.name] === setting.value) continue;
            changing.add(setting.name);
            expect([setting.name, decision(first, `${name}.${setting.name}`)]).toEqual([setting.name, setting.value]);
          }
        for (const { name, env } of first.services) {
          if (env['NODE_OPTIONS'])
            expect(`--max-old-space-size=${decision(first, `${name}.max-old-space-size`) ?? ''}`).toBe(env['NODE_OPTIONS']);
          // Of a runtime, each number in each of its variables.
          const values = new Set(first.decisions.filter(({ key }) => key.startsWith(`${name}.`)).map(({ value }) => value));
          const runtime = spec.services.find((app) => app.name === name)?.runtime ?? 'other';
          for (const variable of runtimeVariables[runtime])
            for (const number of variable === 'PYTHONUNBUFFERED' ? [] : (env[variable]?.match(/\d[\w.]*/g) ?? []))
              expect([name, variable, number, values.has(number)]).toEqual([name, variable, number, true]);
          if (env['MINIO_API_REQUESTS_MAX'])
            expect([decision(first, `${name}.requests_max`), decision(first, `${name}.GOMAXPROCS`)]).toEqual([
              env['MINIO_API_REQUESTS_MAX'],
              env['GOMAXPROCS'],
            ]);
        }
        expect([
          decision(first, 'edge.worker_processes'),
          decision(first, 'edge.worker_connections'),
          decision(first, 'edge.worker_rlimit_nofile'),
        ]).toEqual([first.edge.workers, first.edge.connections, first.edge.nofile].map(String));
        for (const { key, value, formula, source, change } of first.decisions)
          for (const text of [key, value, formula, source, change]) expect(text).toMatch(/^(?!.*(?:undefined|NaN|\[object)).+$/s);
        expect(new Set(first.decisions.map(({ key }) => key)).size).toBe(first.decisions.length);
        // A host with fewer CPUs than the profile's database is rare among those drawn: most have a service with CPUs fixed.
      }),
      {
        ...runs,
        // What changes is to be seen in every run, not only in those that draw such a host.
        examples: [
          ...(['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver'] as const).flatMap((engine) =>
            (
              [
                ['minimum', 2, 16],
                ['high-performance', 3, 96],
                ['high-performance', 8, 200],
              ] as const
            ).map(([profile, cpus, memory]) =>
              stack({ profile, databases: [database('database', { engine })], host: host(cpus, memory, 400) }),
            ),
          ),
          stack({ databases: [database('database', { engine: 'mysql', topology: 'primary-replica' })], host: host(4, 24, 300) }),
          stack({ databases: [database('database', { engine: 'mariadb', topology: 'primary-replica' })], host: host(4, 24, 300) }),
          stack({ profile: 'recommended', caches: [cache('cache', { engine: 'memcached' })], host: host(2, 16, 80) }),
        ].map((spec): [StackSpec] => [spec]),
      },
    );
    // These change only where the profile wants more CPUs for a cache than the host has; their rows are in make-plan.test.ts and memcached.test.ts.
    expect([...changing].filter((name) => !/^(io-)?threads$/.test(name)).sort()).toEqual([
      'MSSQL_MEMORY_LIMIT_MB',
      'autovacuum_work_mem',
      'client-output-buffer-limit',
      'effective_cache_size',
      'innodb_buffer_pool_chunk_size',
      'innodb_buffer_pool_instances',
      'innodb_buffer_pool_size',
      'innodb_log_file_size',
      'innodb_parallel_read_threads',
      'innodb_purge_threads',
      'innodb_read_io_threads',
      'innodb_redo_log_capacity',
      'innodb_write_io_threads',
      'maintenance_work_mem',
      'max degree of parallelism',
      'max server memory (MB)',
      'max_binlog_total_size',
      'max_parallel_workers',
      'max_parallel_workers_per_gather',
      'max_slot_wal_keep_size',
      'max_wal_size',
      'maxmemory',
      'memory-limit',
      'min_wal_size',
      'relay_log_space_limit',
      'repl-backlog-size',
      'replication.oplogSizeMB',
      'shared_buffers',
      'storage.wiredTiger.engineConfig.cacheSizeGB',
      'tempdb file MB',
      'tempdb files',
      'temptable_max_ram',
      'work_mem',
    ]);
  },
  long,
);

test(
  'a buffer pool of MySQL is what the server itself would round it to',
  () => {
    fc.assert(
      fc.property(anySite, (spec) => {
        const made = plan(spec);
        for (const { service: name, engine } of made.databases) {
          if (engine !== 'mysql') continue;
          const settings = settingsOf(made, name);
          const [pool, chunk, instances] = [
            inMib(settings['innodb_buffer_pool_size']),
            inMib(settings['innodb_buffer_pool_chunk_size']),
            Number(settings['innodb_buffer_pool_instances']),
          ];
          expect([pool, chunk, instances, pool % (chunk * instances)]).toEqual([pool, chunk, instances, 0]);
          expect(pool).toBeGreaterThanOrEqual(256);
          // More than a thousand slow it down.
          expect(pool / chunk).toBeLessThanOrEqual(1000);
        }
      }),
      runs,
    );
  },
  long,
);
