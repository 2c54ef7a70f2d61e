import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { lintSite } from '../../../cli/lint-site.ts';
import { checkKubernetesObjects } from '../../../generator/render/check-kubernetes-schema.ts';
import { renderKubernetes } from '../../../generator/render/kubernetes/index.ts';
import { dnsLabel } from '../../../model/names.ts';
import type { ImageCatalogue } from '../../../model/image-catalogue.ts';
import type { Plan } from '../../../model/plan.ts';
import { seconds } from '../../../model/units.ts';
import { app, cache, database, plan, stack, store, uses } from '../plan/plans.ts';
import { prepareHello } from './hello.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: Record<string, never>;
  readonly data?: Record<string, string>;
}
const documents = (text: string): readonly Manifest[] => [parseAllDocuments(text)].flat().map((document) => document.toJS() as Manifest);

async function objects(set: Readonly<Record<string, unknown>> = {}, folder = 'generated'): Promise<readonly Manifest[]> {
  const { decision } = await prepareHello({ target: 'kubernetes', set });
  return [...decision.merged]
    .filter(([path]) => new RegExp(`^k8s/${folder}/[^/]+\\.yaml$`).test(path) && !path.endsWith('kustomization.yaml'))
    .flatMap(([, text]) => documents(text));
}
const find = (all: readonly Manifest[], kind: string, name: string): Manifest =>
  all.find((one) => one.kind === kind && one.metadata.name === name) ?? expect.unreachable(`there is no ${kind} ${name}`);
async function nameOfJob(service: string): Promise<string> {
  const jobs = (await objects()).filter(({ kind, metadata }) => kind === 'Job' && metadata.name.startsWith(`${service}-`));
  return jobs[0]?.metadata.name ?? expect.unreachable(`there is no Job of ${service}`);
}
const podOf = (manifest: Manifest) => (manifest.spec as unknown as { template: { spec: Record<string, never> } }).template.spec;
const text = (value: unknown): string => JSON.stringify(value);

const images = Object.fromEntries(
  ['nginx', 'postgres', 'valkey', 'minio'].map((key) => [
    key,
    { reference: `r.example/${key}:1`, version: '1', licence: 'x', user: '1:1', status: 'supported' },
  ]),
) as ImageCatalogue;
const rendered = (made: Plan): readonly Manifest[] =>
  renderKubernetes({ plan: made, images, overlaid: (image) => image, merged: new Map(), secretVersion: () => 1, publicKeys: new Map() })
    .filter(({ path }) => !path.endsWith('kustomization.yaml'))
    .flatMap(({ content }) => documents(content));

describe('manifests for an older cluster', () => {
  test.each([
    { version: '1.25', pause: 'exec', eviction: false, retention: false },
    { version: '1.27', pause: 'exec', eviction: true, retention: true },
    { version: '1.30', pause: 'sleep', eviction: true, retention: true },
  ])('of $version have what it knows', async ({ version, pause, eviction, retention }) => {
    const all = await objects({ 'kubernetes.version': version });
    const web = podOf(find(all, 'Deployment', 'web-blue'));
    const { lifecycle } = (web['containers'] as unknown as [{ lifecycle: { preStop: object } }])[0];
    expect(Object.keys(lifecycle.preStop)).toEqual([pause]);
    expect('unhealthyPodEvictionPolicy' in find(all, 'PodDisruptionBudget', 'web-blue').spec).toBe(eviction);
    expect('persistentVolumeClaimRetentionPolicy' in find(all, 'StatefulSet', 'database').spec).toBe(retention);
    expect(find(all, 'Namespace', 'hello').metadata.labels['pod-security.kubernetes.io/enforce-version']).toBe(`v${version}`);
  });
});

