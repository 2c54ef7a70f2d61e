import { overlap, parseRange } from '../../model/addresses.ts';
import type { AddressRange } from '../../model/addresses.ts';
import type { HostNeeds } from '../../model/host-needs.ts';
import { isKnown } from '../../model/host-state.ts';
import type { HostState, TakenRange } from '../../model/host-state.ts';
import { fail, listed, pass, unseen, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const others = 'choose others under `edge:` in berth.yaml and run `berth generate`';

/** A port below this may not be opened without root. */
function lowest({ engine, kernel }: HostState): number {
  if (!isKnown(engine) || !engine.security.some((option) => option.startsWith('name=rootless'))) return 0;
  const start = kernel.get('net.ipv4.ip_unprivileged_port_start');
  return start === undefined || !isKnown(start) ? 1024 : Number(start);
}

export function checkPorts(host: HostState, { ports, site }: HostNeeds): readonly Diagnosis[] {
  const { listeners } = host;
  const first = lowest(host);
  return ports.map((port) => {
    const [id, title] = [`port:${port}`, `Port ${port}`];
    if (port < first)
      return fail(
        { id, title, found: `an engine without root may open ports from ${first} on` },
        `run \`sudo sysctl -w net.ipv4.ip_unprivileged_port_start=${port}\` and keep it in /etc/sysctl.d, or ${others}`,
      );
    if (!isKnown(listeners)) return unseen(id, title, listeners, `see whether \`ss -ltn sport = :${port}\` shows somebody`);
    const taken = listeners.filter((one) => one.port === port);
    if (taken.length === 0) return pass(id, title, 'free');
    const stranger = taken.find(({ project }) => project !== site);
    if (!stranger) return pass(id, title, 'taken by this site itself');
    const by = stranger.by ?? 'a process of another user';
    const see = stranger.by === undefined ? `\`sudo ss -ltnp sport = :${port}\` names it; ` : '';
    return fail({ id, title, found: `taken by ${by}` }, `${see}stop it, or ${others}`);
  });
}

const size = ({ first, last }: AddressRange): number => last - first;

/** Docker refuses what another of its networks has. A route as narrow as the subnet loses its addresses to it; a broad one only loses those of the site. */
function judge(taken: TakenRange, range: AddressRange, subnet: AddressRange): 'fail' | 'warn' {
  return taken.by.startsWith('Docker') || size(range) <= size(subnet) ? 'fail' : 'warn';
}

export function checkSubnets({ ranges }: HostState, { subnets, site }: HostNeeds): readonly Diagnosis[] {
  const [id, title] = ['subnets', 'Addresses of the site'];
  if (!isKnown(ranges)) return [unseen(id, title, ranges, 'compare `network:` in berth.yaml with `ip route` and `docker network inspect`')];
  const clashes = [...subnets].flatMap(([name, text]) => {
    const subnet = parseRange(text);
    return ranges
      .filter(({ project }) => project !== site)
      .flatMap((taken) => {
        const range = parseRange(taken.range);
        if (!range || !subnet || !overlap(range, subnet)) return [];
        return [{ verdict: judge(taken, range, subnet), found: `${name} (${text}) lies in ${taken.range}, which is ${taken.by}` }];
      });
  });
  if (clashes.length === 0) return [pass(id, title, `nobody else has ${listed([...subnets.values()], 4)}`)];
  const fatal = clashes.filter(({ verdict }) => verdict === 'fail');
  const found = { id, title, found: listed((fatal.length > 0 ? fatal : clashes).map((clash) => clash.found)) };
  const cure = 'choose another `network:` in berth.yaml, a /22 that nothing reaches, while the site is down; then run `berth generate`';
  return [
    fatal.length > 0
      ? fail(found, cure)
      : warn(found, `see to it that no machine has these addresses: this host and the containers would no longer reach it; or ${cure}`),
  ];
}

const local = (name: string): boolean => name === 'localhost' || name.endsWith('.localhost');

export function checkDns({ dns }: HostState, { domain, egress }: HostNeeds): readonly Diagnosis[] {
  const [id, title] = ['dns', 'Names'];
  if (!isKnown(dns)) return [unseen(id, title, dns)];
  const servers =
    dns.servers.length === 0 && egress.length > 0
      ? [
          warn(
            { id, title, found: `no name server in /etc/resolv.conf; ${listed(egress)} may reach out, and would ask those of Google` },
            'name your own in /etc/resolv.conf, or as `"dns"` in /etc/docker/daemon.json',
          ),
        ]
      : [pass(id, title, dns.servers.length === 0 ? 'no name server, and nothing here needs one' : `asks ${listed(dns.servers)}`)];
  if (local(domain)) return servers;
  return [...servers, checkDomain(dns.domain, domain)];
}

function checkDomain(addresses: Extract<HostState['dns'], { servers: unknown }>['domain'], domain: string): Diagnosis {
  const [id, title] = ['domain', 'Name of the site'];
  const cure = `have ${domain} point to this host: a record in your DNS, or a line in /etc/hosts of those who use it`;
  if (!isKnown(addresses)) return unseen(id, title, addresses, cure);
  return addresses.length === 0
    ? warn({ id, title, found: `${domain} has no address as seen from here` }, cure)
    : pass(id, title, `${domain} is ${listed(addresses)}`);
}

/** Of those of applications, and of what backups need. A site comes up without its backups, and whoever runs it must know. */
export function checkOutside({ outside }: HostState, { outside: places }: HostNeeds): readonly Diagnosis[] {
  return places.map(({ name, path, host, port, needed }) => {
    const [id, title, at] = [`outside:${name}`, `Way to ${name}`, `${host}:${port}`];
    if (!isKnown(outside)) return unseen(id, title, outside, `see whether ${at} can be reached from the host`);
    const state = outside.find((each) => each.name === name);
    if (state?.answers === true) return pass(id, title, `${at} answers`);
    const found = { id, title, found: `${at} does not answer (${state?.detail ?? 'not asked'})` };
    const cure = `see that it runs, that ${path} in berth.yaml says where, and that whatever lies between lets this host through; then run \`berth doctor\` again`;
    return needed ? fail(found, cure) : warn(found, cure);
  });
}
