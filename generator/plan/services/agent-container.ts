import { agentPlaces, agentProgram, signerFile, signerSecret, storeKeyFile, storeSecret } from '../../../model/backup/site-files.ts';
import type { BackupsSpec } from '../../../model/backups-spec.ts';
import type { Gate, PlannedService, Size } from '../../../model/planned-service.ts';
import type { Target } from '../../../model/stack-spec.ts';
import { mib, seconds, type MiB } from '../../../model/units.ts';
import { taskSize } from '../demand.ts';
import { noData } from './database-parts.ts';

/** A container of Berth's own in the image of something else. */
export interface AgentPlace {
  readonly name: string;
  /** Where its own volume is mounted: a folder that the image leaves open to any user, so that a new volume there is as well. */
  readonly own: string;
}

/** Of a file in the folders of an agent. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Where the bucket answers. */
function addressOf(store: BackupsSpec['store']): readonly { readonly host: string; readonly port: number }[] {
  if ('folder' in store) return [];
  const { hostname, port, protocol } = new URL(store.bucket.endpoint);
  return [{ host: hostname, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }];
}

const filledFolder = '/mnt/berth';
/** Node and the program take some 130 MB. */
const programSize = mib(256);
/** In a cluster nothing of this host is mounted: the program comes in an image of its own. */
const bringsProgram = (user: string): Gate => ({
  name: 'berth',
  image: 'berth',
  user,
  argv: ['/bin/cp', '-R', `${agentPlaces.program}/.`, filledFolder],
  env: {},
  secretEnv: {},
  size: taskSize,
  fills: { here: filledFolder, size: programSize },
});
const minutes = 2;
/** It says so itself twice a minute, as the runtime has no port. */
const alive = (own: string) => ['/bin/sh', '-c', `test -n "$(find ${own}/state/alive -mmin -${minutes})"`] as const;

/** What one agent has that another has not. */
export interface Copier
  extends
    AgentPlace,
    Pick<PlannedService, 'title' | 'image' | 'secretFiles' | 'connects' | 'after' | 'loosened' | 'imageGroup' | 'shared'> {
  /** What lies in its own volume. */
  readonly holds: string;
  /** Folders that its image declares as volumes and it needs for nothing. */
  readonly covered: readonly { readonly volumeFolder: string }[];
  /** Where it goes beyond the site for what it copies. */
  readonly elsewhere?: NonNullable<PlannedService['outside']>;
}

/**
 * What passes through lives for a moment: with the usual sizes the collector and the allocator keep 50 to 150 MB of it for themselves. Programs of an engine, and the
 * server in which a restore is tried, are not given this.
 */
export const thrifty = { NODE_OPTIONS: '--max-semi-space-size=4', MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144' };

/** Berth itself in the image of something else. It speaks to what it copies over the network alone, and has nothing of its volume. */
export function agentContainer(
  { name, own, holds, covered, elsewhere = [], ...copier }: Copier,
  { store }: BackupsSpec,
  size: Size,
  disk: MiB,
  user: string,
  target: Target,
): PlannedService {
  const bucket = 'bucket' in store ? store.bucket : undefined;
  const ca = bucket?.ca;
  const keys = { [nameOf(signerFile)]: signerSecret, ...(bucket === undefined ? {} : { [nameOf(storeKeyFile)]: storeSecret }) };
  const outside = [...addressOf(store), ...elsewhere];
  return {
    ...copier,
    name,
    role: 'agent',
    kind: 'server',
    slotted: false,
    replicas: 1,
    size,
    user,
    entrypoint: [...agentProgram, 'runtime', '--config', `${agentPlaces.config}/runtime.yaml`],
    env: { HOME: '/tmp', ...thrifty },
    secretEnv: {},
    mounts: [
      { source: '.berth/bin', target: agentPlaces.program, restarts: false, from: 'berth' },
      // It sees by itself when its configuration changes.
      { source: `config/${name}`, target: agentPlaces.config, restarts: false },
      { source: 'backup', target: agentPlaces.backup, restarts: false },
      { source: 'secrets/backup', target: agentPlaces.keys, restarts: false, keys },
      ...(ca === undefined
        ? []
        : [{ source: ca.replace(/^\.\//, ''), target: agentPlaces.authority, restarts: false, from: 'operator' } as const]),
      ...('folder' in store ? [{ source: store.folder, target: store.folder, restarts: false, from: 'host' } as const] : []),
    ],
    volumes: [{ name: `${name}-data`, target: own, size: disk, holds }],
    tmpfs: [{ path: '/tmp', size: mib(32), mode: '1777' }, ...covered.map(noData)],
    ports: [],
    healthcheck: { argv: alive(own), interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(60) },
    probes: { ready: { argv: alive(own) }, live: { argv: alive(own) } },
    gates: target === 'kubernetes' ? [bringsProgram(user)] : [],
    // What is at work may end; a copy that is cut off is made again.
    stopGrace: seconds(150),
    networks: outside.length === 0 ? ['data'] : ['data', 'egress'],
    ...(outside.length === 0 ? {} : { outside }),
  };
}
