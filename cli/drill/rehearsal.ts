import { formatRange, parseRange } from '../../model/addresses.ts';
import { BerthError } from '../../model/errors.ts';
import { idleAgent } from '../restore/idle-agent.ts';

/** What `docker compose config --format json` prints, as far as a drill changes it. */
export interface ComposeConfig {
  readonly name: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks?: Readonly<Record<string, ComposeNetwork>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}
interface ComposeNetwork {
  readonly internal?: boolean;
  readonly ipam?: { readonly config?: readonly { readonly subnet?: string }[] };
  readonly [key: string]: unknown;
}
interface ComposeService {
  readonly labels?: Readonly<Record<string, string>>;
  readonly networks?: Readonly<Record<string, { readonly aliases?: readonly string[]; readonly ipv4_address?: string } | null>>;
  readonly extra_hosts?: readonly string[];
  readonly depends_on?: Readonly<Record<string, object>>;
  readonly deploy?: { readonly replicas?: number | undefined; readonly resources?: { readonly limits?: object | undefined } };
  readonly volumes?: readonly ComposeMount[];
  readonly cpu_shares?: number;
  readonly restart?: string;
  readonly [key: string]: unknown;
}
interface ComposeMount {
  readonly type: string;
  readonly source?: string;
  readonly target: string;
  readonly [key: string]: unknown;
}

/** Where and under which name a site is drilled. */
export interface Rehearsal {
  readonly project: string;
  /** The folder of the site that is drilled, without a link in its path. */
  readonly folder: string;
  /** Where a path of the host really leads, and whether that is a socket or a folder with one. */
  readonly look: (path: string) => { readonly path: string; readonly sockets: boolean };
  /** 1024 addresses that nobody has, such as `10.201.4.0/22`. */
  readonly range: string;
}

/** The network that alone may lead out, and then for agents only: their store may stand elsewhere. */
const wayOut = 'egress';
const isAgent = ({ labels }: ComposeService): boolean => labels?.['berth.role'] === 'agent';
/** What leads services outside: without a way out it would have nothing to lead to, and its addresses are those of the site. */
const isRelay = ({ labels }: ComposeService): boolean => labels?.['berth.role'] === 'relay';

const servicesOf = (config: ComposeConfig): readonly (readonly [name: string, service: ComposeService])[] =>
  Object.entries(config.services).filter(([, service]) => !isRelay(service));
interface WaysOut {
  readonly relays: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  readonly addresses: readonly string[];
}
/** What leads out: relays, networks, and the addresses of what leads further. */
function waysOut({ services }: ComposeConfig): WaysOut {
  const given = Object.values(services).flatMap((service) => (isRelay(service) ? Object.entries(service.networks ?? {}) : []));
  return {
    relays: new Set(Object.keys(services).filter((name) => isRelay(services[name] ?? {}))),
    networks: new Set([wayOut, ...given.map(([name]) => name)]),
    addresses: given.flatMap(([, network]) => network?.ipv4_address ?? []),
  };
}

/**
 * A site as it is started for a drill, beside the one that may run on the same host: of another name, with volumes and addresses of its own, without ports, and
 * without a way out, so that nothing it does reaches anybody. Its agents idle: they copy nothing, and do what they are told. All of it gives way to what else runs here.
 *
 * @throws BerthError `unsupported` for what cannot be kept apart.
 */
export function rehearse(config: ComposeConfig, how: Rehearsal): ComposeConfig {
  const { project, range, look } = how;
  for (const [name, service] of Object.entries(config.services)) refuseOutlet(name, service, look);
  const agents = Object.values(config.services).filter(isAgent);
  const out = agents.some(({ networks }) => networks !== undefined && wayOut in networks);
  const ways = waysOut(config);
  const networks = Object.keys(config.networks ?? {}).filter((name) => !ways.networks.has(name) || (name === wayOut && out));
  const subnets = divide(range, networks.length);
  return {
    ...config,
    name: project,
    services: Object.fromEntries(servicesOf(config).map(([name, service]) => [name, apart(service, how, ways)] as const)),
    networks: Object.fromEntries(
      networks.map((name, index) => [
        name,
        { name: `${project}_${name}`, internal: name !== wayOut, ipam: { config: [{ subnet: subnets[index] ?? '' }] } },
      ]),
    ),
    // Without its driver: one that says where data lie would lead to those of the site that runs.
    volumes: Object.fromEntries(Object.keys(config.volumes ?? {}).map((name) => [name, { name: `${project}_${name}` }])),
  };
}

/** A text that names networks of a site, such as one of who may log in from where, as it must be for the drill. */
export function moved(text: string, from: ComposeConfig, to: ComposeConfig): string {
  const pairs = Object.entries(from.networks ?? {}).flatMap(([name, network]) => {
    const [before, after] = [network, to.networks?.[name]].map((one) => one?.ipam?.config?.[0]?.subnet);
    return before === undefined || after === undefined ? [] : [[before, after] as const];
  });
  const known = new Map(pairs);
  return text.replaceAll(/(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}(?!\d)/g, (range) => known.get(range) ?? range);
}

