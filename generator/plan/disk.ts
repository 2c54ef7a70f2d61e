import { BerthError } from '../../model/errors.ts';
import type { Decision } from '../../model/plan.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { StackSpec } from '../../model/stack-spec.ts';
import { describeSize, formatSize, mib } from '../../model/units.ts';
import type { MiB } from '../../model/units.ts';

/** Images, their build layers and the rotated logs of a site; measured sites take 2 to 4 GiB. */
const images = mib(6 * 1024);
/** Logs kept for each container: three files of 10 MB. */
const logsPerContainer = mib(30);

interface Part {
  readonly name: string;
  readonly weight: number;
  readonly floor: number;
  readonly holds: string;
}

const partsOf = (spec: StackSpec): readonly Part[] => [
  ...spec.databases.map(({ name }) => ({ name, weight: 30, floor: 2048, holds: 'data and write-ahead log' })),
  ...spec.stores.map(({ name }) => ({ name, weight: 40, floor: 2048, holds: 'objects and their versions' })),
  ...spec.caches
    .filter((cache) => cache.use !== 'cache')
    .map(({ name }) => ({ name, weight: 4, floor: 1024, holds: 'append-only file, twice while it is rewritten' })),
  { name: 'agent', weight: 20, floor: 2048, holds: 'spool of backups and the scratch engine, once backups are set up' },
];

export interface DiskBudget {
  readonly rows: readonly { readonly name: string; readonly size: MiB; readonly because: string }[];
  readonly of: (name: string) => MiB;
  readonly decisions: readonly Decision[];
}

/**
 * Divide the free disk by weight. Nothing enforces these sizes on a plain Docker volume: they are what WAL limits are derived from, what Kubernetes claims ask for, and what to watch.
 * @throws BerthError `capacity` when the floors do not fit.
 */
export function divideDisk(spec: StackSpec, profile: HardwareProfile, containers: number): DiskBudget {
  const parts = partsOf(spec);
  const logs = mib(logsPerContainer * containers);
  const weights = parts.reduce((sum, part) => sum + part.weight, 0);
  const floors = parts.reduce((sum, part) => sum + part.floor, 0);
  // In whole numbers: 0.85 is none that a computer can hold, and the disk that a refusal names must be enough.
  const need = mib(Math.ceil(((floors + images + logs) * 100) / 85 / 1024) * 1024);
  const wanted = Math.max(profile.disk.value, need);
  const total = spec.host?.fit ? Math.min(spec.host.disk, wanted) : wanted;
  const available = Math.floor((total * 85) / 100) - images - logs;
  if (available < floors) {
    const gib = `${need / 1024} GiB`;
    throw new BerthError(
      'capacity',
      `the disk has ${Math.floor((total / 1024) * 10) / 10} GiB free; the least this application needs is ${gib}`,
      `free or add disk until ${gib} are free, then run \`berth init\` again or change host.disk in berth.yaml`,
    );
  }
  const spread = available - floors;
  const rows = parts.map((part) => ({
    name: part.name,
    size: mib(Math.floor(part.floor + (spread * part.weight) / weights)),
    because: part.holds,
  }));
  const sizes = new Map(rows.map((row) => [row.name, row.size]));
  return {
    rows: [
      ...rows,
      { name: 'container images', size: images, because: 'container images and build layers' },
      { name: 'container logs', size: logs, because: `${containers} containers × 3 files of 10 MB` },
    ],
    of: (name) => sizes.get(name) ?? mib(0),
    decisions: parts.map((part) => ({
      key: `${part.name}.disk`,
      value: formatSize(sizes.get(part.name) ?? mib(0)),
      formula: 'floor + (0.85 × disk − images − logs − floors) × weight / weights',
      inputs: { disk: describeSize(mib(total)), weight: `${part.weight} of ${weights}`, floor: describeSize(mib(part.floor)) },
      source: 'design: 15 % stay free, as every engine slows down on a full disk',
      change: 'host.disk in berth.yaml',
    })),
  };
}
