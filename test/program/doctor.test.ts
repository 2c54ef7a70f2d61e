import { chmodSync, chownSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { berth, expectExit } from './berth.ts';
import { dockerStandIn } from './docker-stand-in.ts';
import { edit, freshSite } from './sites.ts';

/** Ports that nobody else on a machine of tests is likely to hold. */
const fresh = freshSite(['--set', 'edge.http=28080', '--set', 'edge.https=28443']);

interface Said {
  readonly site: string;
  readonly engine: string | null;
  readonly fits: boolean;
  readonly diagnoses: readonly { readonly id: string; readonly verdict: string; readonly found: string; readonly cure?: string }[];
}
const asked = async (site: string, path: string, code: number, uid?: number): Promise<Said> => {
  const { stdout, stderr } = await expectExit(code, ['doctor', '--json', '--site', site], {
    env: { PATH: path },
    ...(uid === undefined ? {} : { uid }),
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Said;
};
const find = ({ diagnoses }: Said, id: string) => diagnoses.find((one) => one.id === id);

describe('doctor of a Compose site, with a stand-in for docker', () => {
  test('passes what the stand-in tells, calls what no program tells not known, and changes nothing', async () => {
    using site = fresh();
    using docker = dockerStandIn();
    const before = snapshot(site.path);
    const said = await asked(site.path, docker.path, 0);
    expect(said).toMatchObject({ site: 'hello', engine: '28.3.1', fits: true });
    for (const id of ['engine', 'compose', 'cgroups', 'limits', 'cpus', 'memory', 'images', 'users', 'live-restore', 'subnets'])
      expect(find(said, id), id).toMatchObject({ verdict: 'pass' });
    expect(find(said, 'encryption')).toMatchObject({
      verdict: 'warn',
      found: 'not known: findmnt is not on the PATH',
      cure: expect.stringMatching(/./) as string,
    });
    expect(find(said, 'fsync')?.found).toContain(docker.root);
    expect(snapshot(site.path)).toEqual(before);
    expect(readdirSync(docker.root)).toEqual([]);
  });

  test('prints a table with the cure below what is wrong, and ends with 11', async () => {
    using site = fresh();
    using docker = dockerStandIn({}, { ServerVersion: '19.03.1', LiveRestoreEnabled: false });
    const { stdout } = await expectExit(11, ['doctor', '--site', site.path], { env: { PATH: docker.path } });
    expect(stdout).toMatch(/^hello on \S+\n\n {2}FAIL {2}Docker Engine +19\.03\.1, older than 20\.10/);
    expect(stdout).toMatch(/\n +→ upgrade the engine/);
    expect(stdout).toMatch(/\n\d+ ok, \d+ warnings?, 1 failure\n$/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(112);
  });

  test('names who holds a port of the site', async () => {
    using site = fresh();
    using docker = dockerStandIn();
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '0.0.0.0', done));
    const { port } = server.address() as AddressInfo;
    edit(site.path, 'berth.yaml', (text) => text.replace('28080', String(port)));
    const said = await asked(site.path, docker.path, 11);
    expect(find(said, `port:${port}`)).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining(`(process ${process.pid})`) as string,
    });
    await new Promise((done) => server.close(done));
  });

  test('takes the ports and networks of the site itself for its own', async () => {
    using site = fresh();
    const ps = JSON.stringify({ Names: 'hello-edge-1', Ports: '0.0.0.0:28080->8080/tcp', Labels: 'com.docker.compose.project=hello' });
    using own = dockerStandIn({ ps });
    expect(find(await asked(site.path, own.path, 0), 'port:28080')).toMatchObject({ verdict: 'pass', found: 'taken by this site itself' });
    using others = dockerStandIn({ ps: ps.replace('=hello', '=blog').replace('hello-edge-1', 'blog-edge-1') });
    expect(find(await asked(site.path, others.path, 11), 'port:28080')).toMatchObject({
      verdict: 'fail',
      found: 'taken by container blog-edge-1',
    });
  });

  test('without any docker fails, and says what to install', async () => {
    using site = fresh();
    using folder = temporarySite();
    const said = await asked(site.path, folder.path, 11);
    expect(said.engine).toBeNull();
    expect(find(said, 'engine')).toMatchObject({
      verdict: 'fail',
      found: 'docker is not on the PATH',
      cure: expect.stringContaining('install') as string,
    });
    expect(find(said, 'memory')).toMatchObject({ verdict: 'warn', found: 'not known: the engine does not answer' });
  });

  test.runIf(process.getuid?.() === 0)('as a user who may not write to the folder of Docker measures the disk beside it', async () => {
    using site = fresh();
    using docker = dockerStandIn();
    chmodSync(docker.root, 0o555);
    for (const name of ['', ...readdirSync(site.path, { recursive: true, encoding: 'utf8' })])
      chownSync(`${site.path}/${name}`, 65_534, 65_534);
    const said = await asked(site.path, docker.path, 0, 65_534);
    expect(find(said, 'fsync')?.found).toContain(`at ${site.path}`);
  });

  test('of another machine says that it looks at this one only', async () => {
    using site = fresh();
    using docker = dockerStandIn({}, { Name: 'elsewhere' });
    const said = await asked(site.path, docker.path, 0);
    expect(find(said, 'disk')?.found).toMatch(/^not known: the engine runs on elsewhere/);
  });
});

test('doctor of a Compose site refuses what is for a cluster', async () => {
  using site = fresh();
  const { stderr } = await berth(['doctor', '--probe', '--site', site.path]);
  expect(stderr).toContain('--probe is for a cluster');
});
