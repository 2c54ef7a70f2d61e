import type { Artifact } from '../../model/artifact.ts';
import { nginx } from '../../model/engines/nginx.ts';
import type { ImageCatalogue } from '../../model/image-catalogue.ts';
import { splitImage } from '../../model/names.ts';
import type { NetworkName, PlannedService, Volume, WayName } from '../../model/planned-service.ts';
import type { Plan } from '../../model/plan.ts';
import { slots } from '../../model/release.ts';
import type { Slot } from '../../model/release.ts';
import { formatCpu, formatDuration, formatSize } from '../../model/units.ts';
import type { MiB, Seconds } from '../../model/units.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { capabilitiesOf, isLoosened, looseningIgnores } from './loosened.ts';
import { quote } from './quote.ts';

/** Compose's M is a mebibyte. */
const megabytes = (size: MiB): string => `${size}M`;
/** Compose knows no unit above the hour. */
const durationOf = (duration: Seconds): string => (duration % 86_400 === 0 ? `${duration / 3600}h` : formatDuration(duration));
const variable = (service: string, slot: Slot | undefined, what: string): string =>
  [service.replaceAll('-', '_'), ...(slot === undefined ? [] : [slot]), what].join('_').toUpperCase();
/** The profile of what a timer starts, never `up`. */
const jobs = 'jobs';

/** A name as a key of YAML: the few that would be read as something else than text are quoted. */
const keyOf = (name: string): string => (/^(?:null|true|false|yes|no|on|off|y|n)$/i.test(name) ? quote('yaml', name) : name);

const networkReasons: Readonly<Record<Exclude<NetworkName, WayName>, string>> = {
  edge: 'where the ports of the host arrive',
  app: 'edge and applications; no way out',
  data: 'applications and what keeps their data; no way out',
  egress: 'the way out, for applications that were given one',
};

/** The services of compose.yaml by the name they have there: a slotted one stands twice. */
export const composeServices = (plan: Plan): readonly { readonly service: PlannedService; readonly name: string; readonly slot?: Slot }[] =>
  plan.services.flatMap((service) =>
    service.slotted ? slots.map((slot) => ({ service, name: `${service.name}-${slot}`, slot })) : [{ service, name: service.name }],
  );

const envFileOf = (service: PlannedService): string | undefined =>
  Object.keys(service.secretEnv).length > 0 ? `secrets/${service.name}.env` : undefined;

function view(
  plan: Plan,
  { service, name, slot }: ReturnType<typeof composeServices>[number],
  images: ImageCatalogue,
  configHash: string,
): object {
  const literal = Object.entries(service.env).map(([key, value]) => ({ name: keyOf(key), value: quote('compose', value) }));
  // Which image an application runs follows release.yaml: compose.yaml stays as it is.
  const ofRelease =
    service.role === 'app'
      ? [
          ...(slot === undefined ? [] : [{ name: 'BERTH_SLOT', value: quote('compose', slot) }]),
          { name: 'APP_VERSION', value: `"\${${variable(service.name, slot, 'VERSION')}}"` },
        ]
      : [];
  // Each slot has migrations of its own to wait for, and those of the other image are scaled to none: Compose counts what a service depends on among what makes a container.
  const after = [
    ...service.after,
    ...(service.migration && slot !== undefined
      ? [{ service: `${service.migration.task}-${slot}`, condition: 'service_completed_successfully', required: true }]
      : []),
  ];
  return {
    name: keyOf(name),
    configHash,
    role: service.role,
    title: slot === undefined ? service.title : `${service.title}, slot ${slot}`,
    image:
      service.role === 'app'
        ? `"\${${variable(service.name, slot, 'IMAGE')}}"`
        : quote('compose', images[service.image]?.reference ?? service.image),
    // Built only under the name it has in the spec: another one is a release that was brought here, and must not be made up from today's sources.
    build:
      slot === undefined || plan.release.get(service.name)?.find((release) => release.slot === slot)?.image === service.image
        ? service.build
        : undefined,
    profiles: service.kind === 'job' ? jobs : slot,
    entrypoint: service.entrypoint,
    command: service.command,
    user: service.user,
    writableRoot: isLoosened(service, 'writableRoot'),
    capabilities: capabilitiesOf(service).join(', '),
    newPrivileges: isLoosened(service, 'newPrivileges'),
    loosened: service.loosened,
    imageGroup: service.imageGroup === undefined ? undefined : [service.imageGroup],
    hostname: service.hostname ? name : undefined,
    init: service.role === 'app',
    tmpfs: service.tmpfs.map(({ path, size, mode }) => `${path}:size=${size}m,mode=${mode},noexec,nosuid,nodev`),
    environment: [...literal, ...ofRelease],
    envFile: envFileOf(service) && `./${envFileOf(service) ?? ''}`,
    secrets: service.secretFiles,
    volumes: [
      ...service.volumes.map(({ name: source, target }) => ({
        type: 'volume',
        source,
        target,
        readOnly: false,
        bind: false,
        asItIs: false,
      })),
      ...(service.shared ?? []).map(({ name: source, target, readOnly }) => ({
        type: 'volume',
        source,
        target,
        readOnly,
        bind: false,
        // What the image of an application has in this place must not give the volume its mode.
        asItIs: service.role === 'app',
      })),
      ...service.mounts.map(({ source, target, from }) => ({
        type: 'bind',
        source: from === 'host' ? source : `./${source}`,
        target,
        readOnly: from !== 'host',
        bind: true,
        asItIs: false,
      })),
    ],
    ports: service.ports.map(({ target }) => ({
      target,
      published: `"\${${target === nginx.httpPort ? 'EDGE_HTTP_PORT' : 'EDGE_HTTPS_PORT'}}"`,
    })),
    networks: service.networks.join(', '),
    addressed: service.addresses && service.networks.map((network) => ({ network, address: service.addresses?.[network as WayName] })),
    hosts: service.through?.names.map((host) => `${host}:${service.through?.relay ?? ''}`),
    aliased: service.anyOfWhole ? service.networks : undefined,
    alias: service.whole,
    after: after.map((dependency) => ({ ...dependency, service: keyOf(dependency.service) })),
    healthcheck: service.healthcheck && {
      ...service.healthcheck,
      interval: durationOf(service.healthcheck.interval),
      timeout: durationOf(service.healthcheck.timeout),
      startPeriod: durationOf(service.healthcheck.startPeriod),
    },
    lintIgnore: [
      ...looseningIgnores(service).map(([id, reason]) => `compose-${id}: ${reason}`),
      ...(service.kind === 'server' && !service.healthcheck
        ? ['compose-healthcheck: berth.yaml names none, and a worker has no port to ask']
        : []),
    ].join('; '),
    restart: service.kind === 'server' ? 'unless-stopped' : 'no',
    stopSignal: service.stopSignal,
    stopGrace: durationOf(service.stopGrace),
    shm: service.shm && megabytes(service.shm),
    nofile: service.nofile,
    cpuShares: Math.max(2, Math.floor((service.size.cpuShare * 1024) / 1000)),
    replicas: slot === undefined ? String(service.replicas) : `\${${variable(service.name, slot, 'REPLICAS')}}`,
    cpus: formatCpu(service.size.cpu),
    memory: megabytes(service.size.memory),
    pids: service.size.pids,
  };
}

