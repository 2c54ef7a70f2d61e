import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { lintSite } from '../../../cli/lint-site.ts';
import type { Json } from '../../../generator/lint/check.ts';
import { lintCompose, lintKubernetes, listChecks } from '../../../generator/lint/lint.ts';
import type { Overlay } from '../../../generator/lint/overlay.ts';
import { keysOf } from '../../../generator/render/kubernetes/secret-keys.ts';
import { bigHost, byTheClock, everyKind, prepareHello, toBucket } from '../render/hello.ts';

type Tree = { [key: string]: unknown };
type Path = readonly (string | number)[];

/** Change what stands at a path; `undefined` takes it away. */
function put(root: unknown, path: Path, value: unknown): void {
  const parent = path.slice(0, -1).reduce<unknown>((node, key) => {
    const inner = node as Record<string | number, unknown>;
    inner[key] ??= {};
    return inner[key];
  }, root) as Record<string | number, unknown>;
  if (value === undefined) delete parent[path.at(-1) ?? ''];
  else parent[path.at(-1) ?? ''] = value;
}

class Site {
  readonly objects: Tree[];
  constructor(objects: readonly Tree[]) {
    this.objects = structuredClone(objects) as Tree[];
  }
  find(kind: string, name: string): Tree {
    const found = this.objects.find(
      (one) => one['kind'] === kind && String((one['metadata'] as Tree)['name']).replace(/-[0-9a-f]{8}$/, '') === name,
    );
    return found ?? expect.unreachable(`there is no ${kind} ${name}`);
  }
  set(kind: string, name: string, path: Path, value: unknown): void {
    put(this.find(kind, name), path, value);
  }
  remove(kind: string, name: string): void {
    const object = this.find(kind, name);
    this.objects.splice(this.objects.indexOf(object), 1);
  }
}

/** A site whose overlay changes nothing. */
const overlayOf = ({ objects }: Site): Overlay => ({
  objects: objects as unknown as readonly Json[],
  own: [],
  secrets: [],
  wrong: [],
  unseen: [],
  ignores: undefined,
});

const report = { kind: 'cron', follows: 'web', schedule: '30 2 * * *' };
const onCron = (path: Path, value: unknown) => (site: Site) => {
  site.set('CronJob', 'report', ['spec', ...path], value);
};
const pod: Path = ['spec', 'template', 'spec'];
const container: Path = [...pod, 'containers', 0];
const web = ['Deployment', 'web-blue'] as const;
const onWeb = (path: Path, value: unknown) => (site: Site) => {
  site.set(...web, path, value);
};
const onService = (name: string, path: Path, value: unknown) => (site: Site) => {
  site.set('Service', name, path, value);
};
const onScaler = (path: Path, value: unknown) => (site: Site) => {
  site.set('HorizontalPodAutoscaler', 'web-blue', path, value);
};
const onJob = (path: Path, value: unknown) => (site: Site) => {
  site.set('Job', 'database-accounts', path, value);
};

