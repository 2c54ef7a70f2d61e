import { describe, expect, test } from 'vitest';
import { hello, oneLine, onlyProblem, problemsOf, specOf } from './specs.ts';

describe('databases', () => {
  test.each(['postgres', 'template1', 'public', 'all', 'replication', 'pg_toast'])(
    'no database is called %s, neither by its own name nor by the site’s',
    (name) => {
      expect(onlyProblem(hello.replace('engine: postgres }', `engine: postgres, name: ${name} }`))).toContain(
        'PostgreSQL keeps this one for itself',
      );
      if (!name.includes('_'))
        expect(onlyProblem(hello.replace('name: hello', `name: ${name}`))).toContain(
          `databases.database: PostgreSQL keeps the name "${name}" for itself`,
        );
    },
  );

  test.each([
    ['mysql', 'MySQL', 'root'],
    ['mysql', 'MySQL', 'information_schema'],
    ['mysql', 'MySQL', 'berth_health'],
    ['mariadb', 'MariaDB', 'mysql'],
    ['mariadb', 'MariaDB', 'healthcheck'],
    ['mongodb', 'MongoDB', 'admin'],
    ['mongodb', 'MongoDB', 'local'],
    ['sqlserver', 'SQL Server', 'master'],
  ])('no database of %s is called what %s keeps for itself: %s', (engine, keeper, name) => {
    const more = engine === 'sqlserver' ? ' , edition: web, acceptLicence: true'.trim() : '';
    expect(onlyProblem(hello.replace('engine: postgres }', `engine: ${engine}, name: ${name}${more} }`))).toBe(
      `11:${31 + engine.length} databases.database.name: expected a name of your own: ${keeper} keeps this one for itself`,
    );
  });

  test('what one engine keeps for itself is a name like any other for the next', () => {
    expect(problemsOf(hello.replace('engine: postgres }', 'engine: postgres, name: mysql }'))).toEqual([]);
    expect(problemsOf(hello.replace('engine: postgres }', 'engine: mysql, name: postgres }'))).toEqual([]);
  });

  const replicated = hello.replace('engine: postgres }', 'engine: postgres, topology: primary-replica }');

  test('a topology is taken as it was written, and left open where it was not', () => {
    expect(specOf(replicated).databases[0]?.topology).toBe('primary-replica');
    expect(specOf(hello).databases[0]?.topology).toBeUndefined();
    expect(specOf(replicated.replace('primary-replica', 'cluster')).databases[0]?.topology).toBe('cluster');
    expect(onlyProblem(replicated.replace('primary-replica', 'triple'))).toContain('expected single, primary-replica or cluster');
  });

  test('a replica is refused for an engine that can have none here, and for what stands elsewhere', () => {
    expect(onlyProblem(replicated.replace('engine: postgres', 'engine: mongodb'))).toContain(
      'this version of Berth sets up no replica of mongodb',
    );
    expect(
      onlyProblem(
        replicated
          .replace('engine: postgres', 'engine: sqlserver, edition: standard, acceptLicence: true')
          .replace('primary-replica', 'cluster'),
      ),
    ).toContain('this version of Berth sets up no cluster of sqlserver');
    expect(onlyProblem(replicated.replace('engine: postgres', 'engine: postgres, external: { host: db.corp.example }'))).toContain(
      'means nothing for a server that stands elsewhere',
    );
  });

  describe('a replica for analytics', () => {
    const analysed = hello.replace('engine: postgres }', 'engine: postgres, analytics: { memory: 2Gi } }');
    const asked = analysed.replace('    uses:', '    env: {}\n    uses:').replace(/uses: \[(.*?)\]/, 'uses: [$1, database-analytics]');

    test('has a name that services may use, and an address of its own there', () => {
      expect(specOf(analysed).databases[0]?.analytics).toEqual({ memory: 2048, queryTimeout: 1800 });
      expect(specOf(asked).services[0]?.uses).toContainEqual({
        service: 'database',
        kind: 'analytics',
        variable: 'DATABASE_ANALYTICS_URL',
      });
      expect(onlyProblem(hello.replace(/uses: \[(.*?)\]/, 'uses: [$1, database-analytics]'))).toContain(
        'there is no database, cache or store "database-analytics"',
      );
      expect(onlyProblem(asked.replace('env: {}', 'env: { DATABASE_ANALYTICS_URL: mine }'))).toContain('DATABASE_ANALYTICS_URL');
    });

    test('is refused where nothing could follow, where an operator runs all alike, and where the server is somebody else’s', () => {
      expect(onlyProblem(analysed.replace('engine: postgres', 'engine: mongodb'))).toContain(
        'this version of Berth sets up no replica of mongodb',
      );
      expect(onlyProblem(analysed.replace('engine: postgres', 'engine: postgres, external: { host: db.corp.example }'))).toContain(
        'means nothing for a server that stands elsewhere',
      );
      expect(
        onlyProblem(
          analysed
            .replace('engine: postgres', 'engine: postgres, operator: cloudnative-pg')
            .replace('profile:', 'target: kubernetes\nprofile:'),
        ),
      ).toContain('CloudNativePG runs all servers of a database alike');
    });

    test('keeps its name free', () => {
      expect(
        onlyProblem(analysed.replace('databases:', '  database-analytics: { image: r/a:1, port: 1, routes: [{ path: /x }] }\ndatabases:')),
      ).toContain('the name "database-analytics" is already taken by services.database-analytics');
    });
  });

  test('SQL Server is refused until edition and licence are named, and no other engine takes them', () => {
    const sqlserver = (more: string) => hello.replace('engine: postgres', `engine: sqlserver${more}`);
    expect(problemsOf(sqlserver(''))).toMatchObject([
      {
        path: 'databases.database.edition',
        message: expect.stringMatching(/^missing: SQL Server runs as the edition that you have a licence for/),
      },
      {
        path: 'databases.database.acceptLicence',
        message: expect.stringMatching(/^missing: SQL Server runs for those who accept its licence/),
      },
    ]);
    expect(onlyProblem(sqlserver(', edition: express, acceptLicence: false'))).toContain('expected true, once you have read the licence');
    expect(onlyProblem(sqlserver(', edition: home, acceptLicence: true'))).toContain('expected developer, evaluation, express');
    expect(specOf(sqlserver(', edition: express, acceptLicence: true')).databases[0]).toMatchObject({
      engine: 'sqlserver',
      edition: 'express',
    });
    expect(problemsOf(sqlserver(', external: { host: db.corp.example }'))).toEqual([]);
    expect(onlyProblem(hello.replace('engine: postgres', 'engine: postgres, edition: express'))).toContain('it is for sqlserver');
  });
});

describe('a server of a database elsewhere', () => {
  const hostProblems = (host: string) =>
    problemsOf(hello.replace('engine: postgres }', `engine: postgres, external: { host: ${host} } }`))
      .map(oneLine)
      .filter((line) => line.includes('external.host'));

  test.each(['"[1:2]"', '"[:::]"', '10.4.0.300'])('has no address such as %s', (host) => {
    expect(hostProblems(host)).toEqual([expect.stringContaining('external.host: expected a host name or an address')]);
  });

  test.each(['"[fd00::1]"', '10.4.0.30', 'db.corp.example'])('may be found at %s', (host) => {
    expect(hostProblems(host)).toEqual([]);
  });
});
