import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { PreparedSite } from '../../../cli/site.ts';
import { parseCpu, parseDuration, parseSize } from '../../../model/units.ts';
import { databaseOf, everyKind, prepareHello, toBucket } from './hello.ts';
import { readInterpolated } from './readers.ts';

/** What runs, as far as both targets can say it; read back from the files alone. */
interface Facts {
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
  readonly ports: readonly number[];
  readonly asks: string;
  readonly every: number;
  readonly retries: number;
  readonly readOnly: boolean;
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
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string; readonly retries: number };
  readonly stop_grace_period: string;
  readonly tmpfs?: readonly string[];
  readonly shm_size?: string;
  readonly ports?: readonly { readonly target: number }[];
  readonly read_only: boolean;
}
const sorted = (values: readonly string[]): readonly string[] => [...values].sort();

/** How it is asked whether it may be sent requests: the command, or port and path however the question is put. */
const question = (argv: readonly string[] | undefined): string =>
  /(?:port:|127\.0\.0\.1:)(\d+)[^/]*(\/[A-Za-z0-9/_-]*)/
    .exec(argv?.join(' ') ?? '')
    ?.slice(1)
    .join(' ') ??
  argv?.join(' ') ??
  '';

function fromCompose({ decision: { merged } }: PreparedSite): ReadonlyMap<string, Facts> {
  const env = new Map(
    (merged.get('.env') ?? '').split('\n').flatMap((line) => {
      const [, name = '', value = ''] = /^([A-Z0-9_]+)=(.*)$/.exec(line) ?? [];
      return name === '' ? [] : [[name, value] as const];
    }),
  );
  const plain = (value: string) => readInterpolated(value.replaceAll(/\$\{([A-Z0-9_]+)\}/g, (_, name: string) => env.get(name) ?? '?'));
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
          ports: (service.ports ?? []).map(({ target }) => target),
          asks: question(check?.test.slice(1).map(plain)),
          every: parseDuration(check?.interval ?? '') ?? 0,
          retries: check?.retries ?? 0,
          readOnly: service.read_only,
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
    readonly template: {
      spec: {
        initContainers?: readonly Container[];
        containers: readonly Container[];
        volumes?: PodVolume[];
        securityContext: { runAsUser: number; runAsGroup: number };
        terminationGracePeriodSeconds: number;
      };
    };
    readonly volumeClaimTemplates?: readonly { metadata: { name: string } }[];
  };
}

const objectsOf = ({ decision: { merged } }: PreparedSite, folder: string): readonly Workload[] =>
  [...merged]
    .filter(([path]) => path.startsWith(`k8s/${folder}/`) && path.endsWith('.yaml'))
    .flatMap(([, text]) => [parseAllDocuments(text)].flat().map((document) => document.toJS() as Workload));

function fromKubernetes(site: PreparedSite): ReadonlyMap<string, Facts> {
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
            folders: Object.fromEntries(
              // Berth itself, which Compose mounts from the site, is brought in a folder on disk.
              volumes.flatMap(({ name, emptyDir }) => (emptyDir?.medium ? [[at(name), parseSize(emptyDir.sizeLimit) ?? 0]] : [])),
            ) as Record<string, number>,
            volumes: Object.fromEntries([
              ...(spec.volumeClaimTemplates ?? []).map((claim) => [claim.metadata.name, at(claim.metadata.name)] as const),
              ...volumes.flatMap(({ persistentVolumeClaim: claim }) => (claim ? [[claim.claimName, at(claim.claimName)] as const] : [])),
            ]),
            configs: Object.fromEntries(
              volumes.flatMap(({ name, configMap }) => (configMap && name.startsWith('config-') ? [[configMap.name, at(name)]] : [])),
            ),
            ports: metadata.name === 'edge' ? (container.ports ?? []).map(({ containerPort }) => containerPort) : [],
            asks: probe?.httpGet ? `${port ?? '?'} ${probe.httpGet.path}` : question(probe?.exec?.command),
            every: probe?.periodSeconds ?? 0,
            retries: probe?.failureThreshold ?? 0,
            readOnly: container.securityContext.readOnlyRootFilesystem,
          },
        ] as const;
      }),
  );
}

/** More than every profile wishes for, so that both targets give the same. */
/** A cache whose keys are divided, beside the one whose topology the profile chooses. */
const divided = {
  'caches.sessions': { engine: 'redis', use: 'sessions', client: 'cluster', memory: '256Mi' },
  'services.mail': { ...everyKind['services.mail'], uses: { sessions: 'SESSIONS_URL' } },
};
/** What follows the name of each of several nodes in a cluster. */
const divider = /\.(?:cache-(?:node|sentinel)|sessions-shard-[012])-nodes\.hello\.svc\.cluster\.local/g;
/** A member of a set of MongoDB by the name of its pod. */
const member = /\b(database(?:-member-[23])?)-0\.\1-nodes(?=:)/g;
const host = { cpus: 400, memory: '4Ti', disk: '40Ti' };

