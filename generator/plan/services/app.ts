import { minio } from '../../../model/engines/minio.ts';
import { node } from '../../../model/engines/node.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import type { Decision, Dependency, Healthcheck, PlannedSecret, PlannedService, SecretFile, SecretText, Size } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { AppSpec, StackSpec, Use } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import { poolOf, replicasOf } from '../connections.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { accountOf } from './minio.ts';

/** Heap in MiB for a limit of `memory` MiB, and what the process takes at worst. */
function divideNodeMemory(memory: number): { readonly heap: number; readonly worstCase: number } {
  const heap = Math.floor(memory * (memory <= 512 ? 0.6 : 0.75));
  return { heap, worstCase: heap + node.overheadMiB };
}

export function demandApp(app: AppSpec, profile: HardwareProfile): Demand {
  const path = `services.${app.name}`;
  return {
    name: app.name, role: 'app', count: replicasOf(app, profile),
    memory: memoryWish(path, app, profile.app.memory, app.memory === undefined ? { value: mib(512), because: '512 MiB: below it the runtimes of most languages spend their time collecting garbage' } : { value: mib(256), because: '256 MiB: no web runtime starts reliably in less' }),
    cpu: cpuWish(path, app, profile.app.cpu, milliCpu(50)),
  };
}

const nodeHealth = (port: number, path: string): readonly [string, ...string[]] =>
  ['node', '-e', `const r=require('http').get({host:'127.0.0.1',port:${port},path:'${path}',timeout:2500},(a)=>process.exit(a.statusCode===200?0:1));r.on('error',()=>process.exit(1));r.on('timeout',()=>process.exit(1))`];
const shellHealth = (port: number, path: string): readonly [string, ...string[]] =>
  ['/bin/sh', '-c', `url=http://127.0.0.1:${port}${path}; if command -v curl >/dev/null; then exec curl -fsS -m 2 -o /dev/null "$url"; else exec wget -q -T 2 -O /dev/null "$url"; fi`];

const health = (app: AppSpec): Healthcheck => ({ argv: (app.runtime === 'node' ? nodeHealth : shellHealth)(app.port, app.ready), interval: seconds(5), timeout: seconds(4), retries: 3, startPeriod: seconds(60) });

interface Connection { readonly env: Readonly<Record<string, string>>; readonly secretEnv: Readonly<Record<string, SecretText>>; readonly after: readonly Dependency[] }

/** What an application needs to know of one thing it uses: whole URLs, and for S3 its parts. */
function connect(use: Use, spec: StackSpec): Connection {
  const done = (service: string): Dependency => ({ service, condition: 'service_completed_successfully', required: true });
  if (use.kind === 'database') {
    const name = spec.databases.find((database) => database.name === use.service)?.database ?? spec.name;
    return { env: {}, secretEnv: { [use.variable]: [`postgres://${name}:`, { secret: `${use.service}-app` }, `@${use.service}:${postgres.port}/${name}`] }, after: [done(`${use.service}-accounts`)] };
  }
  // It comes up, degraded, while its cache is down.
  if (use.kind === 'cache') return { env: {}, secretEnv: { [use.variable]: ['redis://app:', { secret: `${use.service}-app` }, `@${use.service}:${valkey.port}/0`] }, after: [] };
  const buckets = spec.stores.find((store) => store.name === use.service)?.buckets ?? [];
  const [only] = buckets;
  return {
    env: {
      [`${use.variable}_ENDPOINT`]: `http://${use.service}:${minio.port}`, [`${use.variable}_REGION`]: minio.region, [`${use.variable}_ACCESS_KEY`]: accountOf(spec),
      ...(only && buckets.length === 1 ? { [`${use.variable}_BUCKET`]: only.name } : {}),
      ...Object.fromEntries(buckets.length > 1 ? buckets.map((bucket) => [`${use.variable}_BUCKET_${bucket.name.toUpperCase().replaceAll('-', '_')}`, bucket.name]) : []),
    },
    secretEnv: { [`${use.variable}_SECRET_KEY`]: [{ secret: `${use.service}-app` }] }, after: [done(`${use.service}-buckets`)],
  };
}

export interface PlannedApp { readonly service: PlannedService; readonly decisions: readonly Decision[]; readonly secrets: readonly PlannedSecret[]; readonly files: readonly SecretFile[] }

