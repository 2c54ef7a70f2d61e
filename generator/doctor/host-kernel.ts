import type { HostNeeds } from '../../model/host-needs.ts';
import { isKnown } from '../../model/host-state.ts';
import type { HostState } from '../../model/host-state.ts';
import { fail, listed, pass, unseen, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

/** How to set it now and for good. */
const set = (name: string, value: string): string =>
  `run \`sudo sysctl -w ${name}=${value}\` and write \`${name} = ${value}\` into /etc/sysctl.d/90-berth.conf`;

/** What the kernel says of one of its settings. */
function judge(host: HostState, name: string, id: string, title: string, say: (value: string) => Diagnosis): Diagnosis {
  const value = host.kernel.get(name) ?? { notKnown: `${name} was not read` };
  return isKnown(value) ? say(value) : unseen(id, title, value, `see \`sysctl ${name}\``);
}

export function checkOvercommit(host: HostState, { forking }: HostNeeds): readonly Diagnosis[] {
  if (forking.length === 0) return [];
  const [name, id, title] = ['vm.overcommit_memory', 'overcommit', 'Memory on credit'];
  return [
    judge(host, name, id, title, (value) =>
      value === '1'
        ? pass(id, title, `${name} is 1`)
        : warn({ id, title, found: `${name} is ${value}: ${listed(forking)} may be refused the fork with which it saves` }, set(name, '1')),
    ),
  ];
}

export function checkHugePages({ hugePages }: HostState, { forking }: HostNeeds): readonly Diagnosis[] {
  if (forking.length === 0) return [];
  const [id, title] = ['huge-pages', 'Transparent huge pages'];
  if (!isKnown(hugePages)) return [unseen(id, title, hugePages)];
  if (hugePages !== 'always') return [pass(id, title, hugePages)];
  return [
    warn(
      { id, title, found: `always: ${listed(forking)} stalls and takes more memory while it saves` },
      'run `echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled`, and start the kernel with `transparent_hugepage=madvise`',
    ),
  ];
}

export function checkMemoryMaps(host: HostState, { memoryMaps }: HostNeeds): readonly Diagnosis[] {
  const most = [...memoryMaps].sort((a, b) => b.maps - a.maps)[0];
  if (!most) return [];
  const [name, id, title] = ['vm.max_map_count', 'memory-maps', 'Memory maps'];
  return [
    judge(host, name, id, title, (value) =>
      Number(value) >= most.maps
        ? pass(id, title, `${name} is ${value}`)
        : warn({ id, title, found: `${name} is ${value}; ${most.service} asks for ${most.maps}` }, set(name, String(most.maps))),
    ),
  ];
}

export function checkOpenFiles({ openFiles }: HostState, { openFiles: need }: HostNeeds): readonly Diagnosis[] {
  if (need.files === 0) return [];
  const [id, title] = ['open-files', 'Open files'];
  if (!isKnown(openFiles)) return [unseen(id, title, openFiles)];
  if (openFiles >= need.files) return [pass(id, title, `${need.service} gets its ${need.files}`)];
  return [
    fail(
      { id, title, found: `a container may have ${openFiles} at most, and ${need.service} wants ${need.files}: it would not start` },
      'raise `LimitNOFILE` of the engine’s service (`systemctl edit docker`, for an engine without root `systemctl --user edit docker`) or `fs.nr_open`',
    ),
  ];
}

/** Docker publishes ports by forwarding. */
export function checkForwarding(host: HostState): readonly Diagnosis[] {
  const [name, id, title] = ['net.ipv4.ip_forward', 'forwarding', 'Forwarding'];
  return [
    judge(host, name, id, title, (value) =>
      value === '1'
        ? pass(id, title, 'on')
        : warn({ id, title, found: 'off: requests from other machines do not reach the containers' }, set(name, '1')),
    ),
  ];
}
