import { at, list, namesSecret, namesVersion, text } from './check.ts';
import type { Check, Json } from './check.ts';
import { hit, servers } from './world.ts';
import type { Container, Workload, World } from './world.ts';

/** A rule for every container, those that run first included. `broken` says what is wrong with one. */
const forContainers = (
  about: Pick<Check<World>, 'id' | 'rule' | 'reason' | 'cure'>,
  path: string,
  broken: (container: Container, workload: Workload) => string | undefined,
): Check<World> => ({
  ...about,
  *find({ workloads }) {
    for (const workload of workloads)
      for (const container of workload.containers) {
        const found = broken(container, workload);
        if (found !== undefined) yield hit(workload, `${container.path}.${path}`, found);
      }
  },
});
const forPods = (
  about: Pick<Check<World>, 'id' | 'rule' | 'reason' | 'cure'>,
  path: string,
  broken: (pod: Json, workload: Workload) => string | undefined,
): Check<World> => ({
  ...about,
  *find({ workloads }) {
    for (const workload of workloads) {
      const found = broken(workload.pod, workload);
      if (found !== undefined) yield hit(workload, `${workload.podPath}.${path}`, found);
    }
  },
});
/** What is there instead of what must be. */
const unless = (value: Json, wanted: Json): string | undefined =>
  value === wanted ? undefined : value === undefined ? 'missing' : text(value);

