import type { Decision } from '../../../model/decision.ts';
import type { NetworkName, PlannedService, Size } from '../../../model/planned-service.ts';
import type { PlannedSecret, SecretFile, SecretText } from '../../../model/planned-secret.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { Way } from '../../../model/relay-plan.ts';
import type { SlotRelease } from '../../../model/release.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatDuration, mib, seconds } from '../../../model/units.ts';
import { poolDecision, poolOf, replicasOf } from '../connections.ts';
import { healthOf } from './app-health.ts';
import { tune } from './app-runtime.ts';
import { folderMiB, foldersOf } from './app-size.ts';
import type { Tuning } from './app-tuning.ts';
import { connect } from './connect.ts';
import type { Connection, ForGates } from './connect.ts';
import { bundledFiles, trustedFiles } from './internal-tls.ts';
import { placesOf, surroundingVariables, trustMounts } from './surroundings.ts';
import { sharedOf, volumeName } from './volumes.ts';
import { planMigration } from './migrate.ts';
import type { PlannedMigration } from './migrate.ts';

export interface PlannedApp {
  readonly service: PlannedService;
  /** What must have ended well before a slot of it starts, and where that stands. */
  readonly migrate?: PlannedMigration;
  readonly decisions: readonly Decision[];
  readonly secrets: readonly PlannedSecret[];
  readonly files: readonly SecretFile[];
}

const ledgerNameOf = (app: AppSpec, secret: string): string => `${app.name}-${secret}`;
const filesOf = (app: AppSpec): AppSpec['secrets'] => app.secrets.filter((secret) => secret.deliver === 'file');
const usesDatabase = (app: AppSpec): boolean => app.uses.some((use) => use.kind === 'database' || use.kind === 'analytics');
/** Of a replica that works in several processes, each opens a pool of its own: together no more than the replica has. */
const poolOfProcess = (app: AppSpec, profile: HardwareProfile, { processes }: Tuning): number =>
  Math.max(1, Math.floor(poolOf(app, profile) / processes));

const titles: Readonly<Record<AppSpec['kind'], (app: AppSpec) => string>> = {
  web: ({ http }) => `web application on port ${http?.port ?? 0}`,
  api: ({ http }) => `API on port ${http?.port ?? 0}`,
  static: ({ http }) => `files, served on port ${http?.port ?? 0}`,
  worker: () => 'worker, which nobody calls',
  cron: ({ schedule }) =>
    `runs at ${schedule?.cron ?? ''} (${schedule?.timeZone ?? ''}), ${formatDuration(schedule?.deadline ?? seconds(0))} at most`,
};

/** Variables that Berth sets, and those of the spec. */
function envOf(
  app: AppSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  tuning: Tuning,
  connections: readonly Connection[],
): PlannedService['env'] {
  return {
    ...surroundingVariables(app, spec),
    ...(app.http ? { PORT: String(app.http.port) } : {}),
    BERTH_SITE: spec.name,
    BERTH_DOMAIN: spec.domain,
    ...(usesDatabase(app) ? { DATABASE_POOL_SIZE: String(poolOfProcess(app, profile, tuning)) } : {}),
    ...tuning.env,
    ...(Object.assign({}, ...connections.map((connection) => connection.env)) as Record<string, string>),
    ...Object.fromEntries(filesOf(app).map(({ name }) => [`${name}_FILE`, `/run/secrets/${ledgerNameOf(app, name)}`])),
    ...app.env,
  };
}

const secretEnvOf = (app: AppSpec, connections: readonly Connection[]): PlannedService['secretEnv'] => ({
  ...(Object.assign({}, ...connections.map((connection) => connection.secretEnv)) as Record<string, SecretText>),
  ...Object.fromEntries(
    app.secrets
      .filter((secret) => secret.deliver === 'env')
      .map((secret) => [secret.name, [{ secret: ledgerNameOf(app, secret.name) }] as const]),
  ),
});

function networksOf(app: AppSpec, connections: readonly Connection[], way: Way | undefined): PlannedService['networks'] {
  const some = (name: NetworkName, wanted: boolean) => (wanted ? [name] : []);
  const needed = [
    ...some('app', app.http !== undefined),
    ...some(
      'data',
      connections.some(({ connects }) => connects.length > 0),
    ),
    // A bridge has no gate for one address: whoever is held to a list meets the relay alone, for all others the way out is open as a whole.
    ...(way
      ? [way.network]
      : some('egress', app.egress || app.reaches.length > 0 || connections.some(({ outside }) => outside.length > 0))),
  ];
  return needed.length > 0 ? needed : ['app'];
}