/** One fault for each check: what is done to a site that has none. */
const faults: Readonly<Record<string, (site: Site) => void>> = {
  'service-account': onWeb([...pod, 'serviceAccountName'], undefined),
  'no-token': onWeb([...pod, 'automountServiceAccountToken'], undefined),
  'non-root': onWeb([...pod, 'securityContext', 'runAsUser'], 0),
  'group': onWeb([...pod, 'securityContext', 'runAsGroup'], 0),
  'seccomp': onWeb([...pod, 'securityContext', 'seccompProfile'], undefined),
  'volume-group': (site) => {
    site.set('StatefulSet', 'database', [...pod, 'securityContext', 'fsGroup'], undefined);
  },
  'host-namespaces': onWeb([...pod, 'hostPID'], true),
  'host-path': onWeb([...pod, 'volumes', 0], { name: 'memory-tmp', hostPath: { path: '/tmp' } }),
  'service-links': onWeb([...pod, 'enableServiceLinks'], undefined),
  'priority': onWeb([...pod, 'priorityClassName'], undefined),
  'memory-folders': onWeb([...pod, 'volumes', 0, 'emptyDir', 'sizeLimit'], undefined),
  'no-escalation': onWeb([...pod, 'initContainers', 0, 'securityContext', 'allowPrivilegeEscalation'], true),
  'privileged': onWeb([...container, 'securityContext', 'privileged'], true),
  'capabilities': onWeb([...container, 'securityContext', 'capabilities', 'add'], ['NET_RAW']),
  'read-only-root': onWeb([...pod, 'initContainers', 1, 'securityContext', 'readOnlyRootFilesystem'], undefined),
  'cpu-resources': onWeb([...container, 'resources', 'limits', 'cpu'], undefined),
  'memory-resources': (site) => {
    site.set(...web, [...container, 'resources', 'limits', 'memory'], undefined);
    site.set(...web, [...container, 'resources', 'requests', 'memory'], undefined);
  },
  'ephemeral-storage-resources': onWeb([...container, 'resources', 'requests', 'ephemeral-storage'], undefined),
  'memory-overcommit': onWeb([...container, 'resources', 'requests', 'memory'], '1Gi'),
  'image-version': onWeb([...container, 'image'], 'berth/hello:latest'),
  'image-pull': onWeb([...container, 'imagePullPolicy'], 'Always'),
  'plain-secret': onWeb([...container, 'env', 0], { name: 'ADMIN_PASSWORD', value: 'x' }),
  'variable-twice': onWeb([...container, 'env', 0], { name: 'BERTH_SITE', value: 'x' }),
  'host-port': onWeb([...container, 'ports', 0, 'hostPort'], 3000),
  'mounts': onWeb([...container, 'volumeMounts', 0, 'name'], 'elsewhere'),
  'startup-probe': onWeb([...container, 'startupProbe'], undefined),
  'readiness-probe': onWeb([...container, 'readinessProbe'], undefined),
  'liveness-probe': onWeb([...container, 'livenessProbe'], undefined),
  'probes-differ': onWeb([...container, 'livenessProbe', 'httpGet', 'path'], '/readyz'),
  'probe-port': onWeb([...container, 'readinessProbe', 'httpGet', 'port'], 'admin'),
  'drain': onWeb([...pod, 'terminationGracePeriodSeconds'], 15),
  'stateful-grace': (site) => {
    site.set('StatefulSet', 'database', [...pod, 'terminationGracePeriodSeconds'], 10);
  },
  'pod-security': (site) => {
    site.set('Namespace', 'hello', ['metadata', 'labels', 'pod-security.kubernetes.io/enforce'], 'baseline');
  },
  'quota': (site) => {
    site.remove('ResourceQuota', 'site');
  },
  'limit-range': (site) => {
    site.remove('LimitRange', 'site');
  },
  'default-deny': (site) => {
    site.remove('NetworkPolicy', 'default-deny');
  },
  'flows': (site) => {
    site.remove('NetworkPolicy', 'web');
  },
  'dns': (site) => {
    site.set('NetworkPolicy', 'web', ['spec', 'egress', 0, 'ports'], [{ protocol: 'TCP', port: 443 }]);
  },
  'open-policy': (site) => {
    site.set('NetworkPolicy', 'database', ['spec', 'ingress', 0, 'from'], undefined);
  },
  'replicas': (site) => {
    site.set('Deployment', 'edge', ['spec', 'replicas'], 1);
  },
  'scaled-replicas': onWeb(['spec', 'replicas'], 3),
  'rolling-update': onWeb(['spec', 'strategy', 'rollingUpdate', 'maxUnavailable'], 1),
  'history': onWeb(['spec', 'revisionHistoryLimit'], undefined),
  'settled': onWeb(['spec', 'minReadySeconds'], 0),
  'progress': onWeb(['spec', 'progressDeadlineSeconds'], undefined),
  'apart': onWeb([...pod, 'affinity'], undefined),
  'spread': onWeb([...pod, 'topologySpreadConstraints', 0, 'labelSelector', 'matchLabels', 'app.kubernetes.io/name'], 'other'),
  'disruption-budget': (site) => {
    site.remove('PodDisruptionBudget', 'cache');
  },
  'one-budget': (site) => {
    site.set('PodDisruptionBudget', 'cache', ['spec', 'selector', 'matchLabels', 'app.kubernetes.io/name'], undefined);
  },
  'drain-blocked': (site) => {
    site.set('PodDisruptionBudget', 'cache', ['spec', 'maxUnavailable'], 0);
  },
  'governing-service': (site) => {
    site.set('StatefulSet', 'database', ['spec', 'serviceName'], 'database');
  },
  'keep-claims': (site) => {
    site.set('StatefulSet', 'database', ['spec', 'persistentVolumeClaimRetentionPolicy', 'whenDeleted'], 'Delete');
  },
  'selector': onWeb(['spec', 'selector', 'matchLabels', 'berth/slot'], undefined),
  'dangling-service': onService('web-blue', ['spec', 'ports', 0, 'targetPort'], 'admin'),
  'client-address': onService('edge', ['spec', 'externalTrafficPolicy'], 'Cluster'),
  'outside': (site) => {
    site.set('Service', 'database', ['spec', 'type'], 'NodePort');
    site.set('Service', 'database', ['spec', 'externalTrafficPolicy'], 'Local');
  },
  'cron-concurrency': onCron(['concurrencyPolicy'], 'Allow'),
  'cron-missed': onCron(['startingDeadlineSeconds'], undefined),
  'cron-deadline': onCron(['jobTemplate', 'spec', 'activeDeadlineSeconds'], undefined),
  'cron-history': onCron(['failedJobsHistoryLimit'], 0),
  'job-retries': onJob(['spec', 'backoffLimit'], undefined),
  'job-deadline': onJob(['spec', 'activeDeadlineSeconds'], undefined),
  'job-ttl': onJob(['spec', 'ttlSecondsAfterFinished'], undefined),
  'job-restart': onJob([...pod, 'restartPolicy'], 'Always'),
  'scaler-target': (site) => {
    site.set('HorizontalPodAutoscaler', 'web-green', ['spec', 'scaleTargetRef', 'name'], 'gone');
  },
  'scaler-range': onScaler(['spec', 'maxReplicas'], 2),
  'scaler-cool-down': onScaler(['spec', 'behavior', 'scaleDown', 'stabilizationWindowSeconds'], 0),
  'references': onWeb([...container, 'env', 0], { name: 'A', valueFrom: { secretKeyRef: { name: 'web-secrets', key: 'NOT_THERE' } } }),
  'twice': (site) => {
    site.objects.push(site.find('ServiceAccount', 'cache'));
  },
  'names': (site) => {
    site.set('ResourceQuota', 'site', ['metadata', 'name'], 'The_Site');
  },
  'labels': (site) => {
    site.set('ServiceAccount', 'cache', ['metadata', 'labels', 'app.kubernetes.io/instance'], undefined);
  },
  'namespace': (site) => {
    site.set('PodDisruptionBudget', 'web-green', ['metadata', 'namespace'], undefined);
    site.objects.push({
      ...structuredClone(site.find('PodDisruptionBudget', 'web-green')),
      metadata: { name: 'again', namespace: 'hello', labels: { 'app.kubernetes.io/instance': 'a', 'app.kubernetes.io/managed-by': 'a' } },
    });
  },
  'secret-manifest': (site) => {
    site.objects.push({
      kind: 'Secret',
      metadata: { name: 'oops', namespace: 'hello', labels: { 'app.kubernetes.io/instance': 'a', 'app.kubernetes.io/managed-by': 'a' } },
    });
  },
  'account-token': (site) => {
    site.set('ServiceAccount', 'cache', ['automountServiceAccountToken'], true);
  },
  'ingress-class': (site) => {
    site.objects.push({
      kind: 'Ingress',
      metadata: { name: 'in', namespace: 'hello', labels: { 'app.kubernetes.io/instance': 'a', 'app.kubernetes.io/managed-by': 'a' } },
      spec: {},
    });
  },
};

