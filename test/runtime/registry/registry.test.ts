import { describe, expect, test } from 'vitest';
import { Secret } from '../../../model/secret.ts';
import { resolveImage } from '../../../runtime/registry/registry.ts';
import type { RegistryAccess } from '../../../runtime/registry/registry.ts';
import { digestOf, registryStandIn, sampleImage, storedImages } from './registry-stand-in.ts';

const access = (given: Partial<RegistryAccess> = {}): RegistryAccess => ({
  login: async () => undefined,
  authorities: () => [],
  env: {},
  sleep: async () => undefined,
  signal: new AbortController().signal,
  ...given,
});
const login = async () => ({ user: 'reader', password: new Secret('s3cret:with colon') });
const basic = `Basic ${Buffer.from('reader:s3cret:with colon').toString('base64')}`;

const amd64 = sampleImage('amd64');
const arm64 = sampleImage('arm64');
const both = storedImages('team/app', '1.4', { 'linux/amd64': amd64, 'linux/arm64/v8': arm64 });
const single = storedImages('team/app', '1.4', { 'linux/amd64': amd64 });
const platform = (name: string, { manifest, config }: typeof amd64) => ({
  platform: name,
  manifest: digestOf(manifest),
  config: digestOf(config),
});

describe('an image, asked for at a stand-in of a registry', () => {
  test('of several platforms is its list, with each platform and without what builders attach', async () => {
    await using registry = await registryStandIn({ stored: both });
    expect(await resolveImage(`${registry.host}/team/app:1.4`, access())).toEqual({
      digest: digestOf(both.get('team/app/manifests/1.4')?.body ?? ''),
      platforms: [platform('linux/amd64', amd64), platform('linux/arm64/v8', arm64)],
    });
  });

  test('of one platform is its manifest; its configuration tells which', async () => {
    await using registry = await registryStandIn({ stored: single });
    expect(await resolveImage(`${registry.host}/team/app:1.4`, access())).toEqual({
      digest: digestOf(amd64.manifest),
      platforms: [platform('linux/amd64', amd64)],
    });
  });

  test('with a digest is that one, whatever its tag means by now', async () => {
    const moved = new Map([...single, ...storedImages('team/app', '1.4', { 'linux/amd64': arm64 })]);
    await using registry = await registryStandIn({ stored: moved });
    const { digest } = await resolveImage(`${registry.host}/team/app:1.4@${digestOf(amd64.manifest)}`, access());
    expect(digest).toBe(digestOf(amd64.manifest));
  });

  test('is given out to the login of this host, where the registry wants one', async () => {
    await using registry = await registryStandIn({
      stored: single,
      before: ({ headers }, response) => {
        if (headers.authorization === basic) return false;
        response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
        return true;
      },
    });
    await expect(resolveImage(`${registry.host}/team/app:1.4`, access({ login }))).resolves.toMatchObject({
      digest: digestOf(amd64.manifest),
    });
    await expect(resolveImage(`${registry.host}/team/app:1.4`, access())).rejects.toMatchObject({
      kind: 'unreachable',
      hint: `run \`docker login ${registry.host}\``,
    });
  });

  test('is asked for with a token that is fetched once, with the login, for this repository alone', async () => {
    await using registry = await registryStandIn({
      stored: both,
      before: (request, response, host) => {
        const realm = `Bearer realm="http://${host}/token",service="the registry",scope="repository:team/app:pull"`;
        if (request.url?.startsWith('/token') && request.headers.authorization === basic)
          response.writeHead(200).end(JSON.stringify({ token: 'abc' }));
        else if (request.headers.authorization === 'Bearer abc') return false;
        else response.writeHead(401, { 'www-authenticate': realm }).end();
        return true;
      },
    });
    await resolveImage(`${registry.host}/team/app:1.4`, access({ login }));
    expect(registry.asked.filter(({ path }) => path.startsWith('/token')).map(({ path }) => path)).toEqual([
      '/token?service=the+registry&scope=repository%3Ateam%2Fapp%3Apull',
    ]);
    expect(registry.asked.at(-1)?.authorization).toBe('Bearer abc');
  });

  test('is not asked for where the password would go over the network in plain text', async () => {
    await using registry = await registryStandIn({
      stored: single,
      before: (_, response) => {
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://login.example/token"' }).end();
        return true;
      },
    });
    await expect(resolveImage(`${registry.host}/team/app:1.4`, access({ login }))).rejects.toThrow('in plain text');
  });

  test('is asked for again while the registry is busy, as long after as it says', async () => {
    const slept: number[] = [];
    let answers = 0;
    await using registry = await registryStandIn({
      stored: single,
      before: (_, response) => {
        answers += 1;
        if (answers > 2) return false;
        response.writeHead(answers === 1 ? 429 : 503, answers === 1 ? { 'retry-after': '7' } : {}).end();
        return true;
      },
    });
    await resolveImage(
      `${registry.host}/team/app:1.4`,
      access({
        sleep: async (milliseconds) => {
          slept.push(milliseconds);
        },
      }),
    );
    expect(slept).toEqual([7000, 2000]);
  });

  test('is followed to where its parts are kept, without the login', async () => {
    await using other = await registryStandIn({ stored: single });
    await using registry = await registryStandIn({
      stored: single,
      before: (request, response) => {
        if (!request.headers.authorization) response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
        else if (request.url?.includes('/blobs/')) response.writeHead(307, { location: `http://${other.host}${request.url}` }).end();
        else return false;
        return true;
      },
    });
    await resolveImage(`${registry.host}/team/app:1.4`, access({ login }));
    expect(other.asked).toEqual([{ path: `/v2/team/app/blobs/${digestOf(amd64.config)}`, authorization: undefined }]);
  });

  test.each([
    { what: 'is not there', answer: [404, {}, ''], message: 'has no team/app:1.4', kind: 'unreachable' },
    { what: 'may not be seen', answer: [403, {}, ''], message: 'wants a login (403)', kind: 'unreachable' },
    {
      what: 'is behind something else',
      answer: [200, { 'content-type': 'text/html' }, '<html>'],
      message: 'something else than a manifest',
      kind: 'unreachable',
    },
    {
      what: 'was changed on the way',
      answer: [200, { 'docker-content-digest': digestOf('x') }, '{}'],
      message: 'and sent',
      kind: 'damaged',
    },
    { what: 'is endless', answer: [200, {}, 'x'.repeat(5 * 2 ** 20)], message: 'longer than 4 MiB', kind: 'unreachable' },
    { what: 'is moved in a circle', answer: [307, { location: '/v2/round' }, ''], message: 'where Berth does not go', kind: 'unreachable' },
    { what: 'fails for good', answer: [500, {}, ''], message: 'answered 500', kind: 'unreachable' },
  ] as const)('that $what is refused in words', async ({ answer: [status, headers, body], message, kind }) => {
    await using registry = await registryStandIn({
      stored: single,
      before: (_, response) => {
        response.writeHead(status, headers).end(body);
        return true;
      },
    });
    const asked = resolveImage(`${registry.host}/team/app:1.4`, access());
    await expect(asked).rejects.toThrow(message);
    await expect(asked).rejects.toMatchObject({ kind });
  });

  test('of a registry that nobody runs is refused with what to see to', async () => {
    const gone = await registryStandIn({ stored: single });
    await gone[Symbol.asyncDispose]();
    await expect(resolveImage(`${gone.host}/team/app:1.4`, access())).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('is no longer asked for once the run is stopped', async () => {
    const stop = new AbortController();
    stop.abort(new Error('stopped'));
    await using registry = await registryStandIn({ stored: single });
    await expect(resolveImage(`${registry.host}/team/app:1.4`, access({ signal: stop.signal }))).rejects.toThrow('stopped');
  });
});
