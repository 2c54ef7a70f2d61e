import { describe, expect, test } from 'vitest';
import { onlyProblem, specOf } from './specs.ts';

const written = ({ target = 'kubernetes', database = '{ engine: postgres, operator: cloudnative-pg }', more = '' } = {}): string =>
  `apiVersion: berth/v1\nname: hello\nprofile: minimum\ntarget: ${target}\nservices:\n  web: { image: "registry.example/hello:1.0.0", port: 3000, uses: [database] }\ndatabases: { database: ${database} }\n${more}`;

describe('the operator of a database', () => {
  test('is taken for PostgreSQL in a cluster, and runs in cnpg-system unless it is said', () => {
    expect(specOf(written())).toMatchObject({
      databases: [{ operator: 'cloudnative-pg' }],
      kubernetes: { operatorNamespace: 'cnpg-system' },
    });
    expect(specOf(written({ more: 'kubernetes: { operatorNamespace: operators }\n' })).kubernetes.operatorNamespace).toBe('operators');
  });

  test.each([
    {
      what: 'on one host',
      given: { target: 'compose' },
      says: /operator: an operator runs in a cluster, and this site is for one host .*topology: primary-replica/,
    },
    {
      what: 'of another engine',
      given: { database: '{ engine: mysql, operator: cloudnative-pg }' },
      says: /operator: CloudNativePG runs PostgreSQL alone, and this is mysql/,
    },
    {
      what: 'of what stands elsewhere',
      given: { database: '{ engine: postgres, operator: cloudnative-pg, external: { host: db.example } }' },
      says: /operator: means nothing for a database that stands elsewhere/,
    },
    {
      what: 'that nobody knows',
      given: { database: '{ engine: postgres, operator: zalando }' },
      says: /operator: expected cloudnative-pg/,
    },
    {
      what: 'with passwords that somebody else manages',
      given: { more: 'kubernetes: { existingSecrets: { database: mine } }\n' },
      says: /existingSecrets\.database: the operator of database is given its passwords in two Secrets/,
    },
    {
      what: 'that is not there, with a namespace',
      given: { database: '{ engine: postgres }', more: 'kubernetes: { operatorNamespace: operators }\n' },
      says: /kubernetes\.operatorNamespace: means nothing without a database that names an operator/,
    },
    {
      what: 'whose Service would have the name of something else',
      given: { more: 'caches: { database-ro: { engine: valkey } }\n' },
      says: /the name "database-ro" is already taken by databases\.database/,
    },
  ])('$what is refused', ({ given, says }) => {
    expect(onlyProblem(written(given))).toMatch(says);
  });
});
