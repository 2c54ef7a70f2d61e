import { BerthError } from '../../model/errors.ts';
import type { Decision } from '../../model/decision.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { AppSpec } from '../../model/app-spec.ts';
import type { DatabaseSpec } from '../../model/database-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { copiesOf } from './services/database-engine.ts';

export const replicasOf = (app: AppSpec, profile: HardwareProfile): number => app.replicas ?? profile.app.replicas.value;
/** Containers of it that may have their pools open at once: one more while a replica is replaced; what runs at set times runs alone. */
const poolsOf = (app: AppSpec, profile: HardwareProfile): { readonly count: number; readonly text: string } =>
  app.kind === 'cron' ? { count: 1, text: '1' } : { count: replicasOf(app, profile) + 1, text: `(${replicasOf(app, profile)} + 1)` };
/** Workers that the spec itself asks for: each opens a pool, of one connection at least. */
export function ownWorkers({ runtime, env }: AppSpec): number | undefined {
  const text = runtime === 'python' ? env['WEB_CONCURRENCY'] : undefined;
  if (text === undefined) return undefined;
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 1;
}
const wantedPool = (app: AppSpec, profile: HardwareProfile): number => app.pool ?? profile.app.pool.value;
export const poolOf = (app: AppSpec, profile: HardwareProfile): number => Math.max(wantedPool(app, profile), ownWorkers(app) ?? 1);

export const poolDecision = (app: AppSpec, profile: HardwareProfile): Decision => {
  const [formula, source] = app.pool === undefined ? ['of the profile', profile.app.pool.because] : ['fixed', `services.${app.name}.pool`];
  const raised = poolOf(app, profile) > wantedPool(app, profile);
  return {
    key: `${app.name}.pool`,
    value: String(poolOf(app, profile)),
    formula: raised ? `${formula}, at least one for each worker` : formula,
    inputs: raised ? { pool: String(wantedPool(app, profile)), WEB_CONCURRENCY: String(ownWorkers(app)) } : {},
    source,
    change: `services.${app.name}.pool in berth.yaml`,
  };
};

/** Applications that use a database, cache or store. */
export const usersOf = (spec: StackSpec, service: string): readonly AppSpec[] =>
  spec.services.filter((app) => app.uses.some((use) => use.service === service));

/** Kept from the application; of several replicas each takes some. */
const keptBy = (engine: ConnectionFacts, database: DatabaseSpec | undefined): number =>
  engine.ownConnections + (engine.replicaConnections ?? 0) * Math.max(0, (database ? copiesOf(database).length : 0) - 1);

/** Connections that applications may open to a database, all of them together. */
const poolsTo = (users: readonly AppSpec[], profile: HardwareProfile): number =>
  users.reduce((sum, app) => sum + poolsOf(app, profile).count * poolOf(app, profile), 0);

/** What stands between: as many clients as applications may open, and a few connections to the server for all of them. */
export function poolerBudget(
  spec: StackSpec,
  { name, pgbouncer }: DatabaseSpec,
  profile: HardwareProfile,
): { readonly clients: number; readonly connections: number; readonly because: string } {
  const clients = poolsTo(usersOf(spec, name), profile);
  if (pgbouncer?.connections !== undefined)
    return { clients, connections: pgbouncer.connections, because: `databases.${name}.pgbouncer.connections` };
  const cpus = Math.ceil(profile.database.cpu.value / 1000);
  return { clients, connections: Math.max(10, 4 * cpus), because: `4 for each of the ${cpus} CPUs of the profile, at least 10` };
}

/** What an engine says of its own connections. */
export interface ConnectionFacts {
  readonly title: string;
  /** Kept from the application. */
  readonly ownConnections: number;
  /** What each replica takes of them; one replica is among those above. */
  readonly replicaConnections?: number;
  readonly mostConnections: number;
  readonly defaultConnections: number;
}

export interface Connections {
  readonly limit: number;
  readonly decision: Decision;
}

/**
 * Connections a database must accept: every pool of every replica full, one surge replica of each application beside them while it is replaced, and Berth's own.
 * Independent of the host, so that a bigger one never leaves a connection less memory.
 */
export function connectionBudget(spec: StackSpec, database: string, profile: HardwareProfile, engine: ConnectionFacts): Connections {
  const users = usersOf(spec, database);
  const own = spec.databases.find(({ name }) => name === database);
  if (own?.pgbouncer !== undefined) return pooledBudget(spec, own, profile, engine);
  const kept = keptBy(engine, own);
  const pools = poolsTo(users, profile);
  const limit = pools + kept;
  if (limit > engine.mostConnections)
    throw new BerthError(
      'capacity',
      `the pools of all replicas would open ${pools} connections to ${database}; ${engine.title} takes ${engine.mostConnections}`,
      'lower services.*.pool or services.*.replicas in berth.yaml',
    );
  return {
    limit,
    decision: {
      key: `${database}.max_connections`,
      value: String(limit),
      formula: 'Σ (replicas + 1 surge) × pool + kept by Berth',
      inputs: {
        ...Object.fromEntries(users.map((app) => [app.name, `${poolsOf(app, profile).text} × ${poolOf(app, profile)}`])),
        'kept by Berth': `${kept} for the superuser, accounts, backups${kept === engine.ownConnections ? '' : ', replicas'} and monitoring`,
      },
      source: `design: the budget holds while one replica is replaced; the default would be ${engine.defaultConnections}`,
      change: 'services.*.pool or services.*.replicas in berth.yaml',
    },
  };
}

/** Behind a pool of connections: what that opens, and what goes past it: migrations, as they may need a session, and whoever asks the replica for analytics, which can take no fewer than its primary. */
function pooledBudget(spec: StackSpec, database: DatabaseSpec, profile: HardwareProfile, engine: ConnectionFacts): Connections {
  const { connections, because } = poolerBudget(spec, database, profile);
  const migrating = spec.services.filter(({ migrate }) => migrate?.database === database.name);
  const direct = migrating.reduce((sum, app) => sum + poolOf(app, profile), 0);
  const analysing = spec.services.filter(({ uses }) => uses.some((use) => use.kind === 'analytics' && use.service === database.name));
  const limit = connections + direct + poolsTo(analysing, profile) + engine.ownConnections;
  return {
    limit,
    decision: {
      key: `${database.name}.max_connections`,
      value: String(limit),
      formula: `what PgBouncer opens + pools of migrations${analysing.length === 0 ? '' : ' + (replicas + 1 surge) × pool for analytics'} + kept by Berth`,
      inputs: {
        'PgBouncer': `${connections}: ${because}`,
        ...Object.fromEntries(migrating.map((app) => [`${app.name}-migrate`, String(poolOf(app, profile))])),
        ...Object.fromEntries(
          analysing.map((app) => [`${app.name} for analytics`, `${poolsOf(app, profile).text} × ${poolOf(app, profile)}`]),
        ),
        'kept by Berth': `${engine.ownConnections} for the superuser, accounts, backups and monitoring`,
      },
      source: 'design: behind a pool the server needs a connection for each CPU that works, not for each client that waits',
      change: `databases.${database.name}.pgbouncer.connections in berth.yaml`,
    },
  };
}
