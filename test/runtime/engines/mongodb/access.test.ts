import { expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { addressOf } from '../../../../runtime/engines/mongodb/access.ts';

const access = { host: 'database', port: 27017, user: 'berth_backup', password: new Secret('pw') };

test('an address says whom to trust where it is reached by TLS alone, and never of a server of our own', () => {
  expect(addressOf(access).reveal()).not.toContain('tls');
  expect(addressOf({ ...access, ca: { file: '/run/secrets/site-ca' } }).reveal()).toMatch(
    /^mongodb:\/\/berth_backup:pw@database:27017\/\?directConnection=true&.*&authSource=admin&tls=true&tlsCAFile=\/run\/secrets\/site-ca$/,
  );
  expect(addressOf({ host: '/tmp/mongod.sock', port: 0, user: '', password: null }).reveal()).not.toContain('tls');
});
