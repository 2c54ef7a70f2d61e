import { eachDrive, minio } from '../../model/engines/minio.ts';
import { valkey } from '../../model/engines/valkey.ts';
import { BerthError } from '../../model/errors.ts';
import type { WrittenClaim } from '../../model/kubernetes-plan.ts';
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
  /** As its claim was written. */
  readonly kept?: MiB;
  /** What has its claim; a StatefulSet unless it is said. */
  readonly kind?: WrittenClaim['kind'];
  /** The StatefulSet that has its claim among others; its own name unless it is said. */
  readonly holder?: string;
  /** What it copies, of which it has the size. */
  readonly copyOf?: string;
  /** Of a store: so many claims hold it together, each a part of it and of what makes good a loss. */
  readonly drives?: number;
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
    ...groupsOf(cache, spec).flatMap(({ name: holder, each }) => each.map((one) => ({ ...node, name: one, holder }))),
    ...(isWatched(cache) ? [sentinelsOf(cache, spec)] : []).flatMap(({ name: holder, each }) =>
      each.map((one) => ({ ...watching, name: one, holder })),
    ),
  ];
}

/** What the databases of an agent take that have no claim here. */
const elsewhere = (agent: string, spec: StackSpec): readonly { readonly size: MiB; readonly path: string }[] =>
  (agentsOf(spec).find(({ name }) => name === agent)?.elsewhere ?? []).flatMap(({ name, backup: { disk } }) =>
    disk === undefined ? [] : [{ size: disk, path: `databases.${name}.external.backup.disk` }],
  );