const service = (name: string, path: Path, value: unknown) => (project: Tree) => {
  put(project, ['services', name, ...path], value);
};
const composeFaults: Readonly<Record<string, (project: Tree) => void>> = {
  'compose-user': service('web-blue', ['user'], 'root'),
  'compose-read-only-root': service('web-blue', ['read_only'], undefined),
  'compose-capabilities': service('web-blue', ['cap_add'], ['NET_ADMIN']),
  'compose-no-escalation': service('web-blue', ['security_opt'], undefined),
  'compose-privileged': service('web-blue', ['pid'], 'host'),
  'compose-engine-socket': service('cache', ['volumes', 0, 'source'], '/var/run/docker.sock'),
  'compose-pids': service('web-blue', ['deploy', 'resources', 'limits', 'pids'], undefined),
  'compose-memory': service('web-blue', ['memswap_limit'], '64G'),
  'compose-cpu': service('web-blue', ['deploy', 'resources', 'limits', 'cpus'], undefined),
  'compose-logs': service('web-blue', ['logging', 'options', 'max-file'], undefined),
  'compose-healthcheck': service('web-blue', ['healthcheck'], undefined),
  'compose-start-interval': service('web-blue', ['healthcheck', 'start_interval'], '1s'),
  'compose-stop': service('web-blue', ['stop_grace_period'], undefined),
  'compose-restart': service('web-blue', ['restart'], undefined),
  'compose-ports': service('database', ['ports'], ['5432:5432']),
  'compose-replicas': service('edge', ['deploy', 'replicas'], 2),
  'compose-image': service('cache', ['image'], 'valkey/valkey'),
  'compose-plain-secret': service('web-blue', ['environment', 'API_TOKEN'], 'x'),
  'compose-slot-dependency': service('edge', ['depends_on', 'web-blue'], { condition: 'service_started' }),
  'compose-version': (project) => {
    project['version'] = '3.8';
  },
  'compose-inner-networks': (project) => {
    put(project, ['networks', 'data', 'internal'], false);
  },
  'compose-one-way-out': (project) => {
    put(project, ['networks', 'egress-web'], { internal: true });
    put(project, ['networks', 'egress'], {});
    put(project, ['services', 'web-blue', 'networks'], ['app', 'data', 'egress', 'egress-web']);
  },
};

