import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { BerthError } from '../../../../model/errors.ts';
import { retryAfter } from '../../../../runtime/orchestrators/kubernetes/client.ts';
import { makeAuthority } from './certificates.ts';
import { clientOf, testClock, withCertificate } from './kubeconfig-fixture.ts';
import { inTurn, startScriptedServer, status, token } from './scripted-api-server.ts';
import type { Reply } from './scripted-api-server.ts';

const question = { deed: 'list pods' };

async function failureOf(work: Promise<unknown>): Promise<BerthError> {
  const error = await work.then(
    () => expect.unreachable('it did not fail'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BerthError);
  const failure = error as BerthError;
  expect(failure.hint).toMatch(/./);
  expect(`${failure.message} ${failure.hint}`).not.toContain(token);
  expect(`${failure.message} ${failure.hint}`).not.toMatch(/BEGIN|PRIVATE/);
  return failure;
}

describe('a client of the scripted stand-in', () => {
  test('logs in with a client certificate', async () => {
    await using stand = await startScriptedServer(() => ({ body: { kind: 'PodList' } }));
    const pair = await stand.authority.issue({ name: 'operator', for: 'client' });
    const client = await clientOf(stand, { user: withCertificate(pair) });
    expect(await client.expect('GET', '/api/v1/pods', question)).toEqual({ kind: 'PodList' });
    expect(stand.asked).toMatchObject([{ user: 'operator', path: '/api/v1/pods' }]);
  });

  test('logs in with a token', async () => {
    await using stand = await startScriptedServer(() => ({}));
    const client = await clientOf(stand);
    await client.expect('GET', '/version', question);
    expect(stand.asked).toMatchObject([{ user: 'token' }]);
  });

  test('keeps the path that the address of a cluster has', async () => {
    await using stand = await startScriptedServer(() => ({}));
    const client = await clientOf(stand, { server: `${stand.url}/k8s/clusters/c-1/` });
    await client.expect('GET', '/version', question);
    expect(stand.asked).toMatchObject([{ path: '/k8s/clusters/c-1/version' }]);
  });

  test.each<{ what: string; reply: Reply; says: RegExp; user?: object }>([
    { what: '401', reply: {}, says: /does not know you/, user: { token: 'another' } },
    {
      what: '403',
      reply: status(403, 'pods is forbidden: User "token" cannot list resource "pods"', 'Forbidden'),
      says: /may not list pods .*cannot list resource/,
    },
    { what: '404', reply: status(404, 'not found'), says: /no such thing/ },
    { what: '409', reply: status(409, 'the object has been modified', 'Conflict'), says: /somebody else.*has been modified/ },
    { what: '422', reply: status(422, 'spec.replicas: Invalid value', 'Invalid'), says: /invalid.*spec\.replicas/ },
    { what: '500', reply: { status: 500, body: 'etcd is gone' }, says: /answered 500: etcd is gone/ },
  ])('says who refused and what to do: $what', async ({ reply, says, user }) => {
    await using stand = await startScriptedServer(() => reply);
    const client = await clientOf(stand, user ? { user } : {});
    const failure = await failureOf(client.expect('GET', '/api/v1/pods', question));
    expect(failure.message).toMatch(says);
    expect(failure.message).toContain(stand.url);
    expect(failure.kind).toBe('unreachable');
  });

  test('goes no further for somebody whom the cluster does not know, whatever the question was', async () => {
    await using stand = await startScriptedServer(() => ({}));
    const client = await clientOf(stand, { user: { token: 'another' } });
    expect((await failureOf(client.ask('GET', '/version', question))).message).toContain('does not know you');
  });

  test('hides what looks like a token in the words of a server', async () => {
    await using stand = await startScriptedServer(() => status(400, `bad header: ${token}${token}`));
    const failure = await failureOf((await clientOf(stand)).expect('GET', '/version', question));
    expect(failure.message).toContain('[hidden]');
  });

  test.each([
    { what: 'seconds', header: '7', wait: 7000 },
    { what: 'a date', header: 'Tue, 01 Dec 2026 12:00:09 GMT', wait: 9000 },
  ])('asks a busy server again after as long as it says, in $what', async ({ header, wait }) => {
    await using stand = await startScriptedServer(
      inTurn({ ...status(429, 'too many requests'), headers: { 'Retry-After': header } }, { body: { done: true } }),
    );
    const clock = testClock();
    const client = await clientOf(stand, { clock });
    expect(await client.expect('GET', '/version', question)).toEqual({ done: true });
    expect(clock.slept).toEqual([wait]);
  });

  test('waits longer each time when a server that starts up does not say how long, and gives up', async () => {
    await using stand = await startScriptedServer(() => status(503, 'starting'));
    const clock = testClock();
    const failure = await failureOf((await clientOf(stand, { clock })).ask('GET', '/version', question));
    expect(clock.slept).toEqual([1000, 2000, 4000, 8000]);
    expect(stand.asked).toHaveLength(5);
    expect(failure.message).toMatch(/too busy.*5 times/);
  });

  test('does not wait for longer than a minute', async () => {
    await using stand = await startScriptedServer(() => ({ ...status(429, ''), headers: { 'Retry-After': '3600' } }));
    const clock = testClock();
    const failure = await failureOf((await clientOf(stand, { clock })).ask('GET', '/version', question));
    expect([failure.message, clock.slept]).toEqual([expect.stringContaining('3600 s'), []]);
  });

  test('takes an impatient question for answered', async () => {
    await using stand = await startScriptedServer(() => status(503, 'down'));
    expect(await (await clientOf(stand)).ask('GET', '/apis/metrics.k8s.io/v1beta1', { ...question, patient: false })).toMatchObject({
      status: 503,
    });
    expect(stand.asked).toHaveLength(1);
  });

  test.each(['before', 'after'])('gives up at its deadline when nothing comes %s the headers', async (when) => {
    const clock = testClock();
    await using stand = await startScriptedServer((_, response) => {
      if (when === 'after') response.writeHead(200).write('{');
      setImmediate(clock.expire);
      return undefined;
    });
    const failure = await failureOf((await clientOf(stand, { clock })).ask('GET', '/version', question));
    expect(failure.message).toMatch(/did not answer within 15 s when asked to list pods/);
    expect(failure.hint).toContain('--timeout');
  });

  test('stops at once when it is told to', async () => {
    const stop = new AbortController();
    await using stand = await startScriptedServer(() => {
      stop.abort();
      return undefined;
    });
    const failure = await failureOf((await clientOf(stand, { signal: stop.signal })).ask('GET', '/version', question));
    expect(failure.kind).toBe('interrupted');
  });

  test('says that nothing listens', async () => {
    const stand = await startScriptedServer(() => ({}));
    const client = await clientOf(stand);
    await stand[Symbol.asyncDispose]();
    const failure = await failureOf(client.ask('GET', '/version', question));
    expect(failure.message).toBe(`cannot reach the cluster at ${stand.url}: nothing answers there: the connection was refused`);
  });

  test('says that a name is not known', async () => {
    await using stand = await startScriptedServer(() => ({}));
    const client = await clientOf(stand, { server: 'https://no-such-cluster.invalid:6443' });
    expect((await failureOf(client.ask('GET', '/version', question))).message).toMatch(
      /no-such-cluster\.invalid:6443: its name (is not known|could not be looked up)/,
    );
  });

  test('says that a connection was cut', async () => {
    await using stand = await startScriptedServer((_, response) => {
      response.destroy();
      return undefined;
    });
    expect((await failureOf((await clientOf(stand)).ask('GET', '/version', question))).message).toContain('cut before the answer');
  });

  test('refuses a server of another authority', async () => {
    await using stand = await startScriptedServer(() => ({}));
    const client = await clientOf(stand, { authority: (await makeAuthority('other')).certificate });
    const failure = await failureOf(client.ask('GET', '/version', question));
    expect(failure.message).toMatch(/signed by an authority that the kubeconfig does not name/);
    expect(stand.asked).toEqual([]);
  });

  test('refuses a server of another name', async () => {
    await using stand = await startScriptedServer(() => ({}), { addresses: ['kubernetes.default'] });
    const failure = await failureOf((await clientOf(stand)).ask('GET', '/version', question));
    expect(failure.message).toMatch(/for another name: .*127\.0\.0\.1/);
    expect(failure.hint).toContain('tls-server-name');
    const named = await clientOf(stand, { cluster: { 'tls-server-name': 'kubernetes.default' } });
    expect(await named.ask('GET', '/version', question)).toMatchObject({ status: 200 });
  });

  test('refuses a server whose certificate has expired', async () => {
    await using stand = await startScriptedServer(() => ({}), { to: -1 });
    expect((await failureOf((await clientOf(stand)).ask('GET', '/version', question))).message).toContain('its certificate has expired');
  });

  test('says that what answers does not speak TLS', async () => {
    const plain = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    const failure = await failureOf((await clientOf({ url, authority: await makeAuthority() })).ask('GET', '/version', question));
    plain.close();
    expect(failure.message).toContain('does not speak TLS');
  });
});

test.each([
  ['3', 3000],
  ['Tue, 01 Dec 2026 12:00:30 GMT', 30_000],
  ['Tue, 01 Dec 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After: %s is %s milliseconds', (header, wait) => {
  expect(retryAfter(header, new Date('2026-12-01T12:00:00Z'))).toBe(wait);
});
