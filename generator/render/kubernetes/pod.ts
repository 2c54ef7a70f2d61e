import type { Gate, PlannedService, ProbeAction, Size } from '../../../model/planned-service.ts';
import type { PodPlan } from '../../../model/kubernetes-plan.ts';
import { authorityFile, authorityName } from '../../../model/internal-tls.ts';
import type { Slot } from '../../../model/release.ts';
import { splitImage } from '../../../model/names.ts';
import type { MiB, MilliCpu } from '../../../model/units.ts';
import { hash, secretsOf, shapesOf } from '../hash.ts';
import { capabilitiesOf, isLoosened } from '../loosened.ts';
import type { Yaml } from '../write-yaml.ts';
import { configMapOf, imageOf, labelsOf, podOf, priorityClassOf, publicKeyOf, publicKeys, secretOf, selectorOf, wholeOf } from './scene.ts';
import type { Scene } from './scene.ts';
import { gateKey } from './secret-keys.ts';

type Probe = 'startup' | 'readiness' | 'liveness';

/** As an API server writes it: another way to write the same would be sent again with every apply. */
export const memory = (size: MiB): string => {
  if (size === 0) return '0';
  return size % 2 ** 20 === 0 ? `${size / 2 ** 20}Ti` : size % 2 ** 10 === 0 ? `${size / 2 ** 10}Gi` : `${size}Mi`;
};
export const cpu = (value: MilliCpu): string => (value % 1000 === 0 ? String(value / 1000) : `${value}m`);

const portName = (service: PlannedService, port: number): string =>
  service.role === 'edge' ? (port === service.port ? 'https' : 'http') : service.role === 'app' ? 'http' : service.image.slice(0, 15);

/** The container ports of a service under the names that probes and Services use. */
export const portsOf = (
  service: PlannedService,
): readonly { readonly name: string; readonly port: number; readonly published?: number }[] =>
  service.ports.length > 0
    ? service.ports.map(({ target, published }) => ({ name: portName(service, target), port: target, published }))
    : service.port === undefined
      ? []
      : [{ name: portName(service, service.port), port: service.port }];

const action = (service: PlannedService, ask: ProbeAction): { readonly [key: string]: Yaml } => {
  if ('argv' in ask) return { exec: { command: ask.argv } };
  return 'tcp' in ask
    ? { tcpSocket: { port: portName(service, ask.tcp) } }
    : { httpGet: { path: ask.http.path, port: portName(service, ask.http.port), scheme: ask.http.tls ? 'HTTPS' : undefined } };
};

function probe(scene: Scene, service: PlannedService, kind: Probe): Yaml | undefined {
  const pod = podOf(scene, service);
  if (!service.probes) return undefined;
  const timing = pod[kind];
  return {
    // It has started when it lives: whether it may be sent anything is for the readiness to say.
    ...action(service, kind === 'readiness' ? service.probes.ready : service.probes.live),
    periodSeconds: timing.period,
    timeoutSeconds: timing.timeout,
    failureThreshold: timing.failures,
  };
}

/** Memory is limited to what is requested: it cannot be taken back. CPU can, so it is lent. */
export const resourcesOf = (size: Size, { ephemeralStorage }: Pick<PodPlan, 'ephemeralStorage'>): Yaml => ({
  requests: { 'cpu': cpu(size.cpuShare), 'memory': memory(size.memory), 'ephemeral-storage': memory(ephemeralStorage) },
  limits: { 'cpu': cpu(size.cpu), 'memory': memory(size.memory), 'ephemeral-storage': memory(ephemeralStorage) },
});

const containerSecurity = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } } as const;

/** What Pod Security would not let in is refused before there is a plan. */
const securityOf = (service: PlannedService): Yaml => ({
  ...containerSecurity,
  readOnlyRootFilesystem: !isLoosened(service, 'writableRoot'),
  capabilities: { drop: ['ALL'], add: capabilitiesOf(service).length === 0 ? undefined : capabilitiesOf(service) },
});

