import { describe, expect, test } from 'vitest';
import { sqlserverEngine } from '../../../../generator/plan/services/sqlserver.ts';
import type { SqlserverEdition } from '../../../../model/database-spec.ts';
import { mib, milliCpu } from '../../../../model/units.ts';
import { app, database, host, plan, refusal, service, settingsOf, stack, uses } from '../plans.ts';

const site = (more: Parameters<typeof database>[1] = {}, pool = 10) =>
  stack({
    services: [app('web', { pool, uses: [uses.database('database')] })],
    databases: [database('database', { engine: 'sqlserver', ...more })],
  });

describe('SQL Server', () => {
  test.each([
    // Four fifths, and of that all but 512 MiB or a tenth
    [2560, '2048', '1536'],
    [4096, '3276', '2764'],
    [16_384, '13107', '11796'],
    [65_536, '52428', '47185'],
  ])('of %i MiB sees %s MiB and has %s MiB for its pools', (memory, visible, pools) => {
    expect(settingsOf(plan(site({ memory: mib(memory) })), 'database')).toMatchObject({
      'MSSQL_MEMORY_LIMIT_MB': visible,
      'max server memory (MB)': pools,
    });
    expect(service(plan(site({ memory: mib(memory) })), 'database').env['MSSQL_MEMORY_LIMIT_MB']).toBe(visible);
  });

  test('needs as much as it does not start without', () => {
    expect(refusal(site({ memory: mib(2048) })).message).toContain('databases.database.memory is 2 GiB; it needs at least 2.5 GiB');
  });

  test.each([
    [500, '1'],
    [4000, '4'],
    [32_000, '8'],
  ])('with %i thousandths of a CPU divides a statement among %s, and tempdb into as many files', (cpu, count) => {
    expect(settingsOf(plan(site({ cpu: milliCpu(cpu) })), 'database')).toMatchObject({
      'max degree of parallelism': count,
      'tempdb files': count,
    });
  });

  test('keeps tempdb within a fifth of its disk', () => {
    const made = plan({ ...site(), host: host(8, 64, 400) });
    const settings = settingsOf(made, 'database');
    const disk = made.disk.find(({ name }) => name === 'database')?.size ?? 0;
    expect(Number(settings['tempdb files']) * Number(settings['tempdb file MB'])).toBeLessThanOrEqual(disk / 5);
  });

  test('has a worker for each connection, and its task no password of the application', () => {
    expect(settingsOf(plan(site({ memory: mib(8192) }, 300)), 'database')['max worker threads']).toBe('910');
    const made = plan(site());
    expect(settingsOf(made, 'database')['max worker threads']).toBe('512');
    expect(service(made, 'database-accounts').secretFiles).toEqual(['database-admin', 'database-verifier']);
    expect(service(made, 'database').secretFiles).toEqual(['database-admin']);
  });

  test.each([
    ['developer', 'Developer', 'may not be used for production'],
    ['express', 'Express', 'holds 10 GB'],
    ['enterprise-core', 'EnterpriseCore', undefined],
  ] as const)('runs as the edition that was named: %s', (edition: SqlserverEdition, pid, notice) => {
    const made = plan(site({ edition }));
    expect(service(made, 'database').env).toMatchObject({ ACCEPT_EULA: 'Y', MSSQL_PID: pid });
    const notes = made.notes.join('\n');
    expect(notes).toContain('has not been run against a live server');
    if (notice === undefined) expect(notes).not.toContain('edition holds');
    else expect(notes).toContain(notice);
  });

  test('is the only container with a capability, and says why', () => {
    const loosened = plan(site()).services.filter((one) => one.loosened !== undefined);
    expect(loosened.map(({ name }) => name)).toEqual(['database']);
    expect(loosened[0]?.loosened?.[0]?.because).toContain('does not start where it cannot be had');
  });

  test.each([
    ['off', 'encrypt=disable', '-No -C'],
    ['require', 'encrypt=true&TrustServerCertificate=true', '-Nm -C'],
    ['verify', 'encrypt=true&TrustServerCertificate=false', '-Nm'],
  ] as const)('elsewhere is reached with TLS as asked for: %s', (tls, options, flags) => {
    const at = { name: 'database', host: 'db.corp.example', port: 1434, user: 'shop', database: 'shop', tls };
    expect(sqlserverEngine.url(at)).toEqual([
      'sqlserver://shop:',
      { secret: 'database-app', encoded: 'url' },
      `@db.corp.example:1434?database=shop&${options}`,
    ]);
    expect(sqlserverEngine.client(at).query).toContain(`-S db.corp.example,1434 -U shop -d shop ${flags} -l 5`);
  });

  test('writes down a version as a literal that nothing leaves', () => {
    const version = `["app:1","it's $(HOME)"]`;
    for (const statement of [sqlserverEngine.record(version), sqlserverEngine.recorded(version)]) {
      expect(statement).toContain(`N'["app:1","it''s $(HOME)"]'`);
      expect(statement.replaceAll(/N?'(?:[^']|'')*'/g, '')).not.toContain("'");
    }
  });
});
