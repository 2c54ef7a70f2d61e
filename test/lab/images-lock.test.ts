import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IMAGES } from './images.ts';
import { certify } from './certified.ts';
import { LabSite, Operator } from './installed.ts';
import { removeNetwork } from './leftovers.ts';
import { attempt, run, step } from './process.ts';
import { until } from './until.ts';

const name = 'locked';
const network = `berth-${name}`;
const address = '10.218.77.2';
const registry = `${address}:5000`;
const trusted = `/etc/docker/certs.d/${registry}`;
const reader = { user: 'reader', password: 'a-word-to-read-with' };

interface Image {
  readonly reference: string;
  readonly status: string;
  readonly usedBy: readonly string[];
}

/** An image of a few bytes under any name: nothing here runs them. */
const build = (reference: string, content: string) =>
  run(['docker', 'build', '--quiet', '--tag', reference, '-'], { input: `FROM scratch\nCOPY <<END /what\n${content}\nEND\n` });

describe('the images of a site whose registry is a real one, with TLS and logins', () => {
  let operator: Operator;
  let site: LabSite;
  let fetched: readonly string[];
  let changing: string;
  const digestsOf = async (reference: string): Promise<readonly string[]> =>
    JSON.parse(await run(['docker', 'image', 'inspect', reference, '--format', '{{json .RepoDigests}}'])) as string[];

  beforeAll(async () => {
    operator = await Operator.create();
    const keys = join(operator.home, 'keys');
    const authority = await certify(keys, [address]);
    mkdirSync(trusted, { recursive: true });
    writeFileSync(join(trusted, 'ca.crt'), authority);
    const image = IMAGES.registry.reference;
    writeFileSync(
      join(keys, 'users'),
      await run(['docker', 'run', '--rm', '--entrypoint', 'htpasswd', image, '-Bbn', reader.user, reader.password]),
    );
    await removeNetwork(network);
    await run(['docker', 'network', 'create', '--subnet', '10.218.77.0/24', network]);
    const env = {
      REGISTRY_HTTP_TLS_CERTIFICATE: '/keys/cert.pem',
      REGISTRY_HTTP_TLS_KEY: '/keys/key.pem',
      REGISTRY_AUTH: 'htpasswd',
      REGISTRY_AUTH_HTPASSWD_REALM: 'lab',
      REGISTRY_AUTH_HTPASSWD_PATH: '/keys/users',
    };
    const variables = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
    const place = ['--network', network, '--ip', address, '-v', `${keys}:/keys:ro`];
    await run(['docker', 'run', '-d', '--name', `${name}-registry`, ...place, ...variables, image]);
    const answer = ['curl', '--silent', '--cacert', join(trusted, 'ca.crt'), '--write-out', '%{http_code}', '--output', '/dev/null'];
    await until(async () => (await run([...answer, `https://${registry}/v2/`])) === '401', 'the registry asks who is there', {
      tell: async () => (await attempt(['docker', 'logs', '--tail', '30', `${name}-registry`])).stderr,
    });

    site = await LabSite.create(operator, name);
    const set = [`registry=${registry}/mirror`, `services.web.image=${registry}/team/app:1.0`].flatMap((edit) => ['--set', edit]);
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...set], operator.home);
    site.edit('berth.yaml', (text) => text.replace(/^ +build: .*\n/m, ''));
    await site.berth('generate');
    const images = JSON.parse(await site.berth('images', '--json')) as readonly Image[];
    fetched = images.map(({ reference }) => reference);
    changing = images.find(({ usedBy }) => usedBy.includes('edge'))?.reference ?? '';
  });
  afterAll(async () => {
    await removeNetwork(network);
    await attempt(['docker', 'image', 'rm', '--force', ...(fetched ?? [])]);
    rmSync(trusted, { recursive: true, force: true });
    operator?.[Symbol.dispose]();
  });

  test('all come from that registry', () => {
    expect(fetched.length).toBeGreaterThan(4);
    for (const reference of fetched) expect(reference).toMatch(new RegExp(`^${registry.replaceAll('.', '\\.')}/`));
  });

  test('are not given out to somebody who has not logged in, who is told how', async () => {
    const { code, stderr } = await operator.attempt(['berth', 'images', 'lock'], site.folder);
    expect(code).toBe(10);
    expect(stderr).toContain(`docker login ${registry}`);
  });

  test('are locked as what the engine calls them, and a second run writes nothing', async () => {
    await operator.run(['docker', 'login', '--username', reader.user, '--password-stdin', registry], site.folder, reader.password);
    await step('push the images of a site', async () => {
      for (const reference of fetched) {
        await build(reference, reference);
        await operator.run(['docker', 'push', '--quiet', reference], site.folder);
      }
    });
    expect(await site.berth('images', 'lock')).toContain(`images.lock.yaml holds ${fetched.length} images`);
    const lock = site.read('images.lock.yaml');
    for (const reference of fetched)
      for (const digest of await digestsOf(reference)) expect(lock).toContain(digest.split('@')[1] ?? 'none');
    expect(await site.berth('images', 'lock')).toBe(`All ${fetched.length} images are what images.lock.yaml says.\n`);
    expect(site.read('images.lock.yaml')).toBe(lock);
    expect(await site.berth('images', 'lock', '--check')).toContain('are what images.lock.yaml says');
    expect(readFileSync(join(site.folder, 'compose.yaml'), 'utf8')).not.toContain('@sha256:');
  });

  test('are known again after they were carried by file, where no registry is known any more', async () => {
    const archive = join(operator.home, 'images.tar');
    await operator.run(['docker', 'save', '-o', archive, ...fetched], site.folder);
    await run(['docker', 'image', 'rm', '--force', ...fetched]);
    expect(await operator.attempt(['berth', 'images', 'verify'], site.folder)).toMatchObject({ code: 0 });
    expect(await site.berth('images', 'verify')).toContain('the engine does not have it');
    await operator.run(['docker', 'load', '-i', archive], site.folder);
    expect(await site.berth('images', 'verify')).toContain(`${fetched.length} ok, 0 warnings, 0 failures`);
  });

  test('that mean something else by now are found out, at the registry and in the engine', async () => {
    await build(changing, 'something else');
    const verified = await operator.attempt(['berth', 'images', 'verify', '--json'], site.folder);
    expect(verified.code).toBe(11);
    expect(JSON.parse(verified.stdout)).toMatchObject({ sound: false });
    await operator.run(['docker', 'push', '--quiet', changing], site.folder);
    const before = site.read('images.lock.yaml');
    const checked = await operator.attempt(['berth', 'images', 'lock', '--check'], site.folder);
    expect(checked.code).toBe(9);
    expect(checked.stdout).toContain(changing);
    expect(site.read('images.lock.yaml')).toBe(before);
    await site.berth('images', 'lock');
    expect(await site.berth('images', 'verify')).toContain(`${fetched.length} ok`);
  });
});