describe('an application that is scaled', () => {
  const scaling = { max: 6, cpu: 70, memory: 80, queue: { metric: 'jobs_waiting', target: 25 }, coolDown: '10m' };

  test('leaves its replicas to the autoscaler while a slot is filled, and is empty otherwise', async () => {
    const all = await objects({ 'services.web.scaling': scaling });
    expect(find(all, 'Deployment', 'web-blue').spec).not.toHaveProperty('replicas');
    expect(find(all, 'Deployment', 'web-green').spec).toMatchObject({ replicas: 0 });
  });

  test('is scaled by shares of its limit, by the queue, and not at once back', async () => {
    const all = await objects({ 'services.web.scaling': scaling });
    const { spec } = find(all, 'HorizontalPodAutoscaler', 'web-blue');
    expect(spec).toMatchObject({
      minReplicas: 2,
      maxReplicas: 6,
      scaleTargetRef: { kind: 'Deployment', name: 'web-blue' },
      metrics: [
        // The profile minimum: 4 CPUs and 8 GiB.
        { resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '2800m' } } },
        { resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '6554Mi' } } },
        { external: { metric: { name: 'jobs_waiting' }, target: { type: 'AverageValue', averageValue: '25' } } },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 600 } },
    });
  });

  test('has databases and quota for the most there can be', async () => {
    const [few, many] = [await objects({ 'services.web.replicas': 2 }), await objects({ 'services.web.scaling': { max: 12 } })];
    const pods = (all: readonly Manifest[]) =>
      Number((find(all, 'ResourceQuota', 'site').spec as unknown as { hard: { pods: string } }).hard.pods);
    expect(pods(many) - pods(few)).toBe(10);
    const { decision } = await prepareHello({ target: 'kubernetes', set: { 'services.web.scaling': { max: 12 } } });
    expect(decision.merged.get('k8s/generated/config/database/postgresql.conf')).toContain("max_connections = '140'");
  });
});

describe('the way in', () => {
  test('of ports of the nodes stands in a namespace of its own, the only one that is not restricted', async () => {
    const all = await objects({ 'kubernetes.expose': 'hostPort' });
    const levels = all
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ metadata }) => [metadata.name, metadata.labels['pod-security.kubernetes.io/enforce']]);
    expect(levels).toEqual([
      ['hello', 'restricted'],
      ['hello-edge', 'privileged'],
    ]);
    expect(
      all
        .filter(({ metadata }) => metadata.namespace === 'hello-edge')
        .map(({ metadata }) => metadata.labels['app.kubernetes.io/name'] ?? 'site'),
    ).toEqual(expect.arrayContaining(['edge', 'site']));
    expect(all.filter((one) => text(one).includes('"hostPort"')).map(({ metadata }) => metadata.name)).toEqual(['edge']);
    // It finds the applications by their whole names, and they let it in from there.
    const { decision } = await prepareHello({ target: 'kubernetes', set: { 'kubernetes.expose': 'hostPort' } });
    expect(decision.merged.get('k8s/generated/config/edge/nginx.conf')).toContain('server "web-blue.hello.svc.cluster.local:3000" resolve');
    expect(text(find(all, 'NetworkPolicy', 'web').spec)).toContain(
      '"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"hello-edge"}}',
    );
    const secrets = await objects({ 'kubernetes.expose': 'hostPort' }, 'secrets');
    expect(find(secrets, 'Secret', 'tls').metadata.namespace).toBe('hello-edge');
    expect(secrets.filter(({ kind }) => kind === 'Namespace')).toHaveLength(2);
  });

  test.each([
    { expose: 'loadBalancer', type: 'LoadBalancer' },
    { expose: 'nodePort', type: 'NodePort' },
  ])('of $expose keeps the address of the visitor', async ({ expose, type }) => {
    expect(find(await objects({ 'kubernetes.expose': expose }), 'Service', 'edge').spec).toMatchObject({
      type,
      externalTrafficPolicy: 'Local',
    });
  });

  test.each(['gateway', 'ingress'])('of the cluster, by %s, needs no edge', async (expose) => {
    const all = await objects({ 'kubernetes.expose': expose, 'kubernetes.class': 'mine', 'kubernetes.controllerNamespace': 'ways-in' });
    expect(all.filter(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'edge')).toEqual([]);
    expect(text(find(all, 'NetworkPolicy', 'web').spec)).toContain('"kubernetes.io/metadata.name":"ways-in"');
    expect(text(all.map(({ spec }) => spec ?? null))).toContain(
      expose === 'gateway' ? '"gatewayClassName":"mine"' : '"ingressClassName":"mine"',
    );
    expect(text(all.map(({ spec }) => spec ?? null))).toContain(
      expose === 'gateway' ? '"weight":100' : '"name":"web-blue-cluster-ip","port"',
    );
  });

  test('has a certificate of cert-manager where it is asked for, from the authority of the site', async () => {
    const set = { 'kubernetes.certificate': 'cert-manager' };
    expect(find(await objects(set), 'Certificate', 'site').spec).toMatchObject({ secretName: 'tls', issuerRef: { name: 'site' } });
    const secrets = await objects(set, 'secrets');
    expect(Object.keys(find(secrets, 'Secret', 'tls-authority').data ?? {})).toEqual(['tls.crt', 'tls.key']);
    expect(secrets.map(({ metadata }) => metadata.name)).not.toContain('tls');
  });
});

