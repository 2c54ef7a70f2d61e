import { describe, expect, test } from 'vitest';
import { dryRun } from '../../../../runtime/orchestrators/kubernetes/dry-run.ts';
import type { Outcome } from '../../../../runtime/orchestrators/kubernetes/dry-run.ts';
import { clientOf } from './kubeconfig-fixture.ts';
import { routes, startScriptedServer, status } from './scripted-api-server.ts';
import type { Reply, Script, ScriptedServer } from './scripted-api-server.ts';

const discovery: Readonly<Record<string, Reply>> = {
  'GET /api/v1': {
    body: {
      resources: [
        { name: 'namespaces', kind: 'Namespace', namespaced: false },
        { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
        { name: 'secrets', kind: 'Secret', namespaced: true },
      ],
    },
  },
  'GET /apis/apps/v1': {
    body: {
      resources: [
        { name: 'deployments/scale', kind: 'Deployment', namespaced: true },
        { name: 'deployments', kind: 'Deployment', namespaced: true },
        { name: 'statefulsets', kind: 'StatefulSet', namespaced: true },
      ],
    },
  },
};

const object = (apiVersion: string, kind: string, more: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name: 'a', namespace: 'hello' },
  ...more,
});
const deployment = object('apps/v1', 'Deployment', { spec: { replicas: 3 } });
const path = '/apis/apps/v1/namespaces/hello/deployments/a';

/** What is there, and what the cluster makes of it. */
const world = (at: string, live: Reply, result: Reply | Script) =>
  startScriptedServer(routes({ ...discovery, [`GET ${at}`]: live, [`PATCH ${at}`]: result }));
const live = (spec: object, metadata: object = {}): Reply => ({
  body: {
    ...deployment,
    spec,
    metadata: { ...deployment.metadata, resourceVersion: '7', uid: 'u', managedFields: [], ...metadata },
    status: { replicas: 1 },
  },
});

async function outcomes(stand: ScriptedServer, ...manifests: readonly object[]): Promise<readonly Outcome[]> {
  const found: Outcome[] = [];
  for await (const outcome of dryRun(await clientOf(stand), manifests)) found.push(outcome);
  return found;
}

