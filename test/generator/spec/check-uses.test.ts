import { describe, expect, test } from 'vitest';
import { runtimeVariables } from '../../../model/engines/runtimes.ts';
import { hello, onlyProblem, problemsOf, specOf, web } from './specs.ts';

describe('variables', () => {
  test.each(['PORT', 'APP_VERSION', 'BERTH_SLOT', 'BERTH_SITE', 'BERTH_DOMAIN', 'DATABASE_POOL_SIZE'])(
    '%s is set by Berth: not by env, not by a secret, not by a use',
    (name) => {
      expect(onlyProblem(web(`env: { ${name}: "x" }`))).toContain('Berth sets this variable itself');
      expect(onlyProblem(web(`secrets: { ${name}: {} }`))).toContain('this variable is set twice');
      expect(onlyProblem(hello.replace('[database, cache, files]', `{ database: ${name} }`))).toContain(
        `Berth sets the variable ${name} itself`,
      );
    },
  );

  test.each(Object.entries(runtimeVariables).flatMap(([runtime, names]) => names.map((name) => [runtime, name] as const)))(
    'of runtime %s, %s may be said by env, and by no secret',
    (runtime, name) => {
      const web = (line: string) => hello.replace('    runtime: node', `    runtime: ${runtime}\n    ${line}`);
      expect(problemsOf(web(`env: { ${name}: "1" }`))).toEqual([]);
      expect(problemsOf(web(`secrets: { ${name}: {} }`)).map(({ message }) => message)).toEqual(['this variable is set twice']);
      expect(problemsOf(hello.replace('    runtime: node', `    secrets: { ${name}: {} }`))).toEqual([]);
    },
  );

  test.each(['DATABASE_URL', 'REDIS_URL', 'S3_ENDPOINT', 'S3_ACCESS_KEY', 'S3_SECRET_KEY', 'S3_BUCKET'])(
    '%s comes from what the service uses and is not set again',
    (name) => {
      expect(problemsOf(hello.replace('    runtime: node', `    env: { ${name}: "x" }`)).map(({ path }) => path)).toEqual([
        `services.web.env.${name}`,
      ]);
      expect(problemsOf(hello.replace('    runtime: node', `    secrets: { ${name}: {} }`)).map(({ path }) => path)).toEqual([
        `services.web.secrets.${name}`,
      ]);
    },
  );

  test('a variable is not both plain and secret, and the path of a secret file is not set again', () => {
    expect(onlyProblem(web('env: { A: "1" }\nsecrets: { A: {} }'))).toContain('9:16 services.web.secrets.A: this variable is set twice');
    expect(onlyProblem(web('env: { A_FILE: "1" }\nsecrets: { A: { deliver: file } }'))).toContain(
      '8:12 services.web.env.A_FILE: Berth sets this variable itself',
    );
    expect(problemsOf(web('env: { A_FILE: "1" }\nsecrets: { A: { deliver: env } }'))).toEqual([]);
  });

  test('two databases under one variable are refused, with a map that would do', () => {
    const two = hello
      .replace('[database, cache, files]', '[database, other]')
      .replace('databases:', 'databases:\n  other: { engine: postgres, name: other }');
    expect(onlyProblem(two)).toBe(
      '9:22 services.web.uses[1]: "other" and "database" would both be handed over as DATABASE_URL | write uses as a map and give each a variable of its own: { other: DATABASE_URL_2 }',
    );
    expect(
      specOf(two.replace('[database, other]', '{ database: DATABASE_URL, other: DATABASE_URL_2 }')).services[0]?.uses.map(
        ({ variable }) => variable,
      ),
    ).toEqual(['DATABASE_URL', 'DATABASE_URL_2']);
  });

  test('a database may not take a variable of a store', () => {
    expect(onlyProblem(hello.replace('[database, cache, files]', '{ files: S3, database: S3_BUCKET }'))).toContain(
      '"database" and "files" would both be handed over as S3_BUCKET',
    );
  });

  test('a use that stands twice, has no name or a wrong variable is shown at its own place', () => {
    expect(onlyProblem(hello.replace('[database, cache, files]', '[database, database]'))).toBe(
      '9:22 services.web.uses[1]: "database" stands twice | keep one of the two',
    );
    expect(onlyProblem(hello.replace('[database, cache, files]', '[database, 5]'))).toContain(
      '9:22 services.web.uses[1]: expected the name of a database, cache or store, got 5',
    );
    expect(onlyProblem(hello.replace('[database, cache, files]', '{ database: "1X" }'))).toContain(
      '9:23 services.web.uses.database: expected a variable name such as DATABASE_URL, got "1X"',
    );
    expect(onlyProblem(hello.replace('[database, cache, files]', 'database'))).toContain(
      '9:11 services.web.uses: expected a list of names, or a map from name to variable, got "database"',
    );
  });

  test('a service may not use another service', () => {
    expect(onlyProblem(hello.replace('[database, cache, files]', '[web]'))).toContain('there is no database, cache or store "web"');
  });
});