describe('the checks of manifests', () => {
  let site: PreparedSite | undefined;
  let secrets: readonly string[] = [];
  const fresh = (): Site => {
    const { decision } = site ?? expect.unreachable('not made');
    const objects = [...decision.merged]
      .filter(([path]) => /^k8s\/generated\/[^/]+\.yaml$/.test(path) && !path.endsWith('kustomization.yaml'))
      .flatMap(([, text]) => [parseAllDocuments(text)].flat().map((document) => document.toJS() as Tree));
    const maps = [
      'edge',
      'weights',
      'database',
      'database-replica',
      'database-accounts',
      'cache',
      'cache-node',
      'cache-sentinel',
      'files-buckets',
    ].map((name) => ({
      kind: 'ConfigMap',
      metadata: { name, namespace: 'hello', labels: { 'app.kubernetes.io/instance': 'hello', 'app.kubernetes.io/managed-by': 'berth' } },
    }));
    return new Site([...objects, ...maps]);
  };
  const idsOf = (changed: Site): readonly string[] => [
    ...new Set(lintKubernetes(overlayOf(changed), secrets).findings.map(({ id }) => id)),
  ];
  beforeAll(async () => {
    site = await prepareHello({
      profile: 'recommended',
      target: 'kubernetes',
      set: { 'services.web.scaling': { max: 6 }, 'services.report': report },
    });
    const { plan } = site;
    secrets = [
      ...plan.services.flatMap((one) => keysOf(one, plan.secretFiles).map((key) => `hello/${one.name}-secrets/${key}`)),
      'hello/tls/tls.crt',
      'hello/tls/tls.key',
    ];
  });

  test('find nothing in a site as it is written', () => {
    expect(lintKubernetes(overlayOf(fresh()), secrets)).toEqual({ findings: [], ignored: [], unseen: [] });
  });

  test('have a fault each that shows them work', () => {
    expect(Object.keys(faults).sort()).toEqual(
      listChecks()
        .filter(({ id, target }) => target === 'kubernetes' && !/^(overlay|operated)-/.test(id))
        .map(({ id }) => id)
        .sort(),
    );
  });

  test.each(Object.entries(faults))('%s is found, and nothing else', (id, spoil) => {
    const changed = fresh();
    spoil(changed);
    expect(idsOf(changed)).toEqual([id]);
  });

  test('are ignored where a reason stands beside, and nowhere else', () => {
    const changed = fresh();
    changed.set(...web, ['spec', 'strategy', 'rollingUpdate', 'maxUnavailable'], 1);
    changed.set(...web, ['metadata', 'annotations'], { 'berth/lint-ignore': 'rolling-update: it can do with one less' });
    const { findings, ignored } = lintKubernetes(overlayOf(changed), secrets);
    expect(findings).toEqual([]);
    expect(ignored).toMatchObject([{ id: 'rolling-update', object: 'Deployment hello/web-blue', because: 'it can do with one less' }]);
    changed.set('Deployment', 'edge', ['spec', 'strategy', 'rollingUpdate', 'maxUnavailable'], 1);
    expect(idsOf(changed)).toEqual(['rolling-update']);
  });

  test.each([
    { ignore: 'rolling-update', id: 'ignore-without-reason', broken: true },
    { ignore: 'roling-update: why not', id: 'ignore-unknown', broken: false },
    { ignore: 'rolling-update: why not', id: 'ignore-idle', broken: false },
  ])('complain of an ignore that is $id', ({ ignore, id, broken }) => {
    const changed = fresh();
    if (broken) changed.set(...web, ['spec', 'strategy', 'rollingUpdate', 'maxUnavailable'], 1);
    changed.set(...web, ['metadata', 'annotations'], { 'berth/lint-ignore': ignore });
    expect(idsOf(changed)).toContain(id);
  });

  test('let a release have one replica in its second slot', async () => {
    const changed = fresh();
    for (const name of ['web-blue', 'web-green']) changed.remove('HorizontalPodAutoscaler', name);
    changed.set('Deployment', 'web-blue', ['spec', 'replicas'], 3);
    changed.set('Deployment', 'web-green', ['spec', 'replicas'], 1);
    expect(idsOf(changed)).toEqual([]);
    changed.set('Deployment', 'web-blue', ['spec', 'replicas'], 0);
    expect(idsOf(changed)).toEqual(['replicas']);
    return Promise.resolve();
  });
});

