import { pgbouncer as facts } from '../../../model/engines/pgbouncer.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { PoolerPlan } from '../../../model/database-plan.ts';
import type { SecretFile } from '../../../model/planned-secret.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { mib, milliCpu, seconds } from '../../../model/units.ts';
import { poolerBudget } from '../connections.ts';
import type { Demand } from '../demand.ts';
import { servedFiles } from './internal-tls.ts';
import { hasReplica, hostsOf, poolerName, readerName, readersOf, secondLogin } from './database-engine.ts';
import type { DatabaseInput } from './database-engine.ts';

const manual = 'PgBouncer documentation, config';

/** In a cluster one more, so that a node that is drained takes no way to the database with it. */
const copiesOf = ({ target }: StackSpec): number => (target === 'kubernetes' ? 2 : 1);

export function poolerDemand(database: DatabaseSpec, spec: StackSpec, profile: HardwareProfile): Demand {
  const { clients } = poolerBudget(spec, database, profile);
  const memory = mib(Math.max(64, Math.ceil((facts.baseMiB + (clients + facts.ownClients) * facts.connectionMiB * 2) / 0.9)));
  const because = `${facts.baseMiB} MiB and ${clients} clients`;
  return {
    name: poolerName(database.name),
    role: 'database',
    count: copiesOf(spec),
    pids: 16,
    memory: { wanted: memory, floor: memory, wantedBecause: because, floorBecause: because, change: 'services.*.pool in berth.yaml' },
    cpu: {
      wanted: milliCpu(1000),
      floor: milliCpu(20),
      wantedBecause: 'it works on one thread',
      floorBecause: 'enough to answer its health check and start within its grace',
      change: 'fixed',
    },
  };
}

const usersFile = (name: string): string => `${poolerName(name)}-users`;

/** Accounts and verifiers: it lets in whoever the server lets in, and logs in there with what the client has shown. It is never told a password. */
export const poolerFiles = ({ name, database }: DatabaseSpec): readonly SecretFile[] => [
  {
    name: usersFile(name),
    of: [`${name}-app`],
    text: [
      { secret: `${name}-app`, form: 'pgbouncer-user', account: database, version: 'first' },
      { secret: `${name}-app`, form: 'pgbouncer-user', account: secondLogin(database), version: 'second' },
    ],
  },
];

/** A pool of connections before a database and its replica: what applications open is handed on one transaction at a time. */
export function planPooler(
  { database, spec, profile, sizeOf }: DatabaseInput,
  image: { readonly user: string },
): { readonly service: PlannedService; readonly plan: PoolerPlan; readonly decisions: readonly Decision[] } {
  const service = poolerName(database.name);
  const { clients, connections, because } = poolerBudget(spec, database, profile);
  const copies = copiesOf(spec);
  const size = sizeOf(service);
  const { writer, reader } = hostsOf(database);
  const decisions: Decision[] = [];
  const decide = (
    name: string,
    value: string,
    formula: string,
    inputs: Readonly<Record<string, string>>,
    change: string,
    why: string,
  ): EngineSetting => {
    decisions.push({ key: `${service}.${name}`, value, formula, inputs, source: manual, change });
    return { name, value, because: why };
  };
  const settings: readonly EngineSetting[] = [
    {
      name: 'pool_mode',
      value: 'transaction',
      because: 'a connection belongs to a client for one transaction: what a session would keep is lost in between',
    },
    decide(
      'max_client_conn',
      String(clients + facts.ownClients),
      'Σ (replicas + 1 surge) × pool + its own',
      { pools: String(clients), own: String(facts.ownClients) },
      'services.*.pool or services.*.replicas in berth.yaml',
      'every pool of every application full at once',
    ),
    decide(
      'default_pool_size',
      String(Math.floor(connections / copies)),
      '⌊connections / copies of it⌋',
      { connections: `${connections}: ${because}`, copies: String(copies) },
      `databases.${database.name}.pgbouncer.connections in berth.yaml`,
      'connections to each server; more would wait for the same CPUs',
    ),
    {
      name: 'max_prepared_statements',
      value: String(facts.preparedStatements),
      because: 'statements that a driver prepares by name are found on every connection',
    },
    {
      name: 'ignore_startup_parameters',
      value: 'extra_float_digits',
      because: 'drivers of Java set it at every start; the server has it as they want it',
    },
    {
      name: 'query_wait_timeout',
      value: '30',
      because: 'in s: a client that gets no connection for so long is told so, in place of waiting for two minutes',
    },
    { name: 'server_idle_timeout', value: '600', because: 'in s: connections that nobody needs are given back' },
    {
      name: 'server_lifetime',
      value: '3600',
      because: 'in s: after an hour a connection is made anew, so that its memory does not grow for ever',
    },
    { name: 'log_connections', value: '0', because: 'one line for every connection of a pool would bury what matters' },
    { name: 'log_disconnections', value: '0', because: 'likewise' },
  ];
  const ask = [
    'pg_isready',
    '--quiet',
    '--host=127.0.0.1',
    `--port=${facts.port}`,
    `--dbname=${database.database}`,
    `--username=${database.database}`,
  ] as const;
  decisions.push({
    key: `${service}.worst_case`,
    value: `${Math.ceil(facts.baseMiB + (clients + facts.ownClients) * facts.connectionMiB * 2)} MiB of ${size.memory} MiB`,
    formula: 'base + (clients + their servers) × a connection',
    inputs: { base: `${facts.baseMiB} MiB`, clients: String(clients), connection: `${facts.connectionMiB} MiB` },
    source: 'design: at most 0.9 of the limit',
    change: 'services.*.pool in berth.yaml',
  });
  return {
    service: {
      name: service,
      role: 'database',
      title: `${facts.title} before ${database.name}: hands on what applications open, one transaction at a time`,
      kind: 'server',
      image: facts.image,
      slotted: false,
      replicas: copies,
      size,
      user: image.user,
      entrypoint: ['/bin/sh', '/etc/berth/pgbouncer/pgbouncer.sh'],
      env: {},
      secretEnv: {},
      secretFiles: [usersFile(database.name), ...servedFiles(service, spec)],
      mounts: [{ source: `config/${service}`, target: '/etc/berth/pgbouncer', restarts: true }],
      volumes: [],
      tmpfs: [],
      nofile: Math.max(4096, (clients + connections) * 2),
      port: facts.port,
      ports: [],
      healthcheck: { argv: ask, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(30) },
      probes: { ready: { argv: ask }, live: { tcp: facts.port } },
      connects: [
        { service: database.name, port: postgres.port },
        ...readersOf(database).map(({ name }) => ({ service: name, port: postgres.port })),
      ],
      gates: [],
      poolOf: database.name,
      // It lets the transactions that run come to their end, and takes no new one.
      stopSignal: 'SIGINT',
      stopGrace: seconds(30),
      networks: ['data'],
      after: [{ service: database.name, condition: 'service_healthy', required: true }],
    },
    plan: {
      service,
      ...(spec.internalTls ? { tls: true } : {}),
      settings,
      usersFile: `/run/secrets/${usersFile(database.name)}`,
      primary: writer,
      targets: [
        { name: database.database, host: writer, port: postgres.port, database: database.database },
        ...(hasReplica(database) ? [{ name: readerName(database), host: reader, port: postgres.port, database: database.database }] : []),
      ],
    },
    decisions,
  };
}
