import { describe, expect, test } from 'vitest';
import { Secret } from '../../../model/secret.ts';
import { refusalOf as mysqlRefusal } from '../../../runtime/engines/mysql/access.ts';
import { refusalOf as postgresRefusal } from '../../../runtime/engines/postgres/access.ts';
import type { TlsMode } from '../../../runtime/engines/tls-mode.ts';

const hint = {
  postgres: (said: string, tls: TlsMode) =>
    postgresRefusal(said, { host: 'db.example', port: 5432, user: 'copier', password: new Secret('pw'), tls })?.hint,
  mysql: (said: string, tls: TlsMode) =>
    mysqlRefusal('MySQL')(said, { host: 'db.example', port: 3306, user: 'copier', password: new Secret('pw'), tls })?.hint,
};

describe.each(['postgres', 'mysql'] as const)('what is said of the TLS of a %s has its cure', (engine) => {
  test.each([
    "Hostname/IP does not match certificate's altnames: Host: db.example. is not in the cert's altnames: DNS:other.example",
    'certificate has expired',
    'certificate is not yet valid',
    'unable to get issuer certificate',
    'unable to get local issuer certificate',
    'self-signed certificate in certificate chain',
    'SSL error: certificate verify failed',
    'server certificate for "other.example" does not match host name "db.example"',
  ])('where its certificate is not believed: %s', (said) => {
    expect(hint[engine](said, 'known')).toContain('a certificate for that name, which is valid today');
    expect(hint[engine](said, 'own')).toContain('of the authority of this site');
  });

  test.each([
    'The server does not support SSL connections',
    'server does not support SSL, but SSL was required',
    'Server does not support secure connection',
    'ERROR 2026 (HY000): TLS/SSL error: SSL is required, but the server does not support it',
    "ERROR 2026 (HY000): SSL connection error: SSL is required but the server doesn't support it",
  ])('where it has none: %s', (said) => {
    for (const tls of ['unchecked', 'known'] as const)
      expect(hint[engine](said, tls)).toContain('turn TLS on at db.example, or write `tls: off`');
  });
});