describe('a dry run against the scripted stand-in', () => {
  test('sends a server-side apply that changes nothing', async () => {
    await using stand = await world(path, live({ replicas: 3 }), live({ replicas: 3 }, { resourceVersion: '8', generation: 9 }));
    expect(await outcomes(stand, deployment)).toMatchObject([{ object: 'Deployment hello/a', result: 'unchanged', changes: [] }]);
    expect(stand.asked.filter(({ method }) => method !== 'GET')).toMatchObject([
      {
        method: 'PATCH',
        path,
        query: { dryRun: 'All', fieldManager: 'berth', force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: deployment,
      },
    ]);
  });

  test('says what would change, with both values', async () => {
    await using stand = await world(path, live({ replicas: 2, paused: true }), live({ replicas: 3 }));
    expect(await outcomes(stand, deployment)).toMatchObject([
      {
        result: 'changed',
        changes: [
          { path: 'spec.paused', before: true },
          { path: 'spec.replicas', before: 2, after: 3 },
        ],
      },
    ]);
  });

  test('says what kubectl would take away, which the cluster does not', async () => {
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ ...deployment, spec: { replicas: 3, paused: true } }),
    };
    const both = live({ replicas: 3, paused: true }, { annotations });
    await using stand = await world(path, both, both);
    expect(await outcomes(stand, deployment)).toMatchObject([{ result: 'changed', changes: [{ path: 'spec.paused', before: true }] }]);
  });

  test('says what would be new, and hands on what the cluster warns of', async () => {
    await using stand = await world(path, status(404, 'not found'), {
      ...live({}),
      status: 201,
      headers: { Warning: '299 - "would violate \\"restricted\\""' },
    });
    expect(await outcomes(stand, deployment)).toMatchObject([{ result: 'created', warnings: ['would violate "restricted"'] }]);
  });

  test('does not call a task new that takes itself away when it has ended', async () => {
    await using stand = await startScriptedServer(
      routes({
        'GET /apis/batch/v1': { body: { resources: [{ name: 'jobs', kind: 'Job', namespaced: true }] } },
        'PATCH /apis/batch/v1/namespaces/hello/jobs/a': { status: 201 },
      }),
    );
    const fleeting = object('batch/v1', 'Job', { spec: { ttlSecondsAfterFinished: 600 } });
    expect((await outcomes(stand, fleeting, object('batch/v1', 'Job', { spec: {} }))).map(({ result }) => result)).toEqual([
      'repeated',
      'created',
    ]);
  });

  test('asks for nothing in a namespace that the same manifests make', async () => {
    await using stand = await world('/api/v1/namespaces/hello', status(404, 'not found'), { status: 201 });
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hello' } };
    expect((await outcomes(stand, namespace, deployment)).map(({ result }) => result)).toEqual(['created', 'created']);
    expect(stand.asked.map((asked) => asked.path)).not.toContain(path);
  });

  test.each([
    [
      'StatefulSet',
      'apps/v1',
      'statefulsets',
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden",
      /claims the new size.*--cascade=orphan/,
    ],
    [
      'Deployment',
      'apps/v1',
      'deployments',
      'spec.selector: Invalid value: {}: field is immutable',
      /delete deployment a --namespace hello --cascade=orphan/,
    ],
    ['ConfigMap', 'v1', 'configmaps', 'data: Forbidden: field is immutable when `immutable` is set', /delete configmap a/],
  ])('calls an immutable field of a %s a migration, and says how', async (kind, apiVersion, resource, message, cure) => {
    const at = `/${apiVersion === 'v1' ? 'api/v1' : 'apis/apps/v1'}/namespaces/hello/${resource}/a`;
    await using stand = await world(at, live({}), status(422, message, 'Invalid'));
    expect(await outcomes(stand, object(apiVersion, kind))).toMatchObject([
      { result: 'immutable', message, cure: expect.stringMatching(cure) as string },
    ]);
  });

  test.each([
    [403, 'deployments.apps "a" is forbidden: User "x" cannot patch resource', /administrator/],
    [403, 'pods "a" is forbidden: exceeded quota: compute, requested: pods=1', /quota raised/],
    [400, 'admission webhook "policy.example.com" denied the request: no latest tags', /a policy of the cluster forbids it/],
    [400, 'admission webhook "x" does not support dry run', /nothing can be said/],
    [422, 'spec.replicas: Invalid value: -1', /correct what it names/],
  ])('says who refused: %i %s', async (code, message, cure) => {
    await using stand = await world(path, live({}), status(code, message));
    expect(await outcomes(stand, deployment)).toMatchObject([{ result: 'refused', message, cure: expect.stringMatching(cure) as string }]);
  });

  test('refuses a kind that the cluster does not know and goes on with the next object', async () => {
    await using stand = await world(path, live({ replicas: 3 }), live({ replicas: 3 }));
    const unknown = object('cert-manager.io/v1', 'Certificate');
    expect((await outcomes(stand, unknown, deployment)).map(({ result }) => result)).toEqual(['refused', 'unchanged']);
  });

  test('never shows a value of a Secret, nor the words of a cluster that may quote one', async () => {
    const at = '/api/v1/namespaces/hello/secrets/a';
    const secret = (data: object, metadata: object = {}) =>
      object('v1', 'Secret', { data, metadata: { name: 'a', namespace: 'hello', ...metadata } });
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(secret({ old: 'dG9wLXNlY3JldA==', gone: 'dG9wLXNlY3JldA==' })),
    };
    await using stand = await world(
      at,
      { body: secret({ old: 'dG9wLXNlY3JldA==', gone: 'dG9wLXNlY3JldA==' }, { annotations }) },
      { body: secret({ old: 'bmV3LXNlY3JldA==', gone: 'dG9wLXNlY3JldA==' }) },
    );
    const found = await outcomes(stand, secret({ old: 'bmV3LXNlY3JldA==' }));
    expect(found).toMatchObject([{ result: 'changed', changes: [{ path: 'data.gone' }, { path: 'data.old' }] }]);
    expect(JSON.stringify(found)).not.toMatch(/c2VjcmV0|LXNlY3JldA/);
    await using refusing = await world(at, status(404, ''), status(422, 'data[x]: Invalid value: "dG9wLXNlY3JldA=="'));
    expect(JSON.stringify(await outcomes(refusing, secret({})))).not.toContain('LXNlY3JldA');
  });

  test('asks for each version of a group once', async () => {
    await using stand = await world(path, live({ replicas: 3 }), live({ replicas: 3 }));
    await outcomes(stand, deployment, deployment);
    expect(stand.asked.filter((asked) => asked.path === '/apis/apps/v1')).toHaveLength(1);
  });
});
