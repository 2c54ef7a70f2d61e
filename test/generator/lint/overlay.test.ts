import { beforeAll, describe, expect, test } from 'vitest';
import type { PreparedSite } from '../../../cli/site.ts';
import { lintSite } from '../../../cli/lint-site.ts';
import { listChecks } from '../../../generator/lint/lint.ts';
import { prepareHello } from '../render/hello.ts';

let site: PreparedSite | undefined;
beforeAll(async () => {
  site = await prepareHello({ profile: 'recommended', target: 'kubernetes' });
});

/** The site of the sample application with this overlay over it. */
function linted(overlay: string, files: Readonly<Record<string, string>> = {}, resources = '../generated') {
  const { plan, decision } = site ?? expect.unreachable('not made');
  const text = `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [${resources}]\n${overlay}`;
  const own = Object.entries(files).map(([name, content]) => [`k8s/site/${name}`, content] as const);
  return lintSite(plan, new Map([...decision.merged, ['k8s/site/kustomization.yaml', text], ...own]));
}
const summary = (...given: Parameters<typeof linted>) =>
  linted(...given).findings.map(({ id, object, path, found }) => `${id} ${object} ${path}: ${found}`);
const about = 'Kustomization k8s/site';
const nodes = '- op: add\n  path: /spec/template/spec/nodeSelector\n  value: { disk: ssd }\n';

