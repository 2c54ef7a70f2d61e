import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { Secret } from '../../../../model/secret.ts';
import { connect, connectionOptions } from '../../../../runtime/engines/mysql/session.ts';

const access = { host: '127.0.0.1', port: 3306, user: 'berth_backup', password: new Secret('pw') };

/** The first packet of a server that can do all but TLS. */
const greeting = (): Buffer => {
  const [canAllButTls, more] = ['fff7', 'ff81'];
  const parts = ['0a', Buffer.from('8.4.0\0').toString('hex'), '01000000', '61'.repeat(8), '00', canAllButTls, 'ff0200', more, '15'];
  const payload = Buffer.from(
    `${parts.join('')}${'00'.repeat(10)}${'62'.repeat(12)}00${Buffer.from('caching_sha2_password\0').toString('hex')}`,
    'hex',
  );
  return Buffer.concat([Buffer.from([payload.length, 0, 0, 0]), payload]);
};

test('a server that is reached by TLS alone is checked, by its name as well', () => {
  expect(connectionOptions(access)).not.toHaveProperty('ssl');
  const trusting = connectionOptions({ ...access, ca: { file: '/run/secrets/site-ca', text: 'PEM' } });
  expect(trusting).toMatchObject({ ssl: { ca: 'PEM', verifyIdentity: true } });
});

test('a server that speaks none is not even told who asks', async () => {
  const said: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('data', (bytes) => {
      said.push(bytes);
      socket.destroy();
    });
    socket.on('error', () => undefined).write(greeting());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ask = (ca?: { readonly file: string; readonly text: string }) =>
    connect('MySQL', { ...access, port, ...(ca && { ca }) }, new AbortController().signal);
  await expect(ask({ file: '/run/secrets/site-ca', text: '' })).rejects.toMatchObject({ kind: 'unreachable' });
  expect(said).toEqual([]);
  await expect(ask()).rejects.toThrow();
  expect(Buffer.concat(said).toString('latin1')).toContain('berth_backup');
  server.close();
});
