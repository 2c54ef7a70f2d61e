import { readdirSync, readlinkSync } from 'node:fs';
import { formatRange, parseRoutes } from '../../model/addresses.ts';
import { notKnown } from '../../model/host-state.ts';
import type { Listener, Seen, TakenRange } from '../../model/host-state.ts';
import { json, outputOf } from './view.ts';
import type { HostView } from './view.ts';

const listening = '0A';
const localOnly = (address: string): boolean => /^(?:[0-9A-F]{6}7F|0{24}01000000$)/.test(address);

/** Ports that sockets of all addresses listen on, with the inode of each, from the text of /proc/net/tcp or tcp6. */
export function parseSockets(text: string): readonly { readonly port: number; readonly inode: string }[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      return state === listening && !localOnly(address) ? [{ port: parseInt(port, 16), inode }] : [];
    });
}

/** Processes by the inodes of their sockets; only those that we may look into. */
function socketOwners(view: HostView, inodes: ReadonlySet<string>): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  const list = (folder: string): readonly string[] => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  };
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name)))
    for (const handle of list(`/proc/${pid}/fd`)) {
      let target: string;
      try {
        target = readlinkSync(`/proc/${pid}/fd/${handle}`);
      } catch {
        continue;
      }
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      const name = view.file(`/proc/${pid}/comm`);
      owners.set(inode, `${typeof name === 'string' ? name.trim() : 'a process'} (process ${pid})`);
    }
  return owners;
}

/** Ports that containers publish, from `docker ps`, one line of JSON each. */
export function parsePublished(text: string): readonly Listener[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => {
      const container = json(line);
      const project = /(?:^|,)com\.docker\.compose\.project=([^,]*)/.exec(container.at('Labels').text)?.[1];
      const ports = [...container.at('Ports').text.matchAll(/(?:^|[\s,\]])[^\s,]*:(\d+)(?:-(\d+))?->/g)].flatMap(([, first = '', last]) =>
        Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, step) => Number(first) + step),
      );
      return [...new Set(ports)].map((port) => ({
        port,
        by: `container ${container.at('Names').text}`,
        ...(project === undefined ? {} : { project }),
      }));
    });
}

/** Everybody who listens. Docker publishes some ports without a socket, so both it and the kernel are asked. */
export async function readListeners(view: HostView): Promise<Seen<readonly Listener[]>> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => view.file(path));
  const [first] = tables;
  if (typeof first !== 'string') return first ?? notKnown('no table of sockets');
  const published = await outputOf(view, 'docker', 'ps', '--no-trunc', '--format', '{{json .}}');
  const containers = typeof published === 'string' ? parsePublished(published) : [];
  const ofContainers = new Set(containers.map(({ port }) => port));
  const sockets = tables.flatMap((table) => (typeof table === 'string' ? parseSockets(table) : []));
  // The proxy that Docker starts for a published port is the container's.
  const others = sockets.filter(({ port }) => !ofContainers.has(port));
  const owners = socketOwners(view, new Set(others.map(({ inode }) => inode)));
  const found = new Map(others.map(({ port, inode }) => [port, owners.get(inode)] as const));
  return [...containers, ...[...found].map(([port, by]) => ({ port, ...(by === undefined ? {} : { by }) }))];
}

/** The ranges of Docker's networks, and the bridge of each, from `docker network inspect`. */
export function parseNetworks(text: string): readonly { readonly bridge: string; readonly taken: TakenRange }[] {
  return json(text).list.flatMap((network) => {
    const name = network.at('Name').text;
    const project = network.at('Labels').at('com.docker.compose.project').text;
    const named = network.at('Options').at('com.docker.network.bridge.name').text;
    return network
      .at('IPAM')
      .at('Config')
      .list.map((config) => ({
        bridge: named === '' ? `br-${network.at('Id').text.slice(0, 12)}` : named,
        taken: { range: config.at('Subnet').text, by: `Docker's network ${name}`, ...(project === '' ? {} : { project }) },
      }));
  });
}

/** Addresses that the host's routes and Docker's networks have taken. */
export async function readRanges(view: HostView): Promise<Seen<readonly TakenRange[]>> {
  const table = view.file('/proc/net/route');
  if (typeof table !== 'string') return table;
  const ids = await outputOf(view, 'docker', 'network', 'ls', '--quiet', '--no-trunc');
  if (typeof ids !== 'string') return ids;
  const some = ids.split('\n').filter((id) => id !== '');
  const inspected = some.length === 0 ? '[]' : await outputOf(view, 'docker', 'network', 'inspect', ...some);
  if (typeof inspected !== 'string') return inspected;
  const networks = parseNetworks(inspected);
  const bridges = new Set(networks.map(({ bridge }) => bridge));
  const routes = parseRoutes(table).filter(({ through }) => !bridges.has(through));
  return [
    ...routes.map((route) => ({ range: formatRange(route), by: `the route through ${route.through}` })),
    ...networks.map(({ taken }) => taken),
  ];
}
