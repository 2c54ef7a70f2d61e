import type { WrittenService, WrittenSpec } from '../../model/written-spec.ts';
import type { AppKind, AppSpec, HttpSpec, Scaling } from '../../model/app-spec.ts';
import type { Loosening } from '../../model/loosened.ts';
import type { Place } from '../../model/place.ts';
import { defaults } from './defaults.ts';
import { duration, fixedSizeOf } from './quantities.ts';
import { routesOf } from './resolve-routes.ts';
import { connectionsOf } from './uses.ts';

type WrittenScaling = NonNullable<WrittenService['scaling']>;

const scaling = (
  { min, max, coolDown, cpu: share, memory, queue, schedule, timeZone }: WrittenScaling,
  count: number | undefined,
): Scaling => ({
  min: min ?? Math.min(count ?? 2, max),
  max,
  ...(share === undefined && memory === undefined && queue === undefined ? { cpu: 70 } : {}),
  ...(share === undefined ? {} : { cpu: share }),
  ...(memory === undefined ? {} : { memory }),
  ...(queue === undefined ? {} : { queue }),
  coolDown: coolDown === undefined ? defaults.coolDown : duration(coolDown),
  ...(schedule === undefined
    ? {}
    : { schedule: { timeZone: timeZone ?? defaults.timeZone, times: schedule.map(({ at, min: least }) => ({ cron: at, min: least })) } }),
});

/** Where the cluster chooses their number, everything is sized for the most there can be. */
function replicas({ scaling: written, replicas: count }: WrittenService, spec: WrittenSpec): { readonly replicas?: number } {
  if (written && spec.target === 'kubernetes') return { replicas: written.max };
  return count === undefined ? {} : { replicas: count };
}

/** Whether a kind answers HTTP behind the edge, and so stands in two slots. */
export const isServed = (kind: AppKind): boolean => ['web', 'api', 'static'].includes(kind);

function http(service: WrittenService, spec: WrittenSpec): HttpSpec {
  const files = service.kind === 'static';
  return {
    port: service.port ?? 0,
    routes: routesOf(service, spec),
    live: service.live ?? (files ? '/' : defaults.live),
    ready: service.ready ?? (files ? '/' : defaults.ready),
  };
}

/** `hooks.corp.example:443` in its two parts. */
export function placeOf(text: string): Place {
  const cut = text.lastIndexOf(':');
  return { host: text.slice(0, cut), port: Number(text.slice(cut + 1)) };
}

/** The volumes of a service, in the order written. */
export const mountsOf = ({ volumes }: WrittenService): AppSpec['volumes'] =>
  Object.entries(volumes ?? {}).map(([name, mount]) =>
    typeof mount === 'string' ? { name, path: mount, readOnly: false } : { name, path: mount.path, readOnly: mount.readOnly ?? false },
  );

const migrateOf = ({ entrypoint, command }: NonNullable<WrittenService['migrate']>) => ({
  ...(entrypoint === undefined ? {} : { entrypoint }),
  command,
});

export function appOf(name: string, service: WrittenService, spec: WrittenSpec): AppSpec {
  const kind = service.kind ?? 'web';
  const source = service.follows === undefined ? service : (spec.services[service.follows] ?? service);
  const uses = connectionsOf(service, spec);
  const database = uses.find((use) => use.kind === 'database')?.service;
  return {
    name,
    kind,
    ...fixedSizeOf(service),
    image: source.image ?? '',
    ...(service.follows === undefined ? {} : { follows: service.follows }),
    ...(source.build === undefined ? {} : { build: source.build }),
    ...(isServed(kind) ? { http: http(service, spec) } : {}),
    ...(service.schedule === undefined
      ? {}
      : {
          schedule: {
            cron: service.schedule,
            timeZone: service.timeZone ?? defaults.timeZone,
            deadline: service.deadline === undefined ? defaults.deadline : duration(service.deadline),
          },
        }),
    ...(service.entrypoint === undefined ? {} : { entrypoint: service.entrypoint }),
    ...(service.command === undefined ? {} : { command: service.command }),
    ...(service.healthcheck === undefined ? {} : { healthcheck: service.healthcheck }),
    ...(service.migrate === undefined || database === undefined ? {} : { migrate: { ...migrateOf(service.migrate), database } }),
    ...(kind === 'cron' ? { replicas: 1 } : replicas(service, spec)),
    ...(service.pool === undefined ? {} : { pool: service.pool }),
    ...(service.scaling === undefined ? {} : { scaling: scaling(service.scaling, service.replicas) }),
    runtime: service.runtime ?? 'other',
    user: service.user ?? defaults.user,
    stopGrace: service.stopGrace === undefined ? defaults.stopGrace : duration(service.stopGrace),
    uses,
    env: service.env ?? {},
    secrets: Object.entries(service.secrets ?? {}).map(([variable, secret]) => ({
      name: variable,
      length: secret.length ?? defaults.secretLength,
      deliver: secret.deliver ?? 'env',
      supplied: secret.supplied ?? false,
    })),
    writable: service.writable ?? [],
    loosened: Object.entries(service.loosen ?? {}).map(([what, because]) => ({ what: what as Loosening, because })),
    volumes: mountsOf(service),
    egress: service.egress === true,
    reaches: Array.isArray(service.egress) ? service.egress.map(placeOf) : [],
  };
}
