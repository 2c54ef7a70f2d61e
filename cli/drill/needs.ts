import { plainBytesOf } from '../../model/backup/bytes.ts';
import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import { describeSize, mib, type MiB } from '../../model/units.ts';
import { readDisk } from '../../runtime/host/disk.ts';
import { outputOf, viewOf } from '../../runtime/host/view.ts';
import { backupsIn } from '../../runtime/jobs/coverage.ts';
import type { Chosen } from '../restore/choose-whole.ts';
import type { RuntimeContext } from '../stoppable.ts';

/** What a drill may take of its host, beside what runs there. `undefined` where nobody can tell. */
export interface Needs {
  readonly memory: MiB;
  readonly freeMemory: MiB | undefined;
  readonly disk: MiB;
  readonly freeDisk: MiB | undefined;
}

/** Data that were copied as text take more as pages and indexes, and the log is there twice while it is replayed. */
const growth = 2;
/** What an empty server writes before it has anything in it. */
const perDatabase = 512;

export async function needsOf(plan: Plan, chosen: Chosen, context: RuntimeContext): Promise<Needs> {
  const view = viewOf(context.env);
  const info = view.file('/proc/meminfo');
  const free = typeof info === 'string' ? /^MemAvailable: +(\d+) kB$/m.exec(info)?.[1] : undefined;
  const root = await outputOf(view, 'docker', 'info', '--format', '{{.DockerRootDir}}');
  const found = typeof root === 'string' ? readDisk(root.trim()) : undefined;
  return {
    memory: memoryOf(plan),
    freeMemory: free === undefined ? undefined : mib(Math.floor(Number(free) / 1024)),
    disk: diskOf(plan, chosen),
    freeDisk: found === undefined || 'notKnown' in found ? undefined : found.free,
  };
}

/** At the most: of all that runs at once, and of the largest agent, which fills it. */
function memoryOf({ services }: Plan): MiB {
  const needs = ({ size, replicas }: Plan['services'][number]): number => size.memory * replicas;
  const agents = services.filter(({ role }) => role === 'agent').map(needs);
  const others = services.filter(({ role }) => role !== 'agent' && role !== 'task').map(needs);
  return mib(others.reduce((sum, each) => sum + each, 0) + Math.max(0, ...agents));
}

function diskOf({ caches, services }: Pick<Plan, 'caches' | 'services'>, { wanted, wantedBuckets, copies }: Chosen): MiB {
  const databases = wanted.reduce((sum, plan) => {
    const { database, full, increments } = plan;
    const servers = services.filter(({ name, replicaOf }) => name === database || replicaOf === database).length;
    // What a full backup and its increments make lies beside them for a while.
    const made = increments.length === 0 ? [] : [full];
    return sum + [...backupsIn(plan), ...made].reduce((bytes, manifest) => bytes + plainBytesOf(manifest), 0) * servers;
  }, 0);
  const buckets = wantedBuckets.reduce((sum, { point }) => sum + Number(point.facts['bytes'] ?? 0), 0);
  const others = copies.reduce((sum, { name, copy }) => sum + plainBytesOf(copy) * nodesOf(caches, name), 0);
  return mib(Math.ceil((databases * growth + buckets + others) / 2 ** 20) + wanted.length * perDatabase);
}

/** How many hold the same: of a volume there is one. */
function nodesOf(caches: Plan['caches'], name: string): number {
  const cache = caches.find((each) => each.cache === name);
  return cache?.cluster?.shards[0]?.length ?? cache?.members.length ?? 1;
}

/** @throws BerthError `capacity` where what runs on this host might be left short. */
export function refuseNeeds({ memory, freeMemory, disk, freeDisk }: Needs): void {
  const short = [
    ...(freeMemory !== undefined && memory > freeMemory
      ? [`${describeSize(memory)} of memory at the most, and ${describeSize(freeMemory)} are free`]
      : []),
    ...(freeDisk !== undefined && disk > freeDisk ? [`some ${describeSize(disk)} of disk, and ${describeSize(freeDisk)} are free`] : []),
  ];
  if (short.length === 0) return;
  throw new BerthError(
    'capacity',
    `a drill takes ${short.join('; ')}; nothing was started`,
    'drill on another host, from the recovery kit; or, where what runs here may become slow, with --yes',
  );
}
