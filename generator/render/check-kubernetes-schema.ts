import { parseAllDocuments } from 'yaml';
import fields from './kubernetes-fields.json' with { type: 'json' };

type Types = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Kinds that come with a controller and not with Kubernetes: the fields that Berth writes, as their documentation has them. */
const foreignKinds: Readonly<Record<string, string>> = {
  'gateway.networking.k8s.io/v1 Gateway': 'Gateway',
  'gateway.networking.k8s.io/v1 HTTPRoute': 'HTTPRoute',
  'cert-manager.io/v1 Issuer': 'Issuer',
  'cert-manager.io/v1 Certificate': 'Certificate',
  'postgresql.cnpg.io/v1 Cluster': 'PostgresCluster',
  'cilium.io/v2 CiliumNetworkPolicy': 'CiliumPolicy',
  'kustomize.config.k8s.io/v1beta1 Kustomization': 'Kustomization',
};
const named = { 'apiVersion!': 'string', 'kind!': 'string', 'metadata!': 'V1ObjectMeta' };
const map = '{ [key: string]: string; }';
const foreignTypes: Types = {
  Gateway: { ...named, 'spec!': 'GatewaySpec' },
  GatewaySpec: { 'gatewayClassName!': 'string', 'listeners!': 'Array<Listener>' },
  Listener: {
    'name!': 'string',
    'hostname': 'string',
    'port!': 'number',
    'protocol!': 'string',
    'tls': 'ListenerTls',
    'allowedRoutes': 'AllowedRoutes',
  },
  ListenerTls: { mode: 'string', certificateRefs: 'Array<ObjectRef>' },
  ObjectRef: { 'group': 'string', 'kind': 'string', 'name!': 'string', 'namespace': 'string' },
  AllowedRoutes: { namespaces: 'RouteNamespaces' },
  RouteNamespaces: { from: 'string' },
  HTTPRoute: { ...named, 'spec!': 'HTTPRouteSpec' },
  HTTPRouteSpec: { parentRefs: 'Array<ParentRef>', hostnames: 'Array<string>', rules: 'Array<HTTPRouteRule>' },
  ParentRef: { 'name!': 'string', 'sectionName': 'string' },
  HTTPRouteRule: {
    matches: 'Array<RouteMatch>',
    filters: 'Array<RouteFilter>',
    timeouts: 'RouteTimeouts',
    backendRefs: 'Array<BackendRef>',
  },
  RouteMatch: { path: 'PathMatch' },
  PathMatch: { 'type!': 'string', 'value!': 'string' },
  RouteFilter: { 'type!': 'string', 'requestRedirect': 'RequestRedirect' },
  RequestRedirect: { scheme: 'string', statusCode: 'number' },
  RouteTimeouts: { request: 'string', backendRequest: 'string' },
  BackendRef: { 'name!': 'string', 'port!': 'number', 'weight': 'number' },
  Issuer: { ...named, 'spec!': 'IssuerSpec' },
  IssuerSpec: { ca: 'IssuerCa' },
  IssuerCa: { 'secretName!': 'string' },
  Certificate: { ...named, 'spec!': 'CertificateSpec' },
  CertificateSpec: {
    'secretName!': 'string',
    'dnsNames': 'Array<string>',
    'duration': 'string',
    'renewBefore': 'string',
    'privateKey': 'CertificateKey',
    'usages': 'Array<string>',
    'issuerRef!': 'IssuerRef',
  },
  CertificateKey: { algorithm: 'string', size: 'number', rotationPolicy: 'string' },
  IssuerRef: { 'kind': 'string', 'name!': 'string' },
  PostgresCluster: { ...named, 'spec!': 'PostgresClusterSpec' },
  PostgresClusterSpec: {
    'instances!': 'number',
    'imageName': 'string',
    'imagePullPolicy': 'string',
    'imagePullSecrets': 'Array<LocalRef>',
    'postgresUID': 'number',
    'postgresGID': 'number',
    'bootstrap': 'PostgresBootstrap',
    'enableSuperuserAccess': 'boolean',
    'superuserSecret': 'LocalRef',
    'postgresql': 'PostgresConfiguration',
    'resources': 'V1ResourceRequirements',
    'ephemeralVolumesSizeLimit': 'PostgresEphemeral',
    'storage': 'PostgresStorage',
    'affinity': 'PostgresAffinity',
    'priorityClassName': 'string',
    'primaryUpdateStrategy': 'string',
    'primaryUpdateMethod': 'string',
    'smartShutdownTimeout': 'number',
    'stopDelay': 'number',
    'enablePDB': 'boolean',
    'monitoring': 'PostgresMonitoring',
  },
  CiliumPolicy: { ...named, 'spec!': 'CiliumRule' },
  CiliumRule: { 'endpointSelector!': 'V1LabelSelector', 'ingress': 'Array<CiliumIngress>', 'egress': 'Array<CiliumEgress>' },
  CiliumIngress: { fromEntities: 'Array<string>', toPorts: 'Array<CiliumPorts>' },
  CiliumEgress: { toEntities: 'Array<string>', toPorts: 'Array<CiliumPorts>' },
  CiliumPorts: { ports: 'Array<CiliumPort>' },
  CiliumPort: { 'port!': 'string', 'protocol': 'string' },
  LocalRef: { 'name!': 'string' },
  PostgresBootstrap: { initdb: 'PostgresInitdb' },
  PostgresInitdb: {
    database: 'string',
    owner: 'string',
    secret: 'LocalRef',
    dataChecksums: 'boolean',
    encoding: 'string',
    localeProvider: 'string',
    icuLocale: 'string',
  },
  PostgresConfiguration: { parameters: map, shared_preload_libraries: 'Array<string>' },
  PostgresEphemeral: { shm: 'string' },
  PostgresStorage: { size: 'string', storageClass: 'string', resizeInUseVolumes: 'boolean' },
  PostgresAffinity: { enablePodAntiAffinity: 'boolean', podAntiAffinityType: 'string', topologyKey: 'string' },
  PostgresMonitoring: { enablePodMonitor: 'boolean' },
  Kustomization: {
    'apiVersion!': 'string',
    'kind!': 'string',
    'resources': 'Array<string>',
    'configMapGenerator': 'Array<ConfigMapGenerator>',
    'images': 'Array<ImageTransform>',
    'patches': 'Array<KustomizePatch>',
    'namespace': 'string',
    'components': 'Array<string>',
    'configurations': 'Array<string>',
  },
  ConfigMapGenerator: {
    'name!': 'string',
    'namespace': 'string',
    'files': 'Array<string>',
    'literals': 'Array<string>',
    'options': 'GeneratorOptions',
  },
  GeneratorOptions: { labels: map, annotations: map, disableNameSuffixHash: 'boolean' },
  ImageTransform: { 'name!': 'string', 'newName': 'string', 'newTag': 'string', 'digest': 'string' },
  KustomizePatch: { path: 'string', patch: 'string', target: 'PatchTarget' },
  PatchTarget: { group: 'string', version: 'string', kind: 'string', name: 'string', namespace: 'string', labelSelector: 'string' },
};

