import { describe, expect, test } from 'vitest';
import { mib, milliCpu } from '../../../../model/units.ts';
import { app, database, decision, host, inMib, plan, refusal, service, settingsOf, stack, uses } from '../plans.ts';

const engines = ['mysql', 'mariadb'] as const;
const site = (engine: (typeof engines)[number], more: Parameters<typeof database>[1] = {}, pool = 10) =>
  stack({ services: [app('web', { pool, uses: [uses.database('database')] })], databases: [database('database', { engine, ...more })] });
const sized = (engine: (typeof engines)[number], gib: number, pool?: number) =>
  settingsOf(plan(site(engine, { memory: mib(gib * 1024) }, pool)), 'database');

describe('MySQL', () => {
  test.each([
    // 2 replicas and a surge one with 10 connections each, and 10 of Berth's own
    [2, 10, '1024M', '1', '128M', '64M'],
    [4, 10, '2048M', '2', '64M', '122M'],
    [5, 10, '3456M', '2', '64M', '153M'],
    [8, 10, '5888M', '4', '32M', '245M'],
    [16, 10, '12288M', '8', '128M', '491M'],
    [64, 10, '49152M', '8', '128M', '1966M'],
    [128, 10, '98304M', '8', '1024M', '3932M'],
    // 510 connections
    [4, 166, '1408M', '1', '128M', '122M'],
    [16, 166, '10240M', '8', '128M', '491M'],
  ])('of %i GiB with a pool of %i for each replica caches %s', (gib, pool, size, instances, chunk, temporary) => {
    expect(sized('mysql', gib, pool)).toMatchObject({
      max_connections: String(3 * pool + 10),
      innodb_buffer_pool_size: size,
      innodb_buffer_pool_instances: instances,
      innodb_buffer_pool_chunk_size: chunk,
      temptable_max_ram: temporary,
    });
  });

  test('is given no setting that 8.4 or a later version has removed, or that it has by itself and calls deprecated', () => {
    const settings = Object.keys(settingsOf(plan(site('mysql')), 'database'));
    for (const gone of ['default_authentication_plugin', 'binlog_format', 'expire_logs_days', 'innodb_log_file_size', 'log_slave_updates'])
      expect(settings).not.toContain(gone);
  });
});

describe('MariaDB', () => {
  test.each([
    [2, 10, '1024M'],
    [4, 10, '2048M'],
    [16, 10, '12288M'],
    [64, 10, '49152M'],
    // 510 connections, each with temporary tables of its own
    [4, 166, '128M'],
    [16, 166, '10112M'],
  ])('of %i GiB with a pool of %i for each replica caches %s', (gib, pool, size) => {
    if (size === '128M') {
      expect(refusal(site('mariadb', { memory: mib(gib * 1024) }, pool)).message).toContain(
        'databases.database.memory is 4 GiB; it needs at least',
      );
      return;
    }
    expect(sized('mariadb', gib, pool)).toMatchObject({ max_connections: String(3 * pool + 10), innodb_buffer_pool_size: size });
  });

  test('removes its logs by age and by size though no replica is connected', () => {
    const made = plan({ ...site('mariadb'), host: host(8, 64, 200) });
    const settings = settingsOf(made, 'database');
    const disk = made.disk.find(({ name }) => name === 'database')?.size ?? 0;
    expect(settings).toMatchObject({ slave_connections_needed_for_purge: '0', binlog_expire_logs_seconds: '259200' });
    expect(inMib(settings['max_binlog_total_size'])).toBe(Math.floor(disk / 5 / 512) * 512);
  });
});