export const podChecks: readonly Check<World>[] = [
  forPods(
    {
      id: 'service-account',
      rule: 'each pod has an account of its own',
      reason: 'rights given to `default` would be everybody’s',
      cure: 'set serviceAccountName',
    },
    'serviceAccountName',
    (pod) => (['', 'default'].includes(text(at(pod, 'serviceAccountName'))) ? 'default' : undefined),
  ),
  forPods(
    {
      id: 'no-token',
      rule: 'no pod has a token for the cluster',
      reason: 'whoever breaks into it could speak to the API server',
      cure: 'set automountServiceAccountToken: false',
    },
    'automountServiceAccountToken',
    (pod) => unless(at(pod, 'automountServiceAccountToken'), false),
  ),
  forPods(
    {
      id: 'non-root',
      rule: 'no pod runs as root',
      reason: 'root in a container is root on the node once it gets out',
      cure: 'set runAsNonRoot: true and a runAsUser that is not 0',
    },
    'securityContext',
    (pod) => {
      const context = at(pod, 'securityContext');
      const user = at(context, 'runAsUser');
      return at(context, 'runAsNonRoot') === true && typeof user === 'number' && user > 0 ? undefined : `runAsUser ${text(user)}`;
    },
  ),
  forPods(
    {
      id: 'group',
      rule: 'each pod has a group that is not root’s',
      reason: 'without one files of its volumes belong to group 0',
      cure: 'set runAsGroup',
    },
    'securityContext.runAsGroup',
    (pod) => {
      const group = at(pod, 'securityContext', 'runAsGroup');
      return typeof group === 'number' && group > 0 ? undefined : text(group) || 'missing';
    },
  ),
  forPods(
    {
      id: 'seccomp',
      rule: 'each pod has the seccomp profile of its runtime',
      reason: 'Pod Security `restricted` asks for it, and most holes of the kernel lie in calls it denies',
      cure: 'set seccompProfile: {type: RuntimeDefault}',
    },
    'securityContext.seccompProfile.type',
    (pod) => unless(at(pod, 'securityContext', 'seccompProfile', 'type'), 'RuntimeDefault'),
  ),
  forPods(
    {
      id: 'volume-group',
      rule: 'a pod with a volume opens it to its group once, not at every start',
      reason: 'a start would change the mode of every file, and PostgreSQL refuses a data folder that others can read',
      cure: 'set fsGroup and fsGroupChangePolicy: OnRootMismatch',
    },
    'securityContext.fsGroupChangePolicy',
    (pod, { body }) =>
      list(at(body, 'spec', 'volumeClaimTemplates')).length === 0 || typeof at(pod, 'securityContext', 'fsGroup') === 'number'
        ? unless(at(pod, 'securityContext', 'fsGroupChangePolicy'), 'OnRootMismatch')
        : 'no fsGroup',
  ),
  forPods(
    {
      id: 'host-namespaces',
      rule: 'no pod shares namespaces with its node',
      reason: 'it would see every process and connection there',
      cure: 'remove hostNetwork, hostPID and hostIPC',
    },
    'hostNetwork',
    (pod) => ['hostNetwork', 'hostPID', 'hostIPC'].find((key) => at(pod, key) === true),
  ),
  forPods(
    {
      id: 'host-path',
      rule: 'no pod mounts a folder of its node',
      reason: 'what it writes there outlives it, and may be anything',
      cure: 'use a claim, an emptyDir or a ConfigMap',
    },
    'volumes',
    (pod) =>
      list(at(pod, 'volumes'))
        .map((volume) => text(at(volume, 'hostPath', 'path')))
        .find((path) => path !== ''),
  ),
  forPods(
    {
      id: 'service-links',
      rule: 'no pod is given variables for every Service of its namespace',
      reason: 'a Service called redis would set REDIS_PORT to an address',
      cure: 'set enableServiceLinks: false',
    },
    'enableServiceLinks',
    (pod) => unless(at(pod, 'enableServiceLinks'), false),
  ),
  forPods(
    {
      id: 'priority',
      rule: 'each pod says how much it matters',
      reason: 'when nodes run full, something has to go first',
      cure: 'set priorityClassName',
    },
    'priorityClassName',
    (pod) => (text(at(pod, 'priorityClassName')) === '' ? 'missing' : undefined),
  ),
  forPods(
    {
      id: 'memory-folders',
      rule: 'each folder in memory has a size',
      reason: 'without one it may take the whole limit of the pod',
      cure: 'set sizeLimit of the emptyDir',
    },
    'volumes',
    (pod) =>
      list(at(pod, 'volumes'))
        .filter((volume) => at(volume, 'emptyDir') !== undefined && at(volume, 'emptyDir', 'sizeLimit') === undefined)
        .map((volume) => text(at(volume, 'name')))[0],
  ),
  forContainers(
    {
      id: 'no-escalation',
      rule: 'no process gains rights',
      reason: 'a setuid program would make a user root',
      cure: 'set allowPrivilegeEscalation: false',
    },
    'securityContext.allowPrivilegeEscalation',
    ({ body }) => unless(at(body, 'securityContext', 'allowPrivilegeEscalation'), false),
  ),
  forContainers(
    { id: 'privileged', rule: 'no container is privileged', reason: 'it would be the node', cure: 'remove privileged' },
    'securityContext.privileged',
    ({ body }) => (at(body, 'securityContext', 'privileged') === true ? 'true' : undefined),
  ),
  forContainers(
    {
      id: 'capabilities',
      rule: 'every container drops all capabilities and adds none',
      reason: 'none of what Berth runs needs one',
      cure: 'set capabilities: {drop: [ALL]}',
    },
    'securityContext.capabilities',
    ({ body }) => {
      const capabilities = at(body, 'securityContext', 'capabilities');
      if (!list(at(capabilities, 'drop')).includes('ALL')) return 'ALL is not dropped';
      return list(at(capabilities, 'add')).length > 0 ? text(at(capabilities, 'add')) : undefined;
    },
  ),
  forContainers(
    {
      id: 'read-only-root',
      rule: 'every container has a read-only root',
      reason: 'what breaks in cannot leave anything behind',
      cure: 'set readOnlyRootFilesystem: true, and an emptyDir where it must write',
    },
    'securityContext.readOnlyRootFilesystem',
    ({ body }) => unless(at(body, 'securityContext', 'readOnlyRootFilesystem'), true),
  ),
  ...(['cpu', 'memory', 'ephemeral-storage'] as const).map((what) =>
    forContainers(
      {
        id: `${what}-resources`,
        rule: `every container requests ${what} and has a limit of it`,
        reason: 'one that has none takes it from the others',
        cure: `set requests and limits of ${what}`,
      },
      'resources',
      ({ body }) =>
        ['requests', 'limits']
          .map((kind) => (at(body, 'resources', kind, what) === undefined ? `no ${kind}.${what}` : undefined))
          .find((found) => found !== undefined),
    ),
  ),
  forContainers(
    {
      id: 'memory-overcommit',
      rule: 'memory is requested as it is limited',
      reason: 'memory cannot be taken back: a node that promised too much kills',
      cure: 'make requests.memory equal limits.memory',
    },
    'resources.requests.memory',
    ({ body }) => {
      const [request, limit] = ['requests', 'limits'].map((kind) => text(at(body, 'resources', kind, 'memory')));
      return request === limit ? undefined : `${request ?? ''} of ${limit ?? ''}`;
    },
  ),
  forContainers(
    {
      id: 'image-version',
      rule: 'every image names one version',
      reason: 'nobody can say what runs, or roll back to it',
      cure: 'give it a tag other than latest, or a digest',
    },
    'image',
    ({ body }) => (namesVersion(text(at(body, 'image'))) ? undefined : text(at(body, 'image'))),
  ),
  forContainers(
    {
      id: 'image-pull',
      rule: 'an image that a node has is not fetched again',
      reason: 'a registry that is down would keep pods from starting',
      cure: 'set imagePullPolicy: IfNotPresent',
    },
    'imagePullPolicy',
    ({ body }) => unless(at(body, 'imagePullPolicy'), 'IfNotPresent'),
  ),
  forContainers(
    {
      id: 'plain-secret',
      rule: 'no secret stands in a manifest',
      reason: 'manifests are read, copied and kept in repositories',
      cure: 'refer to a Secret',
    },
    'env',
    ({ body }) =>
      list(at(body, 'env'))
        .filter((variable) => at(variable, 'value') !== undefined && namesSecret(text(at(variable, 'name'))))
        .map((variable) => text(at(variable, 'name')))[0],
  ),
  forContainers(
    {
      id: 'variable-twice',
      rule: 'no variable is set twice',
      reason: 'the last one wins, and nobody sees it',
      cure: 'remove one of the two',
    },
    'env',
    ({ body }) => {
      const names = list(at(body, 'env')).map((variable) => text(at(variable, 'name')));
      return names.find((name, index) => names.indexOf(name) < index);
    },
  ),
  forContainers(
    {
      id: 'host-port',
      rule: 'no container takes a port of its node',
      reason: 'Pod Security forbids it, and a second one finds no place',
      cure: 'use a Service',
    },
    'ports',
    ({ body }) =>
      list(at(body, 'ports'))
        .map((port) => text(at(port, 'hostPort')))
        .find((port) => port !== ''),
  ),
  forContainers(
    { id: 'mounts', rule: 'everything that is mounted is a volume of the pod', reason: 'the pod would be refused', cure: 'add the volume' },
    'volumeMounts',
    ({ body }, { pod, body: workload }) => {
      const known = [
        ...list(at(pod, 'volumes')).map((volume) => text(at(volume, 'name'))),
        ...list(at(workload, 'spec', 'volumeClaimTemplates')).map((claim) => text(at(claim, 'metadata', 'name'))),
      ];
      return list(at(body, 'volumeMounts'))
        .map((mount) => text(at(mount, 'name')))
        .find((name) => !known.includes(name));
    },
  ),
  ...(['startupProbe', 'readinessProbe', 'livenessProbe'] as const).map((probe): Check<World> => ({
    id: probe.replace('Probe', '-probe'),
    rule: `every server has a ${probe}`,
    reason: {
      startupProbe: 'a slow start would be taken for a dead process',
      readinessProbe: 'requests would go where nobody can serve them',
      livenessProbe: 'a process that hangs would hang for ever',
    }[probe],
    cure: `add a ${probe}`,
    *find(world) {
      for (const server of servers(world))
        for (const { body, path, init } of server.containers)
          if (!init && at(body, probe) === undefined) yield hit(server, `${path}.${probe}`, 'missing');
    },
  })),
  {
    id: 'probes-differ',
    rule: 'readiness and liveness ask different questions',
    reason: 'what is not ready would be killed, and whatever it waits for would find it dead',
    cure: 'let liveness look at the process alone',
    *find(world) {
      for (const server of servers(world))
        for (const { body, path } of server.containers) {
          // What has no port is sent nothing.
          if (list(at(body, 'ports')).length === 0) continue;
          const [ready, live] = ['readinessProbe', 'livenessProbe'].map((probe) => {
            const question = at(body, probe);
            return text({ exec: at(question, 'exec'), httpGet: at(question, 'httpGet'), tcpSocket: at(question, 'tcpSocket') });
          });
          if (ready === live && ready !== '{}') yield hit(server, `${path}.livenessProbe`, ready ?? '');
        }
    },
  },
  {
    id: 'probe-port',
    rule: 'probes ask at a port that the container declares',
    reason: 'a name that is not declared fails every probe',
    cure: 'declare the port, or ask at another',
    *find({ workloads }) {
      for (const workload of workloads)
        for (const { body, path } of workload.containers)
          for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
            const port = at(body, probe, 'httpGet', 'port') ?? at(body, probe, 'tcpSocket', 'port');
            const ports = list(at(body, 'ports'));
            if (port !== undefined && !ports.some((one) => at(one, 'name') === port || at(one, 'containerPort') === port))
              yield hit(workload, `${path}.${probe}`, text(port));
          }
    },
  },
  {
    id: 'drain',
    rule: 'what is behind a Service and has more than one replica pauses before it stops, within its grace',
    reason: 'requests still come until everybody has heard that it goes',
    cure: 'add lifecycle.preStop, and make terminationGracePeriodSeconds longer',
    *find(world) {
      for (const server of servers(world).filter(({ kind }) => kind === 'Deployment'))
        for (const { body, path, init } of server.containers) {
          if (init || list(at(body, 'ports')).length === 0) continue;
          const pause = at(body, 'lifecycle', 'preStop');
          const seconds = Number(text(at(pause, 'sleep', 'seconds')) || text(at(pause, 'exec', 'command', 1)));
          const grace = Number(text(at(server.pod, 'terminationGracePeriodSeconds')));
          if (pause === undefined) yield hit(server, `${path}.lifecycle.preStop`, 'missing');
          else if (!(grace > seconds))
            yield hit(server, `${server.podPath}.terminationGracePeriodSeconds`, `${grace} s, of which the pause takes ${seconds}`);
        }
    },
  },
  {
    id: 'stateful-grace',
    rule: 'what keeps data has half a minute at least to stop',
    reason: 'a database that is killed recovers at its next start instead of starting',
    cure: 'raise terminationGracePeriodSeconds',
    *find({ workloads }) {
      for (const workload of workloads)
        if (workload.kind === 'StatefulSet' && !(Number(text(at(workload.pod, 'terminationGracePeriodSeconds'))) >= 30))
          yield hit(
            workload,
            `${workload.podPath}.terminationGracePeriodSeconds`,
            text(at(workload.pod, 'terminationGracePeriodSeconds')) || 'missing',
          );
    },
  },
];

/** Names of everything that a pod refers to. */
export function* referencesOf({
  pod,
  containers,
}: Workload): Iterable<{ readonly kind: string; readonly name: string; readonly key?: string }> {
  for (const volume of list(at(pod, 'volumes'))) {
    const [config, secret] = [text(at(volume, 'configMap', 'name')), text(at(volume, 'secret', 'secretName'))];
    if (config !== '') yield { kind: 'ConfigMap', name: config };
    for (const item of list(at(volume, 'secret', 'items'))) yield { kind: 'Secret', name: secret, key: text(at(item, 'key')) };
  }
  for (const { body } of containers)
    for (const variable of list(at(body, 'env')))
      for (const [kind, reference] of [
        ['Secret', 'secretKeyRef'],
        ['ConfigMap', 'configMapKeyRef'],
      ] as const) {
        const found = at(variable, 'valueFrom', reference);
        if (found !== undefined) yield { kind, name: text(at(found, 'name')), key: text(at(found, 'key')) };
      }
  for (const [kind, name] of [
    ['ServiceAccount', at(pod, 'serviceAccountName')],
    ['PriorityClass', at(pod, 'priorityClassName')],
  ] as const)
    if (name !== undefined) yield { kind, name: text(name) };
}