const [uid, gid] = [(user: string) => Number(user.split(':')[0]), (user: string) => Number(user.split(':')[1])];

const folderVolume = (path: string): string =>
  `memory${path.replaceAll(/[^A-Za-z0-9]+/g, '-').toLowerCase()}`.replace(/-+$/, '').slice(0, 63);

/** From Kubernetes 1.30 on the kubelet itself can wait; before, the image must have a `sleep`. */
const pause = (minor: number, wait: number): Yaml => ({
  preStop: minor >= 30 ? { sleep: { seconds: wait } } : { exec: { command: ['/bin/sleep', String(wait)] } },
});

/** In a value $(NAME) stands for a variable, and a doubled $ for a single one. */
const escapeReferences = (value: string): string => (/\$[$(]/.test(value) ? value.replaceAll('$', () => '$$') : value);

const literals = (env: Readonly<Record<string, string>>): readonly Yaml[] =>
  Object.entries(env).map(([name, value]) => ({ name, value: escapeReferences(value) }));

const fromSecret = (secret: string, name: string, key: string): Yaml => ({ name, valueFrom: { secretKeyRef: { name: secret, key } } });

function gateContainer(scene: Scene, service: PlannedService, gate: Gate): Yaml {
  const env = [
    ...literals(gate.env),
    ...Object.keys(gate.secretEnv).map((variable) => fromSecret(secretOf(scene, service.name), variable, gateKey(gate, variable))),
  ];
  return {
    name: gate.name,
    image: imageOf(scene, gate.image),
    imagePullPolicy: 'IfNotPresent',
    command: gate.argv,
    env: env.length > 0 ? env : undefined,
    resources: resourcesOf(gate.size, podOf(scene, service)),
    securityContext: { ...containerSecurity, runAsUser: uid(gate.user), runAsGroup: gid(gate.user) },
    volumeMounts: [
      { name: folderVolume('/tmp'), mountPath: '/tmp' },
      ...(gate.fills ? [{ name: gate.name, mountPath: gate.fills.here }] : []),
      // Nothing else of the secrets of its container.
      ...(gate.trustsSite ? [{ name: 'secrets', mountPath: authorityFile, subPath: authorityName, readOnly: true }] : []),
      ...(gate.sharesVolumes ? service.volumes.map(({ name, target }) => ({ name, mountPath: target })) : []),
    ],
  };
}

/** Versions of the secrets that a pod was given: another one is another pod. */
function secretVersions(scene: Scene, service: PlannedService): string | undefined {
  const names = secretsOf(scene.plan, service);
  return names.length === 0
    ? undefined
    : [...names.map((name) => `${name}@${scene.secretVersion(name)}`), `shape@${shapesOf(scene.plan, service)}`].join(' ');
}

/** The volume of a pod that stands for something of the site. What a step fills is there already, and a file of the operator lies with the public keys. */
function volumeOf({ source, keys, from }: PlannedService['mounts'][number]): string {
  if (source.startsWith('config/')) return `config-${configMapOf(source)}`;
  if (from === 'berth') return 'berth';
  if (keys) return 'keys';
  return source === 'backup' || from === 'operator' ? 'backup' : 'tls';
}

function mountedVolume(scene: Scene, service: PlannedService, mount: PlannedService['mounts'][number]): readonly Yaml[] {
  const name = volumeOf(mount);
  if (name === 'berth') return [];
  if (name === 'backup') {
    const items = [...scene.publicKeys.keys()].map((path) => ({ key: publicKeyOf(path), path: path.replace(/^backup\//, '') }));
    return [{ name, configMap: { name: publicKeys, defaultMode: 0o444, items } }];
  }
  if (name === 'keys') {
    const items = Object.keys(mount.keys ?? {}).map((key) => ({ key, path: key }));
    return [{ name, secret: { secretName: secretOf(scene, service.name), defaultMode: 0o440, items } }];
  }
  if (name !== 'tls') return [{ name, configMap: { name: configMapOf(mount.source), defaultMode: 0o444 } }];
  const items = [
    { key: 'tls.crt', path: 'site.crt' },
    { key: 'tls.key', path: 'site.key' },
  ];
  return [{ name, secret: { secretName: secretOf(scene, 'tls'), defaultMode: 0o440, items } }];
}

function volumes(scene: Scene, service: PlannedService): readonly Yaml[] {
  return [
    ...service.tmpfs.map(({ path, size }) => ({ name: folderVolume(path), emptyDir: { medium: 'Memory', sizeLimit: memory(size) } })),
    ...(service.shm === undefined ? [] : [{ name: 'memory-dev-shm', emptyDir: { medium: 'Memory', sizeLimit: memory(service.shm) } }]),
    ...(service.shared ?? []).map(({ name }) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...service.gates.flatMap(({ name, fills }) => (fills ? [{ name, emptyDir: { sizeLimit: memory(fills.size) } }] : [])),
    ...[...new Map(service.mounts.map((mount) => [volumeOf(mount), mountedVolume(scene, service, mount)])).values()].flat(),
    ...(service.secretFiles.length === 0
      ? []
      : [
          {
            name: 'secrets',
            secret: {
              secretName: secretOf(scene, service.name),
              defaultMode: 0o440,
              items: service.secretFiles.map((name) => ({ key: name, path: name })),
            },
          },
        ]),
  ];
}

const mounts = (service: PlannedService): readonly Yaml[] => [
  ...service.volumes.map(({ name, target }) => ({ name, mountPath: target })),
  ...(service.shared ?? []).map(({ name, target, readOnly }) => ({ name, mountPath: target, readOnly: readOnly ? true : undefined })),
  ...service.tmpfs.map(({ path }) => ({ name: folderVolume(path), mountPath: path })),
  ...(service.shm === undefined ? [] : [{ name: 'memory-dev-shm', mountPath: '/dev/shm' }]),
  ...service.mounts.map((mount) => ({
    name: volumeOf(mount),
    mountPath: mount.target,
    subPath: mount.from === 'operator' ? mount.source : undefined,
    readOnly: true,
  })),
  ...(service.secretFiles.length === 0 ? [] : [{ name: 'secrets', mountPath: '/run/secrets', readOnly: true }]),
];

interface PodOptions {
  readonly slot?: { readonly name: Slot; readonly image: string };
  readonly restartPolicy?: 'Never' | 'OnFailure';
}

/** A replica had rather not share a node with what it copies; its volume may be bound to that node, or the cluster have no other. */
const awayFrom = ({ plan }: Scene, service: PlannedService): Yaml => ({
  preferredDuringSchedulingIgnoredDuringExecution: [
    ...(service.replicaOf === undefined ? [] : [selectorOf(plan, service.replicaOf)]),
    ...(service.whole === undefined ? [] : [wholeOf(plan, service)]),
  ].map((matchLabels) => ({ weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels } } })),
});

/** Members of one whole never share a node, so that a node that is lost takes one of them; replicas of the rest had rather not. */
function apart({ plan }: Scene, service: PlannedService, slot?: Slot): Yaml {
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: selectorOf(plan, service.name, slot) } };
  const others = { ...term, labelSelector: { matchLabels: wholeOf(plan, service) } };
  return service.peers === 'apart'
    ? {
        requiredDuringSchedulingIgnoredDuringExecution: [term],
        preferredDuringSchedulingIgnoredDuringExecution:
          service.whole === undefined ? undefined : [{ weight: 100, podAffinityTerm: others }],
      }
    : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }] };
}

