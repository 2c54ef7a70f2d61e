import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diff } from '../../cli/diff.ts';
import { siteManifests } from '../../cli/site-manifests.ts';
import { EXIT } from '../../model/errors.ts';
import { temporaryFolder } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';
import type { Folder } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';
import { routes, startScriptedServer, status } from '../runtime/orchestrators/kubernetes/scripted-api-server.ts';
import { worldOf } from './cluster-world.ts';

const configMap = (name: string, data: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'hello' },
  data,
});
const at = (name: string): string => `/api/v1/namespaces/hello/configmaps/${name}`;
const cluster = routes({
  'GET /api/v1': { body: { resources: [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true }] } },
  'GET /apis/batch/v1': { body: { resources: [{ name: 'jobs', kind: 'Job', namespaced: true }] } },
  'PATCH /apis/batch/v1/namespaces/hello/jobs/accounts': { status: 201 },
  [`GET ${at('same')}`]: { body: configMap('same') },
  [`PATCH ${at('same')}`]: { body: configMap('same') },
  [`GET ${at('other')}`]: { body: configMap('other', { level: 'info', long: 'a' }) },
  [`PATCH ${at('other')}`]: { body: configMap('other', { level: 'debug', long: 'b'.repeat(500) }) },
  [`PATCH ${at('fresh')}`]: { status: 201, body: configMap('fresh') },
  [`GET ${at('fixed')}`]: { body: configMap('fixed') },
  [`PATCH ${at('fixed')}`]: status(422, 'data: field is immutable when `immutable` is set'),
});

describe('diff against the scripted stand-in', () => {
  test('prints what differs and nothing of what does not, and ends with the code for stale', async () => {
    await using stand = await startScriptedServer(cluster);
    using world = worldOf(stand);
    const manifests = ['same', 'other', 'fresh', 'fixed'].map((name) => configMap(name));
    await diff({ site: 'hello', manifests, ...world.options }, world.context);
    expect(world.code()).toBe(EXIT.stale);
    expect(world.out()).toBe(`hello against ${stand.url} (context site)

  changed  ConfigMap hello/other
           data.level: "info" → "debug"
           data.long: "a" → a text of 502 characters
  new      ConfigMap hello/fresh
  migrate  ConfigMap hello/fixed
           data: field is immutable when \`immutable\` is set
           → a migration: \`kubectl delete configmap fixed --namespace hello\`, then apply

1 new, 1 same, 1 changed, 1 migrate
`);
  });

  test('ends with 0 when nothing differs but a task that every apply runs again', async () => {
    await using stand = await startScriptedServer(cluster);
    using world = worldOf(stand);
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'accounts', namespace: 'hello' },
      spec: { ttlSecondsAfterFinished: 600 },
    };
    await diff({ site: 'hello', manifests: [configMap('same'), job], ...world.options, json: true }, world.context);
    expect([world.code(), JSON.parse(world.out())]).toMatchObject([
      EXIT.ok,
      { differs: false, objects: [{ result: 'unchanged' }, { result: 'repeated' }] },
    ]);
  });
});

describe('the manifests of a site', () => {
  /** A site whose kubectl is a stand-in that says what it is told to. */
  function siteWith(kubectl: string): { readonly folder: Folder; readonly env: Readonly<Record<string, string>> } {
    const folder = temporaryFolder();
    for (const path of ['k8s', 'k8s/site', 'k8s/secrets', 'bin']) mkdirSync(join(folder.path, path));
    folder.write('bin/kubectl', `#!/bin/sh\n${kubectl}\n`, 0o755);
    return { folder, env: { PATH: join(folder.path, 'bin') } };
  }

  test('are what kubectl makes of the overlay, and the Secrets; each object once, the overlay first', async () => {
    const list = JSON.stringify({
      kind: 'List',
      items: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hello', labels: { from: 'overlay' } } }],
    });
    const { folder, env } = siteWith(
      `[ "$*" = "kubectl kustomize k8s/site" ] || [ "$*" = "kustomize k8s/site" ] || exit 3\necho '${list}'\necho ---\necho '${JSON.stringify(configMap('a'))}'`,
    );
    folder.write(
      'k8s/secrets/00-namespace.yaml',
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: hello, labels: { from: secrets } }\n---\n',
    );
    folder.write('k8s/secrets/database.yaml', 'apiVersion: v1\nkind: Secret\nmetadata: { name: a, namespace: hello }\n');
    expect(await siteManifests(folder.path, env)).toMatchObject([
      { kind: 'Namespace', metadata: { labels: { from: 'overlay' } } },
      { kind: 'ConfigMap' },
      { kind: 'Secret' },
    ]);
    folder[Symbol.dispose]();
  });

  test('cannot be had without kubectl, with an overlay that it refuses, or without an overlay', async () => {
    const { folder, env } = siteWith('echo "error: no such file" >&2; exit 1');
    await expect(siteManifests(folder.path, { PATH: '/none' })).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('install kubectl') as string,
    });
    await expect(siteManifests(folder.path, env)).rejects.toMatchObject({
      kind: 'io',
      message: 'kubectl cannot put k8s/site together: error: no such file',
    });
    await expect(siteManifests(join(folder.path, 'bin'), env)).rejects.toMatchObject({
      hint: expect.stringContaining('berth generate') as string,
    });
    folder[Symbol.dispose]();
  });
});