describe('network policies', () => {
  const flows = (all: readonly Manifest[], direction: 'ingress' | 'egress', name: string): readonly string[] => {
    const rules =
      (
        find(all, 'NetworkPolicy', name).spec as unknown as Record<string, { from?: object[]; to?: object[]; ports?: { port: number }[] }[]>
      )[direction] ?? [];
    return rules.map(
      ({ from, to, ports }) =>
        `${[...text(from ?? to ?? 'anywhere').matchAll(/name":"([^"]+)|cidr":"([^"]+)|anywhere/g)].map((match) => match[1] ?? match[2] ?? match[0]).join('+')}:${[...new Set((ports ?? []).map(({ port }) => port))].join('+')}`,
    );
  };

  test('allow exactly the flows of the plan', async () => {
    const all = await objects();
    expect(find(all, 'NetworkPolicy', 'default-deny').spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    const dns = 'kube-system+169.254.0.0/16:53';
    expect(
      Object.fromEntries(
        ['edge', 'web', 'database', 'database-accounts', 'cache', 'files'].map((name) => [
          name,
          [flows(all, 'ingress', name), flows(all, 'egress', name)],
        ]),
      ),
    ).toEqual({
      'edge': [['anywhere:8080+8443'], [dns, 'web:3000']],
      'web': [['edge:3000'], [dns, 'database:5432', 'cache:6379', 'files:9000']],
      'database': [['web+database-accounts:5432'], []],
      'database-accounts': [[], [dns, 'database:5432']],
      'cache': [['web:6379'], []],
      'files': [['web+files-buckets:9000'], []],
    });
  });

  test('let an application out only where it was given that', async () => {
    expect(flows(await objects({ 'services.web.egress': true }), 'egress', 'web')).toContain('0.0.0.0/0+::/0:');
    expect(flows(await objects(), 'egress', 'web').join()).not.toContain('0.0.0.0/0');
  });
});

describe('the policies for a controller of the cluster', () => {
  const ingress = {
    'kubernetes.expose': 'ingress',
    'kubernetes.class': 'shared',
    'services.worker': { kind: 'worker', image: 'r.example/worker:1' },
  };
  const policy = (all: readonly Manifest[], kind: string, name = 'web') =>
    (all.find((one) => one.kind === kind && one.metadata.name === name)?.spec ?? {}) as { ingress?: object[]; egress?: object[] };

  test('let it in from pods, unless it is said that it has none', async () => {
    const all = await objects(ingress);
    expect(policy(all, 'NetworkPolicy').ingress).toEqual([{ from: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port: 3000 }] }]);
    // Nobody calls it: a rule without ports would have been one for all of them.
    expect(policy(all, 'NetworkPolicy', 'worker')).toMatchObject({ policyTypes: ['Ingress', 'Egress'] });
    expect(policy(all, 'NetworkPolicy', 'worker').ingress).toBeUndefined();
  });

  test('let it in from the addresses of its nodes and from nowhere else', async () => {
    const all = await objects({
      ...ingress,
      'kubernetes.controllerNetwork': 'nodes',
      'kubernetes.controllerAddresses': ['10.0.0.0/24', 'fd00::7', '10.42.7.1'],
    });
    expect(policy(all, 'NetworkPolicy').ingress).toEqual([
      {
        from: ['10.0.0.0/24', 'fd00::7/128', '10.42.7.1/32'].map((cidr) => ({ ipBlock: { cidr } })),
        ports: [{ protocol: 'TCP', port: 3000 }],
      },
    ]);
    expect(all.filter(({ kind }) => kind === 'CiliumNetworkPolicy')).toEqual([]);
  });

  test.each([
    { controllerNetwork: 'nodes', entities: ['host', 'remote-node'] },
    { controllerNetwork: 'cilium', entities: ['ingress'] },
  ])('name $controllerNetwork to Cilium, which finds neither by an address', async ({ controllerNetwork, entities }) => {
    const all = await objects({ ...ingress, 'kubernetes.networkPlugin': 'cilium', 'kubernetes.controllerNetwork': controllerNetwork });
    expect(policy(all, 'NetworkPolicy')).toMatchObject({ policyTypes: ['Ingress', 'Egress'] });
    expect(policy(all, 'NetworkPolicy').ingress).toBeUndefined();
    expect(policy(all, 'CiliumNetworkPolicy').ingress).toEqual([
      { fromEntities: entities, toPorts: [{ ports: [{ port: '3000', protocol: 'TCP' }] }] },
    ]);
    expect(checkKubernetesObjects(all)).toEqual([]);
  });

  test('let whoever asks the API server through to it, and under Cilium by its name', async () => {
    const set = { 'services.web.scaling': { max: 4, schedule: [{ at: '0 7 * * 1-5', min: 3 }] } };
    const plain = await objects(set);
    const out = {
      to: [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }],
      ports: [443, 6443].map((port) => ({ protocol: 'TCP', port })),
    };
    expect(policy(plain, 'NetworkPolicy', 'web-scale-1').egress).toContainEqual(out);
    const all = await objects({ ...set, 'kubernetes.networkPlugin': 'cilium' });
    expect(policy(all, 'CiliumNetworkPolicy', 'web-scale-1').egress).toContainEqual({
      toEntities: ['kube-apiserver'],
      toPorts: [{ ports: [443, 6443].map((port) => ({ port: String(port), protocol: 'TCP' })) }],
    });
    expect(text(policy(all, 'CiliumNetworkPolicy', 'web'))).not.toContain('kube-apiserver');
    expect(checkKubernetesObjects(all)).toEqual([]);
  });
});

