import { isKnown, notKnown } from '../../model/host-state.ts';
import type { Seen } from '../../model/host-state.ts';
import { mib } from '../../model/units.ts';
import type { MiB } from '../../model/units.ts';
import type { HostView } from './view.ts';

/** Settings of the kernel that a site's engines ask for. */
const settings = [
  'vm.overcommit_memory',
  'vm.max_map_count',
  'vm.swappiness',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_forward',
];

export function readKernel(view: HostView): ReadonlyMap<string, Seen<string>> {
  return new Map(
    settings.map((name) => {
      const text = view.file(`/proc/sys/${name.replaceAll('.', '/')}`);
      return [name, typeof text === 'string' ? text.trim() : text];
    }),
  );
}

/** The word in brackets is in force: `always [madvise] never`. */
export function readHugePages(view: HostView): Seen<string> {
  const path = '/sys/kernel/mm/transparent_hugepage/enabled';
  const text = view.file(path);
  if (typeof text !== 'string') return text;
  return /\[(\w+)\]/.exec(text)?.[1] ?? notKnown(`${path} says ${text.trim()}`);
}

export function readSwap(view: HostView): Seen<MiB> {
  const text = view.file('/proc/meminfo');
  if (typeof text !== 'string') return text;
  const kib = /^SwapTotal:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? notKnown('/proc/meminfo does not tell') : mib(Math.floor(Number(kib) / 1024));
}

/** The limit of a running engine bounds what one without root may give its containers; with root, the kernel's own bound counts. */
export function readOpenFiles(view: HostView, rootless: boolean): Seen<number> {
  const bound = view.file('/proc/sys/fs/nr_open');
  if (!rootless) return typeof bound === 'string' ? Number(bound) : bound;
  const own = view.file('/proc/self/limits');
  const hard = typeof own === 'string' ? /^Max open files\s+\S+\s+(\S+)/m.exec(own)?.[1] : undefined;
  if (hard === undefined) return isKnown(own) ? notKnown('/proc/self/limits does not tell') : own;
  return hard === 'unlimited' ? Infinity : Number(hard);
}
