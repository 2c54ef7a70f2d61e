import { expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { refusalOf } from '../../../../runtime/engines/mysql/access.ts';

const access = { host: 'database', port: 3306, user: 'berth_backup', password: new Secret('pw') };

test.each([
  [
    'ERROR 2026 (HY000): TLS/SSL error: Certificate verification failure: The certificate is NOT trusted.',
    'see that the certificate of database',
  ],
  [
    'ERROR 2026 (HY000): SSL connection error: error:0A000086:SSL routines::certificate verify failed',
    'see that the certificate of database',
  ],
  ['self-signed certificate in certificate chain', 'see that the certificate of database'],
  ["Hostname/IP does not match certificate's altnames: Host: database", 'see that the certificate of database'],
  ['Connections using insecure transport are prohibited while --require_secure_transport=ON.', 'database lets in by TLS alone'],
  ['mysqldump: Error: Lock wait timeout exceeded; try restarting transaction when trying to dump certificates', 'it is tried again'],
  [
    'mysqldump: Error 2013: Lost connection to MySQL server during query when dumping table `user_verifications` at row: 3',
    'it is tried again',
  ],
])('what it says is told by what it is about, and not by a name in it: %s', (said, cure) => {
  expect(refusalOf('MySQL')(said, access)?.hint).toContain(cure);
});
