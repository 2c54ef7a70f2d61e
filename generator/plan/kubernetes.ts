import type { Decision } from '../../model/decision.ts';
import type { KubernetesSpec } from '../../model/kubernetes-spec.ts';
import type { KubernetesPlan, PodPlan, WrittenClaim } from '../../model/kubernetes-plan.ts';
import type { MemoryBudget } from '../../model/plan.ts';
import type { PlannedService, SharedVolume, Size } from '../../model/planned-service.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { agentRoom } from './services/agents.ts';
import { formatCpu, formatDuration, formatSize, mib, milliCpu, seconds } from '../../model/units.ts';
import type { MiB, Seconds } from '../../model/units.ts';

/**
 * Until everybody has heard that a pod goes: the edge looks addresses up every five seconds, and the cluster's DNS keeps an answer for another five.
 * Load balancers in front of the edge notice by their own health checks, commonly three in five seconds each.
 */
const preStopOf: Readonly<Record<'edge' | 'app', Seconds>> = { edge: seconds(20), app: seconds(15) };
type Log = KubernetesSpec['containerLog'];
/** A kubelet looks every ten seconds: what is written until then comes on top, and one that is over its limit is evicted. */
const logsOf = ({ size, files }: Log): MiB => mib(size * (files + 1));
/** An operator puts its own program of a hundred MiB there, and the log passes through a file. */
const operatedMore = mib(724);
/** Of a root that can be written to nothing says how much a program puts there: this is where it is stopped. */
const writableRoot = mib(512);
/** What lies on the disk of the node beside the logs. Folders that can be written to lie in memory. */
const besideLogs = (service: PlannedService): { readonly what: string; readonly size: MiB } | undefined => {
  if (service.operator) return { what: 'program of the operator', size: operatedMore };
  const filled = service.gates.reduce((sum, { fills }) => sum + (fills?.size ?? 0), 0);
  if (filled > 0) return { what: 'folder that Berth is copied into', size: mib(filled) };
  return isWritable(service) ? { what: 'root that can be written to', size: writableRoot } : undefined;
};
const isWritable = ({ loosened }: PlannedService): boolean => loosened?.some(({ what }) => what === 'writableRoot') ?? false;
const ephemeralOf = (service: PlannedService, log: Log): MiB => mib(logsOf(log) + (besideLogs(service)?.size ?? 0));
const startPeriod = seconds(5);

const roleOf = (service: PlannedService): PodPlan['priority'] =>
  service.role === 'edge' ? 'edge' : service.role === 'app' ? 'app' : 'data';

/** Pods beside its replicas while they are replaced: of an application one in each slot. */
function surgeOf({ kind, role, slotted }: PlannedService): number {
  if (kind !== 'server' || (role !== 'edge' && role !== 'app')) return 0;
  return slotted ? 2 : 1;
}

function podOf(service: PlannedService, namespace: string, log: Log): PodPlan {
  // Nobody sends requests to what has no port.
  const called = service.kind === 'server' && service.port !== undefined;
  const preStop = called && (service.role === 'edge' || service.role === 'app') ? preStopOf[service.role] : seconds(0);
  const check = service.healthcheck;
  return {
    preStop,
    grace: seconds(preStop + service.stopGrace),
    // Engines may replay a log for long: their liveness begins when they have started, however long that takes within ten minutes.
    startup: {
      period: startPeriod,
      timeout: check?.timeout ?? seconds(5),
      failures: Math.ceil((service.role === 'edge' || service.role === 'app' ? (check?.startPeriod ?? 60) * 2 : 600) / startPeriod),
    },
    readiness: { period: check?.interval ?? seconds(5), timeout: check?.timeout ?? seconds(5), failures: check?.retries ?? 3 },
    // A minute and a half of silence: a pause of the node or of a garbage collector is no reason to restart.
    liveness: { period: seconds(15), timeout: seconds(5), failures: 6 },
    ephemeralStorage: ephemeralOf(service, log),
    priority: roleOf(service),
    namespace,
  };
}

/**
 * What only a cluster asks for. Memory is requested as it is limited, since it cannot be taken back; of CPU a container requests what it gets when all are busy.
 */