/** compose.yaml. `hashes` gives each Compose service the hash of all that is mounted into it. */
export function renderCompose(plan: Plan, templates: Templates, images: ImageCatalogue, hashes: ReadonlyMap<string, string>): Artifact {
  const used = new Set(plan.services.flatMap((service) => service.networks));
  const volumes: readonly Pick<Volume, 'name' | 'holds' | 'size'>[] = [
    ...plan.services.flatMap((service) => service.volumes),
    ...plan.volumes,
  ];
  const content = fill(templates, 'compose/compose.yaml.hbs', 'compose', {
    name: plan.name,
    services: composeServices(plan).map((entry) => view(plan, entry, images, hashes.get(entry.name) ?? '')),
    networks: [
      ...(['edge', 'app', 'data', 'egress'] as const)
        .filter((name) => used.has(name))
        .map((name) => ({ name, subnet: plan.network[name], internal: name === 'app' || name === 'data', why: networkReasons[name] })),
      ...(plan.relay?.ways ?? []).map(({ service, network: name, subnet, range }) => ({
        name,
        subnet,
        range,
        internal: true,
        why: `${service} and what leads it outside; no way out`,
      })),
    ],
    volumes: volumes.map((volume) => ({ name: volume.name, holds: volume.holds, size: formatSize(volume.size) })),
    secrets: plan.secretFiles.map(({ name }) => ({ name, file: `./secrets/${name}` })),
  });
  return { path: 'compose.yaml', content, mode: 0o644, policy: 'owned' };
}

/**
 * .env: what release.yaml decides, so that compose.yaml does not change with a release.
 * Both profiles are active as soon as any slot is filled: an empty slot has no replicas, and `up` takes down what a release has left.
 */
export function renderEnv(plan: Plan, templates: Templates): Artifact {
  const imageVariables = (name: string, slot: Slot | undefined, image: string) => {
    const { tag, digest } = splitImage(image);
    return [
      { name: variable(name, slot, 'IMAGE'), value: image },
      { name: variable(name, slot, 'VERSION'), value: tag ?? digest ?? '' },
    ];
  };
  const variables = plan.services
    .filter(({ role }) => role === 'app')
    .flatMap((service) => {
      if (!service.slotted) return imageVariables(service.name, undefined, service.image);
      const filled = plan.release.get(service.name) ?? [];
      return slots.flatMap((slot) => {
        const found = filled.find((release) => release.slot === slot);
        return [
          ...imageVariables(service.name, slot, found?.image ?? filled[0]?.image ?? service.image),
          { name: variable(service.name, slot, 'REPLICAS'), value: String(found?.replicas ?? 0) },
        ];
      });
    });
  const live = [...plan.release.values()].some((filled) => filled.length > 0);
  const [http, https] = plan.services.find((service) => service.role === 'edge')?.ports ?? [];
  const ports = [
    { name: 'EDGE_HTTP_PORT', value: String(http?.published ?? 80) },
    { name: 'EDGE_HTTPS_PORT', value: String(https?.published ?? 443) },
  ];
  return {
    path: '.env',
    content: fill(templates, 'compose/env.hbs', 'dotenv', { profiles: live ? slots.join(',') : '', variables: [...variables, ...ports] }),
    mode: 0o644,
    policy: 'owned',
  };
}
