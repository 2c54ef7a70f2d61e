import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { run } from '../lab/process.ts';
import type { Ended } from '../program/berth.ts';
import { makeAuthority } from '../runtime/orchestrators/kubernetes/certificates.ts';
import { kubeconfig, temporaryFolder, withCertificate } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';
import { ClusterSite } from './cluster-site.ts';
import { operator } from './control-plane.ts';
import { KUBERNETES } from './kubernetes.ts';

const cluster = inject('cluster');

interface Doctored {
  readonly fits: boolean;
  readonly version: string;
  readonly diagnoses: readonly { readonly id: string; readonly verdict: string; readonly found: string; readonly cure?: string }[];
}
interface Diff {
  readonly differs: boolean;
  readonly objects: readonly {
    readonly object: string;
    readonly result: string;
    readonly message?: string;
    readonly changes: readonly { readonly path: string }[];
  }[];
}

describe('against a real API server, older than Berth writes for (1.20)', () => {
  let site: ClusterSite;
  const as = (kubeconfigFile: string, code: number, ...args: readonly string[]): Promise<Ended> =>
    site.berth(code, ...args, '--kubeconfig', kubeconfigFile);
  const doctor = async (file: string, code = 11): Promise<Doctored> =>
    JSON.parse((await as(file, code, 'doctor', '--json')).stdout) as Doctored;
  const diff = async (file: string, code = 9): Promise<Diff> => JSON.parse((await as(file, code, 'diff', '--json')).stdout) as Diff;
  const find = (said: Doctored, id: string) => said.diagnoses.find((one) => one.id === id);

  beforeAll(async () => {
    site = await ClusterSite.create(cluster, 'asked', '--profile', 'minimum');
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test('doctor logs in by certificate, and names what that cluster lacks', async () => {
    const said = await doctor(cluster.admin);
    expect(said).toMatchObject({ version: `v${KUBERNETES}`, fits: false });
    expect(find(said, 'version')).toMatchObject({ verdict: 'fail', found: expect.stringContaining(`v${KUBERNETES}`) as string });
    expect(find(said, 'rights')).toMatchObject({ verdict: 'pass' });
    expect(find(said, 'api:policy/PodDisruptionBudget')).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining('policy/v1') as string,
    });
    for (const one of said.diagnoses.filter(({ verdict }) => verdict !== 'pass')) expect(one.cure, one.id).toMatch(/./);
  });

  test('doctor and diff name what a user may not, and no more than that', async () => {
    const nothing = await doctor(cluster.operator);
    expect(find(nothing, 'rights')).toMatchObject({ verdict: 'fail', found: expect.stringMatching(/you may not .*namespaces/) as string });
    const refused = (await diff(cluster.operator)).objects.filter(({ result }) => result === 'refused');
    expect(refused.map(({ message }) => message).join('\n')).toContain(`User "${operator}" cannot get resource "namespaces"`);

    await run(['kubectl', '--kubeconfig', cluster.admin, 'apply', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          {
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'ClusterRole',
            metadata: { name: 'sites' },
            rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'create', 'patch', 'update', 'delete', 'watch'] }],
          },
          {
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'ClusterRoleBinding',
            metadata: { name: 'sites' },
            roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'sites' },
            subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: operator }],
          },
        ],
      }),
    });
    expect(find(await doctor(cluster.operator), 'rights')).toMatchObject({ verdict: 'pass' });
    await run(['kubectl', '--kubeconfig', cluster.admin, 'delete', 'clusterrole/sites', 'clusterrolebinding/sites']);
  });

  test.each([
    {
      what: 'signed by another authority',
      user: async () =>
        withCertificate(await (await makeAuthority('other')).issue({ name: 'admin', groups: ['system:masters'], for: 'client' })),
      authority: cluster.authority,
      says: /does not know you/,
    },
    {
      what: 'whose server is signed by another authority',
      user: () => Promise.resolve({ token: 'none' }),
      authority: undefined,
      says: /signed by an authority that the kubeconfig does not name/,
    },
  ])('a certificate $what ends both with 10 and the reason', async ({ user, authority, says }) => {
    using folder = temporaryFolder();
    const file = folder.write(
      'config',
      kubeconfig({ server: cluster.url, authority: authority ?? (await makeAuthority('other')).certificate, user: await user() }),
    );
    for (const verb of ['doctor', 'diff']) expect((await as(file, 10, verb)).stderr).toMatch(says);
  });

  test('diff calls all of a site new, then the same once it was applied, and names what changes; nothing of it is done', async () => {
    expect(new Set((await diff(cluster.admin)).objects.map(({ result }) => result))).toEqual(new Set(['created']));
    await site.applied();
    expect((await diff(cluster.admin, 0)).objects.filter(({ result }) => result !== 'unchanged')).toEqual([]);
    await site.change('release.yaml', (text) => text.replace('0.1.0', '0.2.0'));
    const changed = (await diff(cluster.admin)).objects.filter(({ result }) => result === 'changed');
    expect(changed.map(({ object }) => object)).toEqual(['Deployment asked/web-blue', 'Deployment asked/web-green']);
    expect(changed[0]?.changes.map(({ path }) => path)).toContain('spec.template.spec.containers[web].image');
    const live = (await site.all('deployments')).find(({ metadata }) => metadata.name === 'web-blue');
    expect(JSON.stringify(live?.spec)).not.toContain('0.2.0');
  });
});
