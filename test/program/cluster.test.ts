import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { snapshot, temporarySite } from '../generator/io/site-fixture.ts';
import { makeAuthority } from '../runtime/orchestrators/kubernetes/certificates.ts';
import { kubeconfig, withCertificate } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';
import { status, token } from '../runtime/orchestrators/kubernetes/scripted-api-server.ts';
import { expectExit, secretsOf } from './berth.ts';
import type { Ended } from './berth.ts';
import { clusterStandIn } from './cluster-stand-in.ts';
import type { ClusterStandIn } from './cluster-stand-in.ts';
import { edit } from './sites.ts';

const model = temporarySite();
beforeAll(() =>
  expectExit(0, [
    'init',
    model.path,
    '--profile',
    'recommended',
    '--target',
    'kubernetes',
    '--set',
    'name=hello',
    '--set',
    'services.web.scaling={ max: 6, cpu: 70 }',
  ]),
);
afterAll(() => model[Symbol.dispose]());

const ask = (stand: ClusterStandIn, site: string, code: number, verb: 'doctor' | 'diff', ...more: readonly string[]): Promise<Ended> =>
  expectExit(code, [verb, '--site', site, ...stand.args, ...more], { env: stand.env });

interface Doctored {
  readonly fits: boolean;
  readonly diagnoses: readonly { readonly id: string; readonly verdict: string; readonly found: string; readonly cure?: string }[];
}
const find = (said: Doctored, id: string) => said.diagnoses.find((one) => one.id === id);

describe('doctor of a site for a cluster, with a stand-in for its API server', () => {
  test('passes where everything is there, changes nothing, and asks for nothing but to read and for its own rights', async () => {
    await using stand = await clusterStandIn();
    using site = temporarySite(model.path);
    const before = snapshot(site.path);
    const { stdout, stderr } = await ask(stand, site.path, 0, 'doctor', '--json');
    const said = JSON.parse(stdout) as Doctored;
    expect(stderr).toBe('');
    expect(said).toMatchObject({ site: 'hello', server: stand.server.url, context: 'site', version: 'v1.33.2', fits: true });
    expect(said.diagnoses.filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
    expect(said.diagnoses.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['version', 'rights', 'nodes', 'capacity', 'apis', 'metrics', 'namespace:hello']),
    );
    expect(snapshot(site.path)).toEqual(before);
    const written = stand.server.asked.filter(({ method }) => method !== 'GET');
    expect(new Set(written.map(({ method, path }) => `${method} ${path}`))).toEqual(
      new Set(['POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews']),
    );
  });

  test('prints a table of the same, and asks a cluster about a site for Compose, too', async () => {
    await using stand = await clusterStandIn();
    using folder = temporarySite();
    await expectExit(0, ['init', folder.path, '--profile', 'minimum', '--set', 'name=small', '--no-fit']);
    const { stdout } = await ask(stand, folder.path, 0, 'doctor', '--target', 'kubernetes');
    expect(stdout).toMatch(new RegExp(`^small in ${stand.server.url} \\(context site\\)\n\n  ok    Kubernetes version +v1\\.33\\.2`));
    expect(stdout).toMatch(/\n\d+ ok, 0 warnings, 0 failures\n$/);
  });

  test('ends with 0 when there are only warnings, each with its cure', async () => {
    await using stand = await clusterStandIn();
    using site = temporarySite(model.path);
    stand.answers.set('GET /api/v1/nodes', status(403, 'nodes is forbidden', 'Forbidden'));
    stand.answers.set('GET /apis/storage.k8s.io/v1/storageclasses', {
      body: { items: [{ metadata: { name: 'slow', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } } }] },
    });
    const { stdout } = await ask(stand, site.path, 0, 'doctor');
    expect(stdout).toMatch(/\n {2}warn {2}Nodes .*\n +→ /);
    expect(stdout).toMatch(/slow does not let volumes grow\n +→ set `allowVolumeExpansion: true` on slow/);
    expect(stdout).toMatch(/\n\d+ ok, [1-9]\d* warnings?, 0 failures\n$/);
  });

  test('ends with 11 where a cluster is too old, too small or lacks what the site needs, and names all of it with its cure', async () => {
    await using stand = await clusterStandIn();
    using site = temporarySite(model.path);
    stand.answers.set('GET /version', { body: { major: '1', minor: '27', gitVersion: 'v1.27.1' } });
    stand.answers.set('GET /api/v1/nodes', {
      body: {
        items: [
          {
            metadata: { name: 'tiny' },
            status: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' }, conditions: [{ type: 'Ready', status: 'True' }] },
          },
        ],
      },
    });
    stand.answers.set('GET /apis/metrics.k8s.io/v1beta1', status(503, 'down'));
    stand.answers.set('POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { status: 201, body: { status: { allowed: false } } });
    const { stdout, stderr } = await ask(stand, site.path, 11, 'doctor', '--json');
    const said = JSON.parse(stdout) as Doctored;
    expect([said.fits, stderr]).toEqual([false, '']);
    for (const id of ['version', 'capacity', 'metrics', 'rights'])
      expect(find(said, id), id).toMatchObject({ verdict: 'fail', cure: expect.stringMatching(/./) as string });
    expect(find(said, 'version')?.found).toContain('v1.27.1');
  });
});