function serviceOf(
  app: AppSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  { size, image, way, tuning }: Placed & { readonly tuning: Tuning },
  forGates: ForGates,
): PlannedService {
  const connections = app.uses.map((use) => connect(use, spec, forGates, app.runtime));
  return {
    name: app.name,
    role: 'app',
    title: titles[app.kind](app),
    kind: app.kind === 'cron' ? 'job' : 'server',
    image,
    ...(app.build === undefined || (!app.http && image !== app.image) ? {} : { build: app.build }),
    ...(app.schedule === undefined ? {} : { schedule: app.schedule, deadline: app.schedule.deadline }),
    slotted: app.http !== undefined,
    replicas: replicasOf(app, profile),
    size,
    user: app.user,
    ...(app.loosened.length === 0 ? {} : { loosened: app.loosened }),
    ...(app.entrypoint === undefined ? {} : { entrypoint: app.entrypoint }),
    ...(app.command === undefined ? {} : { command: app.command }),
    env: envOf(app, spec, profile, tuning, connections),
    secretEnv: secretEnvOf(app, connections),
    secretFiles: [...filesOf(app).map(({ name }) => ledgerNameOf(app, name)), ...trustedFiles(spec), ...bundledFiles(spec)],
    mounts: trustMounts(spec),
    volumes: [],
    ...(app.volumes.length === 0 ? {} : { shared: sharedOf(app) }),
    tmpfs: foldersOf(app).map((path) => ({ path, size: mib(folderMiB), mode: '1777' })),
    ...(app.http ? { port: app.http.port } : {}),
    ports: [],
    ...healthOf(app),
    connects: connections.flatMap((connection) => connection.connects),
    egress: app.egress,
    outside: [...connections.flatMap((connection) => connection.outside), ...placesOf(app, spec)],
    gates: connections.flatMap((connection) => connection.gates),
    ...(app.scaling === undefined ? {} : { scaling: app.scaling }),
    stopSignal: 'SIGTERM',
    stopGrace: app.stopGrace,
    networks: networksOf(app, connections, way),
    ...(way ? { through: { relay: way.relay, names: [...new Set(way.ports.flatMap(({ hosts }) => hosts))].sort() } } : {}),
    // What is started by a timer finds the rest of the site at work.
    after: app.kind === 'cron' ? [] : [...connections.flatMap((connection) => connection.after), ...afterVolumes(app, spec)],
  };
}

/** On one host a task makes each volume writable first. */
const afterVolumes = (app: AppSpec, { target }: StackSpec): PlannedService['after'] =>
  target === 'kubernetes'
    ? []
    : app.volumes.map(({ name }) => ({ service: volumeName(name), condition: 'service_completed_successfully', required: true }));

/** What was decided for an application before it is planned: its size, the image that it runs when it has no slots, and its way out where it is held to a list. */
interface Placed {
  readonly size: Size;
  readonly image: string;
  readonly way: Way | undefined;
}

export function planApp(
  app: AppSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  placed: Placed & { readonly release: readonly SlotRelease[] },
  forGates: ForGates,
): PlannedApp {
  const tuning = tune({ app, size: placed.size, ...(usesDatabase(app) ? { pool: poolOf(app, profile) } : {}) });
  const planned = serviceOf(app, spec, profile, { ...placed, tuning }, forGates);
  const migrated = planMigration(app, spec, planned, placed.release, forGates);
  return {
    service: migrated ? { ...planned, migration: migrated.migration } : planned,
    ...(migrated ? { migrate: migrated } : {}),
    decisions: decisionsOf(app, profile, tuning),
    secrets: app.secrets.map(({ name, length, supplied, deliver }) => ({
      name: ledgerNameOf(app, name),
      length,
      purpose: `${name} of ${app.name}`,
      ...(supplied ? { supplied: deliver } : {}),
    })),
    files: filesOf(app).map(({ name }) => ({
      name: ledgerNameOf(app, name),
      text: [{ secret: ledgerNameOf(app, name), form: 'plain' }],
      of: [ledgerNameOf(app, name)],
    })),
  };
}

function decisionsOf(app: AppSpec, profile: HardwareProfile, tuning: Tuning): readonly Decision[] {
  return [
    {
      key: `${app.name}.replicas`,
      value: String(replicasOf(app, profile)),
      formula: app.replicas === undefined ? 'of the profile' : 'fixed',
      inputs: {},
      source: app.replicas === undefined ? profile.app.replicas.because : `services.${app.name}.replicas`,
      change: `services.${app.name}.replicas in berth.yaml`,
    },
    ...(usesDatabase(app) ? [poolDecision(app, profile)] : []),
    ...(usesDatabase(app) && tuning.processes > 1
      ? [
          {
            key: `${app.name}.DATABASE_POOL_SIZE`,
            value: String(poolOfProcess(app, profile, tuning)),
            formula: '⌊pool / workers⌋, at least 1',
            inputs: { pool: String(poolOf(app, profile)), workers: String(tuning.processes) },
            source: 'design: each worker opens a pool of its own, and the database counts on those of a replica together',
            change: `services.${app.name}.pool in berth.yaml`,
          },
        ]
      : []),
    ...tuning.decisions,
  ];
}
