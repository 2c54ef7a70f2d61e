import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { checkKubernetesObjects, checkKubernetesSchema } from '../../../generator/render/check-kubernetes-schema.ts';
import { kubernetesFields } from '../../../scripts/kubernetes-fields.ts';
import { prepareHello, toBucket } from './hello.ts';

type Tree = { [key: string]: unknown };
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A site that shows as much as it can: autoscaling, ports of nodes, every setting that adds an object. */
const settings: readonly { readonly title: string; readonly set: Readonly<Record<string, unknown>> }[] = [
  { title: 'by a load balancer', set: { 'services.web.scaling': { max: 6, cpu: 70, memory: 80, queue: { metric: 'jobs', target: 5 } } } },
  { title: 'by ports of the nodes', set: { 'kubernetes.expose': 'hostPort', 'kubernetes.pullSecret': 'registry' } },
  {
    title: 'by node ports, before 1.30',
    set: { 'kubernetes.expose': 'nodePort', 'kubernetes.nodePorts': { http: 30080, https: 30443 }, 'kubernetes.version': '1.25' },
  },
  {
    title: 'by a gateway, with cert-manager',
    set: {
      'kubernetes.expose': 'gateway',
      'kubernetes.class': 'nginx',
      'kubernetes.certificate': 'cert-manager',
      'caches.cache.use': 'sessions',
    },
  },
  { title: 'by a load balancer, and is copied by agents', set: { ...toBucket.set, 'caches.cache.use': 'sessions' } },
  { title: 'by an ingress', set: { 'kubernetes.expose': 'ingress', 'kubernetes.class': 'nginx', 'kubernetes.storageClass': 'fast' } },
];

async function manifests(set: Readonly<Record<string, unknown>>): Promise<readonly Tree[]> {
  const { decision } = await prepareHello({ target: 'kubernetes', set });
  return [...decision.merged]
    .filter(([path]) => path.startsWith('k8s/') && path.endsWith('.yaml') && !path.includes('/config/'))
    .flatMap(([, text]) => [parseAllDocuments(text)].flat().map((document) => document.toJS() as Tree));
}

/** Every map within a value, with its path. */
function* mapsOf(value: unknown, path: readonly (string | number)[] = []): Generator<readonly (string | number)[]> {
  if (isTree(value)) {
    yield path;
    for (const [key, inner] of Object.entries(value)) yield* mapsOf(inner, [...path, key]);
  } else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* mapsOf(item, [...path, index]);
}
const at = (value: unknown, path: readonly (string | number)[]): unknown =>
  path.reduce((inner: unknown, key) => (inner as Readonly<Record<string | number, unknown>>)[key], value);
/** Maps whose keys belong to the operator. */
const open = /(^|\.)(labels|annotations|matchLabels|selector|data|requests|limits|hard|defaultRequest|default|max|min|nodeSelector)$/;

describe('the types of Kubernetes', () => {
  test('are those of the official API client', async () => {
    await expect(`${JSON.stringify(kubernetesFields(), null, 1)}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, '../../../generator/render/kubernetes-fields.json'),
    );
  });

  test.each([
    {
      what: 'a field that nobody knows',
      object: { apiVersion: 'v1', kind: 'Secret', datas: {} },
      says: 'Secret: datas: there is no such field',
    },
    {
      what: 'a mistyped field far inside',
      object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec: { replicaz: 3, selector: {}, template: {} } },
      says: 'Deployment a: spec.replicaz: there is no such field',
    },
    {
      what: 'a number that is text',
      object: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports: [{ port: '80' }] } },
      says: 'Service a: spec.ports[0].port: expected a number, got "80"',
    },
    {
      what: 'a field that is missing',
      object: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports: [{ name: 'http' }] } },
      says: 'Service a: spec.ports[0].port: missing',
    },
    {
      what: 'a value in a map of texts that is none',
      object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: { on: true } } },
      says: 'Namespace a: metadata.labels.on: expected a string, got true',
    },
    { what: 'a kind that is not there', object: { apiVersion: 'v2', kind: 'Pot' }, says: 'Pot: there is no such kind in v2' },
    { what: 'no object at all', object: ['a'], says: 'expected an object, got ["a"]' },
  ])('are broken by $what', ({ object, says }) => {
    expect(checkKubernetesObjects([object])).toEqual([says]);
  });
});

describe.each(settings)('a site that is reached $title', ({ set }) => {
  let objects: readonly Tree[] = [];
  beforeAll(async () => {
    objects = await manifests(set);
  });

  test('fits them', () => {
    expect(objects.length).toBeGreaterThan(30);
    expect(checkKubernetesObjects(objects)).toEqual([]);
  });

  test('would not fit with an unknown field anywhere', () => {
    let tried = 0;
    for (const object of objects)
      for (const path of mapsOf(object)) {
        if (open.test(path.join('.')) && path.join('.') !== 'spec.selector') continue;
        if (path.join('.') === 'spec.selector' && object['kind'] === 'Service') continue;
        if (object['kind'] === 'ConfigMap' || path.includes('matchLabels')) continue;
        const broken = structuredClone(object);
        (at(broken, path) as Tree)['unheardOf'] = 1;
        expect(checkKubernetesObjects([broken]), [object['kind'], ...path].join('.')).toHaveLength(1);
        tried++;
      }
    expect(tried).toBeGreaterThan(300);
  });
});

test('what stands in a file is checked document by document', () => {
  expect(checkKubernetesSchema('---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n---\nkind: Pot\n')).toEqual([
    'Pot: there is no such kind in undefined',
  ]);
});
