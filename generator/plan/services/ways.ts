import { formatRange, parseRange } from '../../../model/addresses.ts';
import { BerthError } from '../../../model/errors.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import type { Place } from '../../../model/place.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { Way } from '../../../model/relay-plan.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { hasList } from './surroundings.ts';
import { replicasOf } from '../connections.ts';

/** A place outside, and whether a client that connects there begins with TLS, and so says by which name it came. */
interface Named extends Place {
  readonly asksByName: boolean;
}

/** Ports where a connection begins as plain text, or the server speaks first: of FTP, SSH, mail, HTTP, directories, databases, caches and proxies. */
const plainPorts = new Set([21, 22, 25, 80, 110, 143, 389, 587, 1433, 3128, 3306, 5432, 6379, 8080, 11211, 27017]);

/** Every place outside that a service opens connections to: those of its list, what it uses elsewhere, and the proxy on the way. */
function namedBy({ reaches, uses }: AppSpec, { externals, proxy }: StackSpec): readonly Named[] {
  const elsewhere = externals.filter(({ name }) => uses.some(({ service }) => service === name));
  const named = [
    ...elsewhere.map(({ host, port, kind, tls }) => ({ host, port, asksByName: kind !== 'database' && tls !== 'off' })),
    ...(proxy ? [{ host: proxy.host, port: proxy.port, asksByName: false }] : []),
    ...reaches.map(({ host, port }) => ({ host, port, asksByName: !plainPorts.has(port) })),
  ];
  return named.filter(({ host, port }, index) => named.findIndex((other) => other.host === host && other.port === port) === index);
}

const isAddress = (host: string): boolean => /^[\d./]+$|^\[/.test(host);
const byPort = (places: readonly Named[]): ReadonlyMap<number, readonly Named[]> => Map.groupBy(places, ({ port }) => port);
const listed = (places: readonly Named[]): string => places.map(({ host }) => host).join(' and ');

/** Why a service with a list cannot be led to its places by their names, and what would change that. Nothing where it can. */
function openBecause(app: AppSpec, spec: StackSpec): string | undefined {
  const places = namedBy(app, spec);
  const addresses = places.filter(({ host }) => isAddress(host));
  if (addresses.length > 0) return `${listed(addresses)} cannot be led to by a name: write one`;
  const short = places.filter(({ host }) => !host.includes('.'));
  if (short.length > 0) return `${listed(short)} is no whole name: write it with its domain`;
  const alike = [...byPort(places)].find(([, here]) => here.length > 1 && here.some(({ asksByName }) => !asksByName));
  return alike
    ? `${listed(alike[1])} share port ${alike[0]}, where nothing tells them apart: give each to a service of its own`
    : undefined;
}

/** Services that are held to the places of their lists. In a cluster its network does that. */
const heldIn = (spec: StackSpec): readonly AppSpec[] => spec.services.filter((app) => hasList(app) && openBecause(app, spec) === undefined);

/** Services with a list that is not held, each with what would change that. */
export const openWays = (spec: StackSpec): readonly string[] =>
  spec.services.filter(hasList).flatMap((app) => {
    const because = openBecause(app, spec);
    return because === undefined ? [] : [`the way out of ${app.name} is open as a whole in spite of its list, as ${because}`];
  });

/** How far a service with a list is kept to it. */
export function limitOnHost(app: AppSpec, spec: StackSpec): string {
  const because = openBecause(app, spec);
  if (because !== undefined)
    return `its way out is open as a whole, as ${because}; until then a firewall of the host or the proxy keeps it to that`;
  const several = portsOf(app, spec).filter(({ hosts }) => hosts.length > 1);
  const apart = several.map(({ port, hosts }) => `${hosts.join(' and ')} on port ${port}`).join(', ');
  return `\`egress\` leads there, and no way leads past it${apart === '' ? '' : `; it tells ${apart} apart by the name at the beginning of TLS, and refuses what begins otherwise`}`;
}

/** Where a service is led to: the names on each port. */
const portsOf = (app: AppSpec, spec: StackSpec): Way['ports'] =>
  [...byPort(namedBy(app, spec))]
    .map(([port, places]) => ({ port, hosts: places.map(({ host }) => host).sort() }))
    .sort((one, other) => one.port - other.port);

/**
 * Sizes of the network of a way, each a power of two. Its upper half is for containers, but for the first address, which the engine takes, and the last,
 * which nobody may have; the relay stands in the lower half, where none of them takes its address while it is away.
 */
const sizes = [16, 32, 64] as const;
/** Addresses of all that leads outside, and of them those that stay with what may reach anything. */
const [whole, open] = [256, 64];

/** Containers of a service that may run at once: both slots full, and the migrations of both. */
const containersAtOnce = (app: AppSpec, profile: HardwareProfile): number => replicasOf(app, profile) * (app.http ? 2 : 1) + 2;

/**
 * The way out of each service that is held to its list, with addresses in the order of the spec: another one at its end moves none.
 *
 * @throws BerthError `capacity` when they need more addresses than there are.
 */
export function waysOf(spec: StackSpec, profile: HardwareProfile): readonly Way[] {
  const start = (parseRange(`${spec.network}/22`)?.first ?? 0) + 3 * whole;
  const range = (from: number, count: number): string => formatRange({ first: start + from, last: start + from + count - 1 });
  let next = open;
  return heldIn(spec).map((app) => {
    const containers = containersAtOnce(app, profile);
    const size = sizes.find((each) => each / 2 - 2 >= containers) ?? Infinity;
    // A network begins at a multiple of its size.
    const at = Math.ceil(next / size) * size;
    next = at + size;
    if (!(next <= whole))
      throw new BerthError(
        'capacity',
        `no addresses are left for the way out of ${app.name}, which may have ${containers} containers at once`,
        `give ${app.name} ${size > sizes[0] ? 'fewer replicas, or ' : ''}egress: true, which opens its way out as a whole`,
      );
    return {
      service: app.name,
      network: `egress-${app.name}`,
      subnet: range(at, size),
      range: range(at + size / 2, size / 2),
      relay: range(at + 2, 1).replace('/32', ''),
      ports: portsOf(app, spec),
    };
  });
}
