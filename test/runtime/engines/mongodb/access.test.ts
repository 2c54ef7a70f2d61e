import { expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { addressOf, explainEnd } from '../../../../runtime/engines/mongodb/access.ts';

const access = { host: 'database', port: 27017, user: 'berth_backup', password: new Secret('pw') };

test('an address says whom to trust where it is reached by TLS alone, and never of a server of our own', () => {
  expect(addressOf(access).reveal()).not.toContain('tls');
  expect(addressOf({ ...access, ca: { file: '/run/secrets/site-ca' } }).reveal()).toMatch(
    /^mongodb:\/\/berth_backup:pw@database:27017\/\?directConnection=true&.*&authSource=admin&tls=true&tlsCAFile=\/run\/secrets\/site-ca$/,
  );
  expect(addressOf({ host: '/tmp/mongod.sock', port: 0, user: '', password: null }).reveal()).not.toContain('tls');
});

test.each([
  [
    'error connecting to host: tls: failed to verify certificate: x509: certificate signed by unknown authority',
    'see that the certificate of database',
  ],
  [
    'Failed: error writing data for collection `shop.certificates`: oplog overflow: mongodump was unable to capture',
    'its oplog holds less',
  ],
])('what it says is told by what it is about, and not by a name in it: %s', (stderr, cure) => {
  expect(explainEnd(access)({ code: 1, signal: null, stderr })?.hint).toContain(cure);
});
