import { minio } from '../../../model/engines/minio.ts';
import { node } from '../../../model/engines/node.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import type {
  Decision,
  Dependency,
  Gate,
  Healthcheck,
  PlannedSecret,
  PlannedService,
  SecretFile,
  SecretText,
  Size,
} from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { AppSpec, StackSpec, Use } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { poolOf, replicasOf } from '../connections.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { databaseEngines } from './databases.ts';
import { accountOf } from './minio.ts';

/** MiB of each folder that an application may write to. They lie in memory, and their pages count towards the limit. */
const folderMiB = 64;
const foldersOf = (app: AppSpec): readonly string[] => ['/tmp', ...app.writable.filter((path) => path !== '/tmp')];
/** Up to this limit fixed costs weigh more. */
const small = 768;

/** Heap in MiB for a limit of `memory` MiB beside `folders` MiB in memory, and what all of it takes at worst. */
function divideNodeMemory(memory: number, folders: number): { readonly heap: number; readonly worstCase: number } {
  const share = (memory - folders) * (memory <= small ? 0.6 : 0.75);
  const heap = Math.floor(Math.min(share, memory * 0.9 - node.overheadMiB - folders));
  return { heap, worstCase: heap + node.overheadMiB + folders };
}

/** The smallest limit: each folder beside /tmp raises it by what keeps that folder within 0.9 of it. */
function smallestMemory(app: AppSpec): { readonly value: MiB; readonly because: string } {
  const [least, why] =
    app.memory === undefined
      ? ([512, 'below it the runtimes of most languages spend their time collecting garbage'] as const)
      : ([256, 'no web runtime starts reliably in less'] as const);
  const [further, each] = [foldersOf(app).length - 1, Math.ceil(folderMiB / 0.9)];
  return {
    value: mib(least + further * each),
    because: `${least} MiB: ${why}${further === 0 ? '' : `; and ${each} MiB for each further writable folder (${further}), as they lie in memory`}`,
  };
}

export function demandApp(app: AppSpec, profile: HardwareProfile): Demand {
  const path = `services.${app.name}`;
  return {
    name: app.name,
    role: 'app',
    count: replicasOf(app, profile),
    pids: 512,
    memory: memoryWish(path, app, profile.app.memory, smallestMemory(app)),
    cpu: cpuWish(path, app, profile.app.cpu, milliCpu(50)),
  };
}

const nodeHealth = (port: number, path: string): readonly [string, ...string[]] => [
  'node',
  '-e',
  `const r=require('http').get({host:'127.0.0.1',port:${port},path:'${path}',timeout:2500},(a)=>process.exit(a.statusCode===200?0:1));r.on('error',()=>process.exit(1));r.on('timeout',()=>process.exit(1))`,
];
const shellHealth = (port: number, path: string): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `url=http://127.0.0.1:${port}${path}; if command -v curl >/dev/null; then exec curl -fsS -m 2 -o /dev/null "$url"; else exec wget -q -T 2 -O /dev/null "$url"; fi`,
];

const health = (app: AppSpec): Healthcheck => ({
  argv: (app.runtime === 'node' ? nodeHealth : shellHealth)(app.port, app.ready),
  interval: seconds(5),
  timeout: seconds(4),
  retries: 3,
  startPeriod: seconds(60),
});

/** Runs `try` until it succeeds, three minutes at most. */
const waiting = (service: string, attempt: string): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `tries=0; until ${attempt} >/dev/null 2>/tmp/why; do tries=$((tries+1)); if [ $tries -ge 90 ]; then echo "${service} is not ready after three minutes; the application starts without: $(cat /tmp/why)" >&2; exit 0; fi; sleep 2; done`,
];

interface Connection {
  readonly connects: PlannedService['connects'];
  readonly gates: readonly Gate[];
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, SecretText>>;
  readonly after: readonly Dependency[];
}