describe('the DNS of the cluster', () => {
  test('is asked where berth.yaml says that it is, and nowhere else', async () => {
    const set = {
      'kubernetes.dns': {
        namespace: 'openshift-dns',
        labels: { 'dns.operator.openshift.io/daemonset-dns': 'default' },
        ports: [5353],
        addresses: ['10.96.0.10'],
      },
    };
    const all = await objects(set);
    expect((find(all, 'NetworkPolicy', 'web').spec as unknown as { egress: object[] }).egress[0]).toEqual({
      to: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'openshift-dns' } },
          podSelector: { matchLabels: { 'dns.operator.openshift.io/daemonset-dns': 'default' } },
        },
        { ipBlock: { cidr: '10.96.0.10/32' } },
      ],
      ports: [
        { protocol: 'UDP', port: 5353 },
        { protocol: 'TCP', port: 5353 },
      ],
    });
    const { decision, plan: made } = await prepareHello({ target: 'kubernetes', set });
    expect(lintSite(made, decision.merged).findings).toEqual([]);
  });

  test('is under Cilium a program of the node where a cache listens there', async () => {
    const node = { toEntities: ['host'], toPorts: [{ ports: ['UDP', 'TCP'].map((protocol) => ({ port: '53', protocol })) }] };
    const egress = async (set: object) =>
      (
        (await objects({ 'kubernetes.networkPlugin': 'cilium', ...set })).find(
          ({ kind, metadata }) => kind === 'CiliumNetworkPolicy' && metadata.name === 'web',
        )?.spec as unknown as { egress: object[] } | undefined
      )?.egress;
    expect(await egress({})).toEqual([node]);
    expect(await egress({ 'kubernetes.dns': { addresses: [] } })).toBeUndefined();
  });
});

