import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { kubeconfig } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';
import { startScriptedServer, status } from '../runtime/orchestrators/kubernetes/scripted-api-server.ts';
import type { Asked, Reply, ScriptedServer } from '../runtime/orchestrators/kubernetes/scripted-api-server.ts';

/** The kinds that a site consists of, by the version that serves them; those of no namespace begin with `/`. */
const served: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'v1': {
    Namespace: '/namespaces',
    ConfigMap: 'configmaps',
    Secret: 'secrets',
    Service: 'services',
    ServiceAccount: 'serviceaccounts',
    ResourceQuota: 'resourcequotas',
    LimitRange: 'limitranges',
  },
  'apps/v1': { Deployment: 'deployments', StatefulSet: 'statefulsets' },
  'batch/v1': { Job: 'jobs', CronJob: 'cronjobs' },
  'policy/v1': { PodDisruptionBudget: 'poddisruptionbudgets' },
  'networking.k8s.io/v1': { NetworkPolicy: 'networkpolicies', Ingress: 'ingresses' },
  'autoscaling/v2': { HorizontalPodAutoscaler: 'horizontalpodautoscalers' },
  'scheduling.k8s.io/v1': { PriorityClass: '/priorityclasses' },
  'rbac.authorization.k8s.io/v1': { Role: 'roles', RoleBinding: 'rolebindings' },
  'metrics.k8s.io/v1beta1': {},
};

const items = (...all: readonly object[]): Reply => ({ body: { items: all, metadata: {} } });
const base = (version: string): string => (version.includes('/') ? `/apis/${version}` : `/api/${version}`);

const node = (name: string) => ({
  metadata: { name },
  spec: {},
  status: {
    allocatable: { cpu: '64', memory: '512Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True' }],
    nodeInfo: { kubeletVersion: 'v1.33.2' },
  },
});

/** What a cluster with room for everything answers when it is asked about itself. */
const facts: Readonly<Record<string, Reply>> = {
  'GET /version': { body: { major: '1', minor: '33', gitVersion: 'v1.33.2' } },
  'GET /apis': {
    body: {
      groups: Object.keys(served)
        .filter((version) => version.includes('/'))
        .map((version) => ({ name: version.split('/')[0], versions: [{ version: version.split('/')[1] }] })),
    },
  },
  ...Object.fromEntries(
    Object.entries(served).map(([version, kinds]) => [
      `GET ${base(version)}`,
      {
        body: {
          resources: Object.entries(kinds).map(([kind, name]) => ({
            kind,
            name: name.replace('/', ''),
            namespaced: !name.startsWith('/'),
          })),
        },
      },
    ]),
  ),
  'GET /api/v1/nodes': items(node('one'), node('two'), node('three')),
  'GET /api/v1/pods': items(),
  'GET /apis/storage.k8s.io/v1/storageclasses': items({
    metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'csi.example.com',
    allowVolumeExpansion: true,
    reclaimPolicy: 'Retain',
    volumeBindingMode: 'WaitForFirstConsumer',
  }),
  'GET /apis/networking.k8s.io/v1/ingressclasses': items(),
  'GET /apis/apps/v1/daemonsets': items({ metadata: { name: 'calico-node' } }),
  'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews': { status: 201, body: { status: { allowed: true } } },
};

export interface ClusterStandIn extends AsyncDisposable {
  readonly server: ScriptedServer;
  /** Every object that was applied, by its path; what stands here is live. */
  readonly live: Map<string, object>;
  /** Answers that come before all others, by `METHOD /path`. */
  readonly answers: Map<string, Reply>;
  /** Makes what was tried out last live, as an apply would. */
  apply: () => void;
  /** What a verb must know of it: where it is, and a stand-in for kubectl that puts the folder of a site together without the overlay. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  writeKubeconfig: (content: string) => void;
}

/** A cluster that is nothing but a memory: it has room for everything, and takes any object as it is. No Kubernetes is behind it. */
export async function clusterStandIn(): Promise<ClusterStandIn> {
  const live = new Map<string, object>();
  const tried = new Map<string, object>();
  const answers = new Map<string, Reply>();
  const script = ({ method, path, body }: Asked): Reply => {
    const scripted = answers.get(`${method} ${path}`) ?? facts[`${method} ${path}`];
    if (scripted) return scripted;
    const found = live.get(path);
    if (method === 'GET') return found ? { body: found } : status(404, `the server could not find ${path}`, 'NotFound');
    if (method !== 'PATCH') return status(405, `${method} is not for ${path}`);
    tried.set(path, body as object);
    return { status: found ? 200 : 201, body };
  };
  const server = await startScriptedServer(script);
  const folder = temporarySite();
  mkdirSync(join(folder.path, 'bin'));
  const kubectl = join(folder.path, 'bin/kubectl');
  writeFileSync(
    kubectl,
    '#!/bin/sh\nfor file in k8s/generated/*.yaml; do\n  case "$file" in */kustomization.yaml) ;; *) echo ---; cat "$file" ;; esac\ndone\n',
  );
  chmodSync(kubectl, 0o755);
  const config = join(folder.path, 'kubeconfig');
  const writeKubeconfig = (content: string): void => {
    writeFileSync(config, content, { mode: 0o600 });
  };
  writeKubeconfig(kubeconfig({ server: server.url, authority: server.authority.certificate }));
  return {
    server,
    live,
    answers,
    apply: () => {
      for (const [path, object] of tried) live.set(path, object);
    },
    args: ['--kubeconfig', config],
    env: { PATH: `${join(folder.path, 'bin')}:${process.env['PATH'] ?? ''}` },
    writeKubeconfig,
    [Symbol.asyncDispose]: async () => {
      folder[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
