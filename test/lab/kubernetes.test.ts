import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readOverlay } from '../../generator/lint/read-overlay.ts';
import type { Json } from '../../generator/lint/check.ts';
import { inKilobytes } from './engine-settings.ts';
import { LabSite, Operator } from './installed.ts';
import { KubeletStandIn } from './kubelet-stand-in.ts';
import type { KubernetesObject, Pod } from './kubelet-stand-in.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';
import { until } from './until.ts';

interface EngineSetting {
  readonly name: string;
  readonly value: string;
}
interface PlanJson {
  readonly services: readonly { readonly name: string; readonly image: string; readonly stopSignal?: string }[];
  readonly images: readonly { readonly key: string; readonly reference: string }[];
  readonly databases: readonly { readonly settings: readonly EngineSetting[] }[];
  readonly caches: readonly { readonly settings: readonly EngineSetting[] }[];
}

const objectsIn = (yaml: string): readonly KubernetesObject[] =>
  [parseAllDocuments(yaml)].flat().map((document) => document.toJS() as KubernetesObject);
const namesOf = (objects: readonly KubernetesObject[]): readonly string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
/** A name of its own: sites that run beside this would find their application to be another one. */
const image = 'berth/hello-cluster:0.1.0';

describe('a site for Kubernetes, made by a user who is not root', () => {
  let operator: Operator;
  let site: LabSite;
  let plan: PlanJson;
  let kubelet: KubeletStandIn;
  let pods: readonly Pod[];
  let finished: readonly RunResult[];

  const kustomize = async (): Promise<readonly KubernetesObject[]> =>
    objectsIn(await operator.run(['kubectl', 'kustomize', 'k8s/site'], site.folder));
  const podNamed = (name: string): Pod => pods.find((pod) => pod.name === name) ?? expect.unreachable(`there is no pod ${name}`);

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, 'cluster');
    await operator.run(
      [
        'berth',
        'init',
        'cluster',
        '--profile',
        'recommended',
        '--target',
        'kubernetes',
        '--host-cpus',
        '2',
        '--host-memory',
        '16Gi',
        '--host-disk',
        '80Gi',
        '--set',
        'services.web.env={ ODD: "$(PORT) $$ $HOME" }',
        '--set',
        `services.web.image=${image}`,
        '--set',
        'caches.cache.topology=single',
        '--set',
        'internalTls=true',
      ],
      operator.home,
    );
    await operator.run(['docker', 'build', '--tag', image, 'app'], site.folder);
    plan = JSON.parse(await site.berth('plan', '--json')) as PlanJson;
  });
  afterAll(async () => {
    await kubelet?.destroy();
    await attempt(['docker', 'image', 'rm', image]);
    operator?.[Symbol.dispose]();
  });

  describe('as kustomize renders it', () => {
    test('has every object of the base, and a ConfigMap with the hash of its content for each folder of config/', async () => {
      const rendered = await kustomize();
      const generated = (await run(['sh', '-c', 'cat k8s/generated/[!k]*.yaml'], { cwd: site.folder })).split(/^---$/m);
      const written = namesOf(generated.flatMap((text) => objectsIn(text)).filter((one) => (one as unknown) !== null));
      const maps = rendered.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
      expect(namesOf(rendered.filter(({ kind }) => kind !== 'ConfigMap'))).toEqual(written);
      expect(maps.filter((name) => name !== 'weights').every((name) => /-[a-z0-9]{10}$/.test(name))).toBe(true);
      expect(maps).toHaveLength(7);
    });

    test('is what berth lint takes it for, with an overlay that rewrites, patches and adds', async () => {
      const before = await operator.run(['cat', 'k8s/site/kustomization.yaml'], site.folder);
      const overlay = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../generated]
images:
  - { name: docker.io/library/nginx, newName: registry.local:5000/nginx, newTag: "9" }
  - { name: docker.io/library/postgres, digest: "sha256:${'0'.repeat(64)}" }
replicas: [{ name: edge, count: 3 }]
patches:
  - target: { kind: StatefulSet, name: "(database|cache)" }
    patch: |
      - { op: add, path: /spec/template/spec/nodeSelector, value: { disk: ssd } }
      - { op: replace, path: /spec/minReadySeconds, value: 9 }
      - { op: remove, path: /spec/revisionHistoryLimit }
      - { op: add, path: /spec/template/spec/tolerations, value: [] }
      - { op: add, path: /spec/template/spec/tolerations/-, value: { key: a, operator: Exists } }
      - { op: copy, from: /spec/minReadySeconds, path: /spec/template/spec/terminationGracePeriodSeconds }
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: web-blue, namespace: cluster, annotations: { a: b } }
      spec:
        template:
          spec:
            containers:
              - { name: web, env: [{ name: ODD, value: even }, { name: NEW, value: "1" }], resources: { limits: { memory: 1Gi } } }
              - { name: beside, image: "docker.io/library/nginx:1" }
            volumes: [{ name: more, emptyDir: {} }]
            priorityClassName: null
  - { target: { kind: PodDisruptionBudget, name: edge }, patch: "{ $patch: delete, kind: PodDisruptionBudget, metadata: { name: edge } }" }
`;
      site.edit('k8s/site/kustomization.yaml', () => overlay);
      const rendered = await kustomize();
      const documents = (text: string): readonly Json[] => [parseAllDocuments(text)].flat().map((document) => document.toJS() as Json);
      const generated = documents(await run(['sh', '-c', 'cat k8s/generated/[!k]*.yaml'], { cwd: site.folder })).filter(
        (one) => one !== null,
      );
      const { objects, wrong } = readOverlay({ files: new Map([['k8s/site/kustomization.yaml', overlay]]), generated, parse: documents });
      site.edit('k8s/site/kustomization.yaml', () => before);
      expect(wrong).toEqual([]);
      // Names of ConfigMaps carry their hash, and lists are put into another order where they are merged.
      const plain = (all: readonly unknown[]): readonly string[] =>
        all
          .map((one) => {
            const inOrder = (value: unknown): unknown =>
              Array.isArray(value)
                ? value
                    .map(inOrder)
                    .map((item) => JSON.stringify(item))
                    .sort()
                : typeof value === 'object' && value !== null
                  ? Object.fromEntries(
                      Object.entries(value)
                        .toSorted(([a], [b]) => (a < b ? -1 : 1))
                        .map(([key, item]) => [key, inOrder(item)]),
                    )
                  : value;
            return JSON.stringify(inOrder(one)).replaceAll(/("?name\\*":\\*"[a-z-]+)-[a-z0-9]{10}(\\*")/g, '$1$2');
          })
          .sort();
      expect(plain(objects)).toEqual(plain(rendered.filter(({ kind }) => kind !== 'ConfigMap')));
    });

    test('restarts exactly what mounts a file that was edited, and nothing for new weights', async () => {
      const templates = (objects: readonly KubernetesObject[]) =>
        new Map(
          objects
            .filter(({ spec }) => spec?.template)
            .map(({ kind, metadata, spec }) => [`${kind} ${metadata.name}`, JSON.stringify(spec?.template)]),
        );
      const changedBy = async (change: () => void | Promise<unknown>): Promise<readonly string[]> => {
        const before = templates(await kustomize());
        await change();
        const after = templates(await kustomize());
        return [...after].filter(([name, template]) => before.get(name) !== template).map(([name]) => name);
      };
      const config = 'k8s/generated/config';
      expect(await changedBy(() => site.edit(`${config}/cache/valkey.conf`, (text) => `${text}\n# mine\n`))).toEqual(['StatefulSet cache']);
      expect(await changedBy(() => site.edit(`${config}/weights/weights.json`, (text) => text.replace('100', '99')))).toEqual([]);
      site.edit(`${config}/weights/weights.json`, (text) => text.replace('99', '100'));
      expect(
        await changedBy(async () => {
          site.edit('berth.yaml', (text) => text.replace('    port: 3000\n', '    port: 3000\n    stopGrace: 31s\n'));
          await site.berth('generate');
        }),
      ).toEqual(['Deployment web-blue', 'Deployment web-green']);
    });

    test('takes every image from another registry once the overlay says so', async () => {
      const before = site.read('k8s/site/kustomization.yaml');
      site.edit('k8s/site/kustomization.yaml', (text) =>
        text.replace(/^# (images:)$/m, '$1').replaceAll(/^# {3}(- name: .*)\n# {5}(newName: .*)$/gm, '  $1\n    $2'),
      );
      const images = (await kustomize()).flatMap(({ spec }) =>
        [...(spec?.template?.spec.initContainers ?? []), ...(spec?.template?.spec.containers ?? [])].map(({ image }) => image),
      );
      site.edit('k8s/site/kustomization.yaml', () => before);
      expect(images.length).toBeGreaterThan(6);
      expect(images.filter((image) => !image.startsWith('registry.example.internal/'))).toEqual([]);
    });

    test('shows no secret', async () => {
      const ledger = JSON.parse(site.read('secrets/ledger.json')) as { secrets: Record<string, string[]> };
      const rendered = JSON.stringify(await kustomize());
      const secrets = Object.values(ledger.secrets).flat();
      expect(secrets.length).toBeGreaterThan(4);
      expect(secrets.filter((secret) => rendered.includes(secret) || rendered.includes(Buffer.from(secret).toString('base64')))).toEqual(
        [],
      );
    });
  });

  describe('in containers as its pods describe them (kubelet: stand-in, MinIO: stand-in)', () => {
    beforeAll(async () => {
      const secrets = objectsIn(await run(['sh', '-c', 'cat k8s/secrets/*.yaml | sed "s/^apiVersion/---\\n&/"'], { cwd: site.folder }));
      kubelet = await KubeletStandIn.create('site', [...(await kustomize()), ...secrets.filter((one) => (one as unknown) !== null)]);
      pods = [...kubelet.pods('StatefulSet'), ...kubelet.pods('Deployment', 2)];
      // All at once, as a cluster starts them: applications wait for what the jobs make.
      const jobs = kubelet.pods('Job').map((pod) => kubelet.finish(pod));
      await Promise.all(pods.map((pod) => kubelet.start(pod)));
      finished = await Promise.all(jobs);
    });

    test('every job ends well', () => {
      expect(finished).toHaveLength(2);
      for (const { code, stdout, stderr } of finished) expect(code, stdout + stderr).toBe(0);
    });

    test('every pod starts, lives and becomes ready by its own probes', async () => {
      expect(pods.map(({ name }) => name).sort()).toEqual([
        'cache-0',
        'database-0',
        'database-replica-0',
        'edge-0',
        'edge-1',
        'files-0',
        'web-blue-0',
        'web-blue-1',
      ]);
      for (const pod of pods) {
        const [{ startupProbe, readinessProbe, livenessProbe }] = pod.template.spec.containers;
        for (const probe of [startupProbe, livenessProbe, readinessProbe])
          await kubelet.until(pod, probe ?? expect.unreachable('no probe'));
      }
    });

    test('answers through each edge, under its certificate, with all that the application uses', async () => {
      for (const edge of ['edge-0', 'edge-1']) {
        const address = await kubelet.address(edge);
        const ask = (path: string) =>
          attempt([
            'curl',
            '--silent',
            '--show-error',
            '--cacert',
            join(site.folder, 'secrets/tls/ca.crt'),
            '--resolve',
            `localhost:8443:${address}`,
            `https://localhost:8443${path}`,
          ]);
        let last = '';
        const healthy = async () => (last = (await ask('/api/health')).stdout).includes('"status":"healthy"');
        await until(healthy, `${edge} answers healthy`, { tell: () => last });
        expect(JSON.parse(last)).toMatchObject({ status: 'healthy', slot: 'blue', version: '0.1.0' });
      }
    });

    test('speaks TLS between all of its services, and to nobody without it', async () => {
      const ask = (how: string, sql: string) =>
        kubelet.exec(
          'database-0',
          'sh',
          '-c',
          `PGPASSWORD=$(cat /run/secrets/database-admin) psql --no-psqlrc -qAt "host=database user=postgres dbname=postgres ${how}" -c "${sql}"`,
        );
      const verified = 'sslmode=verify-full sslrootcert=/run/secrets/site-ca';
      const seen = await ask(
        verified,
        "SELECT string_agg(DISTINCT usename || ' ' || coalesce(version, 'plain'), ',') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL AND client_addr <> '127.0.0.1'",
      );
      expect(seen.stdout.trim(), seen.stderr).toBe('berth_replica TLSv1.3,cluster TLSv1.3,postgres TLSv1.3');
      expect((await ask('sslmode=disable', 'SELECT 1')).stderr).toContain('no encryption');
      expect((await ask('sslmode=verify-full sslrootcert=system', 'SELECT 1')).stderr).toContain('certificate verify failed');
      const cache = (tls: string) => kubelet.exec('cache-0', 'sh', '-c', `valkey-cli -h cache ${tls} ping`);
      expect((await cache('--tls --cacert /run/secrets/site-ca')).stdout).toBe('PONG\n');
      expect((await cache('')).stdout).not.toContain('PONG');
      // What waits for an engine has the authorities, and nothing else of the secrets.
      const gates = podNamed('web-blue-0').template.spec.initContainers ?? [];
      expect(gates.map(({ volumeMounts = [] }) => volumeMounts.map(({ mountPath }) => mountPath))).toEqual(
        gates.map(() => ['/tmp', '/run/secrets/site-ca']),
      );
    });

    test('lets nobody but itself ask for a slot by name', async () => {
      const asking = ['curl', '-ks', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'X-Berth-Slot: green'];
      const inside = await kubelet.exec('edge-0', ...asking, 'https://localhost:8443/readyz');
      expect(inside.stdout).toMatch(/^50[234]$/);
      const address = await kubelet.address('edge-0');
      const outside = await attempt([
        'curl',
        '-ks',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-H',
        'X-Berth-Slot: green',
        '--resolve',
        `localhost:8443:${address}`,
        'https://localhost:8443/readyz',
      ]);
      expect(outside.stdout).toBe('200');
    });

    test('hands over odd variables byte for byte', async () => {
      const { stdout } = await kubelet.exec('web-blue-0', 'node', '-p', 'process.env.ODD');
      expect(stdout).toBe('$(PORT) $$ $HOME\n');
    });

    test('runs the engines with the settings of the plan', async () => {
      const settings = plan.databases[0]?.settings ?? [];
      expect(settings.length).toBeGreaterThan(15);
      const password = `PGPASSWORD=$(cat /run/secrets/database-admin)`;
      for (const { name, value } of settings) {
        const { stdout, stderr } = await kubelet.exec(
          'database-0',
          'sh',
          '-c',
          `${password} psql -h 127.0.0.1 -U postgres -tAc "SELECT current_setting('${name}')"`,
        );
        expect([name, inKilobytes(stdout.trim())], stderr).toEqual([name, inKilobytes(value)]);
      }
      const limit = plan.caches[0]?.settings.find(({ name }) => name === 'maxmemory')?.value ?? '';
      const acl = await kubelet.exec('cache-0', 'sh', '-c', 'grep -o "user app" /run/secrets/cache-acl');
      expect(acl.stdout).toBe('user app\n');
      expect(site.read('k8s/generated/config/cache/valkey.conf')).toContain(`maxmemory "${limit}"`);
    });

    test('keeps the data in a folder of its own on a volume that belongs to root', async () => {
      const { stdout } = await kubelet.exec('database-0', 'sh', '-c', 'stat -c "%u %a" "$PGDATA"; ls /var/lib/postgresql/data');
      expect(stdout).toBe('999 700\nlost+found\npgdata\n');
      expect(await kubelet.stop('database-0')).toBe(0);
      await kubelet.restart('database-0');
      const pod = podNamed('database-0');
      await kubelet.until(pod, pod.template.spec.containers[0].readinessProbe ?? expect.unreachable('no probe'));
    });

    test('stops by the signal that the plan counts on, which is that of each image', async () => {
      for (const { name, image, stopSignal } of plan.services) {
        const reference = plan.images.find(({ key }) => key === image)?.reference;
        if (reference === undefined || stopSignal === undefined) continue;
        const found = await run(['docker', 'image', 'inspect', reference, '--format', '{{.Config.StopSignal}}']);
        expect([name, found === '' ? 'SIGTERM' : found]).toEqual([name, stopSignal]);
      }
    });

    test('lets an application start without what it waited for, after three minutes', () => {
      const gate = podNamed('web-blue-0').template.spec.initContainers?.map(({ command }) => command?.[2] ?? '') ?? [];
      expect(gate).toHaveLength(2);
      // Ninety tries two seconds apart, then an end that is no failure; the tries themselves ran above.
      for (const script of gate) expect(script).toMatch(/-ge 90 \]; then echo .* exit 0; fi; sleep 2/);
    });
  });
});