/** The container of a service, and the pod around it: the same for every kind of workload. */
export function podTemplate(
  scene: Scene,
  service: PlannedService,
  { slot, restartPolicy }: PodOptions = {},
): { readonly [key: string]: Yaml } {
  const { plan, kubernetes } = scene;
  const pod = podOf(scene, service);
  const image = slot?.image ?? imageOf(scene, service.image);
  const { tag, digest } = splitImage(image);
  const versions = secretVersions(scene, service);
  // What it was started with: a server that has another authority now, or one who may open backups no more.
  const keys = service.mounts.some((mount) => volumeOf(mount) === 'backup') ? hash([...scene.publicKeys].flat()) : undefined;
  const container: Yaml = {
    name: service.name,
    image,
    imagePullPolicy: 'IfNotPresent',
    // What Compose calls entrypoint and command are command and args here.
    command: service.entrypoint,
    args: service.command,
    env: envOf(scene, service, tag ?? digest ?? '', slot?.name),
    ports:
      portsOf(service).length === 0
        ? undefined
        : portsOf(service).map(({ name, port, published }) => ({
            name,
            containerPort: port,
            hostPort: kubernetes.expose === 'hostPort' ? published : undefined,
          })),
    startupProbe: probe(scene, service, 'startup'),
    readinessProbe: probe(scene, service, 'readiness'),
    livenessProbe: probe(scene, service, 'liveness'),
    lifecycle: pod.preStop > 0 ? pause(kubernetes.minor, pod.preStop) : undefined,
    resources: resourcesOf(service.size, pod),
    securityContext: securityOf(service),
    volumeMounts: mounts(service),
  };
  const steps = [
    ...service.gates,
    ...(service.migration?.waits && service.migration.waits.slot === slot?.name ? [service.migration.waits.gate] : []),
  ];
  const first = [...steps.map((gate) => gateContainer(scene, service, gate)), ...(service.finish ? [container] : [])];
  const several = service.slotted || service.replicas > 1;
  const [user, group] = [uid(service.user), gid(service.user)];
  return {
    metadata: {
      labels: { ...labelsOf(plan, service.name, service.role, slot?.name), 'berth/whole': service.whole },
      annotations: versions === undefined ? undefined : { 'berth/secrets': versions, 'berth/keys': keys },
    },
    spec: {
      serviceAccountName: service.name,
      automountServiceAccountToken: service.rights !== undefined,
      enableServiceLinks: false,
      priorityClassName: priorityClassOf(scene, pod.priority),
      terminationGracePeriodSeconds: pod.grace,
      restartPolicy,
      imagePullSecrets: kubernetes.pullSecret === undefined ? undefined : [{ name: kubernetes.pullSecret }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        runAsGroup: group,
        fsGroup: group,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      affinity: several
        ? { podAntiAffinity: apart(scene, service, slot?.name) }
        : (service.replicaOf ?? service.whole) === undefined
          ? undefined
          : { podAntiAffinity: awayFrom(scene, service) },
      topologySpreadConstraints: several
        ? ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
            maxSkew: 1,
            topologyKey,
            whenUnsatisfiable: 'ScheduleAnyway',
            // Of several services that are one whole, all stand apart; by zone, those of each.
            labelSelector: {
              matchLabels:
                service.whole !== undefined && topologyKey === 'kubernetes.io/hostname'
                  ? wholeOf(plan, service)
                  : selectorOf(plan, service.name, slot?.name),
            },
          }))
        : undefined,
      initContainers: first.length > 0 ? first : undefined,
      containers: service.finish ? [gateContainer(scene, service, service.finish)] : [container],
      volumes: volumes(scene, service),
    },
  };
}

function envOf(scene: Scene, service: PlannedService, version: string, slot: Slot | undefined): readonly Yaml[] | undefined {
  const all = [
    ...literals(service.env),
    ...literals(service.role === 'app' ? { ...(slot === undefined ? {} : { BERTH_SLOT: slot }), APP_VERSION: version } : {}),
    ...Object.keys(service.secretEnv).map((variable) => fromSecret(secretOf(scene, service.name), variable, variable)),
  ];
  return all.length === 0 ? undefined : all;
}