/** What an application needs to know of one thing it uses: whole URLs, and for S3 its parts. */
function connect(use: Use, spec: StackSpec, { task, userOf }: ForGates): Connection {
  const done = (service: string): Dependency => ({ service, condition: 'service_completed_successfully', required: true });
  const database = spec.databases.find(({ name }) => name === use.service);
  if (use.kind === 'database' && database) {
    const engine = databaseEngines[database.engine];
    const { command, ...variables } = engine.attempt(database);
    return {
      env: {},
      secretEnv: { [use.variable]: engine.url(database) },
      after: [done(`${use.service}-accounts`)],
      connects: [{ service: use.service, port: engine.port }],
      gates: [
        {
          name: `wait-for-${use.service}`,
          image: engine.image,
          user: userOf(engine.image),
          argv: waiting(use.service, command),
          ...variables,
          size: task,
        },
      ],
    };
  }
  // It comes up, degraded, while its cache is down.
  if (use.kind === 'cache')
    return {
      env: {},
      secretEnv: { [use.variable]: ['redis://app:', { secret: `${use.service}-app` }, `@${use.service}:${valkey.port}/0`] },
      after: [],
      connects: [{ service: use.service, port: valkey.port }],
      gates: [],
    };
  const buckets = spec.stores.find((store) => store.name === use.service)?.buckets ?? [];
  const [only] = buckets;
  return {
    env: {
      [`${use.variable}_ENDPOINT`]: `http://${use.service}:${minio.port}`,
      [`${use.variable}_REGION`]: minio.region,
      [`${use.variable}_ACCESS_KEY`]: accountOf(spec),
      ...(only && buckets.length === 1 ? { [`${use.variable}_BUCKET`]: only.name } : {}),
      ...Object.fromEntries(
        buckets.length > 1
          ? buckets.map((bucket) => [`${use.variable}_BUCKET_${bucket.name.toUpperCase().replaceAll('-', '_')}`, bucket.name])
          : [],
      ),
    },
    secretEnv: { [`${use.variable}_SECRET_KEY`]: [{ secret: `${use.service}-app` }] },
    after: [done(`${use.service}-buckets`)],
    connects: [{ service: use.service, port: minio.port }],
    gates: [
      {
        name: `wait-for-${use.service}`,
        image: 'minio',
        user: userOf('minio'),
        argv: waiting(use.service, buckets.map((bucket) => `mc --quiet ls app/${bucket.name}`).join(' && ')),
        env: { MC_CONFIG_DIR: '/tmp/.mc', HOME: '/tmp', GOMAXPROCS: '1' },
        secretEnv: { MC_HOST_app: [`http://${accountOf(spec)}:`, { secret: `${use.service}-app` }, `@${use.service}:${minio.port}`] },
        size: task,
      },
    ],
  };
}

/** What a gate is made of: the size of a task, and the accounts that the images of the engines are made for. */
export interface ForGates {
  readonly task: Size;
  readonly userOf: (image: string) => string;
}

export interface PlannedApp {
  readonly service: PlannedService;
  readonly decisions: readonly Decision[];
  readonly secrets: readonly PlannedSecret[];
  readonly files: readonly SecretFile[];
}

