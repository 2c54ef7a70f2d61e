import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import { mib, milliCpu, seconds } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import type { DatabaseInput } from './database-engine.ts';

interface EngineFacts {
  /** Key of images.yaml. */
  readonly image: string;
  readonly port: number;
  readonly volumeFolder: string;
}

/** What the server of a database asks for. */
export const databaseDemand = (
  database: DatabaseSpec,
  profile: HardwareProfile,
  {
    pids,
    floor,
    cpuFloor = 100,
    path = `databases.${database.name}`,
  }: {
    readonly pids: number;
    readonly floor: Parameters<typeof memoryWish>[3];
    readonly cpuFloor?: number;
    readonly path?: string | undefined;
  },
): Demand => {
  return {
    name: database.name,
    role: 'database',
    count: 1,
    pids,
    memory: memoryWish(path, database, profile.database.memory, floor),
    cpu: cpuWish(path, database, profile.database.cpu, milliCpu(cpuFloor)),
  };
};

type Fixed =
  | 'name'
  | 'role'
  | 'kind'
  | 'image'
  | 'slotted'
  | 'replicas'
  | 'size'
  | 'user'
  | 'secretEnv'
  | 'volumes'
  | 'ports'
  | 'gates'
  | 'networks'
  | 'after';

const inTheMiddle = { slotted: false, replicas: 1, secretEnv: {}, ports: [], gates: [], networks: ['data'], after: [] } as const;

/** The server of a database: alone, reached by nobody but its clients, with a volume of its own. */
export const databaseServer = (
  facts: EngineFacts,
  { database, size, disk }: DatabaseInput,
  user: string,
  own: Omit<PlannedService, Fixed | 'title' | 'connects' | 'port'> & { readonly title: string },
): PlannedService => ({
  ...inTheMiddle,
  name: database.name,
  role: 'database',
  kind: 'server',
  image: facts.image,
  size,
  user,
  volumes: [{ name: `${database.name}-data`, target: facts.volumeFolder, size: disk, holds: `database ${database.database}` }],
  port: facts.port,
  connects: [],
  ...own,
  title: `${own.title}; its admin password is set once, on an empty volume`,
});

/** The task that creates and reconciles its accounts; `purpose` is what it looks after. */
export const accountsTask = (
  facts: EngineFacts,
  name: string,
  size: Size,
  user: string,
  { purpose, ...own }: Pick<PlannedService, 'entrypoint' | 'env' | 'secretFiles' | 'tmpfs'> & { readonly purpose: string },
): PlannedService => ({
  ...inTheMiddle,
  ...own,
  name: `${name}-accounts`,
  role: 'task',
  title: `creates and reconciles the ${purpose} of ${name}; changes nothing when nothing is to do`,
  kind: 'task',
  image: facts.image,
  size,
  user,
  mounts: [{ source: `config/${name}-accounts`, target: '/etc/berth/accounts', restarts: true }],
  volumes: [],
  connects: [{ service: name, port: facts.port }],
  stopGrace: seconds(10),
});

/** Images declare their data folder as a volume: without a mount Docker would make one on disk for every run of a task, and `down` would leave it behind. */
export const noData = ({ volumeFolder }: Pick<EngineFacts, 'volumeFolder'>) => ({ path: volumeFolder, size: mib(1), mode: '1777' });