export function planApp(app: AppSpec, spec: StackSpec, profile: HardwareProfile, size: Size): PlannedApp {
  const connections = app.uses.map((use) => connect(use, spec));
  const usesDatabase = app.uses.some((use) => use.kind === 'database');
  const ledgerName = (name: string) => `${app.name}-${name}`;
  const byFile = app.secrets.filter((secret) => secret.deliver === 'file');
  const { heap, worstCase } = divideNodeMemory(size.memory);
  const isNode = app.runtime === 'node' && app.env['NODE_OPTIONS'] === undefined;
  const service: PlannedService = {
    name: app.name, role: 'app', title: `web application on port ${app.port}`, kind: 'server', image: app.image, ...(app.build === undefined ? {} : { build: app.build }), slotted: true,
    replicas: replicasOf(app, profile), size, user: app.user,
    env: {
      PORT: String(app.port), BERTH_SITE: spec.name, BERTH_DOMAIN: spec.domain, ...(usesDatabase ? { DATABASE_POOL_SIZE: String(poolOf(app, profile)) } : {}),
      ...(isNode ? { NODE_OPTIONS: `--max-old-space-size=${heap}` } : {}),
      ...Object.assign({}, ...connections.map((connection) => connection.env)) as Record<string, string>,
      ...Object.fromEntries(byFile.map((secret) => [`${secret.name}_FILE`, `/run/secrets/${ledgerName(secret.name)}`])), ...app.env,
    },
    secretEnv: {
      ...Object.assign({}, ...connections.map((connection) => connection.secretEnv)) as Record<string, SecretText>,
      ...Object.fromEntries(app.secrets.filter((secret) => secret.deliver === 'env').map((secret) => [secret.name, [{ secret: ledgerName(secret.name) }] as const])),
    },
    secretFiles: byFile.map((secret) => ledgerName(secret.name)), mounts: [], volumes: [],
    tmpfs: ['/tmp', ...app.writable.filter((path) => path !== '/tmp')].map((path) => ({ path, size: mib(64), mode: '1777' })),
    port: app.port, ports: [], healthcheck: health(app), stopSignal: 'SIGTERM', stopGrace: app.stopGrace,
    networks: ['app', 'data', ...(app.egress ? ['egress'] as const : [])], after: connections.flatMap((connection) => connection.after),
  };
  const decisions: Decision[] = [
    { key: `${app.name}.replicas`, value: String(service.replicas), formula: app.replicas === undefined ? 'of the profile' : 'fixed', inputs: {}, source: app.replicas === undefined ? profile.app.replicas.because : `services.${app.name}.replicas`, change: `services.${app.name}.replicas in berth.yaml` },
    ...(usesDatabase ? [{ key: `${app.name}.pool`, value: String(poolOf(app, profile)), formula: app.pool === undefined ? 'of the profile' : 'fixed', inputs: {}, source: app.pool === undefined ? profile.app.pool.because : `services.${app.name}.pool`, change: `services.${app.name}.pool in berth.yaml` }] : []),
    ...(isNode ? [
      { key: `${app.name}.max-old-space-size`, value: String(heap), formula: 'L ≤ 512 MiB: 0.6 L, else 0.75 L', inputs: { L: formatSize(size.memory) }, source: 'measured: without it Node takes 259 MiB under any limit up to 512 MiB and 2096 MiB under 8 GiB', change: `services.${app.name}.memory in berth.yaml` },
      { key: `${app.name}.worst_case`, value: `${worstCase} MiB of ${size.memory} MiB`, formula: `heap + ${node.overheadMiB} MiB`, inputs: { heap: `${heap} MiB` }, source: 'design: at most 0.9 of the limit', change: `services.${app.name}.memory in berth.yaml` },
    ] : []),
  ];
  return {
    service, decisions,
    secrets: app.secrets.map((secret) => ({ name: ledgerName(secret.name), length: secret.length, purpose: `${secret.name} of ${app.name}` })),
    files: byFile.map((secret) => ({ name: ledgerName(secret.name), text: [{ secret: ledgerName(secret.name), form: 'plain' }], of: [ledgerName(secret.name)] })),
  };
}