const kinds: Readonly<Record<string, string>> = { ...fields.kinds, ...foreignKinds };
const types: Types = { ...(fields.types as Types), ...foreignTypes };

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function* checkValue(value: unknown, type: string, path: string): Iterable<string> {
  const items = /^Array<(.+)>$/.exec(type)?.[1];
  const values = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (items !== undefined) {
    if (!Array.isArray(value)) yield `${path}: expected a list`;
    else for (const [index, item] of value.entries()) yield* checkValue(item, items, `${path}[${index}]`);
  } else if (values !== undefined) {
    if (!isMap(value)) yield `${path}: expected a map`;
    else for (const [key, inner] of Object.entries(value)) yield* checkValue(inner, values, `${path}.${key}`);
  } else if (type === 'IntOrString') {
    if (typeof value !== 'string' && !Number.isInteger(value)) yield `${path}: expected a whole number or text`;
  } else if (type === 'string' || type === 'number' || type === 'boolean') {
    if (typeof value !== type) yield `${path}: expected a ${type}, got ${JSON.stringify(value)}`;
  } else if (isMap(value)) yield* checkFields(value, type, path);
  else yield `${path}: expected a map`;
}

function* checkFields(value: Readonly<Record<string, unknown>>, type: string, path: string): Iterable<string> {
  const known = types[type];
  if (!known) throw new Error(`the table of fields has no type ${type}`);
  const at = (field: string) => (path === '' ? field : `${path}.${field}`);
  for (const [key, inner] of Object.entries(value)) {
    const of = Object.hasOwn(known, key) ? known[key] : known[`${key}!`];
    if (of === undefined) yield `${at(key)}: there is no such field`;
    else yield* checkValue(inner, of, at(key));
  }
  for (const key of Object.keys(known))
    if (key.endsWith('!') && !Object.hasOwn(value, key.slice(0, -1))) yield `${at(key.slice(0, -1))}: missing`;
}

/**
 * Where objects break the types of Kubernetes; empty when they fit. Strict as the server is not: a field that nobody knows is a problem.
 * Loaded by `generate --check` and tests only.
 */
export function checkKubernetesObjects(objects: readonly unknown[]): readonly string[] {
  return objects.flatMap((object) => {
    if (!isMap(object)) return [`expected an object, got ${JSON.stringify(object)}`];
    const { apiVersion, kind, metadata } = object;
    const name = isMap(metadata) && typeof metadata['name'] === 'string' ? ` ${metadata['name']}` : '';
    const type = kinds[`${String(apiVersion)} ${String(kind)}`];
    return type === undefined
      ? [`${String(kind)}${name}: there is no such kind in ${String(apiVersion)}`]
      : [...checkFields(object, type, '')].map((problem) => `${String(kind)}${name}: ${problem}`);
  });
}

/** The same for the documents of a file. */
export const checkKubernetesSchema = (yaml: string): readonly string[] =>
  checkKubernetesObjects(
    [parseAllDocuments(yaml)]
      .flat()
      .map((document) => document.toJS() as unknown)
      .filter((object) => object !== null),
  );
