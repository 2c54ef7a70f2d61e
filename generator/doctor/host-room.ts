import type { HostNeeds } from '../../model/host-needs.ts';
import { isKnown } from '../../model/host-state.ts';
import type { DiskState, HostState } from '../../model/host-state.ts';
import { describeCpus, describeSize, mib } from '../../model/units.ts';
import { fail, pass, unanswered, unseen, warn } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';

const resize = 'correct `host:` in berth.yaml and run `berth generate`, which sizes the site for this machine';

export function checkCpus({ engine }: HostState, { largestCpu, sizedFor }: HostNeeds): readonly Diagnosis[] {
  const [id, title] = ['cpus', 'CPUs'];
  if (!isKnown(engine)) return [unanswered(id, title)];
  const has = describeCpus(engine.cpus);
  if (largestCpu.cpu > engine.cpus)
    return [
      fail(
        { id, title, found: `${has}; ${largestCpu.service} has a limit of ${describeCpus(largestCpu.cpu)}, which Docker refuses here` },
        resize,
      ),
    ];
  if (sizedFor && sizedFor.cpus > engine.cpus)
    return [warn({ id, title, found: `${has}; the site was sized for ${describeCpus(sizedFor.cpus)}` }, resize)];
  return [pass(id, title, sizedFor && sizedFor.cpus < engine.cpus ? `${has}, sized for ${describeCpus(sizedFor.cpus)}` : has)];
}

export function checkMemory({ engine }: HostState, { memory, sizedFor }: HostNeeds): readonly Diagnosis[] {
  const [id, title] = ['memory', 'Memory'];
  if (!isKnown(engine)) return [unanswered(id, title)];
  const [has, may] = [describeSize(engine.memory), describeSize(memory)];
  if (memory > engine.memory) return [fail({ id, title, found: `${has}; the containers may use ${may} together` }, resize)];
  if (sizedFor && sizedFor.memory > engine.memory)
    return [warn({ id, title, found: `${has}; the site was sized for ${describeSize(sizedFor.memory)}` }, resize)];
  return [pass(id, title, `${has}, of which the containers may use ${may}`)];
}

const share = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);
const percent = (part: number, whole: number): string => `${Math.floor(share(part, whole) * 100)} %`;

/** Below the first no engine works well, below the second it is a matter of days. */
const low = { warn: 0.15, fail: 0.05 } as const;
const larger = 'free or add disk where Docker keeps its data; `docker system df` shows what takes the room';

/** A site that has data already has used part of what was planned: what counts then is that some is left. */
function judgeUsed({ free, size, folder }: DiskState, planned: string): Diagnosis {
  const [id, title] = ['disk', 'Disk'];
  const found = {
    id,
    title,
    found: `${describeSize(free)} free at ${folder}, ${percent(free, size)}; the site, which has data there, plans ${planned} in all`,
  };
  if (share(free, size) < low.fail) return fail(found, larger);
  return share(free, size) < low.warn ? warn(found, larger) : pass(id, title, found.found);
}

export function checkDisk({ disk, volumes }: HostState, needs: HostNeeds): readonly Diagnosis[] {
  const [id, title] = ['disk', 'Disk'];
  if (!isKnown(disk)) return [unseen(id, title, disk, 'see `df -h` for the folder that `docker info` names as Docker Root Dir')];
  const planned = describeSize(needs.disk);
  if (isKnown(volumes) && volumes > 0) return [judgeUsed(disk, planned)];
  const found = { id, title, found: `${describeSize(disk.free)} free at ${disk.folder}; the site plans ${planned}` };
  if (disk.free >= needs.disk) return [pass(id, title, found.found)];
  const cure = `${larger}; or write the room there is as \`host.disk\` in berth.yaml and run \`berth generate\``;
  // The site may be there already, with its data.
  return [isKnown(volumes) ? fail(found, cure) : warn(found, cure)];
}

/** Images of a small site unpack to some 30 thousand files. */
const fewestInodes = 50_000;

export function checkInodes({ disk }: HostState): readonly Diagnosis[] {
  const [id, title] = ['inodes', 'Inodes'];
  if (!isKnown(disk)) return [unseen(id, title, disk, 'see `df -i` for the folder that `docker info` names as Docker Root Dir')];
  if (disk.inodes === 0) return [pass(id, title, 'are made as they are needed')];
  const found = { id, title, found: `${disk.freeInodes} of ${disk.inodes} free` };
  const cure = 'delete what nobody needs (`docker system prune`), or make the file system anew with more (`mkfs.ext4 -i 8192`)';
  if (disk.freeInodes < fewestInodes) return [fail(found, cure)];
  return [share(disk.freeInodes, disk.inodes) < 0.1 ? warn(found, cure) : pass(id, title, found.found)];
}

/** Milliseconds that 99 of 100 writes may take: what etcd asks for, and where a database begins to be felt. */
const slow = 10;

export function checkSyncLatency({ syncLatency }: HostState): readonly Diagnosis[] {
  const [id, title] = ['fsync', 'Speed of lasting writes'];
  if (!isKnown(syncLatency)) return [unseen(id, title, syncLatency, 'run `sudo berth doctor`, which may measure it')];
  const { median, p99, writes, folder } = syncLatency;
  const found = {
    id,
    title,
    found: `${median.toFixed(1)} ms, 99 of 100 within ${p99.toFixed(1)} ms (${writes} writes of 4 KiB at ${folder})`,
  };
  if (p99 <= slow) return [pass(id, title, found.found)];
  return [
    warn(
      found,
      'put Docker’s folder on SSDs with power-loss protection, or behind a controller with a battery: every commit of a database waits this long',
    ),
  ];
}

/** For containers; what the host itself does with it is its own. */
export function checkSwap({ swap, engine }: HostState): readonly Diagnosis[] {
  const [id, title] = ['swap', 'Swap'];
  if (!isKnown(swap)) return [unseen(id, title, swap)];
  if (swap === 0) return [pass(id, title, 'none')];
  if (!isKnown(engine) || engine.limits.swap) return [pass(id, title, `${describeSize(mib(swap))}, of which the containers get none`)];
  return [
    warn(
      { id, title, found: `${describeSize(mib(swap))}, and the kernel does not keep containers from it` },
      'use cgroup v2, or start the kernel with `swapaccount=1`; a database that swaps answers seconds late',
    ),
  ];
}