describe('the Service of a slot', () => {
  const services = async (set: object) =>
    new Map(
      (await objects({ ...set }))
        .filter(({ kind, metadata }) => kind === 'Service' && metadata.labels['app.kubernetes.io/name'] === 'web')
        .map(({ metadata, spec }) => [metadata.name, (spec as { clusterIP?: string }).clusterIP]),
    );

  test('never changes what no Service can change, from the edge to a gateway and back', async () => {
    const ways = [{}, ...['gateway', 'ingress'].map((expose) => ({ 'kubernetes.expose': expose, 'kubernetes.class': 'shared' }))];
    const seen = new Map<string, string | undefined>();
    for (const way of ways)
      for (const [name, address] of await services(way)) {
        if (seen.has(name)) expect(address, name).toBe(seen.get(name));
        seen.set(name, address);
      }
    expect(Object.fromEntries(seen)).toEqual({
      'web-blue': 'None',
      'web-green': 'None',
      'web-blue-cluster-ip': undefined,
      'web-green-cluster-ip': undefined,
    });
  });

  test.each(['gateway', 'ingress'])('is the one that a %s leads to', async (expose) => {
    const all = await objects({ 'kubernetes.expose': expose, 'kubernetes.class': 'shared' });
    const asked = [
      ...text(all.filter(({ kind }) => kind === 'HTTPRoute' || kind === 'Ingress').map(({ spec }) => spec)).matchAll(
        /"(web-(?:blue|green)[^"]*)"/g,
      ),
    ];
    expect(asked.length).toBeGreaterThan(0);
    for (const [, name = ''] of asked) find(all, 'Service', name);
  });
});

test('a task tries until its hour is over: a first volume may take ten minutes, and images longer', async () => {
  const { spec } = find(await objects(), 'Job', await nameOfJob('database-accounts'));
  const { backoffLimit, activeDeadlineSeconds } = spec as unknown as { backoffLimit: number; activeDeadlineSeconds: number };
  expect(activeDeadlineSeconds).toBeGreaterThanOrEqual(3600);
  // Of the script three minutes each time, of the kubelet a pause that doubles from ten seconds to five minutes.
  const pauses = Array.from({ length: backoffLimit }, (_, index) => Math.min(300, 10 * 2 ** index));
  expect((backoffLimit + 1) * 180 + pauses.reduce((sum, pause) => sum + pause, 0)).toBeGreaterThanOrEqual(activeDeadlineSeconds);
});

describe('the room of a pod on the disk of its node', () => {
  const roomOf = (manifest: Manifest, name: string) =>
    (podOf(manifest)['containers'] as unknown as readonly { name: string; resources: { limits: Record<string, string> } }[]).find(
      (one) => one.name === name,
    )?.resources.limits['ephemeral-storage'];

  test('holds the logs that the kubelet keeps, and a file more', async () => {
    expect(roomOf(find(await objects(), 'Deployment', 'web-blue'), 'web')).toBe('300Mi');
    const set = { 'kubernetes.containerLogMaxSize': '200Mi', 'kubernetes.containerLogMaxFiles': 9 };
    expect(roomOf(find(await objects(set), 'Deployment', 'web-blue'), 'web')).toBe('2000Mi');
  });

  test('holds what a root that can be written to takes, also while a pod is replaced', async () => {
    const set = { 'services.web.loosen': { writableRoot: 'an old library writes beside itself' } };
    const [plain, loosened] = [await objects(), await objects(set)];
    expect(roomOf(find(loosened, 'Deployment', 'web-blue'), 'web')).toBe('812Mi');
    const disk = (all: readonly Manifest[]) => {
      const [, number = '', unit] =
        /^(\d+)(Gi|Mi)$/.exec(
          (find(all, 'ResourceQuota', 'site').spec as unknown as { hard: Record<string, string> }).hard['limits.ephemeral-storage'] ?? '',
        ) ?? [];
      return Number(number) * (unit === 'Gi' ? 1024 : 1);
    };
    // Two replicas, and one more in each slot.
    expect(disk(loosened) - disk(plain)).toBe(4 * 512);
  });
});