describe.each(engines)('a database of %s', (engine) => {
  const made = plan(site(engine));

  test('asks for more memory the more connections there are, and says why', () => {
    const floor = (pool: number) =>
      plan({ ...site(engine, {}, pool), host: host(2, 64) }).decisions.find(({ key }) => key === 'database.memory')?.inputs['floor'];
    expect(floor(10)).toContain('or what leaves a buffer pool of 256 MiB beside 40 connections');
    expect(floor(10)).toMatch(/^1(\.\d)? GiB \(/);
    expect(floor(1000)).toMatch(engine === 'mysql' ? /^9\.\d GiB \(/ : /^2\d(\.\d)? GiB \(/);
    const message = refusal(site(engine, { memory: mib(512) })).message;
    expect(message).toMatch(/^databases\.database\.memory is 512 MiB; it needs at least 1(\.\d)? GiB: 1 GiB, or what leaves a buffer pool/);
  });

  test('opens no more connections than its server takes', () => {
    const services = [0, 1, 2].map((index) => app(`web-${index}`, { replicas: 100, pool: 1000, uses: [uses.database('database')] }));
    const name = { mysql: 'MySQL', mariadb: 'MariaDB' }[engine];
    expect(refusal(stack({ services, databases: [database('database', { engine })] })).message).toBe(
      `the pools of all replicas would open 303000 connections to database; ${name} takes 99000`,
    );
  });

  test.each([
    [500, '4', '1'],
    [4000, '4', '4'],
    [16_000, '8', '4'],
    [64_000, '16', '4'],
  ])('with %i thousandths of a CPU reads and writes by %s threads each and cleans up by %s', (cpu, io, purge) => {
    expect(settingsOf(plan(site(engine, { cpu: milliCpu(cpu) })), 'database')).toMatchObject({
      innodb_read_io_threads: io,
      innodb_write_io_threads: io,
      innodb_purge_threads: purge,
    });
  });

  test('keeps its redo log within a tenth of its disk', () => {
    const setting = { mysql: 'innodb_redo_log_capacity', mariadb: 'innodb_log_file_size' }[engine];
    for (const disk of [40, 100, 2048]) {
      const fitted = plan({ ...site(engine), profile: 'high-performance', host: host(8, 64, disk) });
      const data = fitted.disk.find(({ name }) => name === 'database')?.size ?? 0;
      expect(inMib(settingsOf(fitted, 'database')[setting])).toBeLessThanOrEqual(Math.max(256, data / 10));
    }
  });

  test('has what backups and replicas rely on', () => {
    expect(settingsOf(made, 'database')).toMatchObject({
      log_bin: 'binlog',
      sync_binlog: '1',
      innodb_flush_log_at_trx_commit: '1',
      binlog_row_image: 'FULL',
      ...(engine === 'mysql'
        ? { gtid_mode: 'ON', enforce_gtid_consistency: 'ON', log_replica_updates: 'ON' }
        : { gtid_strict_mode: 'ON', binlog_format: 'ROW', log_slave_updates: 'ON' }),
    });
  });

  test('writes to its volume and to small folders in memory only, and its task to those alone', () => {
    const folders = (name: string) => service(made, name).tmpfs.map(({ path, size }) => `${path} ${size}`);
    expect(folders('database')).toEqual(['/var/run/mysqld 8', '/tmp 16']);
    expect(folders('database-accounts')).toEqual(['/tmp 16', '/var/lib/mysql 1']);
    expect(service(made, 'database').volumes.map(({ target }) => target)).toEqual(['/var/lib/mysql']);
    expect(service(made, 'database-accounts').volumes).toEqual([]);
  });

  test('is told its passwords by files, and shows none to whoever lists its processes', () => {
    const told = [service(made, 'database'), service(made, 'database-accounts')].map((one) => [
      ...Object.entries(one.env).map(([key, value]) => `${key}=${value}`),
      ...(one.entrypoint ?? []),
      ...(one.command ?? []),
      ...(one.healthcheck?.argv ?? []),
    ]);
    expect(told.flat().filter((text) => /password/i.test(text))).toEqual([
      `${engine.toUpperCase()}_ROOT_PASSWORD_FILE=/run/secrets/database-admin`,
    ]);
    expect(service(made, 'database').secretEnv).toEqual({});
    expect(service(made, 'database-accounts').secretEnv).toEqual({});
    // Verifiers, not passwords, but for the administrator that makes the accounts.
    expect(service(made, 'database-accounts').secretFiles).toEqual([
      'database-admin-client',
      'database-verifier',
      'database-verifier-before',
      'database-health-verifier',
    ]);
  });

  test('is asked by TCP whether it may be sent statements, and lives while nothing listens', () => {
    const { healthcheck, probes } = service(made, 'database');
    expect(healthcheck?.argv).toContain('--protocol=tcp');
    expect(healthcheck?.argv).toContain('ping');
    const live = probes && 'argv' in probes.live ? probes.live.argv.at(-1) : '';
    expect(live).toBe(`${healthcheck?.argv.join(' ') ?? '?'} || ! (: </dev/tcp/127.0.0.1/3306) 2>/dev/null`);
  });

  test('lets an application of a cluster wait for it without showing its password', () => {
    const [gate] = service(plan({ ...site(engine), target: 'kubernetes' }), 'web').gates;
    expect(gate).toMatchObject({ image: engine, env: {}, secretEnv: { DATABASE_PASSWORD: [{ secret: 'database-app' }] } });
    expect(gate?.argv[2]).toContain(`--defaults-extra-file=/dev/stdin --host=database --port=3306 --user=hello`);
  });

  test('explains each number that its limit decides', () => {
    for (const key of [
      'innodb_buffer_pool_size',
      'max_connections',
      'table_open_cache',
      'open_files_limit',
      'thread_cache_size',
      'worst_case',
      'pids',
    ])
      expect([key, decision(made, `database.${key}`)]).toEqual([key, expect.stringMatching(/^\d/)]);
  });
});
