import { parse, parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { calendarOf } from '../../../generator/render/timers.ts';
import { parseCpu, parseDuration, parseSize } from '../../../model/units.ts';
import { readInterpolated } from './readers.ts';

/** What runs, as far as both targets can say it; read back from the files alone. */
export interface Facts {
  readonly image: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: readonly string[];
  readonly secretFiles: readonly string[];
  readonly memory: number;
  readonly cpu: number;
  readonly grace: number;
  readonly folders: Readonly<Record<string, number>>;
  readonly volumes: Readonly<Record<string, string>>;
  readonly configs: Readonly<Record<string, string>>;
  /** Everything mounted but secrets and folders in memory, by its place. */
  readonly mounted: readonly string[];
  readonly ports: readonly number[];
  readonly asks: string;
  readonly every: number;
  readonly waits: number;
  readonly retries: number;
  readonly readOnly: boolean;
  /** When a job runs, as systemd writes it, and for how many seconds at most. */
  readonly runs: readonly string[];
}

interface ComposeService {
  readonly image: string;
  readonly user: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
  readonly deploy: { readonly resources: { readonly limits: { readonly memory: string; readonly cpus: string } } };
  readonly healthcheck?: {
    readonly test: readonly string[];
    readonly interval: string;
    readonly timeout: string;
    readonly retries: number;
  };
  readonly stop_grace_period: string;
  readonly tmpfs?: readonly string[];
  readonly shm_size?: string;
  readonly ports?: readonly { readonly target: number }[];
  readonly read_only: boolean;
}
export const sorted = (values: readonly string[]): readonly string[] => [...values].sort();

/** How it is asked whether it may be sent requests: the command, or port and path however the question is put. */
const question = (argv: readonly string[] | undefined): string => {
  const text = argv?.join(' ') ?? '';
  const [, port, path] = /(?:port:|(?:127\.0\.0\.1|localhost)(?::|', ))(\d+)[^/]*(\/[A-Za-z0-9/_-]*)/.exec(text) ?? [];
  return port === undefined ? text : `${port} ${path ?? ''}`;
};

export function fromCompose({ decision: { merged } }: PreparedSite): ReadonlyMap<string, Facts> {
  const env = new Map(
    (merged.get('.env') ?? '').split('\n').flatMap((line) => {
      const [, name = '', value = ''] = /^([A-Z0-9_]+)=(.*)$/.exec(line) ?? [];
      return name === '' ? [] : [[name, value] as const];
    }),
  );
  const plain = (value: string) => readInterpolated(value.replaceAll(/\$\{([A-Z0-9_]+)\}/g, (_, name: string) => env.get(name) ?? '?'));
  const timerOf = (service: string) => {
    const unit = [...merged.keys()].find((path) => path.startsWith('systemd/') && path.endsWith(`-${service}@.timer`));
    if (unit === undefined) return [];
    const text = `${merged.get(unit) ?? ''}${merged.get(unit.replace('.timer', '.service')) ?? ''}`;
    return [...text.matchAll(/^(?:OnCalendar|TimeoutStartSec)=(.*)$/gm)].map(([, value = '']) => value);
  };
  const { services } = parse(merged.get('compose.yaml') ?? '') as { readonly services: Readonly<Record<string, ComposeService>> };
  return new Map(
    Object.entries(services).map(([name, service]) => {
      const mounts = service.volumes ?? [];
      const limits = service.deploy.resources.limits;
      const check = service.healthcheck;
      const envFiles = (service.env_file ?? []).map((file) => merged.get(file.slice(2)) ?? '');
      return [
        name,
        {
          image: plain(service.image),
          user: service.user,
          entrypoint: (service.entrypoint ?? []).map(plain),
          command: (service.command ?? []).map(plain),
          env: Object.fromEntries(Object.entries(service.environment ?? {}).map(([key, value]) => [key, plain(value)])),
          secretEnv: sorted(envFiles.flatMap((text) => [...text.matchAll(/^([A-Za-z0-9_]+)=/gm)].map(([, variable]) => variable ?? ''))),
          secretFiles: sorted(service.secrets ?? []),
          memory: parseSize(limits.memory.replace('M', 'Mi')) ?? 0,
          cpu: parseCpu(limits.cpus) ?? 0,
          grace: parseDuration(service.stop_grace_period) ?? 0,
          folders: Object.fromEntries([
            ...(service.tmpfs ?? []).map((text) => {
              const [, path = '', size = ''] = /^([^:]+):size=(\d+)m/.exec(text) ?? [];
              return [path, Number(size)];
            }),
            ...(service.shm_size ? [['/dev/shm', parseSize(service.shm_size.replace(/M$/, 'Mi')) ?? 0]] : []),
          ]) as Record<string, number>,
          volumes: Object.fromEntries(mounts.filter(({ type }) => type === 'volume').map(({ source, target }) => [source, target])),
          configs: Object.fromEntries(
            mounts
              .filter(({ source }) => source.startsWith('./config/'))
              .map(({ source, target }) => [source.slice('./config/'.length), target]),
          ),
          mounted: sorted(mounts.map(({ target }) => target)),
          ports: (service.ports ?? []).map(({ target }) => target),
          asks: question(check?.test.slice(1).map(plain)),
          every: parseDuration(check?.interval ?? '') ?? 0,
          waits: parseDuration(check?.timeout ?? '') ?? 0,
          retries: check?.retries ?? 0,
          readOnly: service.read_only,
          runs: timerOf(name),
        },
      ] as const;
    }),
  );
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[];
  readonly ports?: readonly { name: string; containerPort: number }[];
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { preStop: { sleep: { seconds: number } } };
  readonly resources: { requests: Record<string, string>; limits: Record<string, string> };
  readonly securityContext: { readOnlyRootFilesystem: boolean };
  readonly volumeMounts?: readonly { name: string; mountPath: string }[];
}
interface Probe {
  readonly exec?: { command: string[] };
  readonly httpGet?: { path: string; port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}
interface PodVolume {
  readonly name: string;
  readonly emptyDir?: { medium?: string; sizeLimit: string };
  readonly configMap?: { name: string };
  readonly persistentVolumeClaim?: { claimName: string };
  readonly secret?: { secretName: string; items: { key: string }[] };
}
interface Workload {
  readonly kind: string;
  readonly metadata: { name: string; labels: Record<string, string> };
  readonly spec: {
    readonly jobTemplate?: { readonly spec: Workload['spec'] };
    readonly schedule?: string;
    readonly timeZone?: string;
    readonly activeDeadlineSeconds?: number;
    readonly template: {
      spec: {
        initContainers?: readonly Container[];
        containers: readonly Container[];
        volumes?: PodVolume[];
        securityContext: { runAsUser: number; runAsGroup: number };
        terminationGracePeriodSeconds: number;
      };
    };
    readonly replicas?: number;
    /** Of an autoscaler. */
    readonly maxReplicas?: number;
    readonly volumeClaimTemplates?: readonly { metadata: { name: string } }[];
  };
}

export const objectsOf = ({ decision: { merged } }: PreparedSite, folder: string): readonly Workload[] =>
  [...merged]
    .filter(([path]) => path.startsWith(`k8s/${folder}/`) && path.endsWith('.yaml'))
    .flatMap(([, text]) => [parseAllDocuments(text)].flat().map((document) => document.toJS() as Workload));

export function fromKubernetes(site: PreparedSite): ReadonlyMap<string, Facts> {
  return new Map(
    objectsOf(site, 'generated')
      .filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job', 'CronJob'].includes(kind))
      .map(({ kind, metadata, spec: { jobTemplate, ...rest } }) => {
        const spec = jobTemplate?.spec ?? rest;
        const pod = spec.template.spec;
        const service = metadata.labels['app.kubernetes.io/name'] ?? '';
        const container = [...(pod.initContainers ?? []), ...pod.containers].find(({ name }) => name === service) as Container;
        const at = (name: string) => container.volumeMounts?.find((mount) => mount.name === name)?.mountPath ?? '?';
        const volumes = pod.volumes ?? [];
        const mounts = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath);
        const inMemory = new Map(
          // Berth itself, which Compose mounts from the site, is brought in a folder on disk.
          volumes.flatMap(({ name, emptyDir }) => (emptyDir?.medium ? [[at(name), parseSize(emptyDir.sizeLimit) ?? 0] as const] : [])),
        );
        const probe = container.readinessProbe;
        const port = container.ports?.find(({ name }) => name === probe?.httpGet?.port)?.containerPort;
        return [
          kind === 'Job' ? [service, metadata.labels['berth/slot'] ?? []].flat().join('-') : metadata.name,
          {
            image: container.image,
            user: `${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`,
            entrypoint: container.command ?? [],
            command: container.args ?? [],
            env: Object.fromEntries((container.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
            secretEnv: sorted((container.env ?? []).flatMap(({ name, value }) => (value === undefined ? [name] : []))),
            secretFiles: sorted(
              volumes.filter(({ name }) => name === 'secrets').flatMap(({ secret }) => secret?.items.map(({ key }) => key) ?? []),
            ),
            memory: parseSize(container.resources.limits['memory'] ?? '') ?? 0,
            cpu: parseCpu(container.resources.limits['cpu'] ?? '') ?? 0,
            grace: pod.terminationGracePeriodSeconds - (container.lifecycle?.preStop.sleep.seconds ?? 0),
            folders: Object.fromEntries(inMemory),
            volumes: Object.fromEntries([
              ...(spec.volumeClaimTemplates ?? []).map((claim) => [claim.metadata.name, at(claim.metadata.name)] as const),
              ...volumes.flatMap(({ persistentVolumeClaim: claim }) => (claim ? [[claim.claimName, at(claim.claimName)] as const] : [])),
            ]),
            configs: Object.fromEntries(
              volumes.flatMap(({ name, configMap }) => (configMap && name.startsWith('config-') ? [[configMap.name, at(name)]] : [])),
            ),
            mounted: sorted(mounts.filter((path) => path !== '/run/secrets' && !inMemory.has(path))),
            ports: metadata.name === 'edge' ? (container.ports ?? []).map(({ containerPort }) => containerPort) : [],
            asks: probe?.httpGet ? `${port ?? '?'} ${probe.httpGet.path}` : question(probe?.exec?.command),
            every: probe?.periodSeconds ?? 0,
            waits: probe?.timeoutSeconds ?? 0,
            retries: probe?.failureThreshold ?? 0,
            readOnly: container.securityContext.readOnlyRootFilesystem,
            runs:
              rest.schedule === undefined ? [] : [...calendarOf(rest.schedule, rest.timeZone ?? '?'), String(spec.activeDeadlineSeconds)],
          },
        ] as const;
      }),
  );
}
