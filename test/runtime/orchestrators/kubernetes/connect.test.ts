import { once } from 'node:events';
import { createServer as createPlainServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { BerthError } from '../../../../model/errors.ts';
import { seconds } from '../../../../model/units.ts';
import { openClient } from '../../../../runtime/orchestrators/kubernetes/client.ts';
import { connect } from '../../../../runtime/orchestrators/kubernetes/connect.ts';
import type { ConnectOptions } from '../../../../runtime/orchestrators/kubernetes/connect.ts';
import { makeAuthority } from './certificates.ts';
import { kubeconfig, temporaryFolder, testClock, withCertificate } from './kubeconfig-fixture.ts';
import type { Folder } from './kubeconfig-fixture.ts';

const server = 'https://10.0.0.1:6443';
const now = new Date();
const open = (options: Partial<ConnectOptions>) => connect({ env: {}, now, ...options });

async function refused(options: Partial<ConnectOptions>): Promise<BerthError> {
  const error = await open(options).then(
    () => expect.unreachable('it connected'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BerthError);
  expect((error as BerthError).hint).toMatch(/./);
  return error as BerthError;
}

/** The header that a request would carry. */
const authorization = async (connection: Awaited<ReturnType<typeof open>>): Promise<unknown> =>
  ((await connection.authorise()).headers as Readonly<Record<string, string>> | undefined)?.['Authorization'];

const write = (folder: Folder, content: string): Partial<ConnectOptions> => ({ kubeconfig: folder.write('config', content) });

describe('a kubeconfig is found', () => {
  test('where --kubeconfig says, before KUBECONFIG and home', async () => {
    using folder = temporaryFolder();
    const file = folder.write('mine', kubeconfig({ server, name: 'mine' }));
    const other = folder.write('other', kubeconfig({ server, name: 'other' }));
    expect(await open({ kubeconfig: file, env: { KUBECONFIG: other } })).toMatchObject({ context: 'mine', server, namespace: 'hello' });
  });

  test('where KUBECONFIG says: several files are one, the first to say something is right, a missing one is none', async () => {
    using folder = temporaryFolder();
    const first = folder.write('first', kubeconfig({ server, name: 'a', user: { token: 'first' } }));
    const second = folder.write('second', kubeconfig({ server: 'https://10.0.0.2:6443', name: 'b' }));
    const third = folder.write('third', kubeconfig({ server: 'https://10.0.0.3:6443', name: 'a', user: { token: 'third' } }));
    const env = { KUBECONFIG: [first, `${folder.path}/missing`, second, third].join(':') };
    const found = await open({ env });
    expect([found.server, await authorization(found)]).toEqual([server, 'Bearer first']);
    expect((await open({ env, context: 'b' })).server).toBe('https://10.0.0.2:6443');
  });

  test('inside a pod, from its own account', async () => {
    using folder = temporaryFolder();
    folder.write('token', 'of-the-pod\n');
    folder.write('ca.crt', (await makeAuthority()).certificate);
    folder.write('namespace', 'site');
    const found = await open({ env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, serviceAccount: folder.path });
    expect([found.server, found.namespace, await authorization(found)]).toEqual(['https://[fd00::1]:443', 'site', 'Bearer of-the-pod']);
  });

  test('or it is said where it was looked for', async () => {
    using folder = temporaryFolder();
    expect((await refused({ kubeconfig: `${folder.path}/none` })).message).toBe(`there is no kubeconfig ${folder.path}/none`);
    expect((await refused({ env: { KUBECONFIG: '/none' } })).message).toContain('KUBECONFIG names /none');
    expect((await refused({ env: { HOME: folder.path } })).message).toContain(`${folder.path}/.kube/config`);
  });
});

describe('a kubeconfig is refused', () => {
  test('that is no YAML, with file, line and column', async () => {
    using folder = temporaryFolder();
    const options = write(folder, 'apiVersion: v1\nclusters: []\nusers: [}\n');
    const failure = await refused(options);
    expect(failure.message).toMatch(`the kubeconfig ${options.kubeconfig} is no YAML: line 3, column`);
    expect(failure.problems).toMatchObject([{ file: options.kubeconfig, line: 3 }]);
  });

  test.each(['', '- a\n', 'clusters: [{ name: a }]\n'])('that is YAML and no kubeconfig: %j', async (text) => {
    using folder = temporaryFolder();
    expect((await refused(write(folder, text))).message).toContain('kubeconfig');
  });

  const text = kubeconfig({ server });
  test.each<{ what: string; text: string; context?: string; says: RegExp }>([
    {
      what: 'without a current context',
      text: text.replace('"current-context":"site"', '"current-context":""'),
      says: /no current context; it has site/,
    },
    { what: 'without the context of the command line', text, context: 'prod', says: /no context prod; it has site/ },
    {
      what: 'without the cluster of its context',
      text: text.replace('"cluster":"site"', '"cluster":"gone"'),
      says: /names the cluster gone, .* it has site/,
    },
    {
      what: 'without the user of its context',
      text: text.replace('"user":"site"', '"user":"gone"'),
      says: /names the user gone, .* it has site/,
    },
    { what: 'with an address that is none', text: kubeconfig({ server: 'cluster' }), says: /is no address: cluster/ },
    {
      what: 'without encryption',
      text: kubeconfig({ server: 'http://me:password@10.0.0.1:8080' }),
      says: /not encrypted: http:\/\/10\.0\.0\.1:8080$/,
    },
    {
      what: 'with an authority that is none',
      text: kubeconfig({ server, authority: 'nonsense' }),
      says: /authority of the cluster site .* is no certificate/,
    },
    {
      what: 'with a certificate file that is not there',
      text: kubeconfig({ server, user: { 'client-certificate': '/none.crt' } }),
      says: /cannot read the client certificate \/none\.crt.*ENOENT/,
    },
    {
      what: 'with a certificate that is none',
      text: kubeconfig({ server, user: withCertificate({ certificate: 'x', key: 'y' }) }),
      says: /client certificate of the user site .* is no certificate/,
    },
  ])('$what', async ({ text: content, context, says }) => {
    using folder = temporaryFolder();
    expect((await refused({ ...write(folder, content), ...(context === undefined ? {} : { context }) })).message).toMatch(says);
  });

  test('with a client certificate that has expired, with the day', async () => {
    using folder = temporaryFolder();
    const pair = await (await makeAuthority()).issue({ name: 'operator', for: 'client', from: -9, to: -2 });
    const day = new Date(now.getTime() - 2 * 86_400_000).toISOString().slice(0, 10);
    const failure = await refused(write(folder, kubeconfig({ server, user: withCertificate(pair) })));
    expect(failure.message).toContain(`expired on ${day}`);
    expect(failure.message).not.toContain('BEGIN');
  });

  test('with a client certificate of tomorrow, or with the key of another', async () => {
    using folder = temporaryFolder();
    const authority = await makeAuthority();
    const early = await authority.issue({ name: 'operator', for: 'client', from: 1 });
    expect((await refused(write(folder, kubeconfig({ server, user: withCertificate(early) })))).message).toContain('is valid from');
    const [one, other] = [await authority.issue({ name: 'a', for: 'client' }), await authority.issue({ name: 'b', for: 'client' })];
    const mixed = withCertificate({ certificate: one.certificate, key: other.key });
    expect((await refused(write(folder, kubeconfig({ server, user: mixed })))).message).toContain('do not belong together');
  });
});

describe('a user logs in', () => {
  test('with the token of a file beside the kubeconfig', async () => {
    using folder = temporaryFolder();
    folder.write('token', 'from-a-file\n');
    expect(await authorization(await open(write(folder, kubeconfig({ server, user: { tokenFile: 'token' } }))))).toBe('Bearer from-a-file');
  });

  const login = (command: string, more: object = {}) => ({
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never', ...more },
  });

  test('with a program of the PATH, which is told what kubectl tells it', async () => {
    using folder = temporaryFolder();
    folder.write(
      'login',
      '#!/bin/sh\ncase $KUBERNETES_EXEC_INFO in *ExecCredential*) echo \'{"status":{"token":"by-program"}}\';; *) exit 3;; esac\n',
      0o755,
    );
    const options = { ...write(folder, kubeconfig({ server, user: login('login') })), env: { PATH: folder.path } };
    expect(await authorization(await open(options))).toBe('Bearer by-program');
  });

  test('not with a program that is missing: its own hint says what to install', async () => {
    using folder = temporaryFolder();
    const failure = await refused({
      ...write(folder, kubeconfig({ server, user: login('cloud-login', { installHint: 'install cloud-login\nfrom there' }) })),
      env: { PATH: folder.path },
    });
    expect([failure.message, failure.hint]).toEqual([
      expect.stringContaining('logs in with the program cloud-login, which is not there'),
      'install cloud-login',
    ]);
  });

  test('not with a program that fails, and no token of what it prints is repeated', async () => {
    using folder = temporaryFolder();
    const secret = 'x'.repeat(60);
    folder.write('login', `#!/bin/sh\necho "session ended ${secret}" >&2\nexit 1\n`, 0o755);
    const connection = await open(write(folder, kubeconfig({ server, user: login('./login') })));
    await expect(connection.authorise()).rejects.toMatchObject({
      name: 'BerthError',
      message: expect.stringMatching(/session ended \[hidden\]$/) as string,
    });
  });
});

test('a proxy of this machine without TLS is reached when the kubeconfig says so', async () => {
  const plain = createPlainServer((_, response) => response.end('{"major":"1"}'));
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  using folder = temporaryFolder();
  const address = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  const connection = await open(write(folder, kubeconfig({ server: address, cluster: { 'insecure-skip-tls-verify': true } })));
  const client = openClient(connection, { timeout: seconds(15), clock: testClock() });
  const answer = await client.expect('GET', '/version', { deed: 'read its version' });
  plain.closeAllConnections();
  plain.close();
  expect(answer).toEqual({ major: '1' });
});