describe.each([
  { profile: 'minimum', engine: 'postgres' },
  { profile: 'recommended', engine: 'postgres' },
  { profile: 'high-performance', engine: 'postgres' },
  { profile: 'minimum', engine: 'mysql' },
  { profile: 'recommended', engine: 'mysql' },
  { profile: 'minimum', engine: 'mariadb' },
  { profile: 'recommended', engine: 'mariadb' },
  { profile: 'high-performance', engine: 'mariadb' },
  { profile: 'minimum', engine: 'mongodb' },
  { profile: 'high-performance', engine: 'mongodb' },
  { profile: 'minimum', engine: 'sqlserver' },
  { profile: 'high-performance', engine: 'sqlserver' },
] as const)('hello of profile $profile with $engine, for both targets,', ({ profile, engine }) => {
  const replicated = profile !== 'minimum' && (engine === 'postgres' || engine === 'mysql' || engine === 'mariadb');
  const watched = profile !== 'minimum';
  let [compose, kubernetes]: [PreparedSite | undefined, PreparedSite | undefined] = [undefined, undefined];
  const site = (made: PreparedSite | undefined): PreparedSite => made ?? expect.unreachable('not made');
  beforeAll(async () => {
    const env = { ODD: `$HOME $$ $(PORT) $$(PORT) " ' # : {{x}} \n é` };
    // Volumes are copied on one host alone.
    const copied = { ...toBucket.set, 'backups.volumes': 'none' };
    const hello = { ...toBucket, profile, host, env, set: { ...everyKind, ...databaseOf(engine), ...divided, ...copied } };
    [compose, kubernetes] = [await prepareHello(hello), await prepareHello({ ...hello, target: 'kubernetes' })];
  });

  test('runs the same services', () => {
    // A cluster has one StatefulSet where Compose has a service for each node of a cache.
    const folded = [...fromCompose(site(compose)).keys()].map((name) => name.replace(/-(node|sentinel|shard-[012])-[012]$/, '-$1'));
    // A cluster has no Job for the slot that migrates nothing, where Compose has a service of no replicas.
    // The kubelet gives a claim to the group of its pods, where Compose has a task for it.
    expect(sorted([...fromKubernetes(site(kubernetes)).keys(), 'web-migrate-green', 'uploads-volume'])).toEqual(
      sorted([...new Set(folded)]),
    );
    expect(folded.filter((name) => name === 'cache-node')).toHaveLength(watched ? 3 : 0);
    expect(folded.filter((name) => name === 'cache-sentinel')).toHaveLength(watched ? 3 : 0);
    expect(folded.filter((name) => /^sessions-shard-[012]$/.test(name))).toHaveLength(6);
  });

  test.each(['sessions-shard-0-0', 'sessions-shard-1-1', 'sessions-shard-2-0'])('gives %s the same as each pod of its shard', (name) => {
    const set = name.slice(0, -2);
    const [here, there] = [fromCompose(site(compose)).get(name), fromKubernetes(site(kubernetes)).get(set)];
    expect(here).toBeDefined();
    expect(there && { ...there, volumes: { [`${name}-data`]: there.volumes['sessions-shard-data'] } }).toEqual(here);
  });

  test.each(['cache-node-0', 'cache-node-1', 'cache-node-2', 'cache-sentinel-0', 'cache-sentinel-1', 'cache-sentinel-2'])(
    'gives %s the same as each pod of its set',
    (name) => {
      const set = name.slice(0, -2);
      const [here, there] = [fromCompose(site(compose)).get(name), fromKubernetes(site(kubernetes)).get(set)];
      expect(here !== undefined).toBe(watched);
      expect(there && { ...there, volumes: { [`${name}-data`]: there.volumes[`${set}-data`] } }).toEqual(here);
    },
  );

  test.each([
    'web-blue',
    'web-green',
    'web-migrate-blue',
    'jobs',
    'mail',
    'report',
    'pages-blue',
    'pages-green',
    'database',
    'database-replica',
    'database-replica-2',
    'database-member-2',
    'database-accounts',
    'cache',
    'files',
    'files-buckets',
  ])('gives %s the same', (name) => {
    const [here, there] = [fromCompose(site(compose)).get(name), fromKubernetes(site(kubernetes)).get(name)];
    if (name === 'database-replica') expect(here !== undefined).toBe(replicated);
    else if (name === 'database-member-2') expect(here !== undefined).toBe(watched && engine === 'mongodb');
    else if (name === 'database-replica-2') expect(here !== undefined).toBe(replicated && profile === 'high-performance');
    else expect(here).toBeDefined();
    const unescaped = there && {
      ...there,
      // The kubelet takes $(NAME) for a variable and $$ for one $.
      env: Object.fromEntries(
        Object.entries(there.env).map(([key, value]) => [
          key,
          // Names of a cluster end in one more way that leads around a proxy.
          (/\$\$/.test(value) ? value.replaceAll('$$', '$') : value).replace(',.svc,.svc.cluster.local,', ',').replaceAll(divider, ''),
        ]),
      ),
      // MinIO's own client asks in one place, the kubelet itself in the other: the same path of the same server.
      ...(name === 'files' ? { asks: here?.asks ?? '' } : {}),
    };
    expect(unescaped).toEqual(here);
  });

  test.each([`agent-${engine}`, 'agent-files'])('gives %s the same, and the same to read beside its configuration', (name) => {
    const [here, there] = [fromCompose(site(compose)).get(name), fromKubernetes(site(kubernetes)).get(name)];
    // The images of MongoDB and SQL Server are none for buckets and caches.
    expect(here !== undefined).toBe((engine !== 'sqlserver' && engine !== 'mongodb') || name === `agent-${engine}`);
    expect(there).toEqual(here);
    if (here === undefined) return;
    const { services } = parse(site(compose).decision.merged.get('compose.yaml') ?? '') as {
      readonly services: Readonly<Record<string, { readonly volumes: readonly { readonly type: string; readonly target: string }[] }>>;
    };
    const mounted = services[name]?.volumes.map(({ target }) => target);
    const pod = objectsOf(site(kubernetes), 'generated').find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === name);
    const own = pod?.spec.template.spec.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
    const beside = ['/run/secrets', ...Object.keys(here.folders)];
    expect(sorted(own.filter((path) => !beside.includes(path)))).toEqual(sorted(mounted ?? []));
  });

  test('gives the edge the same, but for the DNS that each cluster has elsewhere', () => {
    const [here, there] = [fromCompose(site(compose)).get('edge'), fromKubernetes(site(kubernetes)).get('edge')];
    expect({ ...there, command: here?.command }).toEqual(here);
    expect(there?.command.at(-1)).toContain(here?.command.slice(0, 3).join(' '));
  });

  test('mounts the same configurations, but for addresses', () => {
    const configsOf = (prefix: string, made: PreparedSite): Readonly<Record<string, string>> =>
      Object.fromEntries(
        [...made.decision.merged].flatMap(([path, text]) => (path.startsWith(prefix) ? [[path.slice(prefix.length), text]] : [])),
      );
    const neutral = (files: Readonly<Record<string, string>>) =>
      Object.fromEntries(
        Object.entries(files).map(([path, text]) => [
          path,
          path === 'edge/nginx.conf'
            ? text
                .replace(/ +# (?:Docker's DNS|The DNS of the cluster).*\n.*\n/, '')
                .replaceAll('.hello.svc.cluster.local', '')
                .replace(/ +# Who may ask[^}]*/, '')
            : path.endsWith('pg_hba.conf')
              ? text.replaceAll(/ {2}(?:all|[\d.]+\/\d+) {2}scram/g, '  CLIENTS  scram')
              : /^(?:cache|sessions)/.test(path)
                ? text.replaceAll(divider, '').replace(/(?<=_SUFFIX=|hostname\)").*/g, '')
                : path.startsWith('agent-')
                  ? text.replace('target: "kubernetes"\nnamespace: "hello"', 'target: "compose"').replaceAll(divider, '')
                  : // A second proxy of the cache has logs of its own.
                    path.endsWith('accounts.sh') && engine === 'sqlserver'
                    ? text.replaceAll(/(?<=MAXSIZE = |max_size <> )\d+/g, 'N')
                    : path.endsWith('.js')
                      ? text.replaceAll(member, '$1')
                      : text,
        ]),
      );
    expect(neutral(configsOf('k8s/generated/config/', site(kubernetes)))).toEqual(neutral(configsOf('config/', site(compose))));
  });

  test('hands over the same secrets', () => {
    const manifests = new Map(
      objectsOf(site(kubernetes), 'secrets')
        .filter(({ kind }) => kind === 'Secret')
        .map((secret) => [secret.metadata.name, (secret as unknown as { data: Record<string, string> }).data] as const),
    );
    const value = (name: string, key: string) => Buffer.from(manifests.get(name)?.[key] ?? '', 'base64').toString();
    const written = site(compose).decision.merged;
    for (const [name, { secretFiles, secretEnv }] of fromCompose(site(compose))) {
      const service = name.replace(/-(blue|green)$/, '').replace(/-(node|sentinel|shard-[012])-[012]$/, '-$1');
      for (const file of secretFiles) expect(value(`${service}-secrets`, file)).toBe(written.get(`secrets/${file}`));
      for (const variable of secretEnv)
        expect(`${variable}=${value(`${service}-secrets`, variable).replaceAll(member, '$1')}`).toBe(
          (written.get(`secrets/${service}.env`) ?? '').split('\n').find((line) => line.startsWith(`${variable}=`)),
        );
    }
    const { leaf, authority } = site(kubernetes).ledger;
    expect(value('tls', 'tls.crt')).toBe(`${leaf?.certificate ?? '?'}${authority?.certificate ?? '?'}`);
    expect(value('tls', 'tls.key')).toBe(leaf?.key.reveal());
  });
});