describe('a cluster that does not let anybody in ends doctor and diff with 10', () => {
  const tomorrow = 86_400_000;
  test.each<{ what: string; prepare: (stand: ClusterStandIn) => Promise<void> | void; says: RegExp; cure: RegExp }>([
    {
      what: 'with a token that it does not know',
      prepare: ({ server, writeKubeconfig }) => {
        writeKubeconfig(
          kubeconfig({ server: server.url, authority: server.authority.certificate, user: { token: `${token}-of-yesterday` } }),
        );
      },
      says: /does not know you/,
      cure: /log in again/,
    },
    {
      what: 'with a certificate that has expired',
      prepare: async ({ server, writeKubeconfig }) => {
        const old = await server.authority.issue({ name: 'operator', for: 'client', from: -9, to: -2 });
        writeKubeconfig(kubeconfig({ server: server.url, authority: server.authority.certificate, user: withCertificate(old) }));
      },
      says: new RegExp(`expired on ${new Date(Date.now() - 2 * tomorrow).toISOString().slice(0, 10)}`),
      cure: /get a new kubeconfig/,
    },
    {
      what: 'with the authority of another cluster',
      prepare: async ({ server, writeKubeconfig }) => {
        writeKubeconfig(kubeconfig({ server: server.url, authority: (await makeAuthority('other')).certificate }));
      },
      says: /signed by an authority that the kubeconfig does not name/,
      cure: /certificate-authority-data/,
    },
    {
      what: 'at an address where nobody answers',
      prepare: ({ server, writeKubeconfig }) => {
        writeKubeconfig(kubeconfig({ server: 'https://127.0.0.1:1', authority: server.authority.certificate }));
      },
      says: /nothing answers there/,
      cure: /see whether the API server runs/,
    },
    {
      what: 'by a kubeconfig that is no YAML',
      prepare: ({ writeKubeconfig }) => {
        writeKubeconfig('users: [}\n');
      },
      says: /is no YAML: line 1/,
      cure: /kubeconfig/,
    },
    {
      what: 'where it refuses the first question',
      prepare: ({ answers }) => {
        answers.set('GET /version', status(403, 'forbidden'));
        answers.set('GET /api/v1', status(403, 'forbidden'));
        answers.set('GET /apis/scheduling.k8s.io/v1', status(403, 'forbidden'));
      },
      says: /you may not (read its version|list the kinds of \S+) in the cluster/,
      cure: /ask an administrator/,
    },
  ])('$what', async ({ prepare, says, cure }) => {
    await using stand = await clusterStandIn();
    await prepare(stand);
    for (const verb of ['doctor', 'diff'] as const) {
      const { stdout, stderr } = await ask(stand, model.path, 10, verb);
      expect(stdout).toBe('');
      expect(stderr).toMatch(says);
      expect(stderr).toMatch(cure);
      expect(stderr).not.toContain(token);
    }
  });

  test('and the same as JSON', async () => {
    await using stand = await clusterStandIn();
    stand.writeKubeconfig(kubeconfig({ server: 'https://127.0.0.1:1' }));
    const { stdout, stderr } = await ask(stand, model.path, 10, 'doctor', '--json');
    const printed = JSON.parse(stdout === '' ? stderr : stdout) as object;
    expect(printed).toMatchObject({ error: { kind: 'unreachable', hint: expect.stringMatching(/./) as string } });
  });
});

interface Compared {
  readonly differs: boolean;
  readonly objects: readonly { readonly object: string; readonly result: string; readonly cure?: string; readonly changes: object[] }[];
}