export function planKubernetes(
  spec: StackSpec,
  services: readonly PlannedService[],
  volumes: readonly SharedVolume[],
  { budget, sizes }: { readonly budget: MemoryBudget; readonly sizes: ReadonlyMap<string, Omit<Size, 'pids'>> },
  left: readonly WrittenClaim[],
): { readonly plan: KubernetesPlan; readonly decisions: readonly Decision[] } {
  const { namespace, expose, containerLog } = spec.kubernetes;
  const edgeNamespace = expose === 'hostPort' ? `${namespace}-edge` : namespace;
  const pods = new Map(
    services.map((service) => [service.name, podOf(service, service.role === 'edge' ? edgeNamespace : namespace, containerLog)]),
  );
  const agent = budget.rows.find(({ name }) => name === agentRoom);
  const quotaOf = (space: string) => {
    const own = services.filter((service) => pods.get(service.name)?.namespace === space);
    // A Deployment has one more pod while its replicas are replaced, an application one in each slot.
    const counts = own.map((service) => ({
      size: service.size,
      count: service.replicas + surgeOf(service),
      disk: ephemeralOf(service, containerLog),
    }));
    const room = space === namespace && agent ? [{ size: sizes.get(agentRoom), count: 1, disk: logsOf(containerLog) }] : [];
    const sum = (pick: (size: Omit<Size, 'pids'>) => number): number =>
      [...counts, ...room].reduce((all, { size, count }) => all + (size ? pick(size) * count : 0), 0);
    const claims = [
      ...own.flatMap((service) => service.volumes.flatMap(({ size }) => Array.from({ length: service.replicas }, () => size))),
      ...(space === namespace ? volumes.map(({ size }) => size) : []),
      // What was renamed stands there until its owner has copied the data, and must not keep the new one from beginning.
      ...(space === namespace ? left.flatMap(({ size, count }) => Array.from({ length: count }, () => size)) : []),
    ];
    const containers = [...counts, ...room].reduce((all, { count }) => all + count, 0);
    const hasEdge = own.some(({ role }) => role === 'edge');
    return {
      pods: containers,
      requestsCpu: milliCpu(sum(({ cpuShare }) => cpuShare)),
      limitsCpu: milliCpu(sum(({ cpu }) => cpu)),
      memory: mib(sum(({ memory }) => memory)),
      ephemeralStorage: mib([...counts, ...room].reduce((all, { count, disk }) => all + count * disk, 0)),
      claims: claims.length,
      storage: mib(claims.reduce((all, size) => all + size, 0)),
      loadBalancers: hasEdge && expose === 'loadBalancer' ? 1 : 0,
      nodePorts: hasEdge && (expose === 'nodePort' || expose === 'loadBalancer') ? 2 : 0,
    };
  };
  const namespaces = [...new Set([namespace, ...(services.some(({ role }) => role === 'edge') ? [edgeNamespace] : [])])];
  const quota = new Map(namespaces.map((space) => [space, quotaOf(space)]));
  const servers = services.filter(({ kind }) => kind === 'server');
  const largest = {
    cpu: milliCpu(Math.max(...services.map(({ size }) => size.cpu))),
    memory: mib(Math.max(...services.map(({ size }) => size.memory), agent?.each ?? 0)),
    ephemeralStorage: mib(Math.max(...services.map((service) => ephemeralOf(service, containerLog)))),
  };
  return {
    plan: { ...spec.kubernetes, edgeNamespace, pods, quota, left, largest },
    decisions: [
      ...servers.flatMap((service) => explainPod(service, pods.get(service.name) as PodPlan, containerLog)),
      ...[...quota].map(([space, { memory, requestsCpu, pods: count }]): Decision => ({
        key: `${space}.quota`,
        value: `${count} pods, ${formatSize(memory)} and ${formatCpu(requestsCpu)} CPUs requested`,
        formula: 'Σ (replicas at their most + one more while it is replaced) × size + room for the agent',
        inputs: { services: own(services, pods, space).join(', ') },
        source: 'design: a site takes no more of a cluster than its plan says',
        change: 'the sizes and replicas of its services',
      })),
    ],
  };
}

const own = (services: readonly PlannedService[], pods: ReadonlyMap<string, PodPlan>, space: string): readonly string[] =>
  services.filter(({ name }) => pods.get(name)?.namespace === space).map(({ name }) => name);

function explainPod(service: PlannedService, pod: PodPlan, log: Log): readonly Decision[] {
  const size = (value: MiB) => formatSize(value);
  const beside = besideLogs(service);
  return [
    {
      key: `${service.name}.terminationGracePeriodSeconds`,
      value: formatDuration(pod.grace),
      formula: 'pause before the stop signal + grace of the service',
      inputs: { pause: formatDuration(pod.preStop), grace: formatDuration(service.stopGrace) },
      source: 'design: addresses are looked up every 5 s and DNS answers live 5 s; until then requests still come',
      change: service.role === 'app' ? `services.${service.name}.stopGrace in berth.yaml` : 'fixed',
    },
    {
      key: `${service.name}.ephemeral-storage`,
      value: size(pod.ephemeralStorage),
      formula: `size of a log file × (files + 1)${beside === undefined ? '' : ` + ${beside.what}`}`,
      inputs: { size: size(log.size), files: String(log.files), ...(beside === undefined ? {} : { [beside.what]: size(beside.size) }) },
      source: `kubelet looks at logs every ten seconds, and evicts a pod that is over its limit; ${
        service.operator
          ? 'the program that the operator puts beside the server has a hundred MiB, and the log passes through a file'
          : beside === undefined
            ? 'folders that can be written to lie in memory'
            : isWritable(service)
              ? 'nothing says how much a program writes to its root'
              : 'Node and the program have 130 MB'
      }`,
      change: 'kubernetes.containerLogMaxSize and containerLogMaxFiles in berth.yaml, as the kubelets have them',
    },
    {
      key: `${service.name}.startupProbe`,
      value: `${formatDuration(seconds(pod.startup.period * pod.startup.failures))} at most`,
      formula: service.role === 'app' || service.role === 'edge' ? 'twice the start period of its health check' : 'ten minutes',
      inputs: { 'start period': formatDuration(service.healthcheck?.startPeriod ?? seconds(60)) },
      source: 'design: an engine that replays its log is not restarted for it',
      change: 'fixed',
    },
  ];
}
