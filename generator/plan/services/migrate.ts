import type { PlannedService } from '../../../model/planned-service.ts';
import { relayName } from '../../../model/relay-plan.ts';
import type { SlotRelease } from '../../../model/release.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { seconds } from '../../../model/units.ts';
import { clientOf, connect, waitingLong } from './connect.ts';
import type { ForGates } from './connect.ts';

/** Long enough for an index over a large table; a command that hangs is stopped all the same. */
const deadline = seconds(6 * 3600);

/** Handed over as an argument of its own, so that the shell reads nothing in it. */
const shell = (script: string, statement: string): readonly [string, ...string[]] => ['/bin/sh', '-c', script, 'sh', statement];

/** The same for the same image and command: what the database is asked whether it has seen. */
const versionOf = (image: string, command: readonly string[]): string => JSON.stringify([image, ...command]);

/** Nothing starts before: an application on a schema that it does not know does harm. Kubernetes says that the pod waits. */
const waiting = (query: string): string => waitingLong('the migrations', `test "$(${query})" = 1`);

export interface PlannedMigration {
  readonly task: PlannedService;
  readonly migration: NonNullable<PlannedService['migration']>;
  /** Where the task stands: in one slot, or nowhere. */
  readonly release: readonly SlotRelease[];
}

/**
 * The migrations of an application. `service` is the application as it was planned: the task runs in the same image, with the same environment and secrets.
 * The size is that of a replica: it runs before the slot does, in the room of the one that is replaced.
 */
export function planMigration(
  app: AppSpec,
  spec: StackSpec,
  service: PlannedService,
  release: readonly SlotRelease[],
  forGates: ForGates,
): PlannedMigration | undefined {
  const { migrate } = app;
  if (!migrate) return undefined;
  const name = `${app.name}-migrate`;
  const migrating = release.find(({ migrates, replicas }) => migrates && replicas > 0);
  const version = versionOf(migrating?.image ?? app.image, [...(migrate.entrypoint ?? []), ...migrate.command]);
  const { engine, query, gate } = clientOf(migrate.database, spec, forGates);
  const { role, size, user, loosened, env, secretEnv, secretFiles, mounts, shared, tmpfs, connects, egress, outside, through } = service;
  // An application comes up degraded; a migration without its database only fails, and a first volume may take its time.
  const connections = app.uses.map((use) => connect(use, spec, { ...forGates, strict: migrate.database }, app.runtime));
  const { stopSignal, stopGrace, networks, after } = service;
  return {
    task: {
      name,
      role,
      title: `brings the schema of ${migrate.database} to what ${app.name} needs`,
      kind: 'task',
      image: app.image,
      ...(app.build === undefined ? {} : { build: app.build }),
      slotted: true,
      replicas: 1,
      size,
      user,
      ...(loosened === undefined ? {} : { loosened }),
      ...(migrate.entrypoint === undefined ? {} : { entrypoint: migrate.entrypoint }),
      command: migrate.command,
      env,
      // A migration may need a session of its own, which a pool of connections has not.
      secretEnv: { ...secretEnv, ...(Object.assign({}, ...connections.map(({ direct }) => direct ?? {})) as PlannedService['secretEnv']) },
      secretFiles,
      mounts,
      volumes: [],
      ...(shared === undefined ? {} : { shared }),
      tmpfs,
      ports: [],
      connects,
      ...(egress === undefined ? {} : { egress }),
      ...(outside === undefined ? {} : { outside }),
      ...(through === undefined ? {} : { through }),
      gates: connections.flatMap(({ gates }) => gates),
      // It says, in the application's database, that the migrations of this image have ended well.
      finish: { ...gate, name: 'write-down', argv: shell(query, engine.record(version)) },
      deadline,
      ...(stopSignal === undefined ? {} : { stopSignal }),
      stopGrace,
      networks,
      // It makes its connections once: what leads there has to stand by then.
      after: through ? [...after, { service: relayName, condition: 'service_healthy', required: true }] : after,
    },
    migration: {
      task: name,
      ...(migrating
        ? {
            waits: {
              slot: migrating.slot,
              gate: { ...gate, name: 'wait-for-migrations', argv: shell(waiting(query), engine.recorded(version)) },
            },
          }
        : {}),
    },
    release: migrating ? [{ ...migrating, replicas: 1, weight: 0 }] : [],
  };
}