export function planApp(app: AppSpec, spec: StackSpec, profile: HardwareProfile, size: Size, forGates: ForGates): PlannedApp {
  const connections = app.uses.map((use) => connect(use, spec, forGates));
  const usesDatabase = app.uses.some((use) => use.kind === 'database');
  const ledgerName = (name: string) => `${app.name}-${name}`;
  const byFile = app.secrets.filter((secret) => secret.deliver === 'file');
  const folders = foldersOf(app);
  const inMemory = folders.length * folderMiB;
  const { heap, worstCase } = divideNodeMemory(size.memory, inMemory);
  const T = `${inMemory} MiB: ${folderMiB} MiB each for ${folders.join(', ')}, which lie in memory`;
  const isNode = app.runtime === 'node' && app.env['NODE_OPTIONS'] === undefined;
  const service: PlannedService = {
    name: app.name,
    role: 'app',
    title: `web application on port ${app.port}`,
    kind: 'server',
    image: app.image,
    ...(app.build === undefined ? {} : { build: app.build }),
    slotted: true,
    replicas: replicasOf(app, profile),
    size,
    user: app.user,
    env: {
      PORT: String(app.port),
      BERTH_SITE: spec.name,
      BERTH_DOMAIN: spec.domain,
      ...(usesDatabase ? { DATABASE_POOL_SIZE: String(poolOf(app, profile)) } : {}),
      ...(isNode ? { NODE_OPTIONS: `--max-old-space-size=${heap}` } : {}),
      ...(Object.assign({}, ...connections.map((connection) => connection.env)) as Record<string, string>),
      ...Object.fromEntries(byFile.map((secret) => [`${secret.name}_FILE`, `/run/secrets/${ledgerName(secret.name)}`])),
      ...app.env,
    },
    secretEnv: {
      ...(Object.assign({}, ...connections.map((connection) => connection.secretEnv)) as Record<string, SecretText>),
      ...Object.fromEntries(
        app.secrets
          .filter((secret) => secret.deliver === 'env')
          .map((secret) => [secret.name, [{ secret: ledgerName(secret.name) }] as const]),
      ),
    },
    secretFiles: byFile.map((secret) => ledgerName(secret.name)),
    mounts: [],
    volumes: [],
    tmpfs: folders.map((path) => ({ path, size: mib(folderMiB), mode: '1777' })),
    port: app.port,
    ports: [],
    healthcheck: health(app),
    probes: { ready: { http: { path: app.ready, port: app.port } }, live: { http: { path: app.live, port: app.port } } },
    connects: connections.flatMap((connection) => connection.connects),
    gates: connections.flatMap((connection) => connection.gates),
    ...(app.scaling === undefined ? {} : { scaling: app.scaling }),
    stopSignal: 'SIGTERM',
    stopGrace: app.stopGrace,
    networks: ['app', ...(app.uses.length > 0 ? (['data'] as const) : []), ...(app.egress ? (['egress'] as const) : [])],
    after: connections.flatMap((connection) => connection.after),
  };
  const decisions: Decision[] = [
    {
      key: `${app.name}.replicas`,
      value: String(service.replicas),
      formula: app.replicas === undefined ? 'of the profile' : 'fixed',
      inputs: {},
      source: app.replicas === undefined ? profile.app.replicas.because : `services.${app.name}.replicas`,
      change: `services.${app.name}.replicas in berth.yaml`,
    },
    ...(usesDatabase
      ? [
          {
            key: `${app.name}.pool`,
            value: String(poolOf(app, profile)),
            formula: app.pool === undefined ? 'of the profile' : 'fixed',
            inputs: {},
            source: app.pool === undefined ? profile.app.pool.because : `services.${app.name}.pool`,
            change: `services.${app.name}.pool in berth.yaml`,
          },
        ]
      : []),
    ...(isNode
      ? [
          {
            key: `${app.name}.max-old-space-size`,
            value: String(heap),
            formula: `L ≤ ${small} MiB: 0.6 (L − T), else 0.75 (L − T); never more than keeps the worst case within 0.9 L`,
            inputs: { L: formatSize(size.memory), T },
            source: 'measured: without it Node takes 259 MiB under any limit up to 512 MiB and 2096 MiB under 8 GiB',
            change: `services.${app.name}.memory in berth.yaml`,
          },
          {
            key: `${app.name}.worst_case`,
            value: `${worstCase} MiB of ${size.memory} MiB`,
            formula: `heap + ${node.overheadMiB} MiB + T`,
            inputs: { heap: `${heap} MiB`, T },
            source: 'design: at most 0.9 of the limit',
            change: `services.${app.name}.memory in berth.yaml`,
          },
        ]
      : []),
  ];
  return {
    service,
    decisions,
    secrets: app.secrets.map((secret) => ({
      name: ledgerName(secret.name),
      length: secret.length,
      purpose: `${secret.name} of ${app.name}`,
    })),
    files: byFile.map((secret) => ({
      name: ledgerName(secret.name),
      text: [{ secret: ledgerName(secret.name), form: 'plain' }],
      of: [ledgerName(secret.name)],
    })),
  };
}