const partsOf = (spec: StackSpec): readonly Part[] => [
  ...spec.databases.flatMap((database) => {
    const { name, engine, disk, operator } = database;
    const kind = operator === undefined ? 'StatefulSet' : 'Cluster';
    const own = {
      name,
      kind,
      weight: 30,
      floor: 2048,
      fixed: disk,
      path: `databases.${name}.disk`,
      holds: databaseEngines[engine].holds,
    } as const;
    return [own, ...copiesOf(database).map((copy) => ({ ...own, name: copy.name, copyOf: name, holds: `copy of ${name}` }))];
  }),
  ...spec.stores.map(({ name, disk, nodes }) => ({
    name,
    drives: nodes,
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
    kind: 'PersistentVolumeClaim' as const,
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
    ? [
        {
          name: exchangeName,
          kind: 'PersistentVolumeClaim' as const,
          weight: 20,
          floor: 2048,
          holds: 'a backup of SQL Server on its way to its agent',
        },
      ]
    : []),
];

export interface DiskBudget {
  readonly rows: readonly { readonly name: string; readonly size: MiB; readonly because: string }[];
  readonly of: (name: string) => MiB;
  readonly decisions: readonly Decision[];
  readonly notes: readonly string[];
  /** Claims that were written before and belong to nothing any more: a cluster keeps them, with the data. */
  readonly left: readonly WrittenClaim[];
}

/** What it has, whatever is left of the disk. A claim that was written comes first: it stands. */
const settled = ({ fixed, kept }: Part): MiB | undefined => kept ?? fixed;

/** Whether it is that of a part: under another kind a claim of the same name is another. */
const isOf = ({ kind, name }: WrittenClaim, { name: own, holder = own, kind: its = 'StatefulSet' }: Part): boolean =>
  kind === its && name === holder;

/** Where it was written. */
const fileOf = ({ name, holder = name, kind }: Part): string => `${kind === 'PersistentVolumeClaim' ? `${name}-volume` : holder}.yaml`;

/** How large each claim of a part is: of several drives, those that make good a loss hold none of it. */
const claimOf = ({ drives = 1 }: Part, size: MiB): MiB => (drives === 1 ? size : eachDrive(size, drives));

/**
 * A part as its claim was written. `otherwise` is what it would be without one.
 * @throws BerthError `conflict` for a claim that would get smaller.
 */
function keep(part: Part, claims: readonly WrittenClaim[], otherwise: MiB): Part {
  const { name, fixed, floor, path, drives = 1 } = part;
  const claim = claims.find((each) => isOf(each, part));
  // With another number of drives they are other claims, which say nothing of it.
  if (claim === undefined || (drives > 1 && claim.count !== drives)) return part;
  if (claimOf(part, otherwise) === claim.size) return { ...part, kept: otherwise };
  if (fixed !== undefined && claimOf(part, fixed) > claim.size) return part;
  const size = drives === 1 ? claim.size : mib(claim.size * (drives - minio.parity));
  if (fixed === undefined) return size < floor ? part : { ...part, kept: size };
  throw new BerthError(
    'conflict',
    `${path ?? `the disk of ${name}`} is ${describeSize(fixed)}, and its claim was written with ${describeSize(size)}: no volume can be made smaller`,
    `write ${describeSize(size)} again, or give what needs less another name and restore a backup there; where no cluster has that claim yet, delete k8s/generated/${fileOf(part)}, then run \`berth generate\``,
  );
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
  const floors = parts.reduce((sum, part) => sum + (settled(part) ?? part.floor), 0);
  // In whole numbers: 0.85 is none that a computer can hold, and the disk that a refusal names must be enough.
  const need = mib(Math.ceil(((floors + kept + logs) * 100) / 85 / 1024) * 1024);
  const wanted = Math.max(profile.disk.value, need);
  const total = spec.host?.fit ? Math.min(spec.host.disk, wanted) : wanted;
  return { elastic, logs, floors, need, total, available: Math.floor((total * 85) / 100) - kept - logs };
}

const weightsOf = (parts: readonly Part[]): number =>
  parts.filter((part) => settled(part) === undefined).reduce((sum, part) => sum + part.weight, 0);

/** What each part gets of the room; without regard to whether there is that much. */
function shares(parts: readonly Part[], { elastic, available, floors }: Room, profile: HardwareProfile): (part: Part) => MiB {
  const [weights, spread] = [weightsOf(parts), available - floors];
  return (part) => {
    const known = settled(part);
    if (known !== undefined) return known;
    // In whole GiB, as claims are asked for.
    if (elastic) return mib(Math.max(part.floor, Math.floor((profile.disk.value * part.weight) / 100 / 1024) * 1024));
    return mib(Math.floor(part.floor + (spread * part.weight) / weights));
  };
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
export function divideDisk(
  spec: StackSpec,
  profile: HardwareProfile,
  containers: number,
  claims: readonly WrittenClaim[] = [],
): DiskBudget {
  const asked = partsOf(spec);
  for (const part of asked) refuseTooSmall(part);
  const free = shares(asked, roomOf(asked, spec, profile, containers), profile);
  const unkept = new Map(asked.map((part) => [part.name, free(part)]));
  const otherwise = ({ name }: Part): MiB => unkept.get(name) ?? mib(0);
  const own = new Map(asked.filter(({ copyOf }) => copyOf === undefined).map((part) => [part.name, keep(part, claims, otherwise(part))]));
  const parts = asked.map((part): Part => {
    const { kept } = own.get(part.copyOf ?? part.name) ?? part;
    return kept === undefined ? part : { ...part, kept };
  });
  const room = roomOf(parts, spec, profile, containers);
  const { elastic, logs, floors, need, total, available } = room;
  // What stands already needs no more room: a replica more, whose logs lie on the same disk, must not be refused for it.
  if (available < floors && parts.some(({ kept }) => kept === undefined)) {
    const gib = `${need / 1024} GiB`;
    throw new BerthError(
      'capacity',
      `the disk has ${Math.floor((total / 1024) * 10) / 10} GiB free; the least this application needs is ${gib}${parts.some(({ kept }) => kept !== undefined) ? ', with the claims that were written before' : ''}`,
      `free or add disk until ${gib} are free, then run \`berth init\` again or change host.disk in berth.yaml`,
    );
  }
  const sizeOf = shares(parts, room, profile);
  const rows = parts.map((part) => ({ name: part.name, size: sizeOf(part), because: part.holds }));
  const sizes = new Map(rows.map((row) => [row.name, row.size]));
  const left = claims.filter(
    (claim, index) =>
      !parts.some((part) => isOf(claim, part)) &&
      claims.findIndex(({ kind, name }) => kind === claim.kind && name === claim.name) === index,
  );
  // What is new here gets what those leave, and has a claim as well from then on.
  // Of what is divided each loses less than a MiB to whole numbers, which the last to be divided has.
  const stayed = parts.filter((part) => Math.abs(sizeOf(part) - otherwise(part)) > parts.length);
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
    left,
    notes: [
      ...(stayed.length === 0
        ? []
        : [
            `claims stay as large as they were written: ${stayed.map((part) => `${part.name} with ${describeSize(sizeOf(part))}, which would be ${describeSize(otherwise(part))} now`).join('; ')}. A larger \`disk\` in berth.yaml makes one larger; where no cluster has them yet, delete ${[...new Set(stayed.map((part) => `k8s/generated/${fileOf(part)}`))].join(', ')}, then run \`berth generate\``,
          ]),
      ...(left.length === 0
        ? []
        : [
            `the quota keeps room for claims that are no part of the site any more: ${left.map(({ name, size, count }) => `${name} with ${count === 1 ? '' : `${count} of `}${describeSize(size)}`).join('; ')}. Once they are deleted in the cluster, delete k8s/generated/00-namespace.yaml, then run \`berth generate\``,
          ]),
    ],
    decisions: parts.map((part) =>
      explain(part, sizeOf(part), {
        elastic,
        total: mib(total),
        weights: weightsOf(part.kept === undefined ? parts : asked),
        otherwise: otherwise(part),
      }),
    ),
  };
}

function explain(
  part: Part,
  size: MiB,
  { elastic, total, weights, otherwise }: { elastic: boolean; total: MiB; weights: number; otherwise: MiB },
): Decision {
  const key = part.path ?? part.asked;
  const change = `${key === undefined ? '' : `${key} or `}host.disk in berth.yaml`;
  const base = { key: `${part.name}.disk`, value: formatSize(size), change };
  if (part.fixed !== undefined) return { ...base, formula: 'fixed', inputs: {}, source: part.path ?? '' };
  if (part.kept !== undefined && part.kept !== otherwise)
    return {
      ...base,
      formula: 'as its claim was written',
      inputs: {},
      source: 'design: no volume can be made smaller, and a larger one takes steps by hand',
      change: part.path === undefined ? 'fixed' : `${part.path} in berth.yaml, for a larger one`,
    };
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