describe('secrets', () => {
  test('that somebody else manages are referred to and not written', async () => {
    const set = { 'kubernetes.existingSecrets': { web: 'from-vault', tls: 'corporate-tls' } };
    const all = await objects(set);
    expect(text(podOf(find(all, 'Deployment', 'web-blue')))).toContain('"secretKeyRef":{"name":"from-vault","key":"DATABASE_URL"}');
    expect(text(podOf(find(all, 'Deployment', 'edge')))).toContain('"secretName":"corporate-tls"');
    const written = (await objects(set, 'secrets')).map(({ metadata }) => metadata.name);
    expect(written).not.toContain('web-secrets');
    expect(written).not.toContain('tls');
    expect(written).toContain('database-secrets');
  });

  test('have every key that a pod refers to', async () => {
    const [all, secrets] = [await objects(), await objects({}, 'secrets')];
    const keys = new Map(
      secrets.filter(({ kind }) => kind === 'Secret').map(({ metadata, data }) => [metadata.name, Object.keys(data ?? {})]),
    );
    const references = all.flatMap((one) =>
      [...text(one).matchAll(/"secretKeyRef":\{"name":"([^"]+)","key":"([^"]+)"/g)].map(([, name = '', key = '']) => ({ name, key })),
    );
    expect(references.length).toBeGreaterThan(8);
    for (const { name, key } of references) expect(keys.get(name)).toContain(key);
  });

  test('stand in base64, so that no byte of theirs is YAML', async () => {
    for (const { kind, data } of await objects({}, 'secrets'))
      if (kind === 'Secret')
        for (const value of Object.values(data ?? {})) expect(Buffer.from(value, 'base64').toString('base64')).toBe(value);
  });
});

describe('names', () => {
  const longest = 'a'.repeat(40);

  test('are legal at their greatest length', () => {
    const spec = stack({
      target: 'kubernetes',
      name: 'b'.repeat(30),
      services: [app(longest, { uses: [uses.database('d'.repeat(40)), uses.store('s'.repeat(40))] })],
      databases: [database('d'.repeat(40))],
      caches: [cache('c'.repeat(40))],
      stores: [store('s'.repeat(40))],
    });
    for (const { kind, metadata } of rendered(plan(spec))) {
      expect(metadata.name, kind).toMatch(dnsLabel);
      for (const label of Object.values(metadata.labels)) expect(label.length).toBeLessThanOrEqual(63);
    }
  });

  test('that collide are refused, and the cure is told', () => {
    const made = plan(stack({ target: 'kubernetes', services: [app('web')], caches: [cache('web-blue')] }));
    expect(() => rendered(made)).toThrow('two services would have the same Service web-blue in hello');
  });
});

describe('a store on four nodes', () => {
  const set = { 'stores.files.nodes': 4, 'stores.files.disk': '1Ti' };

  test('has one whole of members that never share a node and start at once', async () => {
    const all = await objects(set);
    const { spec } = find(all, 'StatefulSet', 'files');
    expect(spec).toMatchObject({ replicas: 4, podManagementPolicy: 'Parallel', serviceName: 'files-nodes' });
    expect(text(podOf(find(all, 'StatefulSet', 'files')))).toContain(
      '"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"kubernetes.io/hostname"',
    );
    expect(text(podOf(find(all, 'StatefulSet', 'files')))).toContain(
      '"http://files-{0...3}.files-nodes.hello.svc.cluster.local:9000/var/tmp/data"',
    );
    expect(find(all, 'PodDisruptionBudget', 'files').spec).toMatchObject({ maxUnavailable: 1 });
  });

  test('has room for the parts that make good a loss, and lets its members speak to each other', async () => {
    const all = await objects(set);
    // 1 TiB usable on 4 × 512 GiB, two of which are parity.
    expect(text(find(all, 'StatefulSet', 'files').spec)).toContain('"requests":{"storage":"512Gi"}');
    expect(text(find(all, 'ResourceQuota', 'site').spec)).toContain('"persistentvolumeclaims":"5"');
    const policy = text(find(all, 'NetworkPolicy', 'files').spec);
    expect(policy.match(/"app.kubernetes.io\/name":"files"/g)?.length).toBe(3);
  });
});

test('a Job has another name for another image, other variables or another file, and the same one otherwise', () => {
  const made = plan(stack({ target: 'kubernetes' }));
  const jobs = (merged: ReadonlyMap<string, string>, version = 1, catalogue = images) =>
    renderKubernetes({
      plan: made,
      images: catalogue,
      overlaid: (image) => image,
      merged,
      secretVersion: () => version,
      publicKeys: new Map(),
    })
      .flatMap(({ path, content }) => (path.endsWith('kustomization.yaml') ? [] : documents(content)))
      .filter(({ kind }) => kind === 'Job')
      .map(({ metadata }) => metadata.name);
  const script = (content: string) => new Map([['k8s/generated/config/database-accounts/accounts.sh', content]]);
  const [first] = jobs(script('a'));
  expect(jobs(script('a'))[0]).toBe(first);
  expect(jobs(script('b'))[0]).not.toBe(first);
  expect(jobs(script('a'), 2)[0]).not.toBe(first);
  const other = { ...images, postgres: { ...(images['postgres'] as ImageCatalogue[string]), reference: 'r.example/postgres:2' } };
  expect(jobs(script('a'), 1, other)[0]).not.toBe(first);
});

test('a Job has another name once the overlay takes its image from elsewhere, and no other Job has', async () => {
  const jobs = async (overlay?: string) => {
    const files = overlay === undefined ? {} : { 'k8s/site/kustomization.yaml': `resources: [../generated]\n${overlay}` };
    const { decision } = await prepareHello({ target: 'kubernetes', files });
    return [...decision.merged]
      .flatMap(([path, content]) => (/^k8s\/generated\/[^/]+-(?:accounts|buckets)\.yaml$/.test(path) ? documents(content) : []))
      .flatMap(({ kind, metadata }) => (kind === 'Job' ? [metadata.name] : []))
      .toSorted();
  };
  const [accounts, buckets] = await jobs();
  const mirrored = await jobs('images:\n  - { name: docker.io/library/postgres, newName: registry.local/postgres }\n');
  expect(mirrored[0]).toMatch(/^database-accounts-/);
  expect(mirrored[0]).not.toBe(accounts);
  expect(mirrored[1]).toBe(buckets);
  const tagged = await jobs('images:\n  - { name: docker.io/library/postgres, newName: registry.local/postgres, newTag: "17" }\n');
  expect(tagged[0]).not.toBe(mirrored[0]);
  // What an overlay says of other things, or cannot be read, changes no name.
  expect(await jobs('replicas: [{ name: edge, count: 3 }]\n')).toEqual([accounts, buckets]);
  expect(await jobs('images: [\n')).toEqual([accounts, buckets]);
});

test('a pod may take as long to stop as its service, after a pause for those who still send', () => {
  const made = plan(stack({ target: 'kubernetes', services: [app('web', { stopGrace: seconds(120) })] }));
  const web = podOf(find(rendered(made), 'Deployment', 'web-blue'));
  expect(web['terminationGracePeriodSeconds']).toBe(135);
});

test('two hundred applications are rendered', () => {
  const made = plan(stack({ target: 'kubernetes', services: Array.from({ length: 200 }, (_, index) => app(`web${index}`)) }));
  expect(rendered(made).filter(({ kind }) => kind === 'Deployment')).toHaveLength(401);
});

describe('two replicas of a database', () => {
  const all = rendered(plan(stack({ target: 'kubernetes', databases: [database('database', { topology: 'cluster' })] })));
  const both = ['database-replica', 'database-replica-2'];
  const whole = { 'berth/whole': 'database-read', 'app.kubernetes.io/instance': 'hello' };
  const labelsOf = (name: string) =>
    (find(all, 'StatefulSet', name).spec as unknown as { template: { metadata: { labels: Record<string, string> } } }).template.metadata
      .labels;

  test('are read through one Service, which leads to those that are ready and never to the primary', () => {
    expect(find(all, 'Service', 'database-read').spec).toMatchObject({ type: 'ClusterIP', selector: whole, ports: [{ port: 5432 }] });
    expect(find(all, 'Service', 'database-read').spec).not.toHaveProperty('publishNotReadyAddresses');
    for (const name of both) expect(labelsOf(name)).toMatchObject(whole);
    expect(labelsOf('database')).not.toHaveProperty('berth/whole');
  });

  test('leave one at a time while nodes are drained, and had rather not share a node with each other or the primary', () => {
    const budgets = all.filter(({ kind, metadata }) => kind === 'PodDisruptionBudget' && metadata.name.startsWith('database'));
    expect(budgets.map(({ metadata, spec }) => [metadata.name, text(spec)])).toEqual([
      ['database', expect.stringContaining('"maxUnavailable":1') as string],
      ['database-read', expect.stringMatching(/"maxUnavailable":1.*"berth\/whole":"database-read"/) as string],
    ]);
    for (const name of both) {
      const { affinity } = podOf(find(all, 'StatefulSet', name)) as unknown as { affinity: object };
      for (const other of ['"app.kubernetes.io/name":"database"', '"berth/whole":"database-read"']) expect(text(affinity)).toContain(other);
    }
  });
});
