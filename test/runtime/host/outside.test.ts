import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { readOutside } from '../../../runtime/host/outside.ts';

test('a place elsewhere answers where somebody listens, and why it does not is told as the system calls it', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const place = (name: string, host: string) => ({ name, path: `databases.${name}.external`, host, port, needed: true });
  expect(await readOutside([place('here', '127.0.0.1'), place('nowhere', 'db.invalid')])).toEqual([
    { name: 'here', answers: true, detail: '' },
    { name: 'nowhere', answers: false, detail: expect.stringMatching(/^(?:ENOTFOUND|EAI_AGAIN)$/) as string },
  ]);
  server.close();
  await once(server, 'close');
  expect(await readOutside([place('gone', '127.0.0.1')])).toEqual([{ name: 'gone', answers: false, detail: 'ECONNREFUSED' }]);
});