describe('the checks of a Compose project', () => {
  let compose = '';
  beforeAll(async () => {
    compose = (await prepareHello({ profile: 'recommended' })).decision.merged.get('compose.yaml') ?? '';
  });
  const fresh = (): Tree => parse(compose) as Tree;
  const idsOf = (project: Tree): readonly string[] => [...new Set(lintCompose(project as Json).findings.map(({ id }) => id))];

  test('find nothing in a project as it is written', () => {
    expect(lintCompose(fresh() as Json)).toEqual({ findings: [], ignored: [], unseen: [] });
  });

  test('have a fault each that shows them work', () => {
    expect(Object.keys(composeFaults).sort()).toEqual(
      listChecks()
        .filter(({ target }) => target === 'compose')
        .map(({ id }) => id)
        .sort(),
    );
  });

  test.each(Object.entries(composeFaults))('%s is found, and nothing else', (id, spoil) => {
    const project = fresh();
    spoil(project);
    expect(idsOf(project)).toEqual([id]);
  });

  test('look at the network of a way out as at those of the data, and let what leads outside stand in both', () => {
    const project = fresh();
    put(project, ['networks', 'egress-web'], {});
    expect(idsOf(project)).toEqual(['compose-inner-networks']);
    put(project, ['networks', 'egress-web', 'internal'], true);
    put(project, ['services', 'edge', 'networks'], { 'egress': {}, 'egress-web': { ipv4_address: '10.4.0.2' } });
    expect(idsOf(project)).toEqual(['compose-one-way-out']);
    put(project, ['services', 'edge', 'labels', 'berth.role'], 'relay');
    expect(idsOf(project)).not.toContain('compose-one-way-out');
  });

  test('are ignored where a label says why, with each `$` as Compose reads it', () => {
    const project = fresh();
    put(project, ['services', 'web-blue', 'read_only'], false);
    put(
      project,
      ['services', 'web-blue', 'labels', 'berth.lint-ignore'],
      'compose-read-only-root: it unpacks itself to $$HOME at its start',
    );
    expect(lintCompose(project as Json)).toMatchObject({ findings: [], ignored: [{ because: 'it unpacks itself to $HOME at its start' }] });
  });
});