describe('an overlay', () => {
  test('as Berth writes it, with everything in it taken out of its comments, has nothing open', () => {
    const { plan, decision } = site ?? expect.unreachable('not made');
    const path = 'k8s/site/kustomization.yaml';
    const text = (decision.merged.get(path) ?? '').replaceAll(/^# (?=images:|patches:| )/gm, '').replaceAll(/^#(?= {3})/gm, '');
    expect(text).toMatch(/^patches:\n {2}- target/m);
    expect(lintSite(plan, new Map([...decision.merged, [path, text]])).findings).toEqual([]);
  });

  test('may rewrite images, count replicas, patch by operations or by parts, and bring ConfigMaps, Secrets and objects of its own', () => {
    expect(
      linted(
        `images:
  - { name: docker.io/library/nginx, newName: registry.local/nginx, digest: "sha256:${'0'.repeat(64)}" }
  - { name: registry.local/nginx, newTag: "2" }
replicas: [{ name: edge, count: 3 }]
configMapGenerator: [{ name: extra, namespace: hello, files: [a.conf, b=c.conf], literals: [x=1] }]
secretGenerator: [{ name: own, namespace: hello, envs: [own.env] }]
patches:
  - { target: { kind: StatefulSet, name: "data.*" }, patch: "- { op: test, path: /kind, value: StatefulSet }" }
  - { target: { kind: StatefulSet, labelSelector: "app.kubernetes.io/component=database" }, path: nodes.yaml }
  - path: part.yaml
`,
        {
          'nodes.yaml': nodes,
          'part.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: web-blue, namespace: hello }
spec:
  template:
    spec:
      containers:
        - name: web
          env: [{ name: EXTRA, valueFrom: { secretKeyRef: { name: own, key: TOKEN } } }]
          volumeMounts: [{ name: extra, mountPath: /extra }]
      volumes: [{ name: extra, configMap: { name: extra } }]
`,
          'a.conf': '',
          'c.conf': '',
          'own.env': '# mine\nTOKEN=x\n',
          'mine.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: mine }\n',
        },
        '../generated, mine.yaml',
      ),
    ).toMatchObject({ findings: [], unseen: [] });
  });

  test('that loosens what Berth wrote is found by the same rules as Berth itself', () => {
    expect(
      summary(`patches:
  - target: { kind: Deployment, name: web-blue }
    patch: |
      - { op: replace, path: /spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem, value: false }
`),
    ).toEqual(['read-only-root Deployment hello/web-blue spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem: false']);
    expect(summary(`images: [{ name: docker.io/library/nginx, newTag: latest }]\n`)[0]).toMatch(
      /^image-version .*docker\.io\/library\/nginx:latest$/,
    );
    expect(
      summary(`patches:
  - patch: |
      { apiVersion: v1, kind: ServiceAccount, metadata: { name: web }, $patch: delete }
`).some((one) => one.startsWith('references ')),
    ).toBe(true);
  });

  test('names what only kustomize knows, and leaves the objects of its owner to its owner', () => {
    const { findings, unseen } = linted(
      'namePrefix: a-\nhelmCharts: []\n',
      { 'mine.yaml': 'kind: Secret\nmetadata: { name: Mine }\n', 'sub/kustomization.yaml': '{}' },
      '../generated, mine.yaml, sub, https://example.com/a.yaml, ../other',
    );
    expect(findings).toEqual([]);
    expect(unseen).toEqual([
      'namePrefix of k8s/site/kustomization.yaml',
      'helmCharts of k8s/site/kustomization.yaml',
      'k8s/site/sub, a kustomization of its own',
      'https://example.com/a.yaml, which lies elsewhere',
      'k8s/other, outside of k8s/site',
    ]);
  });

  test('ignores a check where it says why', () => {
    const overlay = 'metadata: { annotations: { berth/lint-ignore: "overlay-image: for the next version" } }\nimages: [{ name: soon }]\n';
    expect(linted(overlay)).toMatchObject({ findings: [], ignored: [{ id: 'overlay-image', because: 'for the next version' }] });
  });
});

const patch = (target: string, content: string) => `patches:\n  - target: ${target}\n    patch: ${JSON.stringify(content)}\n`;
const web = '{ kind: Deployment, name: web-blue }';

/** One fault for each check, and more. */
const faults: readonly { id: string; overlay: string; says: string; files?: Record<string, string>; resources?: string }[] = [
  { id: 'overlay-base', overlay: '', resources: '', says: 'resources: without ../generated' },
  { id: 'overlay-base', overlay: 'a: [\n', says: 'k8s/site/kustomization.yaml: no YAML: ' },
  { id: 'overlay-field', overlay: 'image: []\n', says: 'image: unknown' },
  { id: 'overlay-path', overlay: '', resources: '../generated, none.yaml', says: 'resources[1]: there is no k8s/site/none.yaml' },
  { id: 'overlay-path', overlay: 'patches: [{ path: a/none.yaml }]\n', says: 'patches[0].path: there is no k8s/site/a/none.yaml' },
  {
    id: 'overlay-path',
    overlay: 'configMapGenerator: [{ name: a, files: [../../berth.yaml] }]\n',
    says: 'configMapGenerator[0].files[0]: berth.yaml lies outside of k8s/site',
  },
  { id: 'overlay-path', overlay: 'configurations: [none.yaml]\n', says: 'configurations[0]: there is no k8s/site/none.yaml' },
  { id: 'overlay-image', overlay: 'images: [{ name: nginx, newTag: "1" }]\n', says: 'images[0].name: nginx is no image of the site' },
  { id: 'overlay-image', overlay: 'images: [{ newTag: "1" }]\n', says: 'images[0].name: nothing is no image of the site' },
  {
    id: 'overlay-target',
    overlay: patch('{ kind: StatefulSet, name: databases }', nodes),
    says: 'patches[0]: no object is kind StatefulSet, name databases',
  },
  {
    id: 'overlay-target',
    overlay: 'patches: [{ path: a.yaml }]\n',
    files: { 'a.yaml': 'kind: Service\nmetadata: { name: none }\n' },
    says: 'patches[0]: no object is kind Service, name none',
  },
  { id: 'overlay-target', overlay: 'replicas: [{ name: none, count: 2 }]\n', says: 'replicas[0].name: no workload is called none' },
  { id: 'overlay-patch', overlay: patch(web, 'a: ['), says: 'patches[0]: no YAML: ' },
  {
    id: 'overlay-patch',
    overlay: patch(web, '- { op: replace, path: /spec/paused, value: true }'),
    says: 'patches[0]: Deployment web-blue: there is no /spec/paused',
  },
  {
    id: 'overlay-patch',
    overlay: patch(web, '- { op: add, path: /spec/a/b, value: 1 }'),
    says: 'patches[0]: Deployment web-blue: there is no /spec/a',
  },
  {
    id: 'overlay-patch',
    overlay: patch(web, '- { op: remove, path: /spec/template/spec/containers/7 }'),
    says: 'patches[0]: Deployment web-blue: there is no 7 in a list of 1',
  },
  {
    id: 'overlay-patch',
    overlay: patch(web, '- { op: plus, path: /a }'),
    says: 'patches[0]: Deployment web-blue: there is no operation plus',
  },
  {
    id: 'overlay-patch',
    overlay: `patches: [{ patch: ${JSON.stringify(nodes)} }]\n`,
    says: 'patches[0]: a list of operations without a target',
  },
];

describe('the checks of an overlay', () => {
  test('have a fault each that shows them work', () => {
    const ids = listChecks().flatMap(({ id }) => (id.startsWith('overlay-') ? [id] : []));
    expect([...new Set(faults.map(({ id }) => id))].sort()).toEqual(ids.sort());
  });

  test.each(faults)('$id: $says', ({ id, overlay, says, files, resources }) => {
    const found = summary(overlay, files, resources);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${id} ${about} ${says}`);
  });
});
