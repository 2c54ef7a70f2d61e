import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../examples/hello/app/database.ts';

const logged: string[] = [];
const open = (scheme: string, port: number) =>
  openDatabase({
    url: `${scheme}://hello:s3cr3t@127.0.0.1:${port}/hello`,
    poolSize: 1,
    log: (_, event, fields) => void logged.push(JSON.stringify([event, fields])),
  });

describe.concurrent.each(['postgres', 'mysql', 'mariadb'])('a database under %s://', (scheme) => {
  let silent: Server;
  let port = 0;
  beforeAll(async () => {
    silent = createServer(() => {}); // takes connections and never says a word
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    port = (silent.address() as { readonly port: number }).port;
  });
  afterAll(() => void silent.close());

  test('that nobody answers for is unavailable, with a code that names nothing', async () => {
    const database = open(scheme, 1);
    await expect(database.ping()).rejects.toMatchObject({ name: 'Unavailable', service: 'database', code: 'ECONNREFUSED' });
    expect(database.reached).toBe(false);
    await database.close();
    expect(logged.join()).not.toMatch(/s3cr3t|127\.0\.0\.1/);
  });

  test('that never speaks is given up after some seconds, and can be closed', async () => {
    const database = open(scheme, port);
    const begun = performance.now();
    await expect(database.countNotes()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - begun).toBeLessThan(30_000);
    await database.close();
  });
});
