import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { newNote } from '../../../examples/hello/app/note.ts';
import { openStorage } from '../../../examples/hello/app/storage.ts';

/** As much of S3 as the application uses, without checking signatures; `mode` makes it misbehave. */
async function fakeS3() {
  const objects = new Map<string, Buffer>();
  const state = { mode: 'well' as 'well' | 'silent' | 'broken' | 'bucketless' };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://s3');
    const key = decodeURIComponent(url.pathname.replace(/^\/hello\/?/, ''));
    const body = await buffer(request);
    if (state.mode === 'silent') return;
    if (state.mode === 'broken') return void response.writeHead(503).end();
    if (state.mode === 'bucketless') return void response.writeHead(404).end();
    if (request.method === 'HEAD') return void response.writeHead(200).end();
    if (request.method === 'PUT') return void (objects.set(key, body), response.writeHead(200, { ETag: '"1"' }).end());
    if (request.method === 'DELETE') return void (objects.delete(key), response.writeHead(204).end());
    if (key !== '') {
      const object = objects.get(key);
      if (object !== undefined) return void response.writeHead(200, { 'Content-Length': object.length }).end(object);
      return void response.writeHead(404).end('<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>');
    }
    const prefix = url.searchParams.get('prefix') ?? '';
    const contents = [...objects.keys()]
      .filter((name) => name.startsWith(prefix))
      .sort()
      .map(
        (name) =>
          `<Contents><Key>${name}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>"1"</ETag><Size>${objects.get(name)?.length}</Size></Contents>`,
      );
    response
      .writeHead(200)
      .end(`<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const storage = openStorage({ endpoint, region: 'site-1', accessKey: 'AK', secretKey: 'SK', bucket: 'hello' });
  const close = async (): Promise<void> => {
    await storage.close();
    server.closeAllConnections();
    server.close();
  };
  return { storage, state, objects, [Symbol.asyncDispose]: close };
}

const noteOf = (text: string, second: number) => newNote(text, new Date(Date.UTC(2026, 0, 1, 0, 0, second)), crypto.randomUUID());

test('notes come back whole, newest first, and no more than asked for', async () => {
  await using s3 = await fakeS3();
  const notes = [noteOf('one', 1), noteOf('zwei ✓', 2), noteOf('three', 3)];
  for (const note of notes) await s3.storage.put(note);
  expect(await s3.storage.latest(2)).toEqual([notes[2], notes[1]]);
});

test('what others left under the same prefix is not shown', async () => {
  await using s3 = await fakeS3();
  s3.objects.set('notes/other.txt', Buffer.from('other'));
  s3.objects.set(noteOf('', 1).key, Buffer.alloc(5000));
  expect(await s3.storage.latest(10)).toEqual([]);
});

test('a removed note is gone, and removing it again succeeds', async () => {
  await using s3 = await fakeS3();
  const note = noteOf('one', 1);
  await s3.storage.put(note);
  await s3.storage.remove(note);
  await s3.storage.remove(note);
  expect(await s3.storage.latest(10)).toEqual([]);
});

test('a store that is there answers a ping', async () => {
  await using s3 = await fakeS3();
  await expect(s3.storage.ping()).resolves.toBeUndefined();
});

test.each([
  ['bucketless', 'NoSuchBucket'],
  ['broken', 'HTTP_503'],
  ['silent', 'ETIMEDOUT'],
] as const)('a %s store is unavailable with %s, and is used again when it is well', async (mode, code) => {
  await using s3 = await fakeS3();
  s3.state.mode = mode;
  await expect(s3.storage.ping()).rejects.toMatchObject({ name: 'Unavailable', service: 'storage', code });
  s3.state.mode = 'well';
  await expect(s3.storage.ping()).resolves.toBeUndefined();
});