/** What the spec asks for and a check complains of: it is written with its reason. */
function meant(target: string, set: Readonly<Record<string, unknown>>): readonly string[] {
  if (set['kubernetes.expose'] === 'hostPort') return ['host-port', 'pod-security', 'rolling-update'];
  if (set === byTheClock) return ['no-token', 'no-token', 'no-token'];
  if (set !== everyKind) return [];
  return target === 'compose' ? ['compose-healthcheck'] : ['job-ttl', 'liveness-probe', 'readiness-probe', 'replicas', 'startup-probe'];
}

test.each(
  (['minimum', 'recommended', 'high-performance'] as const).flatMap((profile) =>
    [
      { target: 'compose', set: {} },
      { target: 'compose', set: everyKind },
      { target: 'compose', set: { 'services.web.egress': ['hooks.corp.example:443'] } },
      { target: 'kubernetes', set: everyKind },
      { target: 'kubernetes', set: byTheClock },
      { target: 'kubernetes', set: {} },
      { target: 'kubernetes', set: { 'kubernetes.version': '1.25', 'stores.files.nodes': 4, 'caches.cache.use': 'queue' } },
      { target: 'kubernetes', set: { 'stores.files': { engine: 'seaweedfs', buckets: { notes: {} } } } },
      { target: 'kubernetes', set: { 'kubernetes.expose': 'hostPort' } },
      { target: 'kubernetes', set: { ...toBucket.set, 'caches.cache.use': 'sessions' } },
      { target: 'kubernetes', set: { 'kubernetes.expose': 'gateway', 'kubernetes.class': 'a', 'kubernetes.certificate': 'cert-manager' } },
      {
        target: 'kubernetes',
        set: { 'kubernetes.expose': 'ingress', 'kubernetes.class': 'a', 'kubernetes.existingSecrets': { web: 'mine', tls: 'ours' } },
      },
    ].map((row) => ({ profile, ...row })),
  ),
)('a site of profile $profile for $target has nothing open ($set)', async ({ profile, target, set }) => {
  const { plan, decision } = await prepareHello({
    profile,
    target: target as 'compose' | 'kubernetes',
    set,
    ...(target === 'compose' ? { host: bigHost } : {}),
  });
  const { findings, ignored } = lintSite(plan, decision.merged);
  expect(findings).toEqual([]);
  expect(ignored.map(({ id }) => id).sort()).toEqual(meant(target, set));
});

test('the reference lists every check with its reason and cure', async () => {
  const rows = listChecks().map(
    ({ id, target, rule, reason, cure }) => `| \`${id}\` | ${target} | ${rule} | ${reason} | ${cure.replaceAll('|', '\\|')} |`,
  );
  const page = `# Checks of \`berth lint\`

\`berth lint\` and \`berth generate --check\` look at what was written. A finding that is meant to be so is ignored where it stands, with its reason: on Kubernetes by the annotation
\`berth/lint-ignore: "id: reason"\` of the object, on Compose by the label \`berth.lint-ignore\` of the service; several are separated by semicolons. An ignore without a reason, of no
check, or of nothing that happens is a finding itself.

| id | target | what must hold | because | cure |
|---|---|---|---|---|
${rows.join('\n')}
`;
  await expect(page).toMatchFileSnapshot(join(import.meta.dirname, '../../../docs/reference/lint.md'));
});
