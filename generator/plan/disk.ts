import { valkey } from '../../model/engines/valkey.ts';
import { BerthError } from '../../model/errors.ts';
import type { Decision } from '../../model/decision.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { CacheSpec } from '../../model/cache-spec.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { describeSize, formatSize, mib } from '../../model/units.ts';
import type { MiB } from '../../model/units.ts';
import { agentsOf } from './services/copied-databases.ts';
import { agentNames, filesAgentIn } from './services/agents.ts';
import { isReplicated, isWatched, groupsOf, sentinelsOf } from './services/cache-members.ts';
import { copiesOf } from './services/database-engine.ts';
import { databaseEngines } from './services/databases.ts';
import { exchangeName } from './services/exchange.ts';

/** Images, their build layers and the rotated logs of a site; measured sites take 2 to 4 GiB. */
const images = mib(6 * 1024);
/** Logs kept for each container: three files of 10 MB. */
const logsPerContainer = mib(30);

interface Part {
  readonly name: string;
  readonly weight: number;
  readonly floor: number;
  readonly holds: string;
  /** The operator fixed it. */
  readonly fixed?: MiB | undefined;
  /** The key of berth.yaml that fixes it. */
  readonly path?: string;
  /** The keys that its floor is made of, beside what all of its kind have. */
  readonly asked?: string;
}

function cacheParts(cache: CacheSpec, spec: StackSpec): readonly Part[] {
  const { name, use, disk } = cache;
  const path = `caches.${name}.disk`;
  const holds = use === 'cache' ? 'a copy on its way from another node' : 'append-only file, twice while it is rewritten';
  const node = { name, weight: 4, floor: 1024, fixed: disk, path, holds };
  if (!isReplicated(cache)) return use === 'cache' ? [] : [node];
  // A page of text, which no disk makes larger.
  const watching = { weight: 0, floor: valkey.sentinel.diskMiB, holds: `who is written to in ${name}` };
  return [
    ...groupsOf(cache, spec).flatMap(({ each }) => each.map((one) => ({ ...node, name: one }))),
    ...(isWatched(cache) ? sentinelsOf(cache, spec).each.map((one) => ({ ...watching, name: one })) : []),
  ];
}

/** What the databases of an agent take that have no claim here. */
const elsewhere = (agent: string, spec: StackSpec): readonly { readonly size: MiB; readonly path: string }[] =>
  (agentsOf(spec).find(({ name }) => name === agent)?.elsewhere ?? []).flatMap(({ name, backup: { disk } }) =>
    disk === undefined ? [] : [{ size: disk, path: `databases.${name}.external.backup.disk` }],
  );

const partsOf = (spec: StackSpec): readonly Part[] => [
  ...spec.databases.flatMap((database) => {
    const { name, engine, disk } = database;
    const own = { name, weight: 30, floor: 2048, fixed: disk, path: `databases.${name}.disk`, holds: databaseEngines[engine].holds };
    return [own, ...copiesOf(database).map((copy) => ({ ...own, name: copy.name, holds: `copy of ${name}` }))];
  }),
  ...spec.stores.map(({ name, disk }) => ({
    name,
    weight: 40,
    floor: 2048,
    fixed: disk,
    path: `stores.${name}.disk`,
    holds: 'objects and their versions',
  })),
  ...spec.caches.flatMap((cache) => cacheParts(cache, spec)),
  ...spec.volumes.map(({ name, disk }) => ({
    name,
    weight: 20,
    floor: 1024,
    fixed: disk,
    path: `volumes.${name}.disk`,
    holds: 'files that services share',
  })),
  ...agentNames(spec).map((name) => {
    if (name === filesAgentIn(spec)?.name)
      return { name, weight: 0, floor: 256, holds: 'a key, and what was done when: it keeps nothing of what it copies' };
    const sized = elsewhere(name, spec);
    const disk = sized.reduce((sum, { size }) => sum + size, 0);
    return {
      name,
      weight: 20,
      floor: 2048 + disk,
      holds: 'spool of backups and the scratch engine, once backups are set up',
      ...(disk === 0 ? {} : { asked: sized.map(({ path }) => path).join(', ') }),
    };
  }),
  // A whole backup lies there, compressed where the edition does so, and the log that is on its way.
  ...(agentsOf(spec).some(({ engine }) => engine === 'sqlserver')
    ? [{ name: exchangeName, weight: 20, floor: 2048, holds: 'a backup of SQL Server on its way to its agent' }]
    : []),
];

export interface DiskBudget {
  readonly rows: readonly { readonly name: string; readonly size: MiB; readonly because: string }[];
  readonly of: (name: string) => MiB;
  readonly decisions: readonly Decision[];
}

/** @throws BerthError `capacity` for a size below what works. */
function refuseTooSmall({ fixed, floor, path = '' }: Part): void {
  if (fixed === undefined || fixed >= floor) return;
  throw new BerthError(
    'capacity',
    `${path} is ${describeSize(fixed)}; it needs at least ${describeSize(mib(floor))}`,
    `set ${path} in berth.yaml to ${describeSize(mib(floor))} or more, or remove it`,
  );
}

