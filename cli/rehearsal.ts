import { formatRange, parseRange } from '../model/addresses.ts';
import { BerthError } from '../model/errors.ts';
import { idleAgent } from './idle-agent.ts';

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
  readonly networks?: Readonly<Record<string, { readonly aliases?: readonly string[] } | null>>;
  readonly network_mode?: string;
  readonly pid?: string;
  readonly privileged?: boolean;
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
  /** The folder of the site that is drilled. */
  readonly folder: string;
  /** 1024 addresses that nobody has, such as `10.201.4.0/22`. */
  readonly range: string;
}

/** The network that alone may lead out, and then for agents only: their store may stand elsewhere. */
const wayOut = 'egress';
const isAgent = ({ labels }: ComposeService): boolean => labels?.['berth.role'] === 'agent';

/**
 * A site as it is started for a drill, beside the one that may run on the same host: of another name, with volumes and addresses of its own, without ports, and
 * without a way out, so that nothing it does reaches anybody. Its agents idle: they copy nothing, and do what they are told. All of it gives way to what else runs here.
 *
 * @throws BerthError `unsupported` for what cannot be kept apart.
 */
export function rehearse(config: ComposeConfig, { project, folder, range }: Rehearsal): ComposeConfig {
  for (const [name, service] of Object.entries(config.services)) refuseOutlet(name, service);
  const agents = Object.values(config.services).filter(isAgent);
  const out = agents.some(({ networks }) => networks !== undefined && wayOut in networks);
  const networks = Object.keys(config.networks ?? {}).filter((name) => name !== wayOut || out);
  const subnets = divide(range, networks.length);
  return {
    ...config,
    name: project,
    services: Object.fromEntries(
      Object.entries(config.services).map(([name, service]) => [name, apart(service, project, folder)] as const),
    ),
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

/** What a container has that no network and no volume keeps in. */
function refuseOutlet(name: string, { network_mode: network, pid, privileged, volumes = [] }: ComposeService): void {
  const socket = volumes.find(({ type, source = '' }) => type === 'bind' && source.endsWith('docker.sock'));
  const outlet =
    network !== undefined && network !== 'none'
      ? `network_mode: ${network}`
      : pid === 'host'
        ? 'pid: host'
        : privileged === true
          ? 'privileged: true'
          : socket?.source;
  if (outlet === undefined) return;
  throw new BerthError(
    'unsupported',
    `${name} has ${outlet}, which a drill cannot keep apart from what runs on this host`,
    'drill on another host, from the recovery kit, with the service left out of the compose.override.yaml that was backed up',
  );
}

function apart(service: ComposeService, project: string, folder: string): ComposeService {
  const agent = isAgent(service);
  const { build: _build, container_name: _name, ports: _ports, profiles: _profiles, ...kept } = service;
  const networks = Object.entries(service.networks ?? {}).filter(([name]) => agent || name !== wayOut);
  return {
    ...kept,
    ...(agent && { ...idleAgent, profiles: ['agents'] }),
    labels: { ...service.labels, 'berth.site': project },
    networks: Object.fromEntries(networks.map(([name, given]) => [name, given?.aliases === undefined ? null : { aliases: given.aliases }])),
    volumes: (service.volumes ?? []).map((mount) =>
      mount.type === 'bind' && !isInside(mount.source ?? '', folder) ? { ...mount, read_only: true } : mount,
    ),
    // A restart of the engine brings none of it back.
    ...(service.restart !== undefined && service.restart !== 'no' && { restart: 'on-failure' }),
    ...(service.cpu_shares !== undefined && { cpu_shares: Math.max(2, Math.floor(service.cpu_shares / 10)) }),
    oom_score_adj: 1000,
  };
}

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
