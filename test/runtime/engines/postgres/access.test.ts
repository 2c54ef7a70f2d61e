import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { environmentOf, refusalOf, type PostgresAccess } from '../../../../runtime/engines/postgres/access.ts';

const access: PostgresAccess = { host: 'db.example', port: 5432, user: 'copier', password: new Secret('p') };
const ca = { file: '/tmp/ca.pem', text: '' };

describe('what programs of PostgreSQL are told', () => {
  test.each([
    [{}, {}],
    [{ tls: 'unchecked' }, { PGSSLMODE: 'require' }],
    [
      { tls: 'known', ca },
      { PGSSLMODE: 'verify-full', PGSSLROOTCERT: '/tmp/ca.pem' },
    ],
    [
      { tls: 'own', ca },
      { PGSSLMODE: 'verify-full', PGSSLROOTCERT: '/tmp/ca.pem' },
    ],
  ] as const)('of a server with %j', (more, told) => {
    const env = environmentOf({ ...access, ...more });
    expect(Object.fromEntries(Object.entries(env).filter(([key]) => key.startsWith('PGSSL')))).toEqual(told);
  });
});

describe('what a server refuses has a cure', () => {
  test.each([
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string', 'see that the password of copier'],
    ['FATAL:  role "copier" is not permitted to log in', 'run ALTER ROLE copier LOGIN'],
    [
      'FATAL:  permission denied for database "shop"\nDETAIL:  User does not have CONNECT privilege.',
      'GRANT CONNECT ON DATABASE … TO copier',
    ],
    ['ERROR:  permission denied to use replication slots', 'run ALTER ROLE copier REPLICATION'],
    ['FATAL:  no pg_hba.conf entry for replication connection from host "10.0.0.9", user "copier"', 'let copier in by pg_hba.conf'],
  ])('%s', (said, cure) => {
    expect(refusalOf(said, access)?.hint).toContain(cure);
  });

  test('of a certificate, by who is to have issued it', () => {
    const said = 'SSL error: certificate verify failed';
    expect(refusalOf(said, { ...access, tls: 'own', ca })?.hint).toContain('of the authority of this site');
    expect(refusalOf(said, { ...access, tls: 'known', ca })?.hint).toContain('that trust in berth.yaml names');
  });
});