describe('diff against the stand-in', () => {
  /** A cluster in which the site stands as it is. */
  async function installed(site: string): Promise<ClusterStandIn> {
    const stand = await clusterStandIn();
    stand.live.set('/api/v1/namespaces/hello', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hello' } });
    await ask(stand, site, 9, 'diff');
    stand.apply();
    return stand;
  }

  test('of a site that is not there yet calls everything new, and shows no secret', async () => {
    await using stand = await clusterStandIn();
    using site = temporarySite(model.path);
    const { stdout } = await ask(stand, site.path, 9, 'diff');
    for (const object of ['Namespace hello', 'StatefulSet hello/database', 'Deployment hello/web-blue', 'Secret hello/database-secrets'])
      expect(stdout).toContain(`new      ${object}\n`);
    expect(stdout).toMatch(/\n\d+ new\n$/);
    for (const secret of secretsOf(site.path)) expect(stdout).not.toContain(secret);
  });

  test('ends with 0 when the cluster has all of it, and tries things out without changing any', async () => {
    await using stand = await installed(model.path);
    stand.server.asked.length = 0;
    const { stdout } = await ask(stand, model.path, 0, 'diff');
    expect(stdout).toMatch(/^hello against https:.*\n\n\d+ same\n$/);
    const written = stand.server.asked.filter(({ method }) => method !== 'GET');
    expect(written.length).toBeGreaterThan(20);
    for (const { method, query } of written) expect([method, query['dryRun']]).toEqual(['PATCH', 'All']);
  });

  test('names what changes, what is new and what goes, by the path of each value', async () => {
    using site = temporarySite(model.path);
    await using stand = await installed(site.path);
    edit(site.path, 'berth.yaml', (text) =>
      text
        .replace('\ncaches:\n', '\ncaches:\n  extra: { engine: valkey }\n')
        .replace('    port: 3000\n', '    port: 3000\n    env: { COLOUR: red }\n'),
    );
    await expectExit(0, ['generate', '--site', site.path]);
    const { stdout } = await ask(stand, site.path, 9, 'diff');
    expect(stdout).toContain('new      StatefulSet hello/extra\n');
    expect(stdout).toMatch(/changed {2}Deployment hello\/web-blue\n +\S+: .* → /);
    expect(stdout).toMatch(/COLOUR\S*: nothing → /);
    stand.apply();
    edit(site.path, 'berth.yaml', (text) => text.replace('    env: { COLOUR: red }\n', ''));
    await expectExit(0, ['generate', '--site', site.path]);
    expect((await ask(stand, site.path, 9, 'diff')).stdout).toMatch(/COLOUR\S*: .* → nothing/);
  });

  test('calls a field that cannot change a migration, with the commands, and names who was faster', async () => {
    using site = temporarySite(model.path);
    await using stand = await installed(site.path);
    const at = '/apis/apps/v1/namespaces/hello/statefulsets/database';
    stand.answers.set(
      `PATCH ${at}`,
      status(422, 'updates to statefulset spec for fields other than replicas, template are forbidden', 'Invalid'),
    );
    stand.answers.set('PATCH /api/v1/namespaces/hello/services/web-blue', status(409, 'the object has been modified', 'Conflict'));
    stand.answers.set('PATCH /api/v1/namespaces/hello/secrets/database-secrets', status(403, 'secrets is forbidden', 'Forbidden'));
    const { stdout } = await ask(stand, site.path, 9, 'diff');
    expect(stdout).toMatch(/migrate {2}StatefulSet hello\/database\n[\s\S]*→ a migration: [\s\S]*--cascade=orphan/);
    expect(stdout).toMatch(/refused {2}Service hello\/web-blue\n +the object has been modified\n +→ run the command again/);
    expect(stdout).toMatch(/refused {2}Secret hello\/database-secrets\n[\s\S]*→ ask an administrator of the cluster for that right/);
    const json = JSON.parse((await ask(stand, site.path, 9, 'diff', '--json')).stdout) as Compared;
    expect(json.differs).toBe(true);
    expect(json.objects.find(({ object }) => object === 'StatefulSet hello/database')).toMatchObject({
      result: 'immutable',
      cure: expect.stringContaining('a migration') as string,
    });
  });

  test('needs kubectl, and says so before it asks the cluster', async () => {
    await using stand = await clusterStandIn();
    const { stderr } = await expectExit(8, ['diff', '--site', model.path, ...stand.args], { env: { PATH: '/nonexistent' } });
    expect(stderr).toContain('install kubectl');
    expect(stand.server.asked).toEqual([]);
  });

  test('is refused for a site for Compose', async () => {
    using folder = temporarySite();
    await expectExit(0, ['init', folder.path, '--profile', 'minimum', '--set', 'name=small', '--no-fit']);
    expect((await expectExit(8, ['diff', '--site', folder.path])).stderr).toContain('generate --check');
  });
});