interface Room {
  readonly elastic: boolean;
  readonly logs: MiB;
  readonly floors: number;
  /** The smallest disk that holds them all. */
  readonly need: MiB;
  readonly total: number;
  readonly available: number;
}

function roomOf(parts: readonly Part[], spec: StackSpec, profile: HardwareProfile, containers: number): Room {
  const elastic = spec.target === 'kubernetes' && spec.host === undefined;
  const logs = elastic ? mib(0) : mib(logsPerContainer * containers);
  const kept = elastic ? mib(0) : images;
  const floors = parts.reduce((sum, part) => sum + (part.fixed ?? part.floor), 0);
  // In whole numbers: 0.85 is none that a computer can hold, and the disk that a refusal names must be enough.
  const need = mib(Math.ceil(((floors + kept + logs) * 100) / 85 / 1024) * 1024);
  const wanted = Math.max(profile.disk.value, need);
  const total = spec.host?.fit ? Math.min(spec.host.disk, wanted) : wanted;
  return { elastic, logs, floors, need, total, available: Math.floor((total * 85) / 100) - kept - logs };
}

/** Whether the disk holds the floor of every part. */
export function holdsDisk(spec: StackSpec, profile: HardwareProfile, containers: number): boolean {
  const { available, floors } = roomOf(partsOf(spec), spec, profile, containers);
  return available >= floors;
}

/**
 * Divide the free disk by weight. Nothing enforces these sizes on a plain Docker volume: they are what WAL limits are derived from, what Kubernetes claims ask for, and what to watch.
 * A cluster without a size of its own gives each volume a share of the profile's disk that depends on nothing else: a claim cannot be changed, so another service must not change it.
 * @throws BerthError `capacity` when the floors do not fit.
 */
export function divideDisk(spec: StackSpec, profile: HardwareProfile, containers: number): DiskBudget {
  const parts = partsOf(spec);
  for (const part of parts) refuseTooSmall(part);
  const { elastic, logs, floors, need, total, available } = roomOf(parts, spec, profile, containers);
  const weights = parts.filter(({ fixed }) => fixed === undefined).reduce((sum, part) => sum + part.weight, 0);
  if (available < floors) {
    const gib = `${need / 1024} GiB`;
    throw new BerthError(
      'capacity',
      `the disk has ${Math.floor((total / 1024) * 10) / 10} GiB free; the least this application needs is ${gib}`,
      `free or add disk until ${gib} are free, then run \`berth init\` again or change host.disk in berth.yaml`,
    );
  }
  const spread = available - floors;
  const sizeOf = (part: Part): MiB => {
    if (part.fixed !== undefined) return part.fixed;
    // In whole GiB, as claims are asked for.
    if (elastic) return mib(Math.max(part.floor, Math.floor((profile.disk.value * part.weight) / 100 / 1024) * 1024));
    return mib(Math.floor(part.floor + (spread * part.weight) / weights));
  };
  const rows = parts.map((part) => ({ name: part.name, size: sizeOf(part), because: part.holds }));
  const sizes = new Map(rows.map((row) => [row.name, row.size]));
  return {
    rows: [
      ...rows,
      ...(elastic
        ? []
        : [
            { name: 'container images', size: images, because: 'container images and build layers' },
            { name: 'container logs', size: logs, because: `${containers} containers × 3 files of 10 MB` },
          ]),
    ],
    of: (name) => sizes.get(name) ?? mib(0),
    decisions: parts.map((part) => explain(part, sizes.get(part.name) ?? mib(0), { elastic, total: mib(total), weights })),
  };
}

function explain(part: Part, size: MiB, { elastic, total, weights }: { elastic: boolean; total: MiB; weights: number }): Decision {
  const key = part.path ?? part.asked;
  const change = `${key === undefined ? '' : `${key} or `}host.disk in berth.yaml`;
  const base = { key: `${part.name}.disk`, value: formatSize(size), change };
  if (part.fixed !== undefined) return { ...base, formula: 'fixed', inputs: {}, source: part.path ?? '' };
  const [weight, least] = [part.weight, describeSize(mib(part.floor))];
  const floor = part.asked === undefined ? least : `${least}, with what ${part.asked} says`;
  return elastic
    ? {
        ...base,
        formula: 'disk of the profile × weight / 100, at least the floor',
        inputs: { 'disk of the profile': describeSize(total), 'weight': String(weight), floor },
        source: 'design: a claim cannot be changed, so it depends on no other service',
      }
    : {
        ...base,
        formula: 'floor + (0.85 × disk − images − logs − floors) × weight / weights',
        inputs: { disk: describeSize(total), weight: `${weight} of ${weights}`, floor },
        source: 'design: 15 % stay free, as every engine slows down on a full disk',
      };
}