/** What a drill leaves as it is. Whatever else a service may have it does not take, as it may lead to what runs beside it. */
const taken = new Set(
  'cap_add cap_drop command configs depends_on deploy dns domainname entrypoint env_file environment expose extra_hosts group_add healthcheck hostname image init labels logging mem_limit mem_reservation memswap_limit networks oom_score_adj pids_limit platform pull_policy read_only restart scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal sysctls tmpfs tty ulimits user volumes working_dir cpu_shares cpus'.split(
    ' ',
  ),
);
/** What it takes away. */
const dropped = new Set(['build', 'container_name', 'ports', 'profiles']);
/** In these lie sockets and devices of the host. */
const outward = ['/dev', '/proc', '/run', '/sys', '/var/run'];

/** @throws BerthError `unsupported` for what neither a network nor a volume of its own keeps in. */
function refuseOutlet(name: string, service: ComposeService, look: Rehearsal['look']): void {
  const key = Object.keys(service).find((each) => !taken.has(each) && !dropped.has(each) && isSet(service[each]));
  const mount = (service.volumes ?? []).find(({ type, source = '' }) => {
    if (type !== 'bind') return type !== 'volume' && type !== 'tmpfs';
    const { path, sockets } = look(source);
    return sockets || path === '/' || outward.some((folder) => isInside(path, folder));
  });
  const outlet = key === undefined ? (mount?.source ?? mount?.type) : `${key}: ${JSON.stringify(service[key])}`;
  if (outlet === undefined) return;
  throw new BerthError(
    'unsupported',
    `${name} has ${outlet}, which a drill cannot keep apart from what runs on this host`,
    'leave the service out of compose.override.yaml before the configuration is copied the next time, or drill what was copied before',
  );
}

const isSet = (value: unknown): boolean =>
  value !== null && value !== undefined && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0);

function apart(service: ComposeService, { project, folder, look }: Rehearsal, ways: WaysOut): ComposeService {
  const agent = isAgent(service);
  const kept = Object.fromEntries(
    Object.entries(service).filter(([key]) => taken.has(key) && key !== 'networks' && key !== 'extra_hosts' && key !== 'depends_on'),
  );
  const needed = Object.entries(service.depends_on ?? {}).filter(([name]) => !ways.relays.has(name));
  const networks = Object.entries(service.networks ?? {}).filter(([name]) => (agent && name === wayOut) || !ways.networks.has(name));
  const hosts = (service.extra_hosts ?? []).filter((host) => !ways.addresses.includes(host.replace(/^[^:=]*[:=]/, '')));
  const own = Object.entries(service.labels ?? {}).filter(([name]) => name.startsWith('berth.'));
  return {
    ...kept,
    ...(agent && { ...idleAgent, profiles: ['agents'] }),
    // Others are read by whoever watches the engine: a proxy would lead visitors here.
    labels: { ...Object.fromEntries(own), 'berth.site': project },
    // Some drivers send what is said, past every network.
    logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '1' } },
    ...(hosts.length > 0 && { extra_hosts: hosts }),
    ...(needed.length > 0 && { depends_on: Object.fromEntries(needed) }),
    // One of no network at all would be in the one that Compose makes by itself, which leads out.
    ...(networks.length > 0
      ? {
          networks: Object.fromEntries(
            networks.map(([name, given]) => [name, given?.aliases === undefined ? null : { aliases: given.aliases }]),
          ),
        }
      : { network_mode: 'none' }),
    volumes: (service.volumes ?? []).map((mount) => {
      if (mount.type !== 'bind') return mount;
      // A link may lead out of the folder.
      const source = look(mount.source ?? '').path;
      return { ...mount, source, bind: { create_host_path: false }, ...(!isInside(source, folder) && { read_only: true }) };
    }),
    ...(service.restart !== undefined && service.restart !== 'no' && { restart: 'on-failure' }),
    ...(service.deploy !== undefined && {
      deploy: { replicas: service.deploy.replicas, resources: { limits: service.deploy.resources?.limits } },
    }),
    cpu_shares: Math.max(2, Math.floor((service.cpu_shares ?? usualShares) / 10)),
    oom_score_adj: 1000,
  };
}

/** Of a container of which nobody says anything. */
const usualShares = 1024;

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Equal parts of a range, a power of two of them. */
function divide(range: string, parts: number): readonly string[] {
  const whole = parseRange(range);
  if (whole === undefined) throw new BerthError('usage', `${range} is no range of addresses`, 'write one such as 10.201.4.0/22');
  const size = (whole.last - whole.first + 1) / 2 ** Math.ceil(Math.log2(Math.max(1, parts)));
  if (size < 16)
    throw new BerthError(
      'unsupported',
      `${range} is too small for ${parts} networks`,
      'name a larger one with --network, such as 10.201.4.0/22',
    );
  return Array.from({ length: parts }, (_, index) => {
    const first = whole.first + index * size;
    return formatRange({ first, last: first + size - 1 });
  });
}
